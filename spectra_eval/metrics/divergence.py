"""Divergences of each user between the observed and the predicted distribution."""

from __future__ import annotations

import numpy as np

from spectra_eval.arrays import PerUser, Theta
from spectra_eval.metrics._arguments import check_pair, shaped_like
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, of_users
from spectra_eval.metrics._pairs import TINY, gaps, js_nats, kl_nats, roots_of_truth
from spectra_eval.units import LN2, Information, Unit

__all__ = ["chi_squared", "hellinger", "js_divergence", "kl_divergence", "linf_error", "total_variation"]

_DIVERGENCE = frozenset({"zero_on_equal", "category_symmetric", "merging_never_increases", "jointly_convex"})
_METRIC = _DIVERGENCE | {"symmetric", "bounded"}
_SMALL = 1e-140
"""A length below which its squared terms may underflow."""


def _js_bits(comparison: Comparison) -> np.ndarray:
    return _js_nats(comparison) / LN2


def _js_nats(comparison: Comparison) -> np.ndarray:
    return js_nats(comparison)[:, None]


def _kl_nats(comparison: Comparison) -> np.ndarray:
    return comparison.cached(kl_nats)[:, None]


def _total_variation(comparison: Comparison) -> np.ndarray:
    sums = np.einsum("ij->i", comparison.cached(gaps))
    return np.minimum(sums / 2, 1.0)[:, None]


def _linf_error(comparison: Comparison) -> np.ndarray:
    return comparison.cached(gaps).max(axis=1)[:, None]


def _chi_squared(comparison: Comparison) -> np.ndarray:
    gap = comparison.cached(gaps)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        terms = gap / comparison.theta_s
        terms *= gap
        if not comparison.theta_s.all():
            terms[gap == 0] = 0.0  # 0/0
        return np.einsum("ij->i", terms)[:, None]


def _hellinger(comparison: Comparison) -> np.ndarray:
    """Return the length of sqrt(p) - sqrt(q) over sqrt(2), each term as |p - q| / (sqrt(p) + sqrt(q)).

    The difference of roots would lose digits for close pairs. Where squares may underflow, the row is scaled first.
    """
    terms = np.sqrt(comparison.theta_s)
    terms += comparison.cached_for_truth(roots_of_truth)
    np.maximum(terms, TINY, out=terms)
    np.divide(comparison.cached(gaps), terms, out=terms)
    out = np.sqrt(np.einsum("ij,ij->i", terms, terms) / 2)
    small = np.flatnonzero(out < _SMALL)
    if len(small):
        rows = terms[small]
        largest = rows.max(axis=1)
        rows /= np.where(largest > 0, largest, 1.0)[:, None]
        out[small] = largest * np.sqrt(np.einsum("ij,ij->i", rows, rows) / 2)
    return np.minimum(out, 1.0)[:, None]


@metric(
    statistic=_js_bits,
    unit=Unit.BIT,
    lower_is_better=True,
    properties=_METRIC,
    reference="Lin (1991), doi:10.1109/18.61115",
    label="Jensen–Shannon divergence",
    heading="JS",
    definition=r"$\frac12 \mathrm{KL}(p \| m) + \frac12 \mathrm{KL}(q \| m)$ with $m = (p + q)/2$, in bits.",
    reading=(
        "0 for equal, 1 bit for disjoint. Small values behave like squares: half the distance is a quarter of the JS."
    ),
    pitfalls=(
        "The divergence, not the distance: `scipy.spatial.distance.jensenshannon` returns its root, by default in "
        "nats. Computed without cancellation; the textbook sum of entropies is inaccurate below 1e-8. Short windows "
        "are far from any prediction: a single interaction in a category predicted at 0.3 gives 0.49 bit."
    ),
    rank=10,
    shown_in=frozenset({"evaluate", "compare", "headline", "figures"}),
)
def js_divergence(theta_star: Theta, theta_s: Theta) -> Information:
    r"""Return the Jensen-Shannon divergence of each user.

    .. math:: \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \| m) + \tfrac12 \mathrm{KL}(q \| m), \; m = \tfrac12 (p + q)

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    Information, shape (N,)
        Between 0 and 1 bit. The divergence, not the distance: no root.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    Notes
    -----
    Zero entries contribute zero; no smoothing happens here. Nothing cancels: the relative error stays near 1e-15
    however close the two are.

    References
    ----------
    .. [1] J. Lin, IEEE Trans. Inf. Theory 37 (1991) 145-151. doi:10.1109/18.61115

    Examples
    --------
    >>> import numpy as np
    >>> js = js_divergence(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    >>> js.nats.round(4).tolist(), js.bits.round(4).tolist()
    ([0.2158], [0.3113])
    """
    comparison, users = check_pair(theta_star, theta_s)
    return Information(shaped_like(users, of_users(_js_nats, comparison)))


@metric(
    statistic=_kl_nats,
    unit=Unit.NAT,
    lower_is_better=True,
    limits=(0.0, np.inf),
    properties=_DIVERGENCE,
    reference="Kullback and Leibler (1951), doi:10.1214/aoms/1177729694",
    label="Kullback–Leibler divergence",
    definition=r"$\sum_c p_c \ln (p_c / q_c)$, in nats.",
    reading="The excess log loss per interaction, compared with a perfect prediction of the window.",
    pitfalls=(
        "Infinite if an observed category has probability zero; the mean is then undefined, and the number of such "
        "users is reported. No hidden smoothing: smooth the system instead (`laplace`, `mixture`)."
    ),
    rank=30,
    shown_in=frozenset({"evaluate"}),
)
def kl_divergence(theta_star: Theta, theta_s: Theta) -> Information:
    r"""Return the Kullback-Leibler divergence of the truth from the model, for each user.

    .. math:: \mathrm{KL}(p \| q) = \sum_c p_c \ln (p_c / q_c)

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    Information, shape (N,)
        Infinite where the model gives no probability to a category that was observed.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] S. Kullback and R. A. Leibler, Ann. Math. Statist. 22 (1951) 79-86. doi:10.1214/aoms/1177729694

    Examples
    --------
    >>> import numpy as np
    >>> round(kl_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])).bits, 12)
    1.0
    """
    comparison, users = check_pair(theta_star, theta_s)
    return Information(shaped_like(users, of_users(_kl_nats, comparison)))


