"""Paired comparison of two systems on the same users: Wilcoxon's signed-rank test with effect sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.units import LN2

__all__ = ["SignedRank", "signed_rank"]

EXACT = 50
"""Up to this many differences the null distribution is computed exactly, with or without ties."""

_LN10 = math.log(10.0)


@dataclass(frozen=True, kw_only=True)
class SignedRank:
    """The result of the signed-rank test of paired differences.

    Attributes
    ----------
    p_value, log10_p : float
        Two-sided; the logarithm stays readable where the p-value itself is 0 in floating point.
    method : str
        ``exact``, ``normal``, or ``none`` where every difference is zero.
    n, n_zero, n_tied : int
        Numbers of ranked differences, of dropped zeros, and of ranked differences with tied absolute values.
    w_plus, w_minus : float
        Sums of the ranks of positive and of negative differences.
    z : float or None
        The standardised smaller sum of the normal approximation; None where that was not used.
    median : float
        Median of all differences, zeros included.
    rank_biserial : float
        (w_plus - w_minus) / (w_plus + w_minus), from -1 to 1; 0 where every difference is zero.

    Examples
    --------
    >>> from spectra_eval.stats import signed_rank
    >>> result = signed_rank([1.0, 2.0, 3.0, -0.5])
    >>> result.n, result.w_minus, result.method
    (4, 1.0, 'exact')
    """

    p_value: float
    log10_p: float
    method: Literal["exact", "normal", "none"]
    n: int
    n_zero: int
    n_tied: int
    w_plus: float
    w_minus: float
    z: float | None
    median: float
    rank_biserial: float


def signed_rank(differences: Any) -> SignedRank:
    """Test whether paired differences are symmetric around zero (Wilcoxon's signed-rank test, two-sided).

    Zeros are dropped and counted; tied absolute values get their mean rank. For up to 50 differences the null
    distribution is exact, also with ties: all 2^n sign patterns of the ranks are equally likely. For more it is normal,
    with the correction for ties and without one for continuity.

    Parameters
    ----------
    differences : (N,) array-like
        One difference per user, finite.

    Returns
    -------
    SignedRank
        The p-value with its logarithm, the sums of ranks, and the size of the effect.

    Raises
    ------
    ShapeError
        The differences do not form one axis of at least one user.
    InputError
        A difference is not finite.

    References
    ----------
    .. [1] F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945) 80-83.
       doi:10.2307/3001968
    .. [2] D. S. Kerby, "The simple difference formula", Comprehensive Psychology 3 (2014) 11.IT.3.1.
       doi:10.2466/11.IT.3.1

    Examples
    --------
    >>> found = signed_rank([-1.0, 2.0, 3.0, -4.0, 5.0])
    >>> found.p_value, found.w_plus, found.method, round(found.rank_biserial, 3)
    (0.625, 10.0, 'exact', 0.333)
    >>> signed_rank([0.5, 0.5, 0.5, 0.5]).p_value
    0.125
    """
    given = as_array("differences", differences)
    if given.ndim != 1 or not len(given):
        raise ShapeError(f"differences: shape {given.shape}; give one a user, at least one")
    if not np.isfinite(given).all():
        row = int(np.flatnonzero(~np.isfinite(given))[0])
        raise InputError(f"differences: row {row} is {given[row]}; leave out users without a value")
    nonzero = given[given != 0]
    n, median = len(nonzero), float(np.median(given))
    if not n:
        return SignedRank(
            p_value=1.0,
            log10_p=0.0,
            method="none",
            n=0,
            n_zero=len(given),
            n_tied=0,
            w_plus=0.0,
            w_minus=0.0,
            z=None,
            median=median,
            rank_biserial=0.0,
        )
    ranks, shared = _mean_ranks(np.abs(nonzero))
    total = n * (n + 1) / 2
    w_plus = float(ranks[nonzero > 0].sum())
    w_minus = total - w_plus
    least = min(w_plus, w_minus)
    z: float | None = None
    method: Literal["exact", "normal"] = "exact"
    if n <= EXACT:
        p_value = _exact_two_sided(ranks, least)
        log_p = math.log(p_value)
    else:
        method = "normal"
        variance = n * (n + 1) * (2 * n + 1) / 24 - float((shared**3 - shared).sum()) / 48
        z = (least - total / 2) / math.sqrt(variance)
        log_p = min(0.0, LN2 + float(special.log_ndtr(z)))
        p_value = math.exp(log_p)
    return SignedRank(
        p_value=p_value,
        log10_p=log_p / _LN10,
        method=method,
        n=n,
        n_zero=len(given) - n,
        n_tied=int(shared[shared > 1].sum()),
        w_plus=w_plus,
        w_minus=w_minus,
        z=z,
        median=median,
        rank_biserial=(w_plus - w_minus) / total,
    )


def _mean_ranks(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks from 1, with the mean rank for ties, and the number of entries with each rank."""
    _, group, count = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[group], count.astype(np.float64)


def _exact_two_sided(ranks: np.ndarray, least: float) -> float:
    """Return twice the proportion of sign patterns whose positive ranks sum to at most `least`.

    A mean rank is a multiple of one half, so the ranks are doubled. There are at most 2^50 patterns, which
    64 bits represent exactly: only the last division is rounded.
    """
    patterns = np.zeros(round(2 * least) + 1, dtype=np.int64)
    patterns[0] = 1
    for rank in np.rint(2 * ranks).astype(np.int64).tolist():
        if rank < len(patterns):
            patterns[rank:] += patterns[:-rank].copy()
    return min(1.0, int(patterns.sum()) / 2 ** (len(ranks) - 1))
