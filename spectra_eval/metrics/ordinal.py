"""Metrics for ordered categories, such as prices, ratings or degrees."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import PerUser, Theta
from spectra_eval.metrics._arguments import check_pair, shaped_like
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, of_users
from spectra_eval.metrics._pairs import differences
from spectra_eval.units import Unit

__all__ = ["wasserstein_ordinal"]


def _wasserstein(comparison: Comparison) -> np.ndarray:
    # The last sum is omitted: it is zero up to rounding.
    gap = np.cumsum(comparison.cached(differences)[:, :-1], axis=1)
    np.abs(gap, out=gap)
    if comparison.support is not None:  # a step is from an option to the next one
        gap *= comparison.support[:, :-1]
        gap *= np.logical_or.accumulate(comparison.support[:, :0:-1], axis=1)[:, ::-1]
    return np.einsum("ij->i", gap)[:, None]


@metric(
    statistic=_wasserstein,
    unit=Unit.ONE,
    lower_is_better=True,
    limits=(0.0, np.inf),
    properties=frozenset({"symmetric", "zero_on_equal", "bounded", "merging_never_increases", "jointly_convex"}),
    reference="Vallender (1974), doi:10.1137/1118101",
    label="Ordinal Wasserstein distance",
    definition=(
        r"$\sum_{j < K} \bigl| \sum_{c \le j} (p_c - q_c) \bigr|$: the number of steps that mass must be moved."
    ),
    reading="1.0 means one option off, for example one point of a rating scale.",
    pitfalls=(
        "Meaningless for categories without an order; the order is that of the columns. All steps count the same. "
        "Merging neighbours never increases it, merging other categories may."
    ),
)
def wasserstein_ordinal(theta_star: Theta, theta_s: Theta, *, support: Any = None) -> PerUser | float:
    """Return the Wasserstein distance of each user over ordered categories, in steps.

    The categories must have a meaningful order, each one step from the next; for others the value means
    nothing.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex, categories in their order.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex, categories in their order.
    support : (N, K) bool array-like, optional
        The options of each user, which define the steps. All categories when not given.

    Returns
    -------
    (N,) float array
        Between 0 and K - 1 steps.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] S. S. Vallender, "Calculation of the Wasserstein distance between probability distributions on the line",
       Theory Probab. Appl. 18 (1974) 784-786. doi:10.1137/1118101

    Examples
    --------
    >>> import numpy as np
    >>> wasserstein_ordinal(np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.5, 0.5]])).tolist()
    [1.5]
    """
    comparison, users = check_pair(theta_star, theta_s, support=support)
    return shaped_like(users, of_users(_wasserstein, comparison))
