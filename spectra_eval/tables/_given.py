"""Columns of a table from the caller: arrays of any library, aligned by label."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays import Given, convert, is_default, order, turned, whole_of
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.tables._checks import MATRICES

if TYPE_CHECKING:
    from spectra_eval.tables import PreferenceTable
else:
    PreferenceTable = Any  # the class that uses these functions; importing it would be circular

__all__ = ["WHOLE", "as_columns", "as_rows", "in_order"]

WHOLE = ("dg", "n_window", "context_window")
_AXES = {"dg": ("users", "ranks"), "n_window": ("users",), "context_window": ("users",)}


def as_columns(
    table: PreferenceTable, index: tuple[Hashable, ...] | None
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Convert the columns of numbers and the support; return them with the tolerance of each type.

    `table` has its users and categories; `index` has the row labels of the users.
    """
    made: dict[str, np.ndarray] = {}
    values = {name: getattr(table, name) for name in (*MATRICES, *WHOLE, "support")}
    columns = {
        f"column {name}": convert(f"column {name}", value, boolean=name == "support")
        for name, value in values.items()
        if value is not None
    }
    columns = turned(columns, {f"column {name}": _AXES.get(name, ("users", "categories")) for name in values})
    for column, cells in columns.items():
        name = column.removeprefix("column ")
        given = _aligned(table, name, cells, index)
        if name in WHOLE:
            made[name] = whole_of(f"column {name}", given.values)
        elif name in MATRICES:
            made[name] = np.ascontiguousarray(given.values, dtype=np.float64)
        else:
            made[name] = given.values
    return made, {column.removeprefix("column "): given.atol for column, given in columns.items()}


def as_rows(table: PreferenceTable, rows: Any) -> np.ndarray:
    """Return a Boolean mask, aligned by row label, or indices of records."""
    given = convert("rows", rows, boolean=True)
    if given.values.dtype != np.bool_:
        chosen = np.atleast_1d(whole_of("rows", given.values))
        far = (chosen >= len(table)) | (chosen < -len(table))
        if far.any():
            raise InputError(f"rows: {chosen[far].flat[0]} is out of range for {len(table)} records")
        return chosen
    if given.values.shape != (len(table),):
        raise ShapeError(
            f"rows: a mask of shape {given.values.shape} for {len(table)} records; give one entry per record"
        )
    labels = given.of_axis(0)
    places = None if labels is None else _places(table, "rows", labels, None)
    return given.values if places is None else given.values[places]


def in_order(table: PreferenceTable, name: str, index: tuple[Hashable, ...] | None) -> Any:
    """Return a column of text or titles, aligned by row label with the users."""
    value = getattr(table, name)
    if not (hasattr(value, "iloc") and hasattr(value, "index")):
        return value
    places = _places(table, name, tuple(value.index), index)
    return value.array if places is None else value.iloc[places].array


def _aligned(table: PreferenceTable, name: str, given: Given, index: tuple[Hashable, ...] | None) -> Given:
    if given.values.ndim == 2 and name not in WHOLE:
        labels = given.of_axis(-1, default=False)
        texts = None if labels is None else [str(label) for label in labels]
        if texts is not None and texts != list(table.categories):
            places = order(f"column {name}", texts, table.categories, "the table", "categories")
            given = given.taken(places, -1)
    labels = given.of_axis(0) if given.values.ndim else None
    if labels is None:
        return given
    rows = _places(table, name, labels, index)
    return given if rows is None else given.taken(rows, 0)


def _places(
    table: PreferenceTable, name: str, labels: tuple[Hashable, ...], index: tuple[Hashable, ...] | None
) -> list[int] | None:
    """Return the row of each user, by row label or by name; None if the order is the same."""
    if labels == index or (is_default(labels) and (index is None or set(labels) != set(index))):
        return None
    if index is not None and set(labels) == set(index):
        return order(f"column {name}", labels, index, "the table", "users")
    texts = [str(label) for label in labels]
    users = table.users.tolist()
    return None if texts == users else order(f"column {name}", texts, users, "the table", "users")
