"""Calibration of the predicted probabilities over the whole cohort; the observed frequencies are soft labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval._ties import TIE
from spectra_eval.arrays import Theta, as_array, check_whole, short_repr
from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.metrics._arguments import check_pair
from spectra_eval.metrics._base import METRICS, STRATA, Metric, metric
from spectra_eval.metrics._comparison import Comparison, Part, mean_statistic, missing_rows
from spectra_eval.metrics._pairs import differences, predicted_or_zero
from spectra_eval.units import Unit

__all__ = ["ReliabilityBins", "reliability_bins", "soft_ece", "stratified_ece"]

_NAEINI = "Naeini, Cooper and Hauskrecht (2015), AAAI, doi:10.1609/aaai.v29i1.9602"

_ROUNDING = 1e-9  # a smaller proportion of pairs in a stratum is rounding: no user has an option in it


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ReliabilityBins:
    """The data of a reliability diagram: for each bin of `theta_s` the number of pairs and the two means.

    Attributes
    ----------
    counts : (B,) float array
        Pairs of a user and a category in the bin, weighted by category where weights were given.
    theta_star, theta_s : (B,) float arrays
        Means over the pairs of the bin; NaN where it is empty.

    Examples
    --------
    >>> made = ReliabilityBins(counts=np.ones(1), theta_star=np.array([0.2]), theta_s=np.array([0.3]))
    >>> (made.theta_s - made.theta_star).round(3).tolist()
    [0.1]
    """

    __repr__ = short_repr

    counts: np.ndarray
    theta_star: np.ndarray
    theta_s: np.ndarray


def _widths(bins: int) -> float:
    """Return the number of bins, raised so that a probability tied with the lower edge of a bin is in that bin."""
    return bins * (1.0 + TIE * bins)


def bin_of(theta: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each probability: bins of equal width, the last one closed; NaN is in any bin."""
    with np.errstate(invalid="ignore"):
        return np.clip((theta * _widths(bins)).astype(np.intp), 0, bins - 1)


def cells(theta: np.ndarray, bins: int, offset: Any, *, step: int) -> np.ndarray:
    """Return ``bin + offset + step * row`` for each probability of (n, K), bins as in `bin_of`."""
    place = theta * _widths(bins)
    np.floor(place, out=place)
    np.minimum(place, bins - 1, out=place)
    place += np.arange(0.0, step * len(theta), step)[:, None]
    place += offset
    return place.astype(np.intp)


def _sums_in_bins(comparison: Comparison, bins: int) -> np.ndarray:
    """Sum theta_s - theta_star over the pairs of each user in each stratum and bin, as proportions of all K pairs.

    Return (n, 3 * bins + 3): head, mid and tail, then the proportion of the categories in each; options only.
    """
    n, k = comparison.theta_s.shape
    stratum = np.minimum(comparison.bucket, 2)  # a category that is not an option of any user adds zeros in any stratum
    cell = cells(comparison.cached(predicted_or_zero), bins, stratum * bins, step=3 * bins)
    weights = comparison.cached(differences) / k
    out = np.empty((n, 3 * bins + 3))
    out[:, :-3] = np.bincount(cell.ravel(), weights=weights.ravel(), minlength=n * 3 * bins).reshape(n, 3 * bins)
    out[:, -3:] = _pairs_in_strata(comparison) / k
    missing = comparison.cached(missing_rows)
    if missing.any():
        out[missing] = np.nan
    return out


def _pairs_in_strata(comparison: Comparison) -> np.ndarray:
    """Count the categories of each stratum, (3,), or the options of each user in it, (n, 3)."""
    if comparison.support is None:
        return np.bincount(comparison.bucket, minlength=3)
    return np.stack([comparison.support[:, comparison.bucket == stratum].sum(axis=1) for stratum in range(3)], axis=1)


def _mean_sums(comparison: Comparison, *, bins: int = 20) -> np.ndarray:
    return comparison.cached(_sums_in_bins, bins)


# Without a support every user has K pairs, and the sums are already divided by K.
_in_strata = Part(_mean_sums, lambda of, *, bins=20: np.arange(3 * bins + (0 if of.support is None else 3)))


def _stratum_ece(stratum: int) -> Part:
    """Return the statistic of one stratum: its bins, and its proportion of the categories."""

    def columns(of: Any, *, bins: int = 20) -> np.ndarray:
        if not (of.bucket == stratum).any():
            return np.arange(0)
        return np.append(np.arange(stratum * bins, (stratum + 1) * bins), 3 * bins + stratum)

    return Part(_mean_sums, columns)