@metric(
    statistic=_total_variation,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=_METRIC,
    reference="Levin, Peres and Wilmer (2017), chapter 4, doi:10.1090/mbk/107",
    label="Total variation",
    heading="TV",
    definition=r"$\frac12 \sum_c |p_c - q_c|$.",
    reading="The proportion of mass that must be moved; also the largest error over all sets of categories.",
    pitfalls=(
        "Short windows make it large for every system. It treats all categories as equally distant: for ordered "
        "categories use `wasserstein_ordinal`."
    ),
    rank=20,
    shown_in=frozenset({"evaluate", "compare", "headline"}),
)
def total_variation(theta_star: Theta, theta_s: Theta) -> PerUser | float:
    """Return the total variation distance of each user: half the sum of absolute differences.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    (N,) float array
        Between 0 and 1: the largest difference in probability over all sets of categories.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] D. A. Levin, Y. Peres and E. L. Wilmer, Markov Chains and Mixing Times, 2nd ed. (2017), chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> total_variation(np.array([[0.75, 0.25]]), np.array([[0.25, 0.75]])).tolist()
    [0.5]
    """
    comparison, users = check_pair(theta_star, theta_s)
    return shaped_like(users, of_users(_total_variation, comparison))


@metric(
    statistic=_hellinger,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=_METRIC - {"jointly_convex"},
    reference="Le Cam and Yang (2000), section 4.2, doi:10.1007/978-1-4612-1166-2",
    label="Hellinger distance",
    definition=r"$\sqrt{\frac12 \sum_c (\sqrt{p_c} - \sqrt{q_c})^2}$.",
    reading=(
        "A distance between 0 and 1. Its square is at most the total variation, and the total variation is at most "
        r"$\sqrt{2}$ times it."
    ),
    pitfalls=("This is the distance (with the square root). Some authors call the squared form Hellinger distance."),
)
def hellinger(theta_star: Theta, theta_s: Theta) -> PerUser | float:
    r"""Return the Hellinger distance of each user, normalised to [0, 1].

    .. math:: H^2(p, q) = \tfrac12 \sum_c (\sqrt{p_c} - \sqrt{q_c})^2

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    (N,) float array
        The distance (with the root), between 0 and 1.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] L. Le Cam and G. L. Yang, Asymptotics in Statistics, 2nd ed. (2000), section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> hellinger(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [1.0]
    """
    comparison, users = check_pair(theta_star, theta_s)
    return shaped_like(users, of_users(_hellinger, comparison))


@metric(
    statistic=_chi_squared,
    unit=Unit.ONE,
    lower_is_better=True,
    limits=(0.0, np.inf),
    properties=_DIVERGENCE,
    reference="Gibbs and Su (2002), doi:10.1111/j.1751-5823.2002.tb00178.x",
    label="Chi-squared divergence",
    definition=r"$\sum_c (p_c - q_c)^2 / q_c$.",
    reading="Relative squared errors: large where $q$ is far too small.",
    pitfalls=(
        "Infinite if an observed category has probability zero, and dominated by the smallest $q_c$ otherwise: one "
        "user can outweigh all others. Report the median too."
    ),
)
def chi_squared(theta_star: Theta, theta_s: Theta) -> PerUser | float:
    r"""Return Pearson's chi-squared divergence of the truth from the model, for each user.

    .. math:: \chi^2(p \| q) = \sum_c (p_c - q_c)^2 / q_c

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    (N,) float array
        Infinite where the model gives no probability to a category that was observed.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] A. L. Gibbs and F. E. Su, "On choosing and bounding probability metrics", Int. Stat. Rev. 70 (2002) 419-435.

    Examples
    --------
    >>> import numpy as np
    >>> chi_squared(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])).tolist()
    [1.0]
    """
    comparison, users = check_pair(theta_star, theta_s)
    return shaped_like(users, of_users(_chi_squared, comparison))


@metric(
    statistic=_linf_error,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=_METRIC - {"merging_never_increases"},
    reference="Gibbs and Su (2002), doi:10.1111/j.1751-5823.2002.tb00178.x",
    label="Largest error of a category",
    definition=r"$\max_c |p_c - q_c|$.",
    reading="The largest error in any one category, as a proportion.",
    pitfalls=(
        "Merging categories can increase it; compare only within one taxonomy. A maximum grows with K even by chance."
    ),
)
def linf_error(theta_star: Theta, theta_s: Theta) -> PerUser | float:
    """Return the largest absolute difference over the categories of each user.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    (N,) float array
        Between 0 and 1, and never above the total variation.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] A. L. Gibbs and F. E. Su, "On choosing and bounding probability metrics", Int. Stat. Rev. 70 (2002) 419-435.

    Examples
    --------
    >>> import numpy as np
    >>> linf_error(np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.4, 0.4]])).round(3).tolist()
    [0.3]
    """
    comparison, users = check_pair(theta_star, theta_s)
    return shaped_like(users, of_users(_linf_error, comparison))
