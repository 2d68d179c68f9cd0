"""Several tables brought to the same records in the same order, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable

__all__ = ["align"]


def align(tables: Mapping[str, PreferenceTable]) -> dict[str, PreferenceTable]:
    """Keep the records that every table has, in the order of the first, with its order of categories.

    Raises
    ------
    InputError
        The tables differ in their categories or in the truth of a record, or have no record in common.
    """
    first_name = next(iter(tables))
    first = tables[first_name]
    places = {name: {key: row for row, key in enumerate(_keys(table))} for name, table in tables.items()}
    for name, table in tables.items():
        if set(table.categories) != set(first.categories):
            odd = sorted(set(table.categories) ^ set(first.categories))[0]
            raise InputError(
                f"{name}: category {odd!r} is not in both this table and {first_name}; compare like to like"
            )
    common = [key for key in _keys(first) if all(key in place for place in places.values())]
    if not common:
        raise InputError(f"tables: no record (user, context_window, horizon) is in all of {', '.join(tables)}")
    out = {}
    for name, table in tables.items():
        rows = np.array([places[name][key] for key in common])
        order = [table.categories.index(category) for category in first.categories]
        out[name] = _ordered(table.select(rows), order)
    truth = out[first_name]
    for name, table in out.items():
        differs = (np.abs(table.theta_star - truth.theta_star) > 1e-9).any(axis=1) | (table.observed != truth.observed)
        if differs.any():
            user = truth.users[int(np.flatnonzero(differs)[0])]
            raise InputError(
                f"{name}: user {str(user)!r} has another window than in {first_name}; compare tables made from one "
                "`prepare`"
            )
    return out


def _keys(table: PreferenceTable) -> list[Any]:
    columns = [table.users.tolist()]
    for value in (table.context_window, table.horizon):
        columns.append([None] * table.n_users if value is None else value.tolist())
    return list(zip(*columns, strict=True))


def _ordered(table: PreferenceTable, order: list[int]) -> PreferenceTable:
    """Put the categories into another order."""
    if order == list(range(table.n_categories)):
        return table
    changes: dict[str, Any] = {"categories": tuple(table.categories[place] for place in order)}
    if table.parents is not None:
        changes["parents"] = tuple(table.parents[place] for place in order)
    for name in ("counts", "theta_star", "theta_s", "scores", "answer_mass", "history_counts"):
        value = getattr(table, name)
        changes[name] = None if value is None else value[:, order]
    if table.dg is not None:
        new_place = np.argsort(order)
        changes["dg"] = np.where(table.dg >= 0, new_place[np.maximum(table.dg, 0)], table.dg)
    return table.replace(**changes)
