"""Long data, one row per user and category: conversion of the rows to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from spectra_eval.artifacts._columns import RawColumns, ReadSpec, options
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

    spec: ReadSpec

    def spot(self, index: int) -> str:
        """Return the place of a row: its line or its number."""


def check_named(spec: ReadSpec, available: Sequence[str]) -> None:
    """Raise if the file has no column of users or categories."""
    for name in ("user", "category"):
        if name not in spec.columns:
            columns = ", ".join(map(repr, available[:12]))
            message = f"no column {name}; there are {columns}; name it with --map {name}=COLUMN"
            raise spec.fail(message, SchemaError)


class Numbering:
    """Number the records and the categories in order of appearance."""

    def __init__(self, spec: ReadSpec) -> None:
        self.columns = [spec.columns[name] for name in ("user", "context_window", "horizon") if name in spec.columns]
        self.category = spec.columns["category"]
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


def grouped(columns: dict[str, np.ndarray], records: Numbering, lines: Rows) -> tuple[RawColumns, ReadSpec]:
    """Return the rows as records, in the order of their first row; categories are sorted by name."""
    spec, keys, names = lines.spec, list(records.keys), tuple(records.names)
    if "" in records.names:
        index = int(np.flatnonzero(columns["category"] == records.names[""])[0])
        raise spec.fail(f"{lines.spot(index)}, column {spec.columns['category']}: blank; name the category")
    warn_of_case(names)
    check_table(spec.path, len(keys), len(names))
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
    support, notes = options(present, spec, predicted="theta_s" in columns)
    others: dict[str, Any] = {} if support is None else {"support": support}
    if "dg_rank" in columns:
        others["dg"], notes["first_dg_rank"] = _lists(columns["dg_rank"], record, category, users, lines)
    n_window = None
    if "n_window" in columns:
        n_window = _constant(columns["n_window"].astype(np.int64), record, users, lines)
    for place, name in enumerate(n for n in ("context_window", "horizon") if n in spec.columns):
        others.update(_key_column([key[place + 1] for key in keys], name, users, spec))
    categories = tuple(names[i] for i in order)
    raw = RawColumns(users=users, categories=categories, matrices=matrices, n_window=n_window, others=others)
    return raw, replace(spec, n_rows=len(keys), notes=notes)


def _key_column(values: list[str], name: str, users: list[str], spec: ReadSpec) -> dict[str, Any]:
    if not any(values):
        return {}
    if "" in values:
        row = values.index("")
        raise spec.fail(f"{spec.at(row, users[row], name)}: empty, though other records have one; fill it in")
    if name == "horizon":
        return {name: values}
    for row, value in enumerate(values):
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise spec.fail(
                f"{spec.at(row, users[row], name)}: {value[:40]!r} is no number of sessions; write it as 20"
            )
    return {name: [int(value) for value in values]}


def _check_twice(
    cell: np.ndarray, record: np.ndarray, category: np.ndarray, names: list[str], users: list[str], lines: Rows
) -> None:
    order = np.argsort(cell, kind="stable")
    again = order[1:][cell[order][1:] == cell[order][:-1]]
    if len(again):
        index = int(again.min())
        what = f"category {names[category[index]]!r} is named twice for this record"
        where = f"{lines.spot(index)} (user {users[record[index]]!r}), column {lines.spec.columns['category']}"
        raise lines.spec.fail(f"{where}: {what}; merge the two lines")


def _lists(
    ranks: np.ndarray, record: np.ndarray, category: np.ndarray, users: list[str], lines: Rows
) -> tuple[np.ndarray | None, int]:
    """Return each record's categories in the order of their ranks; a skipped rank has no category.

    Ranks begin at 1, or, where the first of every list is 0, at 0.
    """
    spec = lines.spec
    listed = np.flatnonzero(ranks >= 0)
    least = np.full(len(users), np.inf)
    np.minimum.at(least, record[listed], ranks[listed])
    base = 0 if (least == 0).any() else 1
    n_categories = int(category.max()) + 1
    most = max(1000, 2 * n_categories)

    def refuse(index: int, what: str) -> InputError:
        place = f"{lines.spot(index)} (user {users[record[index]]!r}), column {spec.columns['dg_rank']}"
        return spec.fail(f"{place}: {what}")

    if base == 0 and (mixed := np.isfinite(least) & (least > 0)).any():
        index = int(listed[np.isin(record[listed], np.flatnonzero(mixed))][0])
        raise refuse(index, "this list has no rank 0, though another has; let all begin at 0 or all at 1")
    if (far := listed[ranks[listed] - base >= most]).size:
        raise refuse(int(far[0]), f"rank {ranks[far[0]]:.0f} is out of range; a list ends before {most}")
    place = ranks[listed].astype(np.int64) - base
    width = int(place.max(initial=-1)) + 1
    check_size(spec.path, 4 * len(users) * width, "its longest list in every row")
    lists = np.full((len(users), width), PAD, dtype=np.int32)
    spot = record[listed] * max(width, 1) + place
    order = np.argsort(spot, kind="stable")
    again = order[1:][spot[order][1:] == spot[order][:-1]]
    if len(again):
        index = int(listed[again.min()])
        raise refuse(index, f"rank {ranks[index]:.0f} occurs twice in the list; give each category its own")
    lists[record[listed], place] = category[listed]
    ends = np.zeros(len(users), dtype=np.int64)
    np.maximum.at(ends, record[listed], place + 1)
    lists[(lists == PAD) & (np.arange(width) < ends[:, None])] = OUT_OF_VOCABULARY
    return (lists if width else None), base


def _constant(values: np.ndarray, record: np.ndarray, users: list[str], lines: Rows) -> np.ndarray:
    """Return the value of each record, which must be the same on all its lines."""
    constant = np.full(len(users), UNKNOWN, dtype=np.int64)
    constant[record[::-1]] = values[::-1]  # the first line of each record is written last
    other = np.flatnonzero(values != constant[record])
    if len(other):
        index = int(other[0])
        place = f"{lines.spot(index)} (user {users[record[index]]!r}), column {lines.spec.columns['n_window']}"
        was = "empty" if constant[record[index]] == UNKNOWN else constant[record[index]]
        raise lines.spec.fail(
            f"{place}: differs from the record's first line ({was}); write one number on all its lines"
        )
    return constant
