"""Long CSV and TSV: one line per user and category."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from spectra_eval.artifacts._columns import RawColumns, ReadSpec, whole_numbers
from spectra_eval.artifacts._files import read_text, text_stream
from spectra_eval.artifacts._limits import filled_rows, first_twice
from spectra_eval.artifacts._long import LONG, Numbering, check_named, grouped
from spectra_eval.errors import SchemaError, one_line
from spectra_eval.tables import UNKNOWN

__all__ = ["read_long"]

_CHUNK = 1 << 16


class _Lines:
    """The cells of a CSV text by column, and the lines of rows."""

    def __init__(self, spec: ReadSpec) -> None:
        self.spec = spec
        self.text = read_text(spec.path)
        rows = self.rows()
        self.header = [name.strip() for name in next(rows, (0, []))[1]]
        if not self.header:
            raise spec.fail("no header line; begin with user,category,target", SchemaError)
        if (duplicate := first_twice(self.header)) is not None:
            raise spec.fail(f"line 1: column {duplicate!r} occurs twice; rename one", SchemaError)
        self._rest = rows
        mark = next((mark for mark in ";\t|," if mark in self.header[0]), None)
        if len(self.header) == 1 and mark is not None:
            fix = "name it .csv" if mark == "," else "name it .tsv" if mark == "\t" else "save it with commas"
            raise spec.fail(f"line 1: columns are divided by {mark!r}; {fix}", SchemaError)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that are not blank, each with the line it ends on."""
        mark = "\t" if self.spec.format == "tsv" else ","
        reader = csv.reader(text_stream(self.text), delimiter=mark, strict=True)
        try:
            for row in filled_rows(self.spec.path, reader):
                yield reader.line_num, row
        except csv.Error as error:
            fix = "quote the whole cell, or save the file again"
            raise self.spec.fail(f"line {reader.line_num}: {one_line(error)}; {fix}", SchemaError) from error

    def chunks(self) -> Iterator[dict[str, Sequence[str]]]:
        """Yield the cells by column, a few thousand rows at a time."""
        width = len(self.header)
        while pairs := list(islice(self._rest, max(1, 8 * _CHUNK // max(8, width)))):
            for line, row in pairs:
                if len(row) != width:
                    message = f"line {line}: {len(row)} fields, but the header names {width}; correct the line"
                    raise self.spec.fail(message, SchemaError)
            columns = zip(*(row for _, row in pairs), strict=True)
            yield dict(zip(self.header, columns, strict=True))

    def spot(self, index: int) -> str:
        """Return the line of a row after the header; used for errors only, so the text is read again."""
        return f"line {next(islice(self.rows(), index + 1, None))[0]}"


def read_long(spec: ReadSpec) -> tuple[RawColumns, ReadSpec]:
    """Read a long text; records are in the order of their first line, categories sorted by name."""
    lines = _Lines(spec)
    spec = lines.spec = spec.understood(lines.header, LONG)
    check_named(spec, lines.header)
    records = Numbering(spec)
    parts: dict[str, list[np.ndarray]] = {}
    start = 0
    for cells in lines.chunks():
        found = _parse(cells, lines, start)
        records.take(cells, found)
        for name, values in found.items():
            parts.setdefault(name, []).append(values)
        start += len(found["record"])
    if not parts:
        raise spec.fail("a header and no rows; at least one user is needed", SchemaError)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    return grouped(columns, records, lines)


def _parse(cells: dict[str, Sequence[str]], lines: _Lines, start: int) -> dict[str, np.ndarray]:
    """Convert cells to numbers; an error names the line and the user of an invalid cell."""
    spec = lines.spec
    found = {}
    for name in ("target", "counts", "theta_star", "theta_s", "dg_rank", "n_window"):
        if name not in spec.columns:
            continue
        column = cells[spec.columns[name]]
        may_be_empty = name in ("dg_rank", "n_window")
        try:
            if any("_" in cell for cell in column):  # Python would read 1_000 as a number
                raise ValueError
            values = np.fromiter(
                (float(cell) if cell or not may_be_empty else UNKNOWN for cell in column), np.float64, len(column)
            )
        except ValueError:
            index = next(i for i, cell in enumerate(column) if not _is_number(cell, may_be_empty=may_be_empty))
            what = f"{column[index][:40]!r} is no number" if column[index].strip() else "empty"
            fix = "write 0 for none" if what == "empty" else "write it as 0.25"
            raise spec.fail(f"{_place(lines, cells, index, start, name)}: {what}; {fix}", SchemaError) from None
        if may_be_empty:
            _check_whole(values, column, name, lines, cells, start)
        found[name] = values
    return found


def _is_number(cell: str, *, may_be_empty: bool) -> bool:
    try:
        return (may_be_empty and not cell) or ("_" not in cell and float(cell) is not None)
    except ValueError:
        return False


def _check_whole(
    values: np.ndarray, column: Sequence[str], name: str, lines: _Lines, cells: dict[str, Sequence[str]], start: int
) -> None:
    least = 0
    given = np.fromiter((bool(cell) for cell in column), bool, len(column))
    bad = given & ~(whole_numbers(values) & (values >= least))
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        place = _place(lines, cells, index, start, name)
        what = "a rank" if name == "dg_rank" else "a number of interactions"
        raise lines.spec.fail(f"{place}: {column[index]!r} is not {what}; write a whole number of at least {least}")


def _place(lines: _Lines, cells: dict[str, Sequence[str]], index: int, start: int, name: str) -> str:
    user = cells[lines.spec.columns["user"]][index]
    return f"{lines.spot(start + index)} (user {user!r}), column {lines.spec.columns[name]}"
