"""Objects of a file of JSON lines, and columns of them as texts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._files import reading
from spectra_eval.data._columns import ROWS, found_columns, opened
from spectra_eval.data._columns_arrow import OPTIONAL
from spectra_eval.data._join import text_column
from spectra_eval.data._splitting import MARK
from spectra_eval.errors import SchemaError, one_line

__all__ = ["is_json_lines", "json_columns", "objects"]

_LONGEST = 1 << 24
_SUFFIXES = (".jsonl", ".ndjson", ".json")


def is_json_lines(path: Path) -> bool:
    """Return whether a file is JSON lines by its name, or begins with an object: a pipe has no suffix."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in (".gz", ".bz2", ".xz")]
    if suffixes and suffixes[-1] in _SUFFIXES:
        return True
    with reading(path, "file"), path.open("rb") as file:
        return file.read(8).lstrip()[:1] == b"{"


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file, one per line, with line numbers; the file may be compressed."""
    with reading(path, "file of JSON lines"), opened(path) as file:
        number = 0
        while line := file.readline(_LONGEST):
            number += 1
            if len(line) == _LONGEST:
                raise SchemaError(f"{path}: line {number}: over {_LONGEST} bytes; the file has one JSON object a line")
            if line.isspace():
                continue
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SchemaError(
                    f"{path}: line {number}: not JSON ({one_line(error)}); the file may be cut off"
                ) from error
            if not isinstance(entry, dict):
                raise SchemaError(f"{path}: line {number}: no JSON object; the file has one a line")
            yield number, entry


def json_columns(path: Path, wanted: Mapping[str, str]) -> Iterator[dict[str, np.ndarray]]:
    """Yield the selected fields of the objects as texts, in blocks; the first object must have all of them."""
    lines = objects(path)
    first = next(lines, None)
    if first is None:
        raise SchemaError(f"{path}: empty; write one JSON object a line")
    columns = found_columns(path, wanted, list(first[1]))
    piece = [first, *islice(lines, ROWS - 1)]
    while piece:
        yield {role: text_column(_text(path, line, role, name) for line in piece) for role, name in columns.items()}
        piece = list(islice(lines, ROWS))


def _text(path: Path, line: tuple[int, dict[str, Any]], role: str, name: str) -> str:
    """Return a value as text: a list of categories, a text, or a number."""
    number, entry = line
    value = entry.get(name)
    if value is None and role in OPTIONAL:
        return ""
    if isinstance(value, list) and role == "categories":
        return MARK + MARK.join(_one(path, number, name, label) for label in value if label is not None)
    return _one(path, number, name, value)


def _one(path: Path, number: int, name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(int(value)) if float(value).is_integer() and abs(value) < 2**63 else repr(value)
    found = "missing" if value is None else f"{value!r:.40}"
    raise SchemaError(f"{path}: line {number}, {name}: {found}; write a text or a number")
