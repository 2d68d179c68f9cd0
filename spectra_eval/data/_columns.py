"""The columns of a CSV file, some hundred thousand rows at a time."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.data._join import text_column
from spectra_eval.errors import SchemaError

__all__ = ["ROWS", "columns_of", "found_columns"]

ROWS = 200_000
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def columns_of(
    path: Path,
    wanted: Mapping[str, str],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Iterator[dict[str, np.ndarray]]:
    """Give the wanted columns of a CSV file as texts, some hundred thousand rows at a time."""
    try:
        with _OPENERS.get(path.suffix.lower(), open)(path, "rt", encoding=encoding, newline="") as file:
            lines = csv.reader(file, delimiter=delimiter, strict=True)
            header = [cell.removeprefix("\ufeff").strip() for cell in next(lines, [])]
            if not header:
                raise SchemaError(f"{path}: empty; the first line must name the columns")
            if twice := next((cell for cell in set(wanted.values()) if header.count(cell) > 1), None):
                raise SchemaError(f"{path}: column {twice!r} stands there twice; rename one of the two")
            places = {role: header.index(column) for role, column in found_columns(path, wanted, header).items()}
            first = 1
            filled = (row for row in lines if row)
            while piece := list(islice(filled, ROWS)):
                for number, row in enumerate(piece, start=first):
                    if len(row) != len(header):
                        raise SchemaError(f"{path}: entry {number}: {len(row)} cells under {len(header)} columns")
                yield {role: text_column(row[place] for row in piece) for role, place in places.items()}
                first += len(piece)
    except (csv.Error, LookupError, EOFError, OSError, UnicodeError, lzma.LZMAError, zlib.error) as error:
        raise SchemaError(f"{path}: not a CSV file ({' '.join(str(error).split())})") from error


def found_columns(path: Path, wanted: Mapping[str, str], held: list[str]) -> dict[str, str]:
    """Hold the wanted columns against those of a file; a column ``title`` is taken where nobody names another."""
    for role, column in wanted.items():
        if column not in held:
            known = ", ".join(str(name)[:40] for name in held[:12])
            raise SchemaError(f"{path}: no column {column!r} for {role}; it has {known}; name the right one as {role}")
    return {**wanted, "title": "title"} if "title" not in wanted and "title" in held else dict(wanted)
