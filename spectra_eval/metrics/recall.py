"""Recall of a list: the mass of its categories, and the most frequent categories among them."""

from __future__ import annotations

import numpy as np

from spectra_eval._ties import TIE
from spectra_eval.arrays import Lists, PerUser, Theta
from spectra_eval.metrics._arguments import shaped_like
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, of_users
from spectra_eval.metrics._orders import listed_truth, truth_sorted
from spectra_eval.metrics.ranking import against_lists
from spectra_eval.units import Unit

__all__ = ["mass_captured", "top_recall"]


def _captured(comparison: Comparison, k: int) -> np.ndarray:
    gains = comparison.cached(listed_truth, k)
    return np.einsum("ij->i", gains) if gains.shape[1] else comparison.theta_star[:, 0] * 0.0


def _mass_captured(comparison: Comparison, *, k: int) -> np.ndarray:
    return np.minimum(comparison.cached(_captured, k), 1.0)[:, None]


def _border_of_top(comparison: Comparison, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the smallest of the k largest proportions, (n, 1), how many are positive, and how many equal it."""
    best = comparison.cached_for_truth(truth_sorted)[:, :k]
    border = np.maximum(best[:, -1:], TIE)  # what is tied with zero was not observed
    observed = _count(best > TIE)
    return border, observed, observed - _count(best > border)


def _top_recall(comparison: Comparison, *, k: int) -> np.ndarray:
    gains = comparison.cached(listed_truth, k)
    border, observed, room = comparison.cached_for_truth(_border_of_top, k)
    above = _count(gains > border)
    # Where the border is tied with 0 there is no room, so an entry without mass never counts.
    level = _count(gains >= border) - above
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = (above + np.minimum(level, room)) / observed
    recall[np.isnan(comparison.cached(_captured, k))] = np.nan
    return recall[:, None]


def _count(mask: np.ndarray) -> np.ndarray:
    """Return the number of true entries of each row; several times faster than a sum of Booleans."""
    return np.einsum("ij->i", mask.astype(np.float64))


@metric(
    statistic=_mass_captured,
    unit=Unit.ONE,
    lower_is_better=False,
    properties=frozenset({"bounded"}),
    takes_cutoff=True,
    reference="SPECTRA, arXiv:2509.24189, section 3.3",
    label="Mass captured",
    heading="Mass",
    definition=r"$\sum_{c \in L_k} p_c$ over the first $k$ categories of the list.",
    reading="The proportion of the observed interactions whose category is on the list.",
    pitfalls=(
        "Ignores the order within the list and the proportions. Increases with $k$: report $k$. The bounds on what a "
        "list can achieve (`certify`) are functions of this number."
    ),
    rank=60,
    shown_in=frozenset({"evaluate", "headline"}),
    cutoffs=(5,),
)
def mass_captured(theta_star: Theta, lists: Lists, *, k: int) -> PerUser | float:
    """Return the proportion of each user's observed interactions in the first k categories of the list.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    lists : (N, L) int array
        Categories, best first; entries that are no category, or repeat one, capture nothing. `top_list` makes
        lists of distributions.
    k : int
        The cut-off.

    Returns
    -------
    (N,) float array
        Between 0 and 1.

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
    .. [1] SPECTRA, arXiv:2509.24189.

    Examples
    --------
    >>> import numpy as np
    >>> mass_captured(np.array([[0.5, 0.25, 0.25]]), np.array([[0, 2]]), k=2).tolist()
    [0.75]
    """
    comparison, users = against_lists(theta_star, lists, k)
    return shaped_like(users, of_users(_mass_captured, comparison, k=k))


@metric(
    statistic=_top_recall,
    unit=Unit.ONE,
    lower_is_better=False,
    properties=frozenset({"bounded"}),
    takes_cutoff=True,
    reference="Cremonesi, Koren and Turrin (2010), doi:10.1145/1864708.1864721",
    label="Recall of the top",
    definition=(
        "The proportion of a user's $k$ most frequent categories that are among the first $k$ of the list; categories "
        "that did not occur are never relevant."
    ),
    reading="0.6 at $k = 5$: three of five found.",
    pitfalls=("Windows with fewer than $k$ categories are easier. Ties in the window count in favour of the system."),
)
def top_recall(theta_star: Theta, lists: Lists, *, k: int) -> PerUser | float:
    """Return the proportion of each user's k most frequent categories that are among the first k of the list.

    A category that was not observed is never among them, so a user with j < k observed categories has j to find.
    Where categories tie at the border of the k, any choice of them counts as right.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    lists : (N, L) int array
        Categories, best first; entries that are no category, or repeat one, find nothing. `top_list` makes
        lists of distributions.
    k : int
        The cut-off.

    Returns
    -------
    (N,) float array
        Between 0 and 1.

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
    .. [1] P. Cremonesi, Y. Koren and R. Turrin, "Performance of recommender algorithms on top-N recommendation
       tasks", RecSys 2010. doi:10.1145/1864708.1864721

    Examples
    --------
    >>> import numpy as np
    >>> top_recall(np.array([[0.5, 0.25, 0.25, 0.0]]), np.array([[0, 3]]), k=2).tolist()
    [0.5]
    """
    comparison, users = against_lists(theta_star, lists, k)
    return shaped_like(users, of_users(_top_recall, comparison, k=k))
