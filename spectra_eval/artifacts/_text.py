"""Long CSV and TSV: one line a user and category."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from spectra_eval.artifacts._columns import How, Raw, options, whole_numbers
from spectra_eval.artifacts._files import one_line, read_text, text_stream
from spectra_eval.artifacts._limits import check_size, check_table, first_twice
from spectra_eval.artifacts._names import tidy, warn_of_case
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, UNKNOWN

__all__ = ["read_long"]

_ALLOWED = (
    "user", "category", "target", "counts", "theta_star", "theta_s", "dg_rank", "n_window", "context_window", "horizon"
)  # fmt: skip
_CHUNK = 1 << 16


class _Lines:
    """The cells of a CSV text by column, and where a row stands in the file."""

    def __init__(self, how: How) -> None:
        self.how = how
        self.text = read_text(how.path)
        rows = self.rows()
        self.header = [name.strip() for name in next(rows, (0, []))[1]]
        if not self.header:
            raise how.fail("no header line; begin with user,category,target", SchemaError)
        if (twice := first_twice(self.header)) is not None:
            raise how.fail(f"line 1: column {twice!r} stands there twice; rename one", SchemaError)
        self._rest = rows
        mark = next((mark for mark in ";\t|," if mark in self.header[0]), None)
        if len(self.header) == 1 and mark is not None:
            fix = "name it .csv" if mark == "," else "name it .tsv" if mark == "\t" else "save it with commas"
            raise how.fail(f"line 1: columns are divided by {mark!r}; {fix}", SchemaError)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that are not blank, each with the line it ends on."""
        mark = "\t" if self.how.format == "tsv" else ","
        reader = csv.reader(text_stream(self.text), delimiter=mark, strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            mend = "quote the cell whole, or save the file again"
            raise self.how.fail(f"line {reader.line_num}: {one_line(error)}; {mend}", SchemaError) from error

    def chunks(self) -> Iterator[dict[str, Sequence[str]]]:
        """Yield the cells by column, some thousand rows at a time."""
        width = len(self.header)
        while pairs := list(islice(self._rest, max(1, 8 * _CHUNK // max(8, width)))):
            for line, row in pairs:
                if len(row) != width:
                    message = f"line {line}: {len(row)} fields, but the header names {width}; mend the line"
                    raise self.how.fail(message, SchemaError)
            columns = zip(*(row for _, row in pairs), strict=True)
            yield dict(zip(self.header, columns, strict=True))

    def line(self, index: int) -> int:
        """Give the line of a row after the header; only a refusal asks, so the text is gone through once more."""
        return next(islice(self.rows(), index + 1, None))[0]


def read_long(how: How) -> tuple[Raw, How]:
    """Read a long text; records stand in the order of their first line, categories in the order of their names."""
    lines = _Lines(how)
    how = lines.how = how.understood(lines.header, _ALLOWED)
    for name in ("user", "category"):
        if name not in how.columns:
            there = ", ".join(map(repr, lines.header[:12]))
            message = f"no column {name}; there are {there}; name it with --map {name}=COLUMN"
            raise how.fail(message, SchemaError)
    keys: dict[Any, int] = {}
    names: dict[str, int] = {}
    parts: dict[str, list[np.ndarray]] = {}
    keyed = [how.columns[name] for name in ("user", "context_window", "horizon") if name in how.columns]
    start = 0
    for cells in lines.chunks():
        found = _parse(cells, lines, start)
        key = zip(map(tidy, cells[keyed[0]]), *(cells[column] for column in keyed[1:]), strict=True)
        found["record"] = _numbered(keys, key, len(cells[keyed[0]]))
        found["category"] = _numbered(names, map(tidy, cells[how.columns["category"]]), len(cells[keyed[0]]))
        for name, values in found.items():
            parts.setdefault(name, []).append(values)
        start += len(found["record"])
    if not keys:
        raise how.fail("a header and no rows; at least one user is needed", SchemaError)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    if "" in names:
        index = int(np.flatnonzero(columns["category"] == names[""])[0])
        raise how.fail(f"line {lines.line(index)}, column {how.columns['category']}: blank; name the category")
    warn_of_case(names)
    return _grouped(columns, list(keys), tuple(names), lines)


def _numbered(known: dict[Any, int], values: Any, n: int) -> np.ndarray:
    return np.fromiter((known.setdefault(value, len(known)) for value in values), dtype=np.int64, count=n)


def _parse(cells: dict[str, Sequence[str]], lines: _Lines, start: int) -> dict[str, np.ndarray]:
    """Make numbers of the cells; a cell that is none is refused with its line and user."""
    how = lines.how
    found = {}
    for name in ("target", "counts", "theta_star", "theta_s", "dg_rank", "n_window"):
        if name not in how.columns:
            continue
        column = cells[how.columns[name]]
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
            mend = "write 0 where there is nothing" if what == "empty" else "write it as 0.25"
            raise how.fail(f"{_place(lines, cells, index, start, name)}: {what}; {mend}", SchemaError) from None
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
        raise lines.how.fail(f"{place}: {column[index]!r} is not {what}; write a whole number of at least {least}")


def _place(lines: _Lines, cells: dict[str, Sequence[str]], index: int, start: int, name: str) -> str:
    user = cells[lines.how.columns["user"]][index]
    return f"line {lines.line(start + index)} (user {user!r}), column {lines.how.columns[name]}"


def _grouped(columns: dict[str, np.ndarray], keys: list[Any], names: tuple[str, ...], lines: _Lines) -> tuple[Raw, How]:
    """Lay the lines out as rows of a table."""
    how = lines.how
    check_table(how.path, len(keys), len(names))
    order = sorted(range(len(names)), key=names.__getitem__)
    rank_by_name = np.empty(len(names), dtype=np.int64)
    rank_by_name[order] = np.arange(len(names))
    record, category = columns["record"], rank_by_name[columns["category"]]
    users = [key[0] for key in keys]
    _check_twice(record * len(names) + category, record, category, [names[i] for i in order], users, lines)
    matrices: dict[str, np.ndarray] = {}
    for name in ("target", "counts", "theta_star", "theta_s"):
        if name in columns:
            matrix = np.zeros((len(keys), len(names)))
            matrix[record, category] = columns[name]
            matrices[name] = matrix
    present = np.zeros((len(keys), len(names)), dtype=bool)
    present[record, category] = True
    support, notes = options(present, how, predicted="theta_s" in columns)
    others: dict[str, Any] = {} if support is None else {"support": support}
    if "dg_rank" in columns:
        others["dg"], notes["first_dg_rank"] = _lists(columns["dg_rank"], record, category, users, lines)
    n_window = None
    if "n_window" in columns:
        n_window = _constant(columns["n_window"].astype(np.int64), record, users, lines)
    for place, name in enumerate(n for n in ("context_window", "horizon") if n in how.columns):
        others.update(_key_column([key[place + 1] for key in keys], name, users, how))
    categories = tuple(names[i] for i in order)
    raw = Raw(users=users, categories=categories, matrices=matrices, n_window=n_window, others=others)
    return raw, replace(how, n_rows=len(keys), notes=notes)


def _key_column(values: list[str], name: str, users: list[str], how: How) -> dict[str, Any]:
    if not any(values):
        return {}
    if "" in values:
        row = values.index("")
        raise how.fail(f"{how.at(row, users[row], name)}: empty, though other records have one; fill it in")
    if name == "horizon":
        return {name: values}
    for row, value in enumerate(values):
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise how.fail(f"{how.at(row, users[row], name)}: {value[:40]!r} is no number of sessions; write it as 20")
    return {name: [int(value) for value in values]}


def _check_twice(
    cell: np.ndarray, record: np.ndarray, category: np.ndarray, names: list[str], users: list[str], lines: _Lines
) -> None:
    order = np.argsort(cell, kind="stable")
    again = order[1:][cell[order][1:] == cell[order][:-1]]
    if len(again):
        index = int(again.min())
        what = f"category {names[category[index]]!r} is named twice for this record"
        where = f"line {lines.line(index)} (user {users[record[index]]!r}), column {lines.how.columns['category']}"
        raise lines.how.fail(f"{where}: {what}; merge the two lines")


def _lists(
    ranks: np.ndarray, record: np.ndarray, category: np.ndarray, users: list[str], lines: _Lines
) -> tuple[np.ndarray | None, int]:
    """Order each record's categories by rank; a rank that was skipped was held by no category.

    Ranks begin at 1, or, where the first of every list is 0, at 0.
    """
    how = lines.how
    listed = np.flatnonzero(ranks >= 0)
    least = np.full(len(users), np.inf)
    np.minimum.at(least, record[listed], ranks[listed])
    base = 0 if (least == 0).any() else 1
    n_categories = int(category.max()) + 1
    most = max(1000, 2 * n_categories)

    def refuse(index: int, what: str) -> InputError:
        place = f"line {lines.line(index)} (user {users[record[index]]!r}), column {how.columns['dg_rank']}"
        return how.fail(f"{place}: {what}")

    if base == 0 and (mixed := np.isfinite(least) & (least > 0)).any():
        index = int(listed[np.isin(record[listed], np.flatnonzero(mixed))][0])
        raise refuse(index, "this list has no rank 0, though another has; let all begin at 0 or all at 1")
    if (far := listed[ranks[listed] - base >= most]).size:
        raise refuse(int(far[0]), f"rank {ranks[far[0]]:.0f} is out of range; a list ends before {most}")
    place = ranks[listed].astype(np.int64) - base
    width = int(place.max(initial=-1)) + 1
    check_size(how.path, 4 * len(users) * width, "its longest list in every row")
    lists = np.full((len(users), width), PAD, dtype=np.int32)
    spot = record[listed] * max(width, 1) + place
    order = np.argsort(spot, kind="stable")
    again = order[1:][spot[order][1:] == spot[order][:-1]]
    if len(again):
        index = int(listed[again.min()])
        raise refuse(index, f"rank {ranks[index]:.0f} stands twice in the list; give each category its own")
    lists[record[listed], place] = category[listed]
    ends = np.zeros(len(users), dtype=np.int64)
    np.maximum.at(ends, record[listed], place + 1)
    lists[(lists == PAD) & (np.arange(width) < ends[:, None])] = OUT_OF_VOCABULARY
    return (lists if width else None), base


def _constant(values: np.ndarray, record: np.ndarray, users: list[str], lines: _Lines) -> np.ndarray:
    """Take the one value that all lines of a record agree on."""
    held = np.full(len(users), UNKNOWN, dtype=np.int64)
    held[record[::-1]] = values[::-1]  # the first line of each record is written last, and stays
    other = np.flatnonzero(values != held[record])
    if len(other):
        index = int(other[0])
        place = f"line {lines.line(index)} (user {users[record[index]]!r}), column {lines.how.columns['n_window']}"
        was = "empty" if held[record[index]] == UNKNOWN else held[record[index]]
        raise lines.how.fail(
            f"{place}: differs from the record's first line ({was}); write one number on all its lines"
        )
    return held