def _sum_over_strata(mean_gap: np.ndarray, *, bins: int = 20, **_options: Any) -> Any:
    gaps = mean_gap[..., : 3 * bins]
    return _of_pairs(np.abs(gaps.reshape(*gaps.shape[:-1], 3, bins).sum(axis=-2)).sum(axis=-1), mean_gap, bins)


def _sum_of_strata(mean_gap: np.ndarray, *, bins: int = 20, **_options: Any) -> Any:
    return _of_pairs(np.abs(mean_gap[..., : 3 * bins]).sum(axis=-1), mean_gap, bins)


def _of_pairs(total: Any, mean_gap: np.ndarray, bins: int) -> Any:
    """Divide by the proportion of options instead of by K, if the columns have that proportion."""
    pairs = mean_gap[..., 3 * bins :]
    return total if not pairs.shape[-1] else total / pairs.sum(axis=-1)


def _error_of_stratum(mean_gap: np.ndarray, **_options: Any) -> Any:
    pairs = mean_gap[..., -1]
    return np.abs(mean_gap[..., :-1]).sum(axis=-1) / np.where(pairs > _ROUNDING, pairs, np.nan)


def check_bins(bins: int) -> int:
    """Refuse a number of bins that is not at least one."""
    return check_whole("bins", bins, least=1, most=10**6, why="choose at least one bin")


def _check_weights(weights: Any, n_categories: int) -> np.ndarray:
    if weights is None:
        return np.ones(n_categories)
    array = as_array("weights", weights)
    if array.shape != (n_categories,):
        raise ShapeError(f"weights: shape {array.shape}, but there are {n_categories} categories; give one a category")
    if not (np.isfinite(array) & (array >= 0)).all():
        column = int(np.flatnonzero(~(np.isfinite(array) & (array >= 0)))[0])
        raise InputError(f"weights: category {column} has {array[column]}; weights must be finite and not negative")
    if not array.any():
        raise UndefinedMetricError("weights: all zero, so there are no pairs; give at least one category a weight")
    return array


def _binned(theta_star: Any, theta_s: Any, bins: int, weights: Any, support: Any) -> np.ndarray:
    """Sum over all pairs of each bin the weights, theta_star and theta_s, (3, B)."""
    comparison, _ = check_pair(theta_star, theta_s, support=support)
    weight = _check_weights(weights, comparison.n_categories)
    return sums_in_bins(comparison.blocks(), weight, check_bins(bins))


def sums_in_bins(blocks: Iterable[Comparison], weight: np.ndarray, bins: int) -> np.ndarray:
    """Sum over all pairs of each bin the weights, theta_star and theta_s, (3, B); `weight` (K,) is of categories."""
    sums = np.zeros((3, bins))
    for block in blocks:
        cell = bin_of(block.theta_s, bins).ravel()
        counted = weight if block.support is None else weight * block.support
        for row, column in enumerate((1.0, block.theta_star, block.theta_s)):
            values = np.broadcast_to(counted * column, block.theta_s.shape)
            sums[row] += np.bincount(cell, weights=values.ravel(), minlength=bins)
    return sums


def reliability_bins(
    theta_star: Theta, theta_s: Theta, *, bins: int = 20, weights: Any = None, support: Any = None
) -> ReliabilityBins:
    """Return the reliability bins of all pairs of a user and a category, by the predicted probability.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    bins : int
        The number of bins, of equal width on [0, 1].
    weights : (K,) array, optional
        Weight of the pairs of each category; 0 leaves a category out. Equal by default.
    support : (N, K) bool array-like, optional
        The options of each user; other categories are not paired. All categories by default.

    Returns
    -------
    ReliabilityBins
        Arrays of shape (B,).

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError, InputError
        The weights do not fit the categories, or there is not even one bin.
    UndefinedMetricError
        All weights are zero.

    References
    ----------
    .. [1] M. H. DeGroot and S. E. Fienberg, "The comparison and evaluation of forecasters", The Statistician 32
       (1983) 12-22. doi:10.2307/2987588

    Examples
    --------
    >>> import numpy as np
    >>> made = reliability_bins(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.75, 0.25], [0.75, 0.25]]), bins=2)
    >>> made.counts.tolist(), made.theta_star.tolist(), made.theta_s.tolist()
    ([2.0, 2.0], [0.25, 0.75], [0.25, 0.75])
    """
    counts, star, predicted = _binned(theta_star, theta_s, bins, weights, support)
    with np.errstate(invalid="ignore"):
        return ReliabilityBins(counts=counts, theta_star=star / counts, theta_s=predicted / counts)


