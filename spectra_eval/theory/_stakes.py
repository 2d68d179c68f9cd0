"""Stakes and their capital: the same stake against every user, several of them mixed."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array, check_level
from spectra_eval.errors import InputError, ShapeError

__all__ = ["STAKES", "Growth", "bet_growth", "lower_from_growth", "stake_weights"]

STAKES = 2.0 ** np.arange(-11.0, 9.5, 0.5)
"""The stakes that are mixed, per unit of the values: two an octave."""

_KEPT = 0.95
"""A stake is used for the users who can lose at most this fraction of the capital."""

_GUESS = 32.0
"""The square of a range, divided by this, is the guess of a variance: a window of eight interactions."""


class Growth(NamedTuple):
    """What is known of the capital of each stake; totals of several groups of users add up.

    Attributes
    ----------
    n : int
        Number of users.
    n_kept : (J,) float array
        Users against whom the stake is used.
    log : (J,) float array
        Sum of ln(1 + stake x value) over these users.
    dropped : (J,) float array
        Sum of the least values of the other users.

    Examples
    --------
    >>> growth = bet_growth([0.5, -0.25], low=[-0.5, -1.0], stakes=[1.0])
    >>> growth.n, growth.n_kept.tolist(), growth.dropped.tolist()
    (2, [1.0], [-1.0])
    """

    n: int
    n_kept: np.ndarray
    log: np.ndarray
    dropped: np.ndarray


def bet_growth(values: Any, *, low: Any, stakes: Any = STAKES) -> Growth:
    """Return the capital of each stake over some users.

    Parameters
    ----------
    values : (n,) float array
        One number per user.
    low : (n,) float array or float
        The least value that the number of the user could have had, known before it was observed.
    stakes : (J,) float array
        Positive.

    Returns
    -------
    Growth
        Totals over the users.

    Raises
    ------
    InputError
        A value is below its least one, or a stake is not positive.
    ShapeError
        `low` has another length than the values.

    Examples
    --------
    >>> bet_growth([1.0, 0.0], low=0.0, stakes=[1.0]).log.round(4).tolist()
    [0.6931]
    """
    x, stake, least = as_array("values", values).ravel(), as_array("stakes", stakes).ravel(), as_array("low", low)
    if least.ndim and least.shape != x.shape:
        raise ShapeError(f"low: shape {least.shape} for {len(x)} values; give one number for each, or one for all")
    if not (stake > 0).all():
        raise InputError("stakes: one is not positive")
    if (x < least - 1e-12).any():
        raise InputError("values: one is below the least value that was stated for it")
    rows = np.broadcast_to(least, x.shape)
    n_kept, logs, dropped = np.empty_like(stake), np.empty_like(stake), np.empty_like(stake)
    lowest = float(rows.min()) if len(x) else 0.0
    for place, one in enumerate(stake.tolist()):
        taken, dropped[place] = x, 0.0
        if one * lowest < -_KEPT:
            kept = one * rows >= -_KEPT
            taken, dropped[place] = x[kept], float(rows[~kept].sum())
        n_kept[place], logs[place] = len(taken), _log_product(1.0 + one * taken)
    return Growth(len(x), n_kept, logs, dropped)


def _log_product(factors: np.ndarray) -> float:
    """Return the logarithm of a product; eight factors share one logarithm, and are far from the ends of a float."""
    whole = len(factors) - len(factors) % 8
    of_eight = np.multiply.reduce(factors[:whole].reshape(8, -1), axis=0)
    return float(np.log(of_eight).sum() + np.log(factors[whole:]).sum())


def stake_weights(square: float, n: int, *, error: float, stakes: Any = STAKES) -> np.ndarray:
    """Return the weights with which stakes are mixed: largest at the best one for values of a guessed variance.

    Parameters
    ----------
    square : float
        The mean square of the lengths of the ranges of the values, known before they are observed; one 32nd of it is
        the guess of the variance.
    n : int
        Number of users.
    error : float in (0, 1)
        Probability with which the bound may fail.
    stakes : (J,) float array
        Positive.

    Returns
    -------
    (J,) float array
        They sum to one; a stake that is a factor of two off the best one has a quarter of its weight.

    Raises
    ------
    InputError
        The error is not strictly between 0 and 1.

    Examples
    --------
    >>> weights = stake_weights(0.32, 600, error=0.05)
    >>> float(STAKES[weights.argmax()])
    1.0
    """
    check_level("error", error)
    stake = as_array("stakes", stakes).ravel()
    best = math.sqrt(2.0 * -math.log(error) * _GUESS / (max(n, 1) * square)) if square > 0 else math.inf
    ratio = stake / min(max(best, float(stake.min())), float(stake.max()))
    weights = np.minimum(ratio, 1.0 / ratio) ** 2
    return np.asarray(weights / weights.sum())


def lower_from_growth(
    growth: Growth, *, least: float, most: float, weights: Any, error: float, stakes: Any = STAKES
) -> float:
    """Bound the mean expectation from below by the capitals of the stakes; see `constant_bet`.

    Parameters
    ----------
    growth : Growth
        The capitals over all users.
    least, most : float
        The mean of the least values, and the observed mean; the bound is between them.
    weights : (J,) float array
        Not negative, with sum one; fixed before the values are observed.
    error : float in (0, 1)
        Probability with which the bound may fail.
    stakes : (J,) float array
        Those of the capitals.

    Returns
    -------
    float
        In the unit of the values; never above the exact solution, by bisection from below.

    Raises
    ------
    InputError
        There is no user, or the error is not strictly between 0 and 1.

    Examples
    --------
    >>> growth = bet_growth([1.0] * 20, low=0.0)
    >>> weights = stake_weights(1.0, 20, error=0.05)
    >>> round(lower_from_growth(growth, least=0.0, most=1.0, weights=weights, error=0.05), 3)
    0.818
    """
    check_level("error", error)
    if growth.n == 0:
        raise InputError("values: none given; a mean needs at least one")
    stake = as_array("stakes", stakes).ravel()
    with np.errstate(divide="ignore"):
        prior = np.log(as_array("weights", weights).ravel())
    kept = np.maximum(growth.n_kept, 1.0)

    def log_capital(mean: float) -> float:
        """Return the smallest log capital that the mixture can have if the mean expectation is `mean`."""
        of_kept = 1.0 + stake * (growth.n * mean - growth.dropped) / kept
        if ((of_kept <= 0) & (growth.n_kept > 0)).any():
            return math.inf  # no expectations above the least values have this mean
        cost = np.where(growth.n_kept > 0, growth.n_kept * np.log(np.maximum(of_kept, 1e-300)), 0.0)
        return float(special.logsumexp(prior + growth.log - cost))

    target = -math.log(error)
    low, high = least, most
    if log_capital(low) < target:
        return low
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return low
        low, high = (middle, high) if log_capital(middle) >= target else (low, middle)
