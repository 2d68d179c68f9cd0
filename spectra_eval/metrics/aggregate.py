"""Divergence of the cohort's mean distributions, which licenses no statement about users."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval import simplex
from spectra_eval.arrays import Theta
from spectra_eval.metrics._arguments import check_pair
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, mean_statistic
from spectra_eval.units import LN2, Information, Unit

__all__ = ["js_of_means"]


def _both(comparison: Comparison) -> np.ndarray:
    return np.concatenate([comparison.theta_star, comparison.theta_s], axis=1)


def _bits(mean_pair: np.ndarray, **_options: Any) -> Any:
    star, predicted = np.split(np.asarray(mean_pair), 2, axis=-1)
    return np.minimum(simplex.js_nats(star, predicted), LN2) / LN2


@metric(
    statistic=_both,
    value=_bits,
    unit=Unit.BIT,
    lower_is_better=True,
    properties=frozenset(
        {"symmetric", "zero_on_equal", "bounded", "category_symmetric", "merging_never_increases", "jointly_convex"}
    ),
    reference="Lin (1991), doi:10.1109/18.61115; of mean distributions",
    stage="emerging",
    caution=(
        "the divergence of two cohort means; it licenses no statement about users, about the mean of their divergences "
        "or about a fraction of them, and no claim is certified from it"
    ),
    label="JS of the cohort means (licenses no statement about users)",
    heading="JS of means (not of users)",
    definition=(
        r"$\mathrm{JS}\bigl(\frac1N \sum_u p_u, \frac1N \sum_u q_u\bigr)$: of the two mean distributions. It licenses "
        "no statement about users."
    ),
    reading=(
        "How far the category totals of a system are from those of the cohort. It licenses no statement about users: "
        "it is at most the mean of `js_divergence`, and can be 0 while the prediction of every user is wrong."
    ),
    pitfalls=(
        "Errors of different users cancel, so a system that predicts the average for everybody has 0. Do not compare "
        "it with a `js_divergence`, and do not use it in a bound for users: `certify` makes no claim from it. "
        "Resampling moves the means apart, so for small values the interval may lie above the value."
    ),
    rank=162,
)
def js_of_means(theta_star: Theta, theta_s: Theta) -> Information:
    r"""Return the Jensen-Shannon divergence between the mean observed and the mean predicted distribution.

    It licenses no statement about users, about the mean of their divergences or about a fraction of them.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    Information
        One number for all users, between 0 and 1 bit; at most the mean of `js_divergence`.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there are no users.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37 (1991) 145-151.
       doi:10.1109/18.61115

    Examples
    --------
    Two users whose predictions are exchanged: the means agree, and the prediction of each user is wrong.

    >>> import numpy as np
    >>> theta_star, theta_s = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.1, 0.9], [0.9, 0.1]])
    >>> js_of_means(theta_star, theta_s).bits
    0.0
    """
    comparison, _ = check_pair(theta_star, theta_s)
    return Information.from_bits(float(_bits(mean_statistic(_both, comparison))))
