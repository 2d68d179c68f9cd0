"""Columns of a CSV file, read in blocks of rows."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import csv
import gzip
import io
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._files import reading
from spectra_eval.artifacts._limits import Unpacked, filled_rows, first_twice
from spectra_eval.data._join import text_column
from spectra_eval.errors import InputError, SchemaError, one_line

__all__ = [
    "ROWS",
    "as_delimiter",
    "check_encoding",
    "columns_of",
    "found_columns",
    "named",
    "opened",
    "wrong_encoding",
]

ROWS = 200_000
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_FOREIGN = {b"PK\x03\x04": "a ZIP archive", b"\x28\xb5\x2f\xfd": "compressed with zstd", b"PAR1": "a Parquet file"}
"""First bytes of compressed and other binary files."""
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def columns_of(
    path: Path,
    wanted: Mapping[str, str],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    header: Sequence[str] | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the selected columns of a CSV file as texts, in blocks of rows; a `header` is that of a file without."""
    check_encoding(encoding)
    lines = _Lines(path, delimiter=delimiter, encoding=encoding)
    if header is None:
        header = [cell.removeprefix("\ufeff").strip() for row in lines.take(1) for cell in row]
    if not any(header):
        raise SchemaError(f"{path}: empty; the first line must name the columns")
    if (duplicate := first_twice(cell for cell in header if cell in wanted.values())) is not None:
        raise SchemaError(f"{path}: column {duplicate!r} occurs twice; rename one of the two")
    check_delimiter(path, list(header), wanted, delimiter)
    places = {role: header.index(column) for role, column in found_columns(path, wanted, list(header)).items()}
    first = 1
    # A line of many columns is cut down to the wanted ones a piece at a time, so wide files have short pieces.
    while piece := lines.take(max(1, 8 * ROWS // max(8, len(header)))):
        for number, row in enumerate(piece, start=first):
            if len(row) != len(header):
                raise SchemaError(f"{path}: entry {number}: {len(row)} cells under {len(header)} columns")
        yield {role: text_column(row[place] for row in piece) for role, place in places.items()}
        first += len(piece)


class _Lines:
    """The rows of a CSV file, also a compressed one; errors of the libraries become one line."""

    def __init__(self, path: Path, *, delimiter: str, encoding: str) -> None:
        self.path, self.encoding = path, encoding
        self._reader: Any = None
        self._rows = self._read(delimiter)

    def take(self, most: int) -> list[list[str]]:
        """Return the next non-empty rows, up to a maximum."""
        with reading(self.path, "CSV file"):
            try:
                return list(islice(self._rows, most))
            except UnicodeError as error:
                raise wrong_encoding(self.path, self.encoding) from error
            except csv.Error as error:
                fix = "quote the whole cell, or save the file again"
                line = 0 if self._reader is None else self._reader.line_num
                raise SchemaError(f"{self.path}: line {line}: {one_line(error)}; {fix}") from error

    def _read(self, delimiter: str) -> Iterator[list[str]]:
        with opened(self.path) as binary, io.TextIOWrapper(binary, encoding=self.encoding, newline="") as text:
            self._reader = csv.reader(text, delimiter=delimiter, strict=True)
            yield from filled_rows(self.path, self._reader)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a text file for bytes, also a compressed one."""
    with path.open("rb") as file:
        head = file.read(8)
    if foreign := next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), None):
        fix = "name it .parquet" if foreign == "a Parquet file" else "unpack it"
        raise SchemaError(f"{path}: not a CSV file but {foreign}; {fix}")
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
    with (opener or open)(path, "rb") as binary:
        yield binary if opener is None else io.BufferedReader(Unpacked(binary, path, path.stat().st_size), 1 << 20)


def as_delimiter(path: Path, delimiter: str | None) -> str:
    """Return the character that separates the cells of a file, given by itself, by name, or by the file's name.

    Examples
    --------
    >>> as_delimiter(Path("log.tsv"), None) == as_delimiter(Path("log.csv"), "tab"), as_delimiter(Path("a"), "pipe")
    (True, '|')
    """
    if delimiter is None:
        return "\t" if ".tsv" in path.suffixes else ","
    character = _DELIMITERS.get(delimiter, delimiter)
    if len(character) != 1 or character in '\r\n"':
        known = ", ".join(name for name in _DELIMITERS if name.isalpha())
        raise InputError(f"delimiter: {delimiter!r} is not one character; write it, or one of {known}")
    return character


def check_encoding(encoding: str) -> None:
    """Check that Python knows a text encoding of this name."""
    try:
        "".encode(encoding)
        known = codecs.lookup(encoding)._is_text_encoding
    except (LookupError, UnicodeError, ValueError):
        known = False
    if not known:
        raise InputError(f"encoding: {encoding[:40]!r} is unknown; write utf-8, latin-1, cp1252 or utf-16")


def wrong_encoding(path: Path, encoding: str) -> SchemaError:
    """Return the error for a file in another encoding, with the option that reads it."""
    with path.open("rb") as file:
        marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    likely = (
        "utf-16" if marked else ("utf-8" if encoding.lower().replace("_", "-") not in ("utf-8", "utf8") else "latin-1")
    )
    return SchemaError(f"{path}: not text in {encoding}; name its encoding, for instance (encoding={likely!r})")


def check_delimiter(path: Path, header: list[str], wanted: Mapping[str, str], delimiter: str) -> None:
    """Raise if the header has another delimiter; the error names the option that reads it."""
    if any(column in header for column in wanted.values()):
        return
    line = delimiter.join(header)
    for mark, name in ((";", ";"), ("\t", "tab"), ("|", "|"), (",", ",")):
        if mark != delimiter and any(column in _split(line, mark) for column in wanted.values()):
            raise SchemaError(
                f"{path}: its columns are separated by {mark!r}, not {delimiter!r}; name it (delimiter={name!r})"
            )


def _split(line: str, mark: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(mark)]


def named(columns: Iterable[str], role: str) -> str:
    """Return the columns of a file as text, with the option that names one."""
    names = [str(name)[:40] for name in islice(columns, 13)]
    known = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"it has {known}; name the right one ({role}='COLUMN')"


def found_columns(path: Path, wanted: Mapping[str, str], columns: list[str]) -> dict[str, str]:
    """Check that a file has the selected columns; a column ``title`` is the default for titles."""
    for role, column in wanted.items():
        if column not in columns:
            headless = any(_NUMBER.fullmatch(str(name)) for name in columns)
            fix = ", or all where the first line is no header (header='user,item,...')" if headless else ""
            fix += ", or take the order of the file (order='file')" if role == "time" else ""
            raise SchemaError(f"{path}: no column {column!r} for {role}; {named(columns, role)}{fix}")
    return {**wanted, "title": "title"} if "title" not in wanted and "title" in columns else dict(wanted)
