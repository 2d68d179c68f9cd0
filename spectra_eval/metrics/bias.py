"""Bias of the predicted category frequencies, for the cohort as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spectra_eval.arrays import PerUser, Theta
from spectra_eval.metrics._arguments import check_pair, shaped_like
from spectra_eval.metrics._base import METRICS, STRATA, Metric, metric
from spectra_eval.metrics._comparison import Comparison, Part, mean_statistic, of_users
from spectra_eval.metrics._pairs import differences
from spectra_eval.units import Unit

__all__ = ["bucket_bias", "category_bias", "category_biases", "tail_mass", "tail_mass_error"]

_STECK = "Steck (2018), doi:10.1145/3240323.3240372"
_POPULARITY = "Steck (2011), doi:10.1145/2043932.2043957"
_HEAD, _MID, _TAIL = range(3)


def _category_bias(comparison: Comparison) -> np.ndarray:
    return comparison.cached(differences)


def _half_sum(mean_difference: np.ndarray, **_options: Any) -> Any:
    return np.abs(mean_difference).sum(axis=-1) / 2


def _bucket_bias(bucket: int) -> Part:
    """Return the statistic of one stratum: the differences of its categories."""
    return Part(_category_bias, lambda of: np.flatnonzero(of.bucket == bucket))


def _mean_size(mean_difference: np.ndarray, **_options: Any) -> Any:
    return np.abs(mean_difference).mean(axis=-1)


def _on_tail(theta: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    mass = np.einsum("ij,j->i", theta, (bucket == _TAIL).astype(np.float64))
    return np.minimum(mass, 1.0)[:, None]


def _tail_of_system(comparison: Comparison) -> np.ndarray:
    return _on_tail(comparison.theta_s, comparison.bucket)


def _tail_of_truth(comparison: Comparison) -> np.ndarray:
    return _on_tail(comparison.theta_star, comparison.bucket)


def _tail_mass(comparison: Comparison) -> np.ndarray:
    return comparison.cached(_tail_of_system)


def _true_tail_mass(comparison: Comparison) -> np.ndarray:
    return comparison.cached_for_truth(_tail_of_truth)


def _tail_mass_error(comparison: Comparison) -> np.ndarray:
    return _tail_mass(comparison) - _true_tail_mass(comparison)


def _size(mean_difference: np.ndarray, **_options: Any) -> Any:
    return np.abs(np.asarray(mean_difference)[..., 0])


def mean_difference(blocks: Iterable[Comparison]) -> np.ndarray:
    """Return the mean of theta_s - theta_star over the users of all blocks, (K,)."""
    total, n = np.zeros(()), 0
    for block in blocks:
        total = total + _category_bias(block).sum(axis=0)
        n += block.n_users
    return np.asarray(total / n)


def category_biases(theta_star: Theta, theta_s: Theta) -> np.ndarray:
    """Return the mean over the users of the predicted minus the observed distribution, for each category.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    (K,) float array
        Positive where the model overstates a category; the sum is zero.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ, or there is no axis of categories.

    References
    ----------
    .. [1] H. Steck, "Calibrated recommendations", RecSys 2018. doi:10.1145/3240323.3240372

    Examples
    --------
    >>> import numpy as np
    >>> category_biases(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.5, 0.5], [0.5, 0.5]])).tolist()
    [-0.25, 0.25]
    """
    comparison, _ = check_pair(theta_star, theta_s)
    return mean_difference(comparison.blocks())


@metric(
    statistic=_category_bias,
    value=_half_sum,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset(
        {"symmetric", "zero_on_equal", "bounded", "category_symmetric", "merging_never_increases", "jointly_convex"}
    ),
    reference=_STECK,
    definition=r"$\frac12 \sum_c \bigl| \frac1N \sum_u (q_{uc} - p_{uc}) \bigr|$.",
    reading="The proportion of the total mass that is in the wrong category after averaging over users.",
    pitfalls=(
        "Errors of different users cancel: a system that predicts the average for everybody has 0. It says nothing "
        "about personalisation."
    ),
)
def category_bias(theta_star: Theta, theta_s: Theta) -> float:
    """Return the total variation between the users' mean distribution and the model's mean distribution.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.

    Returns
    -------
    float
        Between 0 and 1; half the sum of the absolute `category_biases`.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.

    References
    ----------
    .. [1] H. Steck, "Calibrated recommendations", RecSys 2018. doi:10.1145/3240323.3240372

    Examples
    --------
    >>> import numpy as np
    >>> category_bias(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.5, 0.5], [0.5, 0.5]]))
    0.25
    """
    return float(_half_sum(category_biases(theta_star, theta_s)))


def bucket_bias(theta_star: Theta, theta_s: Theta, *, buckets: Any) -> np.ndarray:
    """Return the mean size of the bias of a category, in each stratum of categories.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    buckets : (K,) int array-like
        The stratum of each category: 0 head, 1 mid, 2 tail, as `category_buckets` returns it.

    Returns
    -------
    (3,) float array
        For head, mid and tail; NaN for a stratum without categories.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError, InputError
        The strata do not fit the categories.

    References
    ----------
    .. [1] H. Steck, "Calibrated recommendations", RecSys 2018. doi:10.1145/3240323.3240372

    Examples
    --------
    >>> import numpy as np
    >>> truth, held = np.array([[0.6, 0.3, 0.1]]), np.array([[0.4, 0.3, 0.3]])
    >>> bucket_bias(truth, held, buckets=[0, 1, 2]).round(3).tolist()
    [0.2, 0.0, 0.2]
    """
    comparison, _ = check_pair(theta_star, theta_s, buckets=buckets)
    sizes = np.abs(mean_statistic(_category_bias, comparison))
    chosen = [sizes[comparison.bucket == bucket] for bucket in (_HEAD, _MID, _TAIL)]
    return np.array([part.mean() if len(part) else np.nan for part in chosen])


for _bucket, _stratum in enumerate(STRATA):
    METRICS.add(
        Metric(
            name=f"{_stratum}_bias",
            statistic=_bucket_bias(_bucket),
            value=_mean_size,
            unit=Unit.ONE,
            lower_is_better=True,
            properties=frozenset({"symmetric", "zero_on_equal", "bounded", "jointly_convex"}),
            summary=f"Mean size of the bias of a {_stratum} category.",
            reference=_STECK,
            definition=(
                r"$\frac{1}{|B|} \sum_{c \in B} \bigl| \frac1N \sum_u (q_{uc} - p_{uc}) \bigr|$ over the categories "
                "$B$ of the stratum."
            ),
            reading=(
                "0.01 means that a category of the stratum is over- or understated by one percentage point on average."
            ),
            pitfalls=(
                "Undefined for a stratum without categories (head and mid are empty where K is small). The strata "
                "come from the histories, or from the windows themselves where the table has none, and then they "
                "favour categories that happened to be rare."
            ),
            rank=150 + 10 * _bucket,
            shown_in=frozenset({"report"}),
        )
    )


@metric(
    statistic=_tail_mass,
    unit=Unit.ONE,
    lower_is_better=None,
    properties=frozenset({"bounded", "jointly_convex", "merging_never_increases"}),
    reference=_POPULARITY,
    label="Tail mass",
    definition=r"$\sum_{c \in \text{tail}} q_c$.",
    reading="The probability that a system gives to the tail; compare with `true_tail_mass`.",
    pitfalls="Not an error: more is not better.",
    rank=130,
    shown_in=frozenset({"report"}),
)
def tail_mass(theta: Theta, *, buckets: Any) -> PerUser | float:
    """Return the probability of the tail categories, predicted or observed.

    More is not better: compare it with the tail mass of the truth.

    Parameters
    ----------
    theta : (N, K) float array
        Predicted or observed distribution of each user; rows on the simplex.
    buckets : (K,) int array-like
        0 head, 1 mid, 2 tail: the stratum of each category, as `category_buckets` returns it.

    Returns
    -------
    (N,) float array
        Between 0 and 1.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError, InputError
        The strata do not fit the categories.

    References
    ----------
    .. [1] H. Steck, "Item popularity and recommendation accuracy", RecSys 2011. doi:10.1145/2043932.2043957

    Examples
    --------
    >>> import numpy as np
    >>> tail_mass(np.array([[0.5, 0.25, 0.25]]), buckets=[0, 1, 2]).tolist()
    [0.25]
    """
    comparison, users = check_pair(theta, theta, buckets=buckets)
    return shaped_like(users, of_users(_tail_mass, comparison))


METRICS.add(
    Metric(
        name="true_tail_mass",
        statistic=_true_tail_mass,
        unit=Unit.ONE,
        lower_is_better=None,
        properties=frozenset({"bounded", "jointly_convex", "merging_never_increases"}),
        summary="Proportion of the observed interactions in tail categories: the target of `tail_mass`.",
        reference=_POPULARITY,
        label="Tail mass of the truth",
        definition=r"$\sum_{c \in \text{tail}} p_c$.",
        reading="The tail mass of the observed interactions; the same for all systems.",
        pitfalls="A property of the users, not of a system.",
        rank=140,
        shown_in=frozenset({"report"}),
    )
)


@metric(
    statistic=_tail_mass_error,
    value=_size,
    unit=Unit.ONE,
    lower_is_better=True,
    properties=frozenset({"symmetric", "zero_on_equal", "bounded", "jointly_convex"}),
    reference=_POPULARITY,
    label="Tail mass error",
    heading="Tail error",
    definition=r"$\bigl| \frac1N \sum_u \sum_{c \in \text{tail}} (q_{uc} - p_{uc}) \bigr|$.",
    reading="The difference between the mean predicted and the mean observed tail mass.",
    pitfalls=("Errors of different users cancel. A system can have 0 here and predict the wrong tail for every user."),
    rank=80,
    shown_in=frozenset({"evaluate", "headline"}),
)
def tail_mass_error(theta_star: Theta, theta_s: Theta, *, buckets: Any) -> float:
    """Return the distance between the model's mean tail mass and that of the users.

    Parameters
    ----------
    theta_star : (N, K) float array
        Observed distribution of each user; rows on the simplex.
    theta_s : (N, K) float array
        Predicted distribution of each user; rows on the simplex.
    buckets : (K,) int array-like
        The stratum of each category: 0 head, 1 mid, 2 tail, as `category_buckets` returns it.

    Returns
    -------
    float
        Between 0 and 1, without sign.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError, InputError
        The strata do not fit the categories.

    References
    ----------
    .. [1] H. Steck, "Item popularity and recommendation accuracy", RecSys 2011. doi:10.1145/2043932.2043957

    Examples
    --------
    >>> import numpy as np
    >>> truth, held = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.75, 0.25], [0.75, 0.25]])
    >>> tail_mass_error(truth, held, buckets=[0, 2])
    0.0
    """
    comparison, _ = check_pair(theta_star, theta_s, buckets=buckets)
    return float(_size(mean_statistic(_tail_mass_error, comparison)))
