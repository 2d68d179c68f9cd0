"""Long data, one row a user and category: how the rows of any format become records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from spectra_eval.artifacts._columns import How, Raw, options
from spectra_eval.artifacts._limits import check_size, check_table
from spectra_eval.artifacts._names import tidy, warn_of_case
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, UNKNOWN

__all__ = ["LONG", "Numbering", "Rows", "check_named", "grouped"]

LONG = (
    "user", "category", "target", "counts", "theta_star", "theta_s", "dg_rank", "n_window", "context_window", "horizon"
)  # fmt: skip


@runtime_checkable
class Rows(Protocol):
    """The rows of a file."""

    how: How

    def spot(self, index: int) -> str:
        """Return where a row is: its line, or its number."""


def check_named(how: How, available: Sequence[str]) -> None:
    """Refuse a file without users or categories."""
    for name in ("user", "category"):
        if name not in how.columns:
            there = ", ".join(map(repr, available[:12]))
            message = f"no column {name}; there are {there}; name it with --map {name}=COLUMN"
            raise how.fail(message, SchemaError)


class Numbering:
    """Gives each record and each category a number, in the order in which they come."""

    def __init__(self, how: How) -> None:
        self.columns = [how.columns[name] for name in ("user", "context_window", "horizon") if name in how.columns]
        self.category = how.columns["category"]
        self.keys: dict[Any, int] = {}
        self.names: dict[str, int] = {}

    def take(self, cells: Mapping[str, Sequence[str]], found: dict[str, np.ndarray]) -> None:
        """Add the numbers of some rows to `found`, as ``record`` and ``category``."""
        n = len(cells[self.category])
        user, *others = (cells[column] for column in self.columns)
        found["record"] = _numbered(self.keys, zip(map(tidy, user), *others, strict=True), n)
        found["category"] = _numbered(self.names, map(tidy, cells[self.category]), n)


def _numbered(known: dict[Any, int], values: Any, n: int) -> np.ndarray:
    return np.fromiter((known.setdefault(value, len(known)) for value in values), dtype=np.int64, count=n)


def grouped(columns: dict[str, np.ndarray], records: Numbering, lines: Rows) -> tuple[Raw, How]:
    """Return the rows as records; those stand in the order of their first row, categories in the order of names."""
    how, keys, names = lines.how, list(records.keys), tuple(records.names)
    if "" in records.names:
        index = int(np.flatnonzero(columns["category"] == records.names[""])[0])
        raise how.fail(f"{lines.spot(index)}, column {how.columns['category']}: blank; name the category")
    warn_of_case(names)
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
    cell: np.ndarray, record: np.ndarray, category: np.ndarray, names: list[str], users: list[str], lines: Rows
) -> None:
    order = np.argsort(cell, kind="stable")
    again = order[1:][cell[order][1:] == cell[order][:-1]]
    if len(again):
        index = int(again.min())
        what = f"category {names[category[index]]!r} is named twice for this record"
        where = f"{lines.spot(index)} (user {users[record[index]]!r}), column {lines.how.columns['category']}"
        raise lines.how.fail(f"{where}: {what}; merge the two lines")


def _lists(
    ranks: np.ndarray, record: np.ndarray, category: np.ndarray, users: list[str], lines: Rows
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
        place = f"{lines.spot(index)} (user {users[record[index]]!r}), column {how.columns['dg_rank']}"
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


def _constant(values: np.ndarray, record: np.ndarray, users: list[str], lines: Rows) -> np.ndarray:
    """Take the one value that all lines of a record agree on."""
    held = np.full(len(users), UNKNOWN, dtype=np.int64)
    held[record[::-1]] = values[::-1]  # the first line of each record is written last, and stays
    other = np.flatnonzero(values != held[record])
    if len(other):
        index = int(other[0])
        place = f"{lines.spot(index)} (user {users[record[index]]!r}), column {lines.how.columns['n_window']}"
        was = "empty" if held[record[index]] == UNKNOWN else held[record[index]]
        raise lines.how.fail(
            f"{place}: differs from the record's first line ({was}); write one number on all its lines"
        )
    return held
