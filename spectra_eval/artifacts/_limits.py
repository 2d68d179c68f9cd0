"""Limits of the size of a file, set by the environment and checked before memory is allocated."""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, SchemaError

__all__ = [
    "Unpacked",
    "check_depth",
    "check_objects",
    "check_size",
    "check_table",
    "filled_rows",
    "first_twice",
    "limit",
    "unpack",
]

_DEFAULTS = {"CATEGORIES": 100_000, "UNPACKED": 1 << 28, "MATRIX": 1 << 30, "DEPTH": 100, "NAME": 10_000}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_RATIO = 100
"""A file may also unpack to this many times its size, a ratio that ordinary text reaches."""
_PIECE = 1 << 20
_BLANK = 1_000_000
"""Blank lines are skipped up to this number: a small compressed file can have hundreds of millions of them."""
_NO_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[^][{}"]+', re.DOTALL)
"""Strings of JSON, and what is neither a string nor a bracket."""
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1


def limit(name: str) -> int:
    """Return a limit by name: ``SPECTRA_EVAL_MAX_NAME`` of the environment, or the default.

    Examples
    --------
    >>> limit("CATEGORIES")
    100000
    """
    variable = f"SPECTRA_EVAL_MAX_{name}"
    text = os.environ.get(variable)
    if text is None:
        return _DEFAULTS[name]
    read = re.fullmatch(r"(\d{1,15})([KMGT]?)", text.strip().upper())
    if read is None or not int(read[1]):
        raise InputError(f"{variable}: {text[:40]!r} is no limit; write a whole number such as 200000, or 4G for bytes")
    return int(read[1]) * _UNITS[read[2]]


def check_table(path: Path, rows: int, categories: int) -> None:
    """Raise if a table has more categories than the limit, or its matrices are too large."""
    if categories > (most := limit("CATEGORIES")):
        fix = f"set SPECTRA_EVAL_MAX_CATEGORIES={categories} if you trust the file"
        raise SchemaError(f"{path}: {categories:,} categories, and the limit is {most:,}; {fix}")
    check_size(path, 8 * rows * (categories + 8), f"a matrix of {rows:,} rows and {categories:,} categories")


def check_size(path: Path, size: int, what: str = "its content") -> None:
    """Raise if content needs more memory than the limit, and more than a hundred times the file."""
    packed = path.stat().st_size if path.is_file() else 0  # an object in memory has no file
    if size > (most := _most(packed, "MATRIX")):
        raise _too_large(path, f"{what} takes {_shown(size)}", most, "MATRIX")


def check_depth(text: str) -> None:
    """Raise if JSON is nested deeper than the limit."""
    most = limit("DEPTH")
    if text.count("[") + text.count("{") <= most:
        return
    brackets = np.frombuffer(_NO_BRACKETS.sub(b"", text.encode("utf-8", "replace")), dtype=np.uint8)
    depth = int(np.cumsum(_STEPS[brackets], dtype=np.int64).max(initial=0))
    if depth > most:
        raise SchemaError(
            f"nested too deeply: {depth:,} levels, and the limit is {most}; flatten the document, or set "
            "SPECTRA_EVAL_MAX_DEPTH"
        )


def check_objects(path: Path, text: str) -> None:
    """Refuse JSON whose objects take more memory than the limit: ``{},`` is 3 bytes of text and 70 as a value."""
    size = 64 * (text.count("{") + text.count("[")) + 32 * text.count(",")
    check_size(path, size, "holding its objects")


def unpack(path: Path, data: bytes) -> bytes:
    """Return the decompressed bytes; if they may be too many, a first pass only counts them."""
    if len(data) * 1100 > _most(len(data)):  # no byte of DEFLATE becomes more than 1,032
        counted = Unpacked(gzip.GzipFile(fileobj=io.BytesIO(data)), path, len(data))
        while counted.read(_PIECE):
            pass
    return gzip.decompress(data)


class Unpacked(io.RawIOBase):
    """A stream of a compressed file that raises an error beyond the limit."""

    def __init__(self, stream: io.BufferedIOBase, path: Path, packed: int) -> None:
        self._stream, self._path, self._most, self._given = stream, path, _most(packed), 0

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and count."""
        piece = self._stream.read(len(buffer))
        self._given += len(piece)
        if self._given > self._most:
            raise _too_large(self._path, f"unpacks to more than {_shown(self._most)}", self._most)
        buffer[: len(piece)] = piece
        return len(piece)


def filled_rows(path: Path, rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yield the rows of a CSV file that are not blank, and raise if more than a million are.

    Examples
    --------
    >>> list(filled_rows(Path("a.csv"), [["user"], [], ["ann"]]))
    [['user'], ['ann']]
    """
    blank = 0
    for row in rows:
        blank += not row
        if row:
            yield row
        elif blank > _BLANK:
            raise SchemaError(f"{path}: more than {_BLANK:,} blank lines; remove them")


def first_twice(names: Any) -> Any:
    """Return the first repeated name, or None, in linear time.

    Examples
    --------
    >>> first_twice(["a", "b", "c", "b", "a"]), first_twice(["a"])
    ('b', None)
    """
    seen: set[Any] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _most(packed: int, name: str = "UNPACKED") -> int:
    return max(limit(name), _RATIO * packed)


def _too_large(path: Path, what: str, most: int, name: str = "UNPACKED") -> SchemaError:
    fix = f"set SPECTRA_EVAL_MAX_{name} (say 8G) if you trust the file"
    return SchemaError(f"{path}: {what}, and the limit for this file is {_shown(most)}; {fix}")


def _shown(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.1f} MiB"
