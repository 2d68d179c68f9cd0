"""The smallest difference that a test could detect."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array, check_level
from spectra_eval.errors import InputError, ShapeError

__all__ = ["minimum_detectable"]


def minimum_detectable(differences: Any, *, level: float = 0.95, power: float = 0.8) -> float:
    r"""Return the smallest mean difference that a paired two-sided test would detect with the given power.

    .. math:: (z_{(1 + level)/2} + z_{power}) \, s / \sqrt N

    Parameters
    ----------
    differences : (N,) array-like
        One difference a user, finite; their standard deviation s is taken as that of a repetition.
    level : float
        One minus the level of the test. For one of several tests that are adjusted together, the first step of Holm
        uses ``1 - (1 - level) / tests``.
    power : float
        The probability of detecting it.

    Returns
    -------
    float
        In the unit of the differences; infinite for one user. The normal approximation of the paired t-test, to
        which the signed-rank test is close (between 0.95 and, with long tails, far more than 1 in efficiency).

    Raises
    ------
    ShapeError
        The differences do not form one axis of at least one user.
    InputError
        The level or the power is not strictly between 0 and 1, or a difference is not finite.

    References
    ----------
    .. [1] J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. (1988), chapter 2.
    .. [2] J. L. Hodges and E. L. Lehmann, Annals of Mathematical Statistics 27 (1956) 324-335.

    Examples
    --------
    >>> round(minimum_detectable([-1.0, 1.0] * 50), 3)
    0.282
    """
    check_level("level", level)
    check_level("power", power)
    given = as_array("differences", differences)
    if given.ndim != 1 or not len(given):
        raise ShapeError(f"differences: shape {given.shape}; give one a user, at least one")
    if not np.isfinite(given).all():
        row = int(np.flatnonzero(~np.isfinite(given))[0])
        raise InputError(f"differences: row {row} is {given[row]}; leave out users without a value")
    if len(given) == 1:
        return math.inf
    wanted = float(special.ndtri((1.0 + level) / 2) + special.ndtri(power))
    return wanted * float(given.std(ddof=1)) / math.sqrt(len(given))
