"""Check of the structure of a JSON document at every level."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from spectra_eval.errors import SchemaError

__all__ = ["COUNT", "SHA256", "check_document"]

COUNT = range(2**53)
"""A non-negative integer that every JSON reader represents exactly."""
SHA256 = re.compile("[0-9a-f]{64}")


def check_document(document: Any, shape: Any, *, fix: str) -> None:
    r"""Check that a document has the expected shape.

    Parameters
    ----------
    document : JSON value
        The document.
    shape : any
        A type (`float` allows whole numbers, `object` anything), a pattern for texts, a range for whole
        numbers, a value, a tuple of alternatives, a list of one shape for lists of any length, or a mapping
        of keys to shapes: a key that ends in ``?`` may be missing, and ``...`` matches every other key.
    fix : str
        The fix in the message.

    Raises
    ------
    SchemaError
        A value has another shape; the message names its place.

    Examples
    --------
    >>> shape = {"file": str, "rows": COUNT, "notes?": [str]}
    >>> check_document({"file": "a", "rows": 3}, shape, fix="write it again")
    >>> check_document({"file": "a", "rows": -3}, shape, fix="write it again")
    Traceback (most recent call last):
    spectra_eval.errors.SchemaError: rows is -3, but a count is expected; write it again
    """
    if (mismatch := _mismatch(document, shape, "")) is not None:
        raise SchemaError(f"{mismatch}; {fix}")


def _mismatch(value: Any, shape: Any, place: str) -> str | None:
    """Return the first mismatch of a value and its place, or None."""
    if isinstance(shape, tuple):
        found = [_mismatch(value, one, place) for one in shape]
        inner = next((one for one, kind in zip(found, shape, strict=True) if _same_kind(value, kind)), None)
        return None if None in found else inner or _describe(value, shape, place)
    if not _same_kind(value, shape):
        return _describe(value, shape, place)
    if isinstance(shape, list):
        return next(filter(None, (_mismatch(one, shape[0], f"{place}[{i}]") for i, one in enumerate(value))), None)
    return _mismatch_in_object(value, shape, place) if isinstance(shape, Mapping) else None


def _mismatch_in_object(value: Mapping[str, Any], shape: Mapping[Any, Any], place: str) -> str | None:
    known = {key.removesuffix("?"): one for key, one in shape.items() if key is not ...}
    here = place or "the document"
    for key in known:
        if key not in value and f"{key}?" not in shape:
            return f"{here} has no {key!r}"
    for key, one in value.items():
        if key not in known and ... not in shape:
            return f"{here} has the unknown key {_short(key)}"
        mismatch = _mismatch(
            one, known[key] if key in known else shape[...], f"{place}.{key}" if place else str(key)[:60]
        )
        if mismatch is not None:
            return mismatch
    return None


def _same_kind(value: Any, shape: Any) -> bool:
    """Return whether the type of a value matches a shape, without checking the content of lists and objects."""
    if isinstance(shape, Mapping):
        return isinstance(value, Mapping)
    if isinstance(shape, list):
        return isinstance(value, list)
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if isinstance(shape, range):
        return type(value) is int and value in shape
    if shape is object:
        return True
    if shape is float:
        return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)
    return type(value) is shape if isinstance(shape, type) else type(value) is type(shape) and bool(value == shape)


def _describe(value: Any, shape: Any, place: str) -> str:
    return f"{place or 'the document'} is {_short(value)}, but {_describe_shape(shape)} is expected"


def _describe_shape(shape: Any) -> str:
    if isinstance(shape, tuple):
        return " or ".join(_describe_shape(one) for one in shape)
    if isinstance(shape, Mapping):
        return "an object"
    if isinstance(shape, list):
        return "a list"
    if isinstance(shape, re.Pattern):
        return "a SHA-256" if shape is SHA256 else f"a text like {shape.pattern}"
    if isinstance(shape, range):
        return "a count" if shape == COUNT else f"a whole number from {shape.start} to {shape.stop - 1}"
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
    return names.get(shape, "null" if shape is None else repr(shape))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
