"""The options of each record: checks of the support, and of the other columns given the support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.tables._checks import OUT_OF_VOCABULARY, place

if TYPE_CHECKING:
    from spectra_eval.tables import PreferenceTable
else:
    PreferenceTable = Any  # the class that calls these; naming it here would be a circle

__all__ = ["as_support", "check_offered", "joined_support", "lists_on_support"]

LEAST = 2
"""The smallest number of options of a record."""


def as_support(table: PreferenceTable) -> np.ndarray | None:
    """Return the support as a Boolean array (N, K), or None where every category is offered to every record.

    Raises
    ------
    ShapeError, InputError
        It has another shape, has values other than true and false, or leaves a record fewer than two options.
    """
    if table.support is None:
        return None
    values = np.asarray(table.support)
    shape = (table.n_users, table.n_categories)
    if values.shape != shape:
        raise ShapeError(
            f"column support: shape {values.shape}, but there are {shape[0]} rows and {shape[1]} categories"
        )
    if values.dtype != np.bool_ and not (values.dtype.kind in "iuf" and np.isin(values, (0, 1)).all()):
        raise InputError("column support: has values other than true and false; write true where it is offered")
    support = np.ascontiguousarray(values, dtype=np.bool_)
    offered = support.sum(axis=1)
    if (offered < LEAST).any():
        row = int(np.flatnonzero(offered < LEAST)[0])
        named = f" ({table.categories[int(support[row].argmax())]!r})" if offered[row] else ""
        what = f"offers {offered[row]} of the categories{named}; a record needs at least {LEAST} options"
        raise InputError(f"{place(table, row, 'support')}: {what}; leave the record out, or offer more")
    return None if support.all() else support


def check_offered(table: PreferenceTable) -> None:
    """Raise if a column has weight or probability on a category that the record does not offer."""
    if table.support is None:
        return
    for name in ("counts", "theta_star", "theta_s"):
        value = getattr(table, name)
        if value is None:
            continue
        off = (value > 0) & ~table.support
        if off.any():
            row, column = (int(i) for i in np.argwhere(off)[0])
            what = f"{table.categories[column]!r} has {value[row, column]:.6g}, but is not an option of this record"
            raise InputError(f"{place(table, row, name)}: {what}; set it to 0, or offer the category")


def lists_on_support(lists: np.ndarray, support: np.ndarray | None) -> np.ndarray:
    """Return decoded lists with the entries that are not options of their record marked as out of vocabulary."""
    if support is None:
        return lists
    offered = np.take_along_axis(support, np.maximum(lists, 0), axis=1)
    return np.where((lists >= 0) & ~offered, OUT_OF_VOCABULARY, lists)


def joined_support(tables: Sequence[PreferenceTable]) -> np.ndarray | None:
    """Return the support of the users of several tables with the same categories, one table after another.

    Parameters
    ----------
    tables : sequence of PreferenceTable
        At least one, with the same K categories.

    Returns
    -------
    (N, K) bool array or None
        None where all users have all categories.

    Examples
    --------
    >>> from spectra_eval import PreferenceTable
    >>> table = PreferenceTable(users=["ann"], categories=("Drama", "Noir"), counts=[[3, 1]])
    >>> joined_support([table]) is None
    True
    """
    if all(table.support is None for table in tables):
        return None
    return np.concatenate([table.offered for table in tables])
