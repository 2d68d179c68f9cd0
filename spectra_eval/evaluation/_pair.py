"""The comparison of two systems in one metric."""

from __future__ import annotations

from dataclasses import dataclass

from spectra_eval.tables import Interval

__all__ = [
    "LEAST_P",
    "ComparedPair",
]

LEAST_P = 1e-300
"""The least p-value that is given as a number."""


@dataclass(frozen=True, kw_only=True)
class ComparedPair:
    """The comparison of two systems in one metric, on the records that are valid for every system.

    The test and its sizes are None where the metric is not a plain mean over users, or has no value.

    Attributes
    ----------
    metric, unit, first, second : str
        The metric with its unit, and the names of the two systems.
    difference : float or None
        The value of `first` minus that of `second`.
    interval : Interval or None
        Confidence interval of the difference.
    n_users : int
        Number of users.
    p_value, adjusted_p_value : float or None
        P-value of the paired test, before and after Holm's adjustment. One below 1e-300 is given as 1e-300, its upper
        bound, so that no p-value is 0.
    log10_p : float or None
        Decimal logarithm of the p-value, whatever its size.
    test : str or None
        How the p-value was computed.
    n_zero, n_tied : int or None
        Users without a difference, whom the test drops, and other users whose difference has the size of
        another's.
    median_difference : float or None
        Median over all users.
    rank_biserial, standardised : float or None
        Effect sizes: the rank-biserial correlation, and the mean over the standard deviation.
    detectable : float or None
        The smallest mean difference that a single test of these users would have found with a power of 0.8.
    better : str or None
        The better system, where the adjusted p-value is at most 1 - level.
    status : {"ok", "undefined"}
        Whether both values are defined.
    reason : str or None
        Why they are not.

    Examples
    --------
    >>> pair = ComparedPair(
    ...     metric="brier", unit="1", first="a", second="b", difference=-0.1, interval=None, n_users=9
    ... )
    >>> pair.difference, pair.better
    (-0.1, None)
    """

    metric: str
    unit: str
    first: str
    second: str
    difference: float | None
    interval: Interval | None
    n_users: int
    p_value: float | None = None
    log10_p: float | None = None
    adjusted_p_value: float | None = None
    test: str | None = None
    n_zero: int | None = None
    n_tied: int | None = None
    median_difference: float | None = None
    rank_biserial: float | None = None
    standardised: float | None = None
    detectable: float | None = None
    better: str | None = None
    status: str = "ok"
    reason: str | None = None
