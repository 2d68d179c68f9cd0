"""Ranking among the rare categories alone, and among the frequent ones alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spectra_eval.arrays import Number, PerUser, Theta, check_number
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.metrics._arguments import check_pair, shaped_like
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, of_users
from spectra_eval.metrics._strata import frequency_ranks
from spectra_eval.metrics.ranking import GAINS, TIES, Gain, Ties, ndcg_statistic
from spectra_eval.units import Unit

__all__ = ["category_ndcg_head", "category_ndcg_tail", "head_categories", "tail_categories"]

QUARTER = 0.25
_REFERENCE = "Steck (2011), doi:10.1145/2043932.2043957; Jarvelin and Kekalainen (2002), doi:10.1145/582415.582418"
_READING = (
    "As `category_ndcg`, among these categories: whether the {kind} categories that a user chooses are ranked above "
    "the other {kind} ones."
)
_PITFALLS = (
    "Users without an observed interaction in these categories have no value; they are left out and counted, so the "
    "number of users differs from that of `category_ndcg`. It says nothing about how much probability these "
    "categories have together: see `tail_mass`. The frequencies are those of the histories, or of the windows "
    "themselves where the table has none."
)


def _in_head(rank: np.ndarray, share: Number) -> np.ndarray:
    return (rank >= 0) & (rank < _size(rank, share))


def _in_tail(rank: np.ndarray, share: Number) -> np.ndarray:
    return rank >= int((rank >= 0).sum()) - _size(rank, share)


def _size(rank: np.ndarray, share: Number) -> int:
    """Return the number of categories in a proportion of those that are options, rounded up."""
    if not 0.0 < check_number("share", share) <= 1.0:
        raise InputError(f"share: {share}; a proportion of the categories, above 0 and at most 1")
    return math.ceil(share * int((rank >= 0).sum()) - 1e-9)


def _rank(comparison: Comparison) -> np.ndarray:
    if comparison.rank_by_frequency is not None:
        return comparison.rank_by_frequency
    rank = frequency_ranks(np.maximum(3 - comparison.bucket, 0))
    return np.where(comparison.bucket > 2, -1, rank)


def _head_alone(comparison: Comparison, share: Number) -> Comparison:
    return _restricted(comparison, _in_head(_rank(comparison), share))


def _tail_alone(comparison: Comparison, share: Number) -> Comparison:
    return _restricted(comparison, _in_tail(_rank(comparison), share))


def _restricted(comparison: Comparison, chosen: np.ndarray) -> Comparison:
    """Return the chosen categories, with their probabilities unchanged; users keep their rows."""
    columns = np.flatnonzero(chosen)
    return Comparison(
        theta_star=comparison.theta_star[:, columns],
        theta_s=comparison.theta_s[:, columns],
        lists=None,
        bucket=comparison.bucket[columns],
        support=None if comparison.support is None else comparison.support[:, columns],
    )


def _ndcg_head(comparison: Comparison, *, k: int, share: Number = QUARTER, **how: Any) -> np.ndarray:
    return ndcg_statistic(comparison.cached(_head_alone, share), k=k, **how)


def _ndcg_tail(comparison: Comparison, *, k: int, share: Number = QUARTER, **how: Any) -> np.ndarray:
    return ndcg_statistic(comparison.cached(_tail_alone, share), k=k, **how)


def tail_categories(frequency: Any, *, share: Number = QUARTER) -> np.ndarray:
    """Return the least frequent categories: a proportion of them, rounded up.

    Parameters
    ----------
    frequency : (K,) array-like
        Frequency of each category in the training data, not in the evaluation window.
    share : float
        The proportion of the categories, above 0 and at most 1.

    Returns
    -------
    (K,) bool array
        True for ``ceil(share * K)`` categories. Among equals, the higher index is the rarer one.

    Raises
    ------
    InputError
        The proportion is out of range, or a frequency is negative or not finite.
    ShapeError
        The frequencies do not form one axis of categories.

    Examples
    --------
    >>> tail_categories([5, 40, 1, 20]).tolist()
    [False, False, True, False]
    """
    return _in_tail(frequency_ranks(frequency), share)


def head_categories(frequency: Any, *, share: Number = QUARTER) -> np.ndarray:
    """Return the most frequent categories: a proportion of them, rounded up.

    Parameters
    ----------
    frequency : (K,) array-like
        Frequency of each category in the training data, not in the evaluation window.
    share : float
        The proportion of the categories, above 0 and at most 1.

    Returns
    -------
    (K,) bool array
        True for ``ceil(share * K)`` categories. Among equals, the lower index is the more frequent one.

    Raises
    ------
    InputError
        The proportion is out of range, or a frequency is negative or not finite.
    ShapeError
        The frequencies do not form one axis of categories.

    Examples
    --------
    >>> head_categories([5, 40, 1, 20]).tolist()
    [False, True, False, False]
    """
    return _in_head(frequency_ranks(frequency), share)


def _of_users(
    statistic: Any, theta_star: Any, theta_s: Any, frequency: Any, *, k: int, support: Any, **how: Any
) -> PerUser | float:
    rank = frequency_ranks(frequency)
    comparison, users = check_pair(theta_star, theta_s, k=k, support=support)
    if len(rank) != comparison.n_categories:
        raise ShapeError(f"frequency: {len(rank)} numbers for {comparison.n_categories} categories; give one each")
    ranked = Comparison(
        theta_star=comparison.theta_star,
        theta_s=comparison.theta_s,
        lists=None,
        bucket=comparison.bucket,
        support=comparison.support,
        rank_by_frequency=rank,
    )
    return shaped_like(users, of_users(statistic, ranked, k=k, **how))


@metric(
    statistic=_ndcg_tail,
    unit=Unit.ONE,
    lower_is_better=False,
    properties=frozenset({"bounded"}),
    takes_cutoff=True,
    options={"ties": "average", "gain": "linear", "share": QUARTER},
    choices={"ties": TIES, "gain": GAINS},
    reference=_REFERENCE,
    stage="emerging",
    label="Category NDCG, tail",
    heading="Tail NDCG",
    definition=(
        r"`category_ndcg` of the least frequent quarter of the categories alone (the proportion is the option `share`, "
        r"rounded up): only they are ranked, by $q$, with gains $p_c$; the ideal order is one of the same categories."
    ),
    reading=_READING.format(kind="rare"),
    pitfalls=_PITFALLS,
    rank=42,
    cutoffs=(10, 20),
)
def category_ndcg_tail(
    theta_star: Theta,
    theta_s: Theta,
    *,
    k: int,
    frequency: Any,
    share: Number = QUARTER,
    ties: Ties = "average",
    gain: Gain = "linear",
    support: Any = None,
) -> PerUser | float:
    """Return the normalised discounted cumulative gain among the least frequent categories alone.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex. These are the gains.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex. These are the scores.
    k : int
        The cut-off; all categories of the tail where it is larger.
    frequency : (K,) array-like
        Frequency of each category in the training data; see `tail_categories`.
    share : float
        The proportion of the categories that is the tail.
    ties : {"average", "index"}
        Categories with equal scores: the expectation over their random order, or the lower index first.
    gain : {"linear", "exp2"}
        The gain of a category with frequency x: x, or 2^x - 1.
    support : (N, K) bool array-like, optional
        The options of each user; ties are among these. All categories when not given.

    Returns
    -------
    (N,) float array
        Between 0 and 1; NaN for a user without an observed interaction in the tail.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        The cut-off is below one, the proportion is out of range, or a frequency is negative or not finite.
    ShapeError
        There is not one frequency for each category.

    References
    ----------
    .. [1] H. Steck, "Item popularity and recommendation accuracy", RecSys 2011. doi:10.1145/2043932.2043957

    Examples
    --------
    >>> import numpy as np
    >>> truth, predicted = np.array([[0.7, 0.0, 0.1, 0.2]]), np.array([[0.1, 0.1, 0.5, 0.3]])
    >>> category_ndcg_tail(truth, predicted, k=1, frequency=[40, 20, 5, 1], share=0.5).tolist()
    [0.5]
    """
    how = {"share": share, "ties": ties, "gain": gain}
    return _of_users(_ndcg_tail, theta_star, theta_s, frequency, k=k, support=support, **how)


@metric(
    statistic=_ndcg_head,
    unit=Unit.ONE,
    lower_is_better=False,
    properties=frozenset({"bounded"}),
    takes_cutoff=True,
    options={"ties": "average", "gain": "linear", "share": QUARTER},
    choices={"ties": TIES, "gain": GAINS},
    reference=_REFERENCE,
    stage="emerging",
    label="Category NDCG, head",
    heading="Head NDCG",
    definition=(
        r"`category_ndcg` of the most frequent quarter of the categories alone (the proportion is the option `share`, "
        r"rounded up): only they are ranked, by $q$, with gains $p_c$; the ideal order is one of the same categories."
    ),
    reading=_READING.format(kind="frequent"),
    pitfalls=_PITFALLS,
    rank=44,
    cutoffs=(10, 20),
)
def category_ndcg_head(
    theta_star: Theta,
    theta_s: Theta,
    *,
    k: int,
    frequency: Any,
    share: Number = QUARTER,
    ties: Ties = "average",
    gain: Gain = "linear",
    support: Any = None,
) -> PerUser | float:
    """Return the normalised discounted cumulative gain among the most frequent categories alone.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex. These are the gains.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex. These are the scores.
    k : int
        The cut-off; all categories of the head where it is larger.
    frequency : (K,) array-like
        Frequency of each category in the training data; see `head_categories`.
    share : float
        The proportion of the categories that is the head.
    ties : {"average", "index"}
        Categories with equal scores: the expectation over their random order, or the lower index first.
    gain : {"linear", "exp2"}
        The gain of a category with frequency x: x, or 2^x - 1.
    support : (N, K) bool array-like, optional
        The options of each user; ties are among these. All categories when not given.

    Returns
    -------
    (N,) float array
        Between 0 and 1; NaN for a user without an observed interaction in the head.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        The cut-off is below one, the proportion is out of range, or a frequency is negative or not finite.
    ShapeError
        There is not one frequency for each category.

    References
    ----------
    .. [1] H. Steck, "Item popularity and recommendation accuracy", RecSys 2011. doi:10.1145/2043932.2043957

    Examples
    --------
    >>> import numpy as np
    >>> truth, predicted = np.array([[0.2, 0.4, 0.1, 0.3]]), np.array([[0.4, 0.1, 0.2, 0.3]])
    >>> category_ndcg_head(truth, predicted, k=1, frequency=[40, 20, 5, 1], share=0.5).tolist()
    [0.5]
    """
    how = {"share": share, "ties": ties, "gain": gain}
    return _of_users(_ndcg_head, theta_star, theta_s, frequency, k=k, support=support, **how)
