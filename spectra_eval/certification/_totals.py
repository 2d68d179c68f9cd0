"""Totals of the columns of claims, averaged within users and summed over users in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from spectra_eval.certification._block import UserBlock, group_mean, order_keys
from spectra_eval.errors import AssumptionError
from spectra_eval.theory._stakes import Growth, bet_growth

__all__ = ["Column", "Mean", "NoClaim", "Rows", "Tally", "Totals", "Wanted", "everyone", "listed"]

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
    ends : (float, float)
        The least and the largest value of any record.
    own_ends : (callable, callable), optional
        From a block to the least and the largest value that each record could have, known before its window.
    guess : callable, optional
        From a block to a guess of the length of each record's range, where `own_ends` depends on earlier windows.
    interactions : callable, optional
        From a block to the number of interactions that each number is the mean of.
    share : bool
        Whether the number of every record is 0 or 1.
    """

    of: Rows
    over: Rows = listed
    bounded: bool = False
    unseen: bool = False
    ends: tuple[float, float] = (0.0, 1.0)
    own_ends: tuple[Rows, Rows] | None = None
    guess: Rows | None = None
    interactions: Rows | None = None
    share: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the declared bound is computed from, besides the sums.

    Attributes
    ----------
    seed : int or None
        For the numbers themselves, in the order that the seed fixes.
    growth : bool
        Whether the capital of stakes is needed.
    own_ends : bool
        Whether ranges are those of the records: not for users drawn from a population.
    """

    seed: int | None = None
    growth: bool = False
    own_ends: bool = True


class Mean:
    """The mean of one column over users, and what bounds of its expectation are computed from.

    Sums are taken over each group of users, and then exactly over groups, so that they do not depend on the blocks.
    """

    def __init__(self, column: Column, wanted: Wanted) -> None:
        self.column = column
        self.n = 0
        self.binary = True
        self.several = False
        """Whether a user has several records, so that the number is a mean over them."""
        self._lowest, self._highest = math.inf, -math.inf
        self._wanted = wanted
        self._own = wanted.own_ends and column.own_ends is not None
        self._group: list[tuple[np.ndarray, ...]] = []
        self._sums: dict[str, list[float]] = {}
        self._growth: list[Growth] = []
        self._stored: list[tuple[np.ndarray, np.ndarray]] = []

    def take(self, block: UserBlock, values: np.ndarray, over: np.ndarray) -> None:
        """Add the users of a block, each with the mean over the selected records; users without one are left out."""
        means, has = group_mean(values, block, over)
        self.several = self.several or int(np.count_nonzero(over)) > len(means)
        self.n += len(means)
        self._group.append((means, *self._ranges(block, over)))
        self.binary = self.binary and bool(np.isin(means, (0.0, 1.0)).all())
        if self.column.bounded and self._wanted.seed is not None:
            self._stored.append((block.order_keys(self._wanted.seed)[has], means))

    def _ranges(self, block: UserBlock, over: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return of each user the ends, the guess of the range and the range of one interaction, over its root."""
        if not self._own:
            return ()
        assert self.column.own_ends is not None
        low, high = (block.cached(end) for end in self.column.own_ends)
        guess = high - low if self.column.guess is None else block.cached(self.column.guess)
        numbers = [low, high, guess]
        if self.column.interactions is not None:
            numbers.append((high - low) / np.sqrt(np.maximum(block.cached(self.column.interactions), 1.0)))
        return tuple(group_mean(number, block, over)[0] for number in numbers)

    def take_zeros(self, users: np.ndarray) -> None:
        """Add users with value zero."""
        self.n += len(users)
        self._add("spread", np.full(len(users), (sum(self.column.ends) / 2) ** 2))
        if self._wanted.growth:
            self._growth.append(bet_growth(np.zeros(len(users)), low=0.0))
        if self.column.bounded and self._wanted.seed is not None:
            self._stored.append((order_keys(users, self._wanted.seed), np.zeros(len(users))))

    def close(self) -> None:
        """End a group of users."""
        if not self._group:
            return
        values, *ranges = (np.concatenate(part) for part in zip(*self._group, strict=True))
        self._group.clear()
        self._add("values", values)
        if not self.column.bounded:
            return
        low: np.ndarray | float = self.column.ends[0]
        if self._own:
            low, high, guess, *of_one = ranges
            self._lowest = min(self._lowest, float(low.min(initial=math.inf)))
            self._highest = max(self._highest, float(high.max(initial=-math.inf)))
            self._add("low", low)
            self._add("square", (high - low) ** 2)
            self._add("guess", guess**2)
            for length in of_one:
                self._add("square_of_one", length**2)
        centre = sum(self.column.ends) / 2 if not self._own else 0.0
        self._add("spread", (values - centre) ** 2)
        if self._wanted.growth:
            self._growth.append(bet_growth(values, low=low))

    def _add(self, name: str, values: np.ndarray) -> None:
        self._sums.setdefault(name, []).append(float(np.sum(values)))

    def sum(self, name: str) -> float:
        """Return a sum over all users."""
        self.close()
        return math.fsum(self._sums.get(name, ()))

    @property
    def total(self) -> float:
        """Return the sum over all users."""
        return self.sum("values")

    @property
    def mean(self) -> float:
        """Return the mean over all users."""
        return self.total / self.n

    @property
    def own_ends(self) -> bool:
        """Return whether each user has a range of its own."""
        return self._own

    @property
    def ends(self) -> tuple[float, float]:
        """Return the least and the largest value that any of the users could have."""
        self.close()
        return (self._lowest, self._highest) if self._own else self.column.ends

    @property
    def least(self) -> float:
        """Return the least mean that the users could have."""
        return self.sum("low") / self.n if self._own else self.column.ends[0]

    @property
    def variance(self) -> float:
        """Return the sample variance, with n - 1; of one user infinite."""
        if self.n < 2:
            return math.inf
        centre = sum(self.column.ends) / 2 if not self._own else 0.0
        spread = self.sum("spread")
        return max(0.0, spread - self.n * (self.mean - centre) ** 2) / (self.n - 1)

    @property
    def growth(self) -> Growth:
        """Return the capital of the stakes over all users."""
        self.close()
        if not self._growth:
            raise AssumptionError("the capital of this column was not computed; declare the column bounded")
        sums = (
            np.array([math.fsum(stake) for stake in np.array(part).T])
            for part in list(zip(*self._growth, strict=True))[1:]
        )
        return Growth(self.n, *sums)

    @property
    def ordered(self) -> np.ndarray:
        """Return the numbers in the order of the hashes of their users, independent of the file and the outcomes."""
        if not self._stored:
            raise AssumptionError("the numbers of this column were summed, not stored; declare the column bounded")
        keys, values = (np.concatenate(column) for column in zip(*self._stored, strict=True))
        return np.asarray(values[np.argsort(keys, kind="stable")])


class Totals:
    """The totals of one certificate; each column is computed once for all claims.

    Users are added in blocks of any size. Floating-point sums are taken over groups of users, which `close` ends.
    Another division into groups may change their last digits, another division into blocks does not.
    """

    def __init__(
        self, columns: Iterable[Column | Tally], *, seed: int | None, growth: bool = False, own_ends: bool = True
    ) -> None:
        wanted = dict.fromkeys(columns)
        by_bound = Wanted(seed=seed, growth=growth, own_ends=own_ends)
        self._means = {one: Mean(one, by_bound) for one in wanted if isinstance(one, Column)}
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
                if column.interactions is not None:
                    block.cached(column.interactions)
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
