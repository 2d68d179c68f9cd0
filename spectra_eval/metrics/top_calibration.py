"""Calibration of the most probable category alone, as for a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import Theta
from spectra_eval.metrics._arguments import check_pair
from spectra_eval.metrics._base import metric
from spectra_eval.metrics._comparison import Comparison, mean_statistic, missing_rows
from spectra_eval.metrics._orders import order_of_theta_s
from spectra_eval.metrics._pairs import differences
from spectra_eval.metrics.calibration import bin_of, check_bins
from spectra_eval.units import Unit

__all__ = ["top1_ece"]


def _top1_ece(comparison: Comparison, *, bins: int = 20) -> np.ndarray:
    n = comparison.n_users
    first = comparison.cached(order_of_theta_s)[0][:, 0]
    predicted = comparison.theta_s.ravel().take(first)
    out = np.zeros((n, bins))
    out[np.arange(n), bin_of(predicted, bins)] = comparison.cached(differences).ravel().take(first)
    out[comparison.cached(missing_rows)] = np.nan
    return out


def _sum_of_sizes(mean_gap: np.ndarray, **_options: Any) -> Any:
    return np.abs(mean_gap).sum(axis=-1)


@metric(
    statistic=_top1_ece,
    value=_sum_of_sizes,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset({"zero_on_equal", "bounded"}),
    options={"bins": 20},
    reference="Guo, Pleiss, Sun and Weinberger (2017), ICML, arXiv:1706.04599",
    label="Calibration error of the top category",
    definition=(
        r"$\frac1N \sum_b \bigl| \sum_{u \in b} (q_{u c_u} - p_{u c_u}) \bigr|$ with $c_u$ the most probable category "
        "of $q_u$, and bins of its probability."
    ),
    reading=("The usual expected calibration error of a classifier, with the observed proportion as soft label."),
    pitfalls=(
        "With few users, each bin has few users and noise alone makes the value large. Ties go to the lower index."
    ),
    rank=110,
    shown_in=frozenset({"report"}),
)
def top1_ece(theta_star: Theta, theta_s: Theta, *, bins: int = 20) -> float:
    """Return the calibration error in bins of each user's most likely category, with equal weight for each user.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex. Ties are broken by the lowest index.
    bins : int
        The number of bins, of equal width on [0, 1].

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    InputError
        The number of bins is below one.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
       arXiv:1706.04599

    Examples
    --------
    >>> import numpy as np
    >>> top1_ece(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    0.0
    """
    comparison, _ = check_pair(theta_star, theta_s)
    return float(_sum_of_sizes(mean_statistic(_top1_ece, comparison, bins=check_bins(bins))))
