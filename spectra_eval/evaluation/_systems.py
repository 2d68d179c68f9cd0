"""The records of an evaluation, and the systems that it compares with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spectra_eval import simplex
from spectra_eval.baselines import RowSystem
from spectra_eval.stats.bootstrap import PART
from spectra_eval.tables import PreferenceTable, System

__all__ = ["AnySystem", "Cohort", "ListSystem", "WindowRows"]


@dataclass(frozen=True, eq=False)
class WindowRows:
    """The observed distributions of a table, which are computed for the rows that are needed."""

    table: PreferenceTable

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of records and categories."""
        return self.table.n_users, self.table.n_categories

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return the distributions of some records, (n, K)."""
        return self.table.select(rows).theta_star


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """The evaluated records, grouped by user.

    Attributes
    ----------
    theta_star : (n, K) float array or WindowRows
        Observed distributions; every row on the simplex.
    owner : (n,) int array
        The index of the user of each record, ascending.
    bucket : (K,) int array
        0 head, 1 mid, 2 tail.
    n_users : int
        The number of users.
    support : (n, K) bool array or None
        The options of each record; None if all categories are options of every record.
    rank_by_frequency : (K,) int array or None
        As in `Comparison`.
    """

    theta_star: np.ndarray | WindowRows
    owner: np.ndarray
    bucket: np.ndarray
    n_users: int
    support: np.ndarray | None = None
    rank_by_frequency: np.ndarray | None = None

    def rows(self, part: int) -> slice:
        """Return the records of the users of a part."""
        start, stop = np.searchsorted(self.owner, [part * PART, (part + 1) * PART])
        return slice(int(start), int(stop))


@dataclass(frozen=True, kw_only=True, eq=False)
class ListSystem:
    """A system of ranked lists (N, L); it predicts the uniform distribution on each list.

    With `truth` it predicts the truth restricted to the list, which has the least JS divergence of all distributions
    on the list: a bound for any way of converting it to a distribution. Distributions are computed for requested rows
    and not stored, since they would need most of the memory.
    """

    name: str
    lists: np.ndarray
    n_categories: int
    truth: np.ndarray | WindowRows | None = None

    def predicted(self, rows: slice) -> np.ndarray:
        """Return the distributions of some users, (n, K); NaN where the list names no category."""
        lists = self.lists[rows]
        named = simplex.listed(lists, self.n_categories)
        size = named.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            uniform = np.asarray(named / size)
            if self.truth is None:
                return uniform
            listed = self.truth[rows] * named
            captured = listed.sum(axis=1, keepdims=True)
            return np.where((captured > 0) & (size > 0), listed / captured, uniform)


AnySystem: TypeAlias = System | RowSystem | ListSystem
"""A system: a `name`, `lists` or None, and the predicted distributions of some rows."""
