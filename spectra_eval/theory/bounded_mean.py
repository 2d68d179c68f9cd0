"""Lower bounds on the mean of i.i.d. numbers in [0, 1] that adapt to their variance (Waudby-Smith, Ramdas 2024)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spectra_eval.arrays import check_level
from spectra_eval.theory._running import bernstein_radius, in_unit_interval, running_moments

__all__ = ["betting_lower", "empirical_bernstein_lower", "prpl_eb_lower"]


def betting_lower(values: Any, *, error: float) -> float:
    """Bound a mean from below by betting against every smaller one.

    A gambler who bets min(lambda_t, 1/(2m)) on x_t - m has capital with mean one if the mean is m; the
    means at which the capital reaches 1/error are ruled out.

    Parameters
    ----------
    values : (n,) float array in [0, 1]
        I.i.d., in an order fixed before they were looked at. For independent numbers with unequal means
        the bound is *not* proven: on 100 ones and then 100 zeros it says .567 for a mean of .5.
    error : float
        Probability with which the bound may fail.

    Returns
    -------
    float
        In [0, 1]; never above the exact solution, by bisection from below.

    Raises
    ------
    InputError
        There is no value, a value is outside [0, 1], or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, J. R. Statist. Soc. B 86 (2024) 1-27.

    Examples
    --------
    >>> round(betting_lower([1.0] * 20, error=0.05), 4)
    0.7558
    """
    x, _, bets = _prepared(values, error)
    target = -math.log(error)

    def log_capital(m: float) -> float:
        stake = bets if m <= 0 else np.minimum(bets, 0.5 / m)
        return float(np.sum(np.log1p(stake * (x - m))))

    if log_capital(0.0) < target:
        return 0.0
    low, high = 0.0, 1.0  # at 1 nothing can be won, so the capital is below the target
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if log_capital(middle) >= target else (low, middle)
    return low


def empirical_bernstein_lower(values: Any, *, error: float) -> float:
    r"""Bound the mean expectation of independent numbers in [0, 1] from below by their sample variance.

    .. math:: \bar x - \sqrt{\frac{2 V \ln(2/\alpha)}{n}} - \frac{7 \ln(2/\alpha)}{3 (n - 1)}

    with V the sample variance (divided by n - 1). The numbers need not be identically distributed: Bennett's inequality
    holds with the average of their variances, and the expectation of V is that average plus the spread of their means.

    Parameters
    ----------
    values : (n,) float array in [0, 1]
        Independent numbers.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    float
        Not cut at 0, so that bounds can be compared; minus infinity for one value, which has no sample variance.

    Raises
    ------
    InputError
        There is no value, a value is outside [0, 1], or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] A. Maurer and M. Pontil, Proc. 22nd Conf. Learning Theory (2009), theorems 4 and 10. arXiv:0907.3740.

    Examples
    --------
    >>> round(empirical_bernstein_lower([1.0] * 200, error=0.05), 4)
    0.9567
    """
    x = _checked(values, error)
    if len(x) < 2:
        return -math.inf
    return float(x.mean()) - bernstein_radius(float(x.var(ddof=1)), len(x), error=error)


def prpl_eb_lower(values: Any, *, error: float) -> float:
    """Bound a mean from below by a predictable plug-in empirical Bernstein sum.

    The closed form is a little weaker than `betting_lower`, with the same hypotheses.

    Parameters
    ----------
    values : (n,) float array in [0, 1]
        Independent and identically distributed, in an order fixed before they were looked at.
    error : float in (0, 1)
        Probability with which the bound may fail.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InputError
        There is no value, a value is outside [0, 1], or the error is not strictly between 0 and 1.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, J. R. Statist. Soc. B 86 (2024) 1-27.

    Examples
    --------
    >>> round(prpl_eb_lower([1.0] * 20, error=0.05), 4)
    0.6927
    """
    x, before, bets = _prepared(values, error)
    stake = np.minimum(bets, 0.5)
    cost = 4 * (x - before) ** 2 * (-np.log1p(-stake) - stake) / 4
    return max(0.0, float((np.sum(stake * x) + math.log(error) - np.sum(cost)) / np.sum(stake)))


def _prepared(values: Any, error: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers, the running mean before each, and the bet lambda_t that the past suggests."""
    x = _checked(values, error)
    before, spread = running_moments(x)
    return x, before, np.sqrt(-2 * math.log(error) / (len(x) * spread))


def _checked(values: Any, error: float) -> np.ndarray:
    check_level("error", error)
    return in_unit_interval(values)
