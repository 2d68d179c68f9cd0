"""Alignment of several tables by record and category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectra_eval.arrays import row_blocks
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable
from spectra_eval.tables._stack import by_blocks

__all__ = ["align"]


def align(tables: Mapping[str, PreferenceTable], *, common: bool = False) -> dict[str, PreferenceTable]:
    """Return the tables in the order of records and of categories of the first.

    Parameters
    ----------
    tables : mapping of str to PreferenceTable
        The tables by name, at least one.
    common : bool
        Whether to leave out records that some table lacks.

    Returns
    -------
    dict of str to PreferenceTable
        The tables with the same records and categories, in the same order.

    Raises
    ------
    InputError
        The tables differ in their categories, in the truth of a record, or in their records; with `common`, they
        have no record in common.

    Examples
    --------
    >>> one = PreferenceTable(users=["a", "b"], categories=("x", "y"), counts=[[1, 0], [0, 1]])
    >>> two = PreferenceTable(users=["b", "a"], categories=("x", "y"), counts=[[0, 1], [1, 0]])
    >>> align({"one": one, "two": two})["two"].users.tolist()
    ['a', 'b']
    """
    first_name = next(iter(tables))
    first = tables[first_name]
    places = {name: {key: row for row, key in enumerate(_keys(table))} for name, table in tables.items()}
    for name, table in tables.items():
        if set(table.categories) != set(first.categories):
            unknown = sorted(set(table.categories) ^ set(first.categories))[0]
            raise InputError(
                f"{name}: category {unknown!r} is not in both this table and {first_name}; compare like to like"
            )
    if not common:
        _check_records(places)
    common_keys = [key for key in _keys(first) if all(key in place for place in places.values())]
    if not common_keys:
        raise InputError(f"tables: no record (user, context_window, horizon) is in all of {', '.join(tables)}")
    out = {}
    for name, table in tables.items():
        rows = np.array([places[name][key] for key in common_keys])
        order = [table.categories.index(category) for category in first.categories]
        same = len(rows) == table.n_users and bool((rows == np.arange(len(rows))).all())
        out[name] = _ordered(table if same else table.select(rows), order)
    truth = out[first_name]
    for name, table in out.items():
        _check_user(
            name,
            "another window",
            truth,
            _other_windows(table, truth),
            f"{first_name}; compare tables made from one `prepare`",
        )
        if table.support is not truth.support:
            other = (table.offered != truth.offered).any(axis=1)
            _check_user(name, "other options", truth, other, f"{first_name}; compare predictions over the same options")
    return out


def _other_windows(table: PreferenceTable, truth: PreferenceTable) -> np.ndarray:
    """Return which records have another window in one table than in the other, (N,) bool."""
    differs = np.asarray(table.observed != truth.observed)
    for rows in row_blocks(table.n_users, table.n_categories):
        gap = np.abs(table.select(rows).theta_star - truth.select(rows).theta_star)
        differs[rows] |= (gap > 1e-9).any(axis=1)
    return differs


def _check_user(name: str, what: str, truth: PreferenceTable, differs: np.ndarray, fix: str) -> None:
    """Raise if a record differs; the error names the first user."""
    if differs.any():
        user = truth.users[int(np.flatnonzero(differs)[0])]
        raise InputError(f"{name}: user {str(user)!r} has {what} than in {fix}")


def _check_records(places: Mapping[str, Mapping[Any, int]]) -> None:
    """Raise if tables have different records; the error names the first record that is in one only."""
    first, *others = places
    for other in others:
        for one, two in ((first, other), (other, first)):
            lacking = [key for key in places[one] if key not in places[two]]
            if lacking:
                row, key = places[one][lacking[0]] + 1, lacking[0]
                record = ", ".join([f"user {key[0]!r}", *(str(part) for part in key[1:] if part is not None)])
                raise InputError(
                    f"{two}: {len(lacking)} of {len(places[one])} records of {one} are missing, the first in row "
                    f"{row} ({record}); compare tables of the same users, or keep those in common (--common)"
                )


def _keys(table: PreferenceTable) -> list[Any]:
    columns = [table.users.tolist()]
    for value in (table.context_window, table.horizon):
        columns.append([None] * table.n_users if value is None else value.tolist())
    return list(zip(*columns, strict=True))


def _ordered(table: PreferenceTable, order: list[int]) -> PreferenceTable:
    """Return the table with the categories in another order."""
    if order == list(range(table.n_categories)):
        return table
    return by_blocks(lambda block, _: _reordered(block, order), table)


def _reordered(table: PreferenceTable, order: list[int]) -> PreferenceTable:
    changes: dict[str, Any] = {"categories": tuple(table.categories[place] for place in order)}
    if table.parents is not None:
        changes["parents"] = tuple(table.parents[place] for place in order)
    for name in ("counts", "theta_star", "theta_s", "scores", "answer_mass", "history_counts", "support"):
        value = getattr(table, name)
        changes[name] = None if value is None else value[:, order]
    if table.dg is not None:
        new_place = np.argsort(order)
        changes["dg"] = np.where(table.dg >= 0, new_place[np.maximum(table.dg, 0)], table.dg)
    return table.replace(**changes)
