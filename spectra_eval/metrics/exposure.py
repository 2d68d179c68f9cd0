"""Exposure of categories: the distribution of top lists over categories, for the cohort as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import Lists, Theta, as_together, check_cutoff
from spectra_eval.errors import UndefinedMetricError
from spectra_eval.metrics._arguments import check_lists, check_support
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, mean_statistic
from spectra_eval.metrics._orders import named_entries, order_of_theta_s
from spectra_eval.simplex import entropy_nats
from spectra_eval.units import LN2, Information, Unit

__all__ = ["exposure_entropy"]


def _shares(comparison: Comparison, *, k: int) -> np.ndarray:
    """Return the positions of each category in each user's top k, (n, K); ties at rank k are divided equally."""
    if comparison.lists is not None:
        return _positions_in_lists(comparison, k)
    offered = True if comparison.support is None else comparison.support
    if k >= comparison.n_categories:
        return np.where(np.isnan(comparison.theta_s), np.nan, offered)
    _, ordered, theta_s = comparison.cached(order_of_theta_s)
    border = ordered[:, k - 1 : k]
    shares = (theta_s >= border).astype(np.float64)
    tied = np.flatnonzero(ordered[:, k] == ordered[:, k - 1])
    if len(tied):
        rows, edge = theta_s[tied], border[tied]
        above = rows > edge
        level = rows == edge
        left = k - above.sum(axis=1, keepdims=True)
        shares[tied] = above + level * (left / level.sum(axis=1, keepdims=True))
    if comparison.support is not None:  # a list of all options has no further positions
        shares *= comparison.support
    missing = np.isnan(ordered[:, 0]) | np.isnan(ordered[:, -1])  # NaN is first or last
    if missing.any():
        shares[missing] = np.nan
    return shares


def _positions_in_lists(comparison: Comparison, k: int) -> np.ndarray:
    entries, good = comparison.cached(named_entries, k)
    n, width = comparison.theta_s.shape
    shares = np.zeros((n, width + 1))  # the last column collects entries that are not a category
    shares.ravel()[np.where(good, entries, width) + np.arange(0, shares.size, width + 1)[:, None]] = 1.0
    return shares[:, :-1]


def _entropy_bits(mean_shares: np.ndarray, **_options: Any) -> Any:
    """Return the entropy of the proportions of all positions; NaN if all lists are empty."""
    # A mean from sums and differences may be below zero by its last bit.
    places = np.maximum(np.atleast_2d(mean_shares), 0.0)
    with np.errstate(invalid="ignore"):
        shares = places / places.sum(axis=-1, keepdims=True)
    return (entropy_nats(shares) / LN2).reshape(np.shape(mean_shares)[:-1])


@metric(
    statistic=_shares,
    value=_entropy_bits,
    unit=Unit.BIT,
    lower_is_better=None,
    limits=(0.0, np.inf),
    properties=frozenset({"bounded", "category_symmetric"}),
    takes_cutoff=True,
    reference="Qin and Zhu (2013), IJCAI; Shannon (1948), doi:10.1002/j.1538-7305.1948.tb01338.x",
    label="Exposure entropy",
    heading="Exposure",
    definition=(
        r"$-\sum_c s_c \log_2 s_c$ with $s_c$ the proportion of all positions in the users' top $k$ that category $c$ "
        "takes."
    ),
    reading=(
        r"From $\log_2 k$ (everybody gets the same list) to $\log_2 K$ (every category gets equally many positions)."
    ),
    pitfalls=(
        "Neither end is better by itself: random lists have the maximum. Read it together with an accuracy metric, "
        r"and compare only at the same $k$ and $K$. Lists shorter than $k$ may be below $\log_2 k$."
    ),
    rank=70,
    shown_in=frozenset({"evaluate", "headline"}),
    cutoffs=(3,),
)
def exposure_entropy(theta_s: Theta, *, k: int, lists: Lists | None = None, support: Any = None) -> Information:
    r"""Return the entropy of the categories over all ranks of the users' top lists.

    .. math:: H = -\sum_c \frac{e_c}{E} \log \frac{e_c}{E}

    where e_c counts the users that have c in their top k and E is the sum over the categories.

    Parameters
    ----------
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex. Ties at rank k are divided equally.
    k : int
        The length of the top list; all K categories where it is larger.
    lists : (N, L) int array, optional
        The system's own lists, best first, used instead of the order of `theta_s`.
    support : (N, K) bool array-like, optional
        The options of each user; a list has at most that many positions. All categories when not given.

    Returns
    -------
    Information
        One number for all users; between log2 k and log2 K bits where every list is full.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        The cut-off is below one.
    UndefinedMetricError
        No user has a category in the list.

    References
    ----------
    .. [1] L. Qin and X. Zhu, "Promoting diversity in recommendation by entropy regularizer", IJCAI 2013.

    Examples
    --------
    >>> import numpy as np
    >>> exposure_entropy(np.array([[0.8, 0.2, 0.0], [0.1, 0.3, 0.6]]), k=1).bits
    1.0
    """
    with_it = {"lists": (lists, ("users", "ranks")), "support": (support, ("users", "categories"))}
    (predicted,), others = as_together(with_it, theta_s=theta_s)
    check_cutoff(k)
    rows = np.ascontiguousarray(predicted.reshape(-1, predicted.shape[-1]))
    comparison = Comparison(
        theta_star=rows,
        theta_s=rows,
        lists=None if lists is None else check_lists(others["lists"], predicted.shape[:-1]),
        bucket=np.zeros(rows.shape[1], dtype=np.int64),
        support=check_support(others.get("support"), theta_s=predicted),
    )
    if not len(rows):
        raise UndefinedMetricError("theta_s: no users; give at least one row")
    bits = float(_entropy_bits(mean_statistic(_shares, comparison, k=k)))
    if np.isnan(bits):
        raise UndefinedMetricError("lists: no list has a category")
    return Information.from_bits(bits)
