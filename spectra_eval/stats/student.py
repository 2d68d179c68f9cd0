"""Student's t interval of a mean over few users, for which bootstrap intervals are too narrow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array, check_level
from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.tables import Interval

__all__ = ["FEW", "student_interval"]

FEW = 50
"""Means over fewer users get Student's t interval in `evaluate` and `compare`; docs/metrics.md has the coverage."""

_METHOD = "Student's t over users"


def student_interval(
    totals: Any,
    *,
    counts: Any = None,
    level: float = 0.95,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    r"""Return the interval of Student's t for a mean over users.

    With several records a user the mean is over records and the users are independent, so the standard error is that
    of a ratio of sums over users:

    .. math:: \bar x \pm t_{N-1} \sqrt{\frac{N}{N-1} \sum_u (S_u - n_u \bar x)^2} \Big/ \sum_u n_u

    Parameters
    ----------
    totals : (N,) array-like
        The sum of the values of each user's records, :math:`S_u`; the value itself where a user has one record.
    counts : (N,) array-like, optional
        The records of each user, :math:`n_u`; one each when not given.
    level : float
        The level of the interval.
    limits : tuple of two float
        The range of possible means; the interval is cut there, which its method states.

    Returns
    -------
    Interval
        In the unit of the values.

    Raises
    ------
    UndefinedMetricError
        There are fewer than two users.
    ShapeError
        The values do not form one axis, or the counts do not match them.
    InputError
        The level is not strictly between 0 and 1, a value is not finite, or a count is not positive.

    References
    ----------
    .. [1] Student, "The probable error of a mean", Biometrika 6 (1908) 1-25. doi:10.1093/biomet/6.1.1
    .. [2] W. G. Cochran, Sampling Techniques, 3rd ed. (1977), section 6.3.

    Examples
    --------
    >>> interval = student_interval([0.1, 0.3, 0.2, 0.4])
    >>> round(interval.low, 3), round(interval.high, 3), interval.method
    (0.045, 0.455, "Student's t over users")
    """
    check_level("level", level)
    sums = as_array("totals", totals)
    sizes = np.ones(sums.shape) if counts is None else as_array("counts", counts)
    if sums.ndim != 1 or sizes.shape != sums.shape:
        raise ShapeError(f"totals: shape {sums.shape}, counts {sizes.shape}; give one number a user in each")
    if len(sums) < 2:
        raise UndefinedMetricError(f"totals: {len(sums)} users; an interval of Student's t needs at least two")
    if not np.isfinite(sums).all() or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise InputError("totals: not finite, or a user without records; leave out users without a value")
    n, records = len(sums), float(sizes.sum())
    mean = float(sums.sum()) / records
    error = math.sqrt(n / (n - 1) * float(((sums - mean * sizes) ** 2).sum())) / records
    half = float(special.stdtrit(n - 1, (1.0 + level) / 2)) * error
    # A limit that the mean itself violates does not belong to these values; nothing is cut.
    low = limits[0] if mean - half < limits[0] <= mean else mean - half
    high = limits[1] if mean + half > limits[1] >= mean else mean + half
    cut = [f"{end:g}" for end, plain in ((low, mean - half), (high, mean + half)) if end != plain]
    method = f"{_METHOD}, cut at {' and '.join(cut)}" if cut else _METHOD
    return Interval(low=low, high=high, level=float(level), method=method)
