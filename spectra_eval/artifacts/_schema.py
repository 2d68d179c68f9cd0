"""Whether a JSON document has the shape that its reader relies on, down to the last level."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from spectra_eval.errors import SchemaError

__all__ = ["COUNT", "SHA256", "check_document"]

COUNT = range(2**53)
"""A whole number from 0 up that every reader of JSON keeps."""
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
        What to do about a document that is refused.

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
    spectra_eval.errors.SchemaError: rows is -3, where a count is meant; write it again
    """
    if (wrong := _wrong(document, shape, "")) is not None:
        raise SchemaError(f"{wrong}; {fix}")


def _wrong(value: Any, shape: Any, place: str) -> str | None:
    """Return what is wrong with a value and where, or None."""
    if isinstance(shape, tuple):
        found = [_wrong(value, one, place) for one in shape]
        inner = next((one for one, kind in zip(found, shape, strict=True) if _same_kind(value, kind)), None)
        return None if None in found else inner or _said(value, shape, place)
    if not _same_kind(value, shape):
        return _said(value, shape, place)
    if isinstance(shape, list):
        return next(filter(None, (_wrong(one, shape[0], f"{place}[{i}]") for i, one in enumerate(value))), None)
    return _wrong_object(value, shape, place) if isinstance(shape, Mapping) else None


def _wrong_object(value: Mapping[str, Any], shape: Mapping[Any, Any], place: str) -> str | None:
    known = {key.removesuffix("?"): one for key, one in shape.items() if key is not ...}
    here = place or "the document"
    for key in known:
        if key not in value and f"{key}?" not in shape:
            return f"{here} has no {key!r}"
    for key, one in value.items():
        if key not in known and ... not in shape:
            return f"{here} has the unknown key {_short(key)}"
        wrong = _wrong(one, known[key] if key in known else shape[...], f"{place}.{key}" if place else str(key)[:60])
        if wrong is not None:
            return wrong
    return None


def _same_kind(value: Any, shape: Any) -> bool:
    """Return whether a value is what a shape asks for, without a look inside lists and objects."""
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


def _said(value: Any, shape: Any, place: str) -> str:
    return f"{place or 'the document'} is {_short(value)}, where {_meant(shape)} is meant"


def _meant(shape: Any) -> str:
    if isinstance(shape, tuple):
        return " or ".join(_meant(one) for one in shape)
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
