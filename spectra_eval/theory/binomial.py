"""Exact bounds on a probability from a count of successes (Clopper and Pearson 1934)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import check_level
from spectra_eval.errors import InputError

__all__ = ["clopper_pearson_lower", "clopper_pearson_upper"]


def clopper_pearson_lower(successes: Any, trials: Any, *, error: float) -> Any:
    """Bound a success probability from below, one-sided and exact.

    Parameters
    ----------
    successes, trials : int or int arrays
        x of n independent trials with one success probability.
    error : float
        Probability with which the bound may fail.

    Returns
    -------
    float or float array
        The error-quantile of Beta(x, n-x+1); 0 for x = 0, error^(1/n) for x = n.

    Raises
    ------
    InputError
        A count is negative or exceeds the trials.

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404-413.

    Examples
    --------
    >>> round(clopper_pearson_lower(10, 10, error=0.05), 4)
    0.7411
    """
    x, n = _checked(successes, trials, error)
    some = x > 0
    bound = np.where(some, special.betaincinv(np.maximum(x, 1.0), n - np.minimum(x, n) + 1.0, error), 0.0)
    return float(bound) if bound.ndim == 0 else bound


def clopper_pearson_upper(successes: Any, trials: Any, *, error: float) -> Any:
    """Bound a success probability from above: one minus the lower bound of the failures.

    Examples
    --------
    >>> round(clopper_pearson_upper(0, 10, error=0.05), 4)
    0.2589
    """
    x, n = _checked(successes, trials, error)
    bound = 1.0 - np.asarray(clopper_pearson_lower(n - x, n, error=error))
    return float(bound) if bound.ndim == 0 else bound


def _checked(successes: Any, trials: Any, error: float) -> tuple[np.ndarray, np.ndarray]:
    check_level("error", error)
    x, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    if ((x < 0) | (x > n) | (x != np.floor(x)) | (n != np.floor(n))).any():
        raise InputError("successes: each must be a whole number between 0 and the number of trials")
    return x, n
