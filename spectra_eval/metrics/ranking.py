"""Ranking of the categories of each user."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from spectra_eval.arrays import Lists, PerUser, Theta, as_together, check_cutoff
from spectra_eval.metrics._arguments import check_pair, check_support, shaped_like
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, of_users
from spectra_eval.metrics._orders import (
    best_first,
    discounts,
    listed_truth,
    order_of_theta_s,
    truth_in_order,
    truth_sorted,
)
from spectra_eval.units import LN2, Unit

__all__ = ["category_ndcg", "list_ndcg", "top_list"]

Gain = Literal["linear", "exp2"]
Ties = Literal["average", "index"]

GAINS = ("linear", "exp2")
TIES = ("average", "index")


def _gain(values: np.ndarray, gain: str) -> np.ndarray:
    return values if gain == "linear" else np.expm1(values * LN2)


def _ideal(comparison: Comparison, gain: str, k: int) -> np.ndarray:
    """Return the ideal DCG, (n,)."""
    return _discounted(_gain(comparison.cached_for_truth(truth_sorted), gain), k)


def _expected_gains(comparison: Comparison, gain: str) -> np.ndarray:
    """Return the expected gain at each rank when tied categories are in random order.

    Within a tie every category is equally likely at every rank, so the expected gain of each rank is the mean gain of
    the tie; the expected DCG at any cut-off follows from these gains.
    """
    gains = _gain(comparison.cached(truth_in_order), gain)
    _, ordered, _ = comparison.cached(order_of_theta_s)
    fresh = np.ones(ordered.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=fresh[:, 1:])
    if fresh.all():
        return gains
    tied = np.flatnonzero(~fresh.all(axis=1))
    rows = gains[tied]
    first = np.flatnonzero(fresh[tied])
    sizes = np.diff(first, append=rows.size)
    means = np.add.reduceat(rows.ravel(), first) / sizes
    out = gains.copy()
    out[tied] = np.repeat(means, sizes).reshape(rows.shape)
    return out


def _discounted(gains: np.ndarray, k: int) -> np.ndarray:
    """Return the DCG of the gains at each rank, (n,); a list with invalid entries may be longer than K."""
    reached = gains[:, :k]
    return np.einsum("ij,j->i", reached, discounts(reached.shape[1]))


def _normalised(comparison: Comparison, gains: np.ndarray, gain: str, k: int) -> np.ndarray:
    """Return the DCG of the gains divided by the ideal DCG; NaN where the latter is zero."""
    with np.errstate(invalid="ignore"):
        ratio = _discounted(gains, k) / comparison.cached_for_truth(_ideal, gain, k)
    return np.minimum(ratio, 1.0)[:, None]


def ndcg_statistic(comparison: Comparison, *, k: int, ties: str = "average", gain: str = "linear") -> np.ndarray:
    """Return the NDCG of each user, (n, 1): the statistic of `category_ndcg`."""
    if ties == "average":
        gains = comparison.cached(_expected_gains, gain)
    else:
        gains = _gain(comparison.cached(truth_in_order)[:, :k], gain)
    return _normalised(comparison, gains, gain, k)


def _list_ndcg(comparison: Comparison, *, k: int, gain: str = "linear") -> np.ndarray:
    return _normalised(comparison, _gain(comparison.cached(listed_truth, k), gain), gain, k)


@metric(
    statistic=ndcg_statistic,
    unit=Unit.ONE,
    lower_is_better=False,
    properties=frozenset({"bounded", "category_symmetric"}),
    takes_cutoff=True,
    options={"ties": "average", "gain": "linear"},
    choices={"ties": TIES, "gain": GAINS},
    reference="Jarvelin and Kekalainen (2002), doi:10.1145/582415.582418; ties: McSherry and Najork (2008)",
    label="Category NDCG",
    heading="NDCG",
    definition=(
        r"$\mathrm{DCG}@k / \mathrm{IDCG}@k$ with gain $p_c$ (or $2^{p_c} - 1$) and discount $1/\log_2(i+1)$, the "
        "categories in the order of $q$."
    ),
    reading="The proportion of the best possible discounted gain. Only the order of $q$ counts.",
    pitfalls=(
        "High even for popularity, because a few categories have most of the mass; with cut-off K it is never low. "
        "Report the cut-off, the gain and the rule for ties: a uniform $q$ ranked by index scores the order of the "
        "columns, so ties are averaged by default."
    ),
    rank=40,
    shown_in=frozenset({"evaluate", "compare", "headline", "figures"}),
    cutoffs=(5, 10),
)
def category_ndcg(
    theta_star: Theta, theta_s: Theta, *, k: int, ties: Ties = "average", gain: Gain = "linear", support: Any = None
) -> PerUser | float:
    r"""Return the normalised discounted cumulative gain of the categories in the order of the model's probabilities.

    .. math:: \mathrm{DCG}@k = \sum_{i \le k} \frac{g(\theta_*(c_i))}{\log_2(i + 1)}

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex. These are the gains.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex. These are the scores.
    k : int
        The cut-off; all K categories where it is larger.
    ties : {"average", "index"}
        Categories with equal scores: the expectation over their random order, or the lower index first.
    gain : {"linear", "exp2"}
        The gain of a category with frequency x: x, or 2^x - 1.
    support : (N, K) bool array-like, optional
        The options of each user; ties are among these. All categories when not given.

    Returns
    -------
    (N,) float array
        Between 0 and 1.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        The cut-off is below one.

    References
    ----------
    .. [1] K. Jarvelin and J. Kekalainen, ACM Trans. Inf. Syst. 20 (2002) 422-446. doi:10.1145/582415.582418
    .. [2] F. McSherry and M. Najork, "Computing information retrieval performance measures efficiently in the
       presence of tied scores", ECIR 2008. doi:10.1007/978-3-540-78646-7_38

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[0.7, 0.2, 0.1]])
    >>> category_ndcg(truth, np.array([[0.1, 0.2, 0.7]]), k=2).round(4).tolist()
    [0.2738]
    """
    comparison, users = check_pair(theta_star, theta_s, k=k, support=support)
    return shaped_like(users, of_users(ndcg_statistic, comparison, k=k, ties=ties, gain=gain))


def top_list(theta_s: Theta, *, k: int, support: Any = None) -> Lists:
    """Return the k most probable categories, best first; among equals the lower index is first.

    Parameters
    ----------
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    k : int
        The length of the list, at most K.
    support : (N, K) bool array-like, optional
        The options of each user; other categories are in no list. All categories when not given.

    Returns
    -------
    (N, k) int array
        With -1 at the end where a user has fewer than k options.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        The cut-off is below one or above the number of categories.

    Examples
    --------
    >>> import numpy as np
    >>> top_list(np.array([[0.2, 0.4, 0.4]]), k=2).tolist()
    [[1, 2]]
    """
    (predicted,), others = as_together({"support": (support, ("users", "categories"))}, theta_s=theta_s)
    check_cutoff(k, predicted.shape[-1])
    rows, offered = predicted.reshape(-1, predicted.shape[-1]), check_support(others.get("support"), theta_s=predicted)
    if offered is None:
        places = best_first(rows)[0]
        return (places[:, :k] % predicted.shape[-1]).reshape(*predicted.shape[:-1], k)
    places, ordered, _ = best_first(np.where(offered, rows, -1.0))
    lists = np.where(ordered[:, :k] < 0, -1, places[:, :k] % predicted.shape[-1])
    return lists.reshape(*predicted.shape[:-1], k)


def against_lists(theta_star: Any, lists: Any, k: int) -> tuple[Comparison, tuple[int, ...]]:
    """Check the truth and lists of a public function."""
    return check_pair(theta_star, theta_star, k=k, lists=lists)


@metric(
    statistic=_list_ndcg,
    unit=Unit.ONE,
    lower_is_better=False,
    properties=frozenset({"bounded"}),
    takes_cutoff=True,
    options={"gain": "linear"},
    choices={"gain": GAINS},
    reference="Jarvelin and Kekalainen (2002), doi:10.1145/582415.582418",
    label="List NDCG",
    heading="List NDCG",
    definition=(
        "As `category_ndcg`, for the list that a system generates; positions without a category have gain zero."
    ),
    reading=(
        "As `category_ndcg`. The list of a system that generates none is the order of $q$ (ties: the lower index "
        "first)."
    ),
    pitfalls=(
        r"For $k$ beyond the length $l$ of the list it falls with $k$: compare lists at $k \le l$. Entries that are "
        "not a category keep their position and score zero."
    ),
    rank=50,
    shown_in=frozenset({"evaluate", "headline"}),
    cutoffs=(5,),
)
def list_ndcg(theta_star: Theta, lists: Lists, *, k: int, gain: Gain = "linear") -> PerUser | float:
    """Return the normalised discounted cumulative gain of a named list; ranks beyond its end have no gain.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex. These are the gains.
    lists : (N, L) int array
        Categories, best first; entries that are not a category, and repeated categories, keep
        their rank and score zero. `top_list` makes lists of distributions.
    k : int
        The cut-off; all K categories where it is larger.
    gain : {"linear", "exp2"}
        The gain of a category with frequency x: x, or 2^x - 1.

    Returns
    -------
    (N,) float array
        Between 0 and 1. For a list of length l it does not rise with k from k = l on.

    Raises
    ------
    SimplexError
        A row of the truth is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        There is not one list a user.
    InputError
        The cut-off is below one, or the lists hold something else than whole numbers.

    References
    ----------
    .. [1] K. Jarvelin and J. Kekalainen, ACM Trans. Inf. Syst. 20 (2002) 422-446. doi:10.1145/582415.582418

    Examples
    --------
    >>> import numpy as np
    >>> list_ndcg(np.array([[0.4, 0.3, 0.2, 0.1]]), np.array([[0, 0, 1]]), k=3).round(4).tolist()
    [0.7979]
    """
    comparison, users = against_lists(theta_star, lists, k)
    return shaped_like(users, of_users(_list_ndcg, comparison, k=k, gain=gain))
