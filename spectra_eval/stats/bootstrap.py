"""Bootstrap intervals over users, with counts in parts that fit in memory.

A resample of N users is a draw from the multinomial distribution. It is sampled exactly in
two steps: the number of draws in each part of the users, then, within a part, the number of draws of each
user. Every part has its own random stream, so the draws depend only on the seed and N, not on
how the work is divided, and every system has the same resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array, check_level, check_whole, short_repr
from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.stats._counts import multinomial_counts
from spectra_eval.tables import Interval

__all__ = ["PART", "Resamples", "bootstrap", "percentile_interval"]

PART = 4096
"""Users in a part; another value gives other draws."""

_METHOD = "percentile bootstrap over users"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Resamples:
    """Resamples of N users with replacement, as counts of each user.

    For up to 256 users, resample after resample is ``integers(0, N, size=N)`` of the stream
    ``Generator(SFC64(SeedSequence(entropy, spawn_key=(1,))))``, with the four numbers
    ``rng.integers(0, 2**32, size=4)`` as entropy. More users are counted part by part (`multinomial_counts`).

    Attributes
    ----------
    n_users, n_resamples : int
        N and B.
    sizes : (B, parts) int array
        The number of the N draws of each resample in each part.

    Examples
    --------
    >>> resamples = Resamples.draw(5, 3, rng=np.random.default_rng(0))
    >>> resamples.weights(0).sum(axis=1).tolist()
    [5.0, 5.0, 5.0]
    """

    __repr__ = short_repr

    n_users: int
    n_resamples: int
    sizes: np.ndarray
    _entropy: tuple[int, ...]

    @classmethod
    def draw(cls, n_users: int, n_resamples: int, *, rng: np.random.Generator) -> Resamples:
        """Draw a set of resamples: the seed of every part, and the number of draws in each part.

        Parameters
        ----------
        n_users, n_resamples : int
            N and B.
        rng : numpy.random.Generator
            Source of the draws.

        Returns
        -------
        Resamples
            The set; the counts of a part are drawn when they are used.

        Raises
        ------
        UndefinedMetricError
            There are no users.
        InputError
            The number of resamples is below one.
        """
        if check_whole("n_users", n_users, most=2**40) < 1:
            raise UndefinedMetricError("bootstrap: no users to resample; give at least one")
        if check_whole("bootstrap", n_resamples, most=10**7) < 1:
            raise InputError(f"bootstrap: {n_resamples} resamples; give at least one")
        entropy = tuple(rng.integers(0, 2**32, size=4).tolist())
        shares = np.diff(np.append(np.arange(0, n_users, PART), n_users)) / n_users
        sizes = _stream(entropy, 0).multinomial(n_users, shares, size=n_resamples)
        return cls(n_users=n_users, n_resamples=n_resamples, sizes=sizes, _entropy=entropy)

    @property
    def n_parts(self) -> int:
        """Return the number of parts: users 0 to PART - 1, and so on."""
        return self.sizes.shape[1]

    def rows(self, part: int) -> slice:
        """Return the users of a part.

        Parameters
        ----------
        part : int
            The number of the part, from 0.

        Returns
        -------
        slice
            The rows of its users.
        """
        return slice(part * PART, min((part + 1) * PART, self.n_users))

    def counts(self, part: int) -> np.ndarray:
        """Return how often each user of a part is in each resample.

        No count passes 255: one of 256 among N draws at rate 1/N has a probability below 1e-506.

        Parameters
        ----------
        part : int
            The number of the part, from 0.

        Returns
        -------
        (B, n) uint8 array
            The counts; n is the number of users of the part.
        """
        chosen = self.rows(part)
        return multinomial_counts(_stream(self._entropy, part + 1), self.sizes[:, part], chosen.stop - chosen.start)

    def weights(self, part: int) -> np.ndarray:
        """Return `counts` as floats.

        Parameters
        ----------
        part : int
            The number of the part, from 0.

        Returns
        -------
        (B, n) float64 array
            The counts.
        """
        return self.counts(part).astype(np.float64)


def _stream(entropy: tuple[int, ...], key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(key,))))


def percentile_interval(replicates: Any, *, level: float = 0.95, n_users: int | None = None) -> Interval:
    """Return the central interval of the replicates.

    Parameters
    ----------
    replicates : (B,) array-like
        The value in each resample; NaN where a resample has no valid user, which is omitted.
    level : float
        The proportion of the replicates between the ends.
    n_users : int, optional
        The number of users; with one user all replicates are equal, which the method states.

    Returns
    -------
    Interval
        In the unit of the replicates; quantiles interpolate linearly (type 7 of Hyndman and Fan).

    Raises
    ------
    InputError
        The level is not strictly between 0 and 1.
    ShapeError
        The replicates do not form one axis.
    UndefinedMetricError
        No replicate is finite.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    .. [2] R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50
       (1996) 361-365. doi:10.2307/2684934

    Examples
    --------
    >>> interval = percentile_interval([0.0, 1.0, 2.0, 3.0, 4.0], level=0.5)
    >>> interval.low, interval.high
    (1.0, 3.0)
    """
    check_whole("n_users", 0 if n_users is None else n_users)
    check_level("level", level)
    values = as_array("replicates", replicates)
    if values.ndim != 1:
        raise ShapeError(f"replicates: shape {values.shape}; give one value a resample")
    values = values[~np.isnan(values)]
    if not len(values) or not np.isfinite(values).all():
        raise UndefinedMetricError("replicates: none is finite, so there is no interval")
    low, high = np.quantile(values, [(1.0 - level) / 2, (1.0 + level) / 2])
    method = f"{_METHOD}; one user, so the width says nothing" if n_users == 1 else _METHOD
    return Interval(low=float(low), high=float(high), level=float(level), method=method)


def bootstrap(
    statistic: Any,
    *,
    value: Callable[[np.ndarray], Any],
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Return the percentile interval of a value of the mean statistic, by resampling users.

    Parameters
    ----------
    statistic : (N, D) array-like
        One row per user, all finite.
    value : callable
        ``value(mean_statistic (B, D)) -> (B,)``.
    rng : numpy.random.Generator
        The random generator.
    n_resamples : int
        The number of resamples.
    level : float
        The level of the interval.

    Returns
    -------
    Interval
        In the unit of the value.

    Raises
    ------
    ShapeError
        The statistic is no matrix.
    UndefinedMetricError
        There are no users, or a statistic is not finite.
    InputError
        The level or the number of resamples is out of range.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Examples
    --------
    >>> users = np.random.default_rng(1).normal(size=(400, 1))
    >>> interval = bootstrap(users, value=lambda mean: mean[..., 0], rng=np.random.default_rng(0), n_resamples=9999)
    >>> round(interval.high - interval.low, 2), round(2 * 1.96 * float(users.std()) / 20, 2)
    (0.18, 0.18)
    """
    rows = as_array("statistic", statistic)
    if rows.ndim != 2:
        raise ShapeError(f"statistic: shape {rows.shape}; give one row a user")
    if not np.isfinite(rows).all():
        raise UndefinedMetricError("statistic: holds entries that are not finite; leave these users out first")
    resamples = Resamples.draw(len(rows), n_resamples, rng=rng)
    total = np.zeros((n_resamples, rows.shape[1]))
    for part in range(resamples.n_parts):
        total += resamples.weights(part) @ rows[resamples.rows(part)]
    return percentile_interval(np.asarray(value(total / len(rows))), level=level, n_users=len(rows))
