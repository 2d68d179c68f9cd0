"""Evidence that accumulates user by user, and may be looked at after each: e-processes for a mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import check_number, check_whole
from spectra_eval.errors import InputError
from spectra_eval.theory._running import in_unit_interval, running_moments

__all__ = ["eprocess"]


def eprocess(values: Any, *, mean: float, population: int | None = None, cap: float = 0.75) -> np.ndarray:
    r"""Return the log evidence against "the mean is at most `mean`" after each value.

    .. math:: E_t = \prod_{s \le t} (1 + \lambda_s (x_s - m_s)), \quad
        \lambda_s = \min\Bigl(\frac{c}{m_s}, \frac{(\mu_s - m_s)_+}{\sigma^2_s + (\mu_s - m_s)^2}\Bigr)

    with the running mean and variance of the values before s (started at 1/2 and 1/4). Under the hypothesis E is a
    non-negative supermartingale from 1, so that by Ville's inequality it ever reaches :math:`1/\alpha` with probability
    at most :math:`\alpha`, whatever the rule by which one stops.

    Parameters
    ----------
    values : (n,) float array in [0, 1]
        In the order in which they were observed, which was fixed before.
    mean : float in [0, 1]
        The hypothesis.
    population : int, optional
        The number N of values of which these are drawn without replacement, in uniformly random order; `mean` is then
        the mean of those N. Left out, the values are independent and identically distributed.
    cap : float in (0, 1)
        The largest fraction c of the capital that is bet against a zero.

    Returns
    -------
    (n,) float array
        Natural logarithms; infinite from the moment on at which the hypothesis is impossible.

    Raises
    ------
    InputError
        There is no value, one is outside [0, 1], there are more values than the population has, or an argument is
        outside its range.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, Advances in Neural Information Processing Systems 33 (2020).
    .. [2] I. Waudby-Smith and A. Ramdas, J. R. Statist. Soc. B 86 (2024) 1-27.

    Examples
    --------
    >>> eprocess([1.0, 1.0, 1.0], mean=0.5).round(3).tolist()
    [0.0, 0.452, 1.007]
    >>> eprocess([1.0, 1.0, 0.0], mean=0.5, population=3).round(3).tolist()
    [0.0, 0.654, inf]
    """
    check_number("mean", mean, low=0.0, high=1.0)
    check_number("cap", cap, low=0.0, high=1.0)
    if not 0.0 < cap < 1.0:
        raise InputError(f"cap: {cap} is not strictly between 0 and 1")
    x = in_unit_interval(values)
    number, earlier = np.arange(1, len(x) + 1), np.cumsum(x) - x
    if population is None:
        null = np.full(len(x), float(mean))
    else:
        check_whole("population", population, least=len(x), why="the values are drawn from it")
        null = (population * mean - earlier) / (population - number + 1)
    centre, variance = running_moments(x)
    ahead = np.clip(centre - null, 0.0, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        bet = np.minimum(np.where(null > 0, cap / np.where(null > 0, null, 1.0), np.inf), ahead / (variance + ahead**2))
        logs = np.cumsum(np.log1p(np.where(null >= 0, bet * (x - null), 0.0)))
    impossible = np.logical_or.accumulate(null < 0)
    return np.where(impossible, np.inf, logs)
