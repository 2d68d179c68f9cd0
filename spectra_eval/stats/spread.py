"""The standard deviation that a reported interval implies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from spectra_eval.arrays import check_level, check_number, check_whole
from spectra_eval.errors import InputError

__all__ = ["ImpliedSpread", "implied_spread"]


@dataclass(frozen=True, kw_only=True)
class ImpliedSpread:
    """The standard deviation that an interval implies, and the largest possible one.

    Attributes
    ----------
    implied_sd : float
        The implied standard deviation.
    max_sd : float
        The largest standard deviation of numbers in [0, 1] with this mean.
    ratio : float
        The implied divided by the largest one; above 1 the interval is impossible up to rounding.

    Examples
    --------
    >>> from spectra_eval.stats import implied_spread
    >>> round(implied_spread(0.5, 0.05, n_users=100).max_sd, 3)
    0.5
    """

    implied_sd: float
    max_sd: float
    ratio: float


def implied_spread(mean: float, half_width: float, *, n_users: int, level: float = 0.95) -> ImpliedSpread:
    """Compute the standard deviation of numbers in [0, 1] that a confidence interval of their mean implies.

    Parameters
    ----------
    mean, half_width : float
        As reported; the mean is in [0, 1].
    n_users : int
        The number of values.
    level : float
        Level of the interval, taken as normal.

    Returns
    -------
    ImpliedSpread
        Numbers in [0, 1] have a standard deviation of at most sqrt(mean (1 - mean)): a ratio above one is
        impossible up to rounding, and a ratio near one means that nearly all numbers are 0 or 1.

    Raises
    ------
    InputError
        The mean is outside [0, 1], the half-width is negative, or there are no users.

    References
    ----------
    .. [1] R. Bhatia and C. Davis, Amer. Math. Monthly 107 (2000) 353-357.

    Examples
    --------
    >>> round(implied_spread(0.863, 0.005, n_users=19293).ratio, 3)
    1.031
    """
    check_number("mean", mean)
    check_number("half_width", half_width)
    check_whole("n_users", n_users)
    check_level("level", level)
    if not 0.0 <= mean <= 1.0 or half_width < 0 or n_users < 1:
        raise InputError(f"interval: {mean} ± {half_width} over {n_users} users is no interval of numbers in [0, 1]")
    implied = half_width * math.sqrt(n_users) / float(special.ndtri((1 + level) / 2))
    most = math.sqrt(mean * (1 - mean))
    return ImpliedSpread(implied_sd=implied, max_sd=most, ratio=implied / most if most > 0 else math.inf)
