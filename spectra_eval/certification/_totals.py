"""Totals of the columns of claims, averaged within users and summed over users in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from spectra_eval.certification._block import UserBlock, group_mean, order_keys
from spectra_eval.errors import AssumptionError

__all__ = ["Column", "Mean", "NoClaim", "Rows", "Tally", "Totals", "everyone", "listed"]

Rows = Callable[[UserBlock], np.ndarray]
"""A function of a block that returns a number or a flag per record."""


class NoClaim(Exception):
    """The claim is undefined for the table; the text is the reason, for `n_users` users.

    A reason of a lower `rank` replaces one that an earlier block of the same group gave.
    """

    def __init__(self, reason: str, n_users: int = 0, *, rank: int = 0) -> None:
        super().__init__(reason)
        self.n_users = n_users
        self.rank = rank


def listed(block: UserBlock) -> np.ndarray:
    """Return which records have a decoded list with at least one category."""
    return block.listed


def everyone(block: UserBlock) -> np.ndarray:
    """Return a mask of all records with a window."""
    return block.everyone


@dataclass(frozen=True)
class Column:
    """One number per user: the mean over the records of the user that `over` selects. Equal columns are computed once.

    Attributes
    ----------
    of : callable
        A function of a block that returns one number per record. It may raise `NoClaim` if the table lacks its input.
    over : callable
        A function of a block that selects records; a user without one is left out.
    bounded : bool
        Whether a bound is computed from the column: one of the bounds needs the numbers themselves, in an order.
    unseen : bool
        Whether a user without a window counts, with a zero.
    """

    of: Rows
    over: Rows = listed
    bounded: bool = False
    unseen: bool = False


@dataclass(frozen=True)
class Tally:
    """A sum over all users that is not a mean of one number per user: counts, histograms, vectors.

    Attributes
    ----------
    of : callable
        From a block to what the block adds to the sum, in an array of fixed shape, whole numbers or reals; with `rows`,
        to a new array with a row per user.
    rows : bool
        Whether `of` returns the rows that are to be summed.
    """

    of: Rows
    rows: bool = False


class Mean:
    """The mean of one column over users: their number, the sum, and the numbers themselves where a bound needs them.

    The sum is taken over each group of users, and then exactly over groups, so that it does not depend on the blocks.
    `seed` fixes the order of the numbers; without it they are not stored.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.n = 0
        self._sums: list[float] = []
        self._group: list[np.ndarray] = []
        self._seed = seed
        self._stored: list[tuple[np.ndarray, np.ndarray]] = []
        self.binary = True
        self.several = False
        """Whether a user has several records, so that the number is a mean over them."""

    def take(self, block: UserBlock, values: np.ndarray, over: np.ndarray) -> None:
        """Add the users of a block, each with the mean over the selected records; users without one are left out."""
        means, has = group_mean(values, block, over)
        self.several = self.several or int(np.count_nonzero(over)) > len(means)
        self.n += len(means)
        self._group.append(means)
        self.binary = self.binary and bool(np.isin(means, (0.0, 1.0)).all())
        if self._seed is not None:
            self._stored.append((block.order_keys(self._seed)[has], means))

    def take_zeros(self, users: np.ndarray) -> None:
        """Add users with value zero."""
        self.n += len(users)
        if self._seed is not None:
            self._stored.append((order_keys(users, self._seed), np.zeros(len(users))))

    def close(self) -> None:
        """End a group of users."""
        if self._group:
            self._sums.append(float(np.sum(np.concatenate(self._group))))
            self._group.clear()

    @property
    def total(self) -> float:
        """Return the sum over all users."""
        self.close()
        return math.fsum(self._sums)

    @property
    def mean(self) -> float:
        """Return the mean over all users."""
        return self.total / self.n

    @property
    def ordered(self) -> np.ndarray:
        """Return the numbers in the order of the hashes of their users, independent of the file and the outcomes."""
        if self._seed is None:
            raise AssumptionError("the numbers of this column were summed, not stored; declare the column bounded")
        keys, values = (np.concatenate(column) for column in zip(*self._stored, strict=True))
        return np.asarray(values[np.argsort(keys, kind="stable")])


class Totals:
    """The totals of one certificate; each column is computed once for all claims.

    Users are added in blocks of any size. Floating-point sums are taken over groups of users, which `close` ends.
    Another division into groups may change their last digits, another division into blocks does not.
    """

    def __init__(self, columns: Iterable[Column | Tally], *, seed: int | None) -> None:
        wanted = dict.fromkeys(columns)
        self._means = {one: Mean(seed if one.bounded else None) for one in wanted if isinstance(one, Column)}
        self._sums: dict[Tally, list[np.ndarray]] = {one: [] for one in wanted if isinstance(one, Tally)}
        self._running: dict[Tally, np.ndarray] = {}
        self._refused: dict[Column, NoClaim] = {}
        self._open: set[Column] = set()
        """The columns that were refused in this group, for a reason that a later block may replace."""

    def add(self, block: UserBlock) -> None:
        """Add the users of a block."""
        for column, mean in self._means.items():
            earlier = self._refused.get(column)
            if earlier is not None and column not in self._open:
                continue
            try:
                values = block.cached(column.of)
            except NoClaim as why:
                if earlier is None or why.rank < earlier.rank:
                    self._refused[column] = why
                    (self._open.add if why.rank else self._open.discard)(column)
                continue
            if earlier is None:
                mean.take(block, values, block.cached(column.over))
                if column.unseen:
                    mean.take_zeros(block.unseen)
        for tally, parts in self._sums.items():
            if tally.rows:
                self._add_rows(tally, tally.of(block))
                continue
            part = block.cached(tally.of)
            if parts and np.issubdtype(part.dtype, np.integer):
                parts[0] = np.asarray(parts[0] + part)  # exact; a histogram per block would be too large
            else:
                parts.append(part)

    def _add_rows(self, tally: Tally, rows: np.ndarray) -> None:
        """Add rows to the running sum of the group, one after another, as one sum over all of them would."""
        running = self._running.get(tally)
        if running is not None and len(rows):
            rows[0] += running
        if running is None or len(rows):
            self._running[tally] = rows.sum(axis=0)

    def close(self) -> None:
        """End a group of users."""
        for mean in self._means.values():
            mean.close()
        for tally, running in self._running.items():
            self._sums[tally].append(running)
        self._running.clear()
        self._open.clear()

    def refused(self, column: Column) -> bool:
        """Return whether the column is undefined for some block."""
        return column in self._refused

    def __getitem__(self, column: Column) -> Mean:
        """Return the mean of a column; raise `NoClaim` if it is undefined for a block."""
        if column in self._refused:
            raise self._refused[column]
        return self._means[column]

    def sum(self, tally: Tally) -> np.ndarray:
        """Return a sum over all users: exact and independent of the blocks."""
        self.close()
        parts = self._sums[tally]
        if len(parts) == 1:
            return parts[0]
        return np.array([math.fsum(column) for column in np.array(parts).T])
