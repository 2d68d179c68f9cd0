"""Proper scoring rules, averaged over the interactions of each user's window."""

from __future__ import annotations

import numpy as np

from spectra_eval.arrays import PerUser, Theta
from spectra_eval.metrics._arguments import check_pair, shaped_like
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, of_users
from spectra_eval.metrics._pairs import differences, entropies_of_truth, kl_nats
from spectra_eval.units import Information, Unit

__all__ = ["brier", "log_score"]

_GNEITING = "Gneiting and Raftery (2007), doi:10.1198/016214506000001437"


def _brier(comparison: Comparison) -> np.ndarray:
    """Return the squared distance plus the irreducible part, the sum of t (1 - t); both are positive."""
    difference = comparison.cached(differences)
    avoidable = np.einsum("ij,ij->i", difference, difference)
    return (avoidable + comparison.cached_for_truth(_unavoidable))[:, None]


def _unavoidable(comparison: Comparison) -> np.ndarray:
    return np.einsum("ij,ij->i", comparison.theta_star, 1.0 - comparison.theta_star)


def _log_score(comparison: Comparison) -> np.ndarray:
    """Return the divergence plus the irreducible part, the entropy of the target: both positive."""
    return (comparison.cached(kl_nats) + comparison.cached_for_truth(entropies_of_truth))[:, None]


@metric(
    statistic=_brier,
    unit=Unit.ONE,
    lower_is_better=True,
    limits=(0.0, 2.0),
    properties=frozenset({"bounded", "category_symmetric"}),
    reference=f"Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; {_GNEITING}",
    label="Brier score",
    definition=(
        r"$\sum_c (q_c - p_c)^2 + \sum_c p_c (1 - p_c)$: the squared distance to the observed category, averaged over "
        "the interactions of the window."
    ),
    reading=("Differences between systems are mean squared distances; the second sum is the same for all systems."),
    pitfalls=(
        "Never zero unless each window holds one category. Insensitive to rare categories: 0.01 against 0.0001 is "
        "nothing here, and a factor of a hundred in `log_score`."
    ),
    rank=180,
    shown_in=frozenset({"report"}),
)
def brier(theta_star: Theta, theta_s: Theta) -> PerUser | float:
    r"""Return the Brier score: squared distance to the observed category, averaged over each user's interactions.

    .. math:: \sum_y p_y \sum_c (q_c - 1[c = y])^2 = \sum_c (q_c - p_c)^2 + \sum_c p_c (1 - p_c)

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    (N,) float array
        Between 0 and 2; minimal, but not zero, if the prediction equals the target.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] G. W. Brier, Monthly Weather Review 78 (1950) 1-3.
    .. [2] T. Gneiting and A. E. Raftery, J. Am. Stat. Assoc. 102 (2007) 359-378. doi:10.1198/016214506000001437

    Examples
    --------
    >>> import numpy as np
    >>> brier(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])).tolist()
    [0.5, 2.0]
    """
    comparison, users = check_pair(theta_star, theta_s)
    return shaped_like(users, of_users(_brier, comparison))


@metric(
    statistic=_log_score,
    unit=Unit.NAT,
    lower_is_better=True,
    limits=(0.0, np.inf),
    properties=frozenset({"category_symmetric", "merging_never_increases"}),
    reference=f"Good (1952), doi:10.1111/j.2517-6161.1952.tb00104.x; {_GNEITING}",
    label="Logarithmic score",
    definition=r"$-\sum_c p_c \ln q_c$, in nats.",
    reading=("The Kullback-Leibler divergence plus the entropy of the window, which is the same for all systems."),
    pitfalls="As `kl_divergence`: infinite if an observed category has probability zero.",
    rank=190,
    shown_in=frozenset({"report"}),
)
def log_score(theta_star: Theta, theta_s: Theta) -> Information:
    r"""Return the logarithmic score: surprise at the observed category, averaged over each user's interactions.

    .. math:: -\sum_c p_c \log q_c

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    Information, shape (N,)
        Infinite where the model gives no probability to a category that was observed. The excess over the entropy
        of the truth is the Kullback-Leibler divergence.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] I. J. Good, J. R. Stat. Soc. B 14 (1952) 107-114. doi:10.1111/j.2517-6161.1952.tb00104.x
    .. [2] T. Gneiting and A. E. Raftery, J. Am. Stat. Assoc. 102 (2007) 359-378. doi:10.1198/016214506000001437

    Examples
    --------
    >>> import numpy as np
    >>> log_score(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])).bits.tolist()
    [1.0, inf]
    """
    comparison, users = check_pair(theta_star, theta_s)
    return Information(shaped_like(users, of_users(_log_score, comparison)))