@metric(
    statistic=_in_strata,
    value=_sum_over_strata,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset({"zero_on_equal", "bounded", "category_symmetric"}),
    options={"bins": 20},
    reference=_NAEINI,
    label="Calibration error",
    heading="ECE",
    definition=(
        r"$\frac{1}{NK} \sum_b \bigl| \sum_{(u,c) \in b} (q_{uc} - p_{uc}) \bigr|$ over bins $b$ of equal width of "
        "$q$."
    ),
    reading=("The gap between predicted and observed proportions, on average over the pairs of a user and a category."),
    pitfalls=(
        "Most predicted probabilities are below one bin width, so the value is small by construction: compare it with "
        "the baselines, never with a top-1 calibration error. It changes with the bins and with K. Popularity is "
        "close to 0."
    ),
    rank=90,
    shown_in=frozenset({"evaluate", "headline"}),
)
def soft_ece(theta_star: Theta, theta_s: Theta, *, bins: int = 20, weights: Any = None, support: Any = None) -> float:
    r"""Return the calibration error in bins over all pairs of a user and a category.

    .. math:: \frac1n \sum_b \Bigl| \sum_{i \in b} (q_i - p_i) \Bigr|

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    bins : int
        The number of bins, of equal width on [0, 1].
    weights : (K,) array, optional
        Weight of the pairs of each category; 0 leaves a category out. Equal by default.
    support : (N, K) bool array-like, optional
        The options of each user; other categories are not paired. All categories by default.

    Returns
    -------
    float
        Between 0 and 1; never below the size of the mean difference over the pairs.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError, InputError
        The weights do not fit the categories, or there is not even one bin.
    UndefinedMetricError
        All weights are zero.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
       binning", AAAI 2015. doi:10.1609/aaai.v29i1.9602

    Examples
    --------
    >>> import numpy as np
    >>> soft_ece(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    0.25
    """
    counts, star, predicted = _binned(theta_star, theta_s, bins, weights, support)
    return float(np.abs(predicted - star).sum() / counts.sum())


@metric(
    statistic=_in_strata,
    value=_sum_of_strata,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset({"zero_on_equal", "bounded"}),
    options={"bins": 20},
    reference=_NAEINI,
    label="Calibration error by strata",
    definition=(
        "As `soft_ece`, with bins by predicted probability and by the stratum (head, mid, tail) of the category."
    ),
    reading="Never below `soft_ece`. The difference comes from errors in head and tail that cancel there.",
    pitfalls="Depends on the definition of the strata. See `soft_ece`.",
    rank=100,
    shown_in=frozenset({"report"}),
)
def stratified_ece(theta_star: Theta, theta_s: Theta, *, buckets: Any, bins: int = 20, support: Any = None) -> float:
    """Return the mean over the strata of categories of their calibration errors, weighted by their pairs.

    It is never below `soft_ece`: an underestimated head cannot make up for an overestimated tail.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    buckets : (K,) int array-like
        The stratum of each category: 0 head, 1 mid, 2 tail, as `category_buckets` returns it.
    bins : int
        The number of bins, of equal width on [0, 1].
    support : (N, K) bool array-like, optional
        The options of each user; other categories are not paired. All categories by default.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError, InputError
        The strata do not fit the categories, or there is not even one bin.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
       binning", AAAI 2015. doi:10.1609/aaai.v29i1.9602

    Examples
    --------
    >>> import numpy as np
    >>> truth, held = np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([[0.5, 0.5], [0.5, 0.5]])
    >>> stratified_ece(truth, held, buckets=[0, 2])
    0.0
    """
    comparison, _ = check_pair(theta_star, theta_s, buckets=buckets, support=support)
    return float(_sum_of_strata(mean_statistic(_in_strata, comparison, bins=check_bins(bins)), bins=bins))


for _bucket, _stratum in enumerate(STRATA):
    METRICS.add(
        Metric(
            name=f"soft_ece_{_stratum}",
            statistic=_stratum_ece(_bucket),
            value=_error_of_stratum,
            unit=Unit.ONE,
            lower_is_better=True,
            properties=frozenset({"zero_on_equal", "bounded"}),
            options={"bins": 20},
            summary=f"Calibration error in bins over the pairs of {_stratum} categories.",
            reference=_NAEINI,
            label=f"Calibration error of the {_stratum}",
            definition="As `soft_ece`, over the pairs of a user and a category of the stratum only.",
            reading="As `soft_ece`: the gap between predicted and observed proportions in the stratum.",
            pitfalls=(
                "In the tail nearly all pairs fall into the lowest bin, so it is close to the size of the mean error "
                "there."
            ),
        )
    )
