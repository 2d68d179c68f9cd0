"""A lower bound on the mean of independent numbers that need not be alike: the same stake against every user."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError
from spectra_eval.theory._stakes import STAKES, bet_growth, lower_from_growth, stake_weights

__all__ = ["constant_bet_lower"]


def constant_bet_lower(values: Any, *, low: Any, high: Any, error: float, stakes: Any = STAKES) -> float:
    r"""Bound the mean expectation of independent numbers from below, by betting the same stake on each of them.

    For one stake :math:`\kappa` and numbers above :math:`-1/\kappa`,

    .. math:: \frac1N \sum_u E[x_u] \ge \frac1\kappa \Bigl(\exp\Bigl(\frac{\sum_u \ln(1 + \kappa x_u)
        - \ln(1/\alpha)}{N}\Bigr) - 1\Bigr)

    with probability at least :math:`1 - \alpha`; several stakes are mixed. The numbers need not be identically
    distributed, and may depend on each other through what was known before each was observed (a martingale).

    Parameters
    ----------
    values : (n,) float array
        One number per user.
    low, high : (n,) float arrays or floats
        The least and the largest value that each could have had, known before it was observed. Users who could lose
        too much of a stake's capital count with their least value. The lengths of the ranges set the weights of the
        stakes alone, where a bad guess makes the bound weaker, never false.
    error : float in (0, 1)
        Probability with which the bound may fail.
    stakes : (J,) float array
        Positive.

    Returns
    -------
    float
        In the unit of the values; at least the mean of `low`.

    Raises
    ------
    InputError
        There is no value, one is below its least value, or the error is not strictly between 0 and 1.
    ShapeError
        `low` has another length than the values.

    Notes
    -----
    Given the past, the capital :math:`\prod (1 + \kappa x_u) / (1 + \kappa E x_u)` is a martingale from 1, so by
    Markov's inequality :math:`\sum \ln(1 + \kappa x_u) \le \sum \ln(1 + \kappa E x_u) + \ln(1/\alpha)`. By
    concavity the sum on the right is at most :math:`N \ln(1 + \kappa \overline{E x})`.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, J. R. Statist. Soc. B 86 (2024) 1-27: betting; here with one stake for all.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.tile([0.1, -0.1, 0.2], 200)
    >>> round(constant_bet_lower(x, low=-1.0, high=1.0, error=0.05), 3), round(float(x.mean()), 3)
    (0.05, 0.067)
    """
    x = as_array("values", values).ravel()
    growth = bet_growth(x, low=low, stakes=stakes)
    if len(x) == 0:
        raise InputError("values: none given; a mean needs at least one")
    least, largest = (np.broadcast_to(as_array(name, end), x.shape) for name, end in (("low", low), ("high", high)))
    weights = stake_weights(float(np.mean((largest - least) ** 2)), len(x), error=error, stakes=stakes)
    return lower_from_growth(
        growth, least=float(least.mean()), most=float(x.mean()), weights=weights, error=error, stakes=stakes
    )
