"""Strict JSON: no NaN, no infinity, no repeated key; equal content has equal digests."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._files import as_path, read_text
from spectra_eval.artifacts._limits import check_depth, check_objects, first_twice
from spectra_eval.artifacts._writing import write_text
from spectra_eval.errors import InputError, SchemaError, one_line

__all__ = ["dump_json", "json_digest", "parse_json", "read_json", "write_json"]


def write_json(document: Any, path: str | os.PathLike[str]) -> None:
    """Write a document as strict JSON, completely or not at all.

    Parameters
    ----------
    document : JSON value
        Mappings keep their order; NumPy numbers are written as numbers. NaN and infinities are refused: a value
        that is not defined is written as ``{"status": "undefined", "reason": …}``.
    path : path-like
        Its folder must exist; a file of this name is replaced.

    Raises
    ------
    InputError
        A value is no JSON value, or the operating system refuses.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json({"bound": 0.5}, Path(folder) / "c.json")
    ...     read_json(Path(folder) / "c.json")
    {'bound': 0.5}
    """
    write_text(dump_json(document, as_path(path), indent=2) + "\n", path)


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a strict JSON document: a mapping or a list.

    Parameters
    ----------
    path : path-like
        The file; UTF-8.

    Returns
    -------
    dict or list
        The content of the file.

    Raises
    ------
    InputError
        The file cannot be read.
    SchemaError
        It is not UTF-8 or not JSON, has NaN or a repeated key, or is a bare number or text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json([1, 2], Path(folder) / "c.json")
    ...     read_json(Path(folder) / "c.json")
    [1, 2]
    """
    place = as_path(path)
    try:
        text = read_text(place)
        check_objects(place, text)
        document = parse_json(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SchemaError(f"{place}: {where}: not JSON ({error.msg}); write the file again") from error
    except SchemaError as error:
        raise error if str(error).startswith(str(place)) else SchemaError(f"{place}: {error}") from error
    if not isinstance(document, dict | list):
        raise SchemaError(f"{place}: holds {_kind(document)}, but a JSON object or list is expected")
    return document


def json_digest(document: Any) -> str:
    """Return the SHA-256 of a document's content; the order of keys and the layout do not matter.

    Parameters
    ----------
    document : JSON value
        The document.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        A value is no JSON value.

    Examples
    --------
    >>> json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1})
    True
    """
    text = dump_json(document, None, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parse_json(text: str) -> Any:
    """Parse strict JSON.

    Parameters
    ----------
    text : str
        The document: no NaN, no repeated keys.

    Returns
    -------
    JSON value
        Dictionaries, lists, texts, numbers, Booleans and None.

    Raises
    ------
    json.JSONDecodeError
        The text is no JSON; the error has the place.
    SchemaError
        The text is nested too deeply, or has content that strict JSON excludes.

    Examples
    --------
    >>> parse_json('{"rows": [1, 2]}')
    {'rows': [1, 2]}
    """
    check_depth(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise SchemaError("nested too deeply; flatten the document") from error
    except SchemaError:
        raise
    except ValueError as error:  # a whole number of thousands of digits
        raise SchemaError(f"not JSON that can be read ({one_line(error)})") from error


def _refuse_constant(word: str) -> float:
    raise SchemaError(f"{word} is no JSON; leave the value out or write a finite number")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise SchemaError(f"{digits[:20]} is beyond the largest number; write a finite one")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        duplicate = first_twice(name for name, _ in pairs)
        raise SchemaError(f"{duplicate!r} is named twice in one object; merge the two or rename one")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)


def _kind(value: Any) -> str:
    return {str: "a text", bool: "true or false", int: "a number", float: "a number"}.get(type(value), "null")


def dump_json(document: Any, path: Path | None, **layout: Any) -> str:
    """Return strict JSON text; an error names the place of a value that JSON cannot represent."""
    place = "document" if path is None else str(path)
    try:
        return json.dumps(document, allow_nan=False, ensure_ascii=False, default=_plain, **layout)
    except (TypeError, ValueError, RecursionError) as error:
        where = _defect(document, "")
        raise InputError(f"{place}: {where or one_line(error)}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _defect(value: Any, place: str, depth: int = 0) -> str | None:
    """Return the place of the first value that JSON cannot represent, and the reason."""
    if depth > 100:
        return None  # a circular document: the encoder's message is clear
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        found = (_defect(item, f"{place}.{key}" if place else str(key), depth + 1) for key, item in value.items())
        return next(filter(None, found), None)
    if isinstance(value, list | tuple):
        found = (_defect(item, f"{place}[{i}]", depth + 1) for i, item in enumerate(value))
        return next(filter(None, found), None)
    if isinstance(value, float) and not math.isfinite(value):
        fix = '{"status": "undefined", "reason": …}'
        return f"{place or 'the value'} is {value}, which JSON cannot represent; write {fix}"
    if value is not None and not isinstance(value, str | int | float):
        return f"{place or 'the value'} is of type {type(value).__name__}, which is no JSON value"
    return None
