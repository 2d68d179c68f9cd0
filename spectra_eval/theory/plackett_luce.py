"""The probability that a list sampled without replacement has a category: exact value and bounds.

Sampling k distinct categories sequentially, each with probability proportional to its weight among those left
(Plackett-Luce; the Gumbel top-k trick), is a race of exponential clocks with these weights as rates: the list is the
first k to ring. Theorem 2 of the paper takes k times the bound on the *first* pick: false without replacement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array, check_cutoff, check_number, check_whole
from spectra_eval.errors import AssumptionError, InputError

__all__ = [
    "InclusionBounds",
    "excluded_surely",
    "head_ratio",
    "inclusion_bounds",
    "inclusion_from_ratio",
    "inclusion_probability",
    "printed_union_bound",
    "printed_union_counterexample",
]

_MOST = 20
"""The largest number of categories for the recursion over subsets."""

_FEW = 11
"""The largest number of *other* categories for which the recursion is the faster method."""


def inclusion_probability(weights: Any, *, category: int, k: int, method: str = "auto") -> float:
    """Return the probability that a category is among k drawn one by one without replacement.

    Parameters
    ----------
    weights : (K,) float array
        Positive, in any scale; zeros are allowed and are never drawn while a positive weight is left.
    category : int
        Index of the category, with a positive weight.
    k : int
        Length of the list, at most K.
    method : {"auto", "subsets", "race"}
        ``subsets``: exact recursion over the sets already drawn, K <= 20. ``race``: the same as an integral over the
        time at which the category's clock rings, by the trapezoid rule on a logarithmic scale of time (relative error
        below 1e-12 against the recursion). ``auto`` takes the recursion up to K = 12.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    InputError
        A weight is negative or not finite, the category has weight zero, or the method is unknown or too large.

    Examples
    --------
    >>> round(inclusion_probability([0.98, 0.01, 0.01], category=2, k=2), 5)
    0.5001
    """
    target, others = _split(weights, category, k)
    if k > len(others):
        return 1.0
    if method not in ("auto", "subsets", "race"):
        raise InputError(f"method: {method!r} is none of auto, subsets, race")
    if method == "race" or (method == "auto" and len(others) > _FEW):
        return _race(target, others, k)
    if len(others) + 1 > _MOST:
        raise InputError(f"method: 'subsets' takes at most {_MOST} categories, got {len(others) + 1}; use 'race'")
    return _subsets(target, others, k)


@dataclass(frozen=True, kw_only=True)
class InclusionBounds:
    """Proven upper bounds on an inclusion probability, with the ratio r_k that they use.

    Attributes
    ----------
    ratio : float
        r_k: the category's weight over the smallest of the k largest other weights.
    step : float
        Sum over t = 1..k of w / (1 - W_{t-1}), W the sum of the t-1 largest others: the conditional probabilities.
    heads : float
        Probability of beating the slowest of those k: of being drawn when only the category and these k take part.
    product : float
        1 - prod t/(t + r_k).
    harmonic : float
        r_k times the k-th harmonic number.
    linear : float
        k r_k.
    best : float
        The least of them, and at most one.

    Examples
    --------
    >>> from spectra_eval.theory import inclusion_bounds
    >>> round(inclusion_bounds([0.5, 0.3, 0.2], category=2, k=1).best, 4)
    0.2
    """

    ratio: float
    step: float
    heads: float
    product: float
    harmonic: float
    linear: float

    @property
    def best(self) -> float:
        """Return the smallest of the bounds, at most one."""
        return min(1.0, self.step, self.heads, self.product)


def inclusion_bounds(weights: Any, *, category: int, k: int) -> InclusionBounds:
    """Bound the probability that a category is among k drawn without replacement: Theorem 2, corrected.

    The k most probable *other* categories H all ring before the category does not; to be in the list it must beat
    the slowest of them.

    Parameters
    ----------
    weights : (K,) float array
        Not negative, in any scale.
    category, k : int
        Index of the category, with a positive weight, and length of the list, below K.

    Returns
    -------
    InclusionBounds
        heads <= product <= harmonic <= linear.

    Raises
    ------
    InputError
        A weight is negative or not finite, or the category has weight zero.
    AssumptionError
        k is not below K, or fewer than k others have a positive weight.

    Notes
    -----
    Assumptions: draws without replacement proportional to the weights. Tight: ``heads`` for k = K - 1, where H is all
    the others; ``product`` when these have equal weights besides.

    Examples
    --------
    >>> found = inclusion_bounds([0.6, 0.25, 0.1, 0.04, 0.01], category=4, k=3)
    >>> round(found.heads, 4), round(found.product, 4), round(found.harmonic, 4)
    (0.1027, 0.1621, 0.1833)
    """
    target, others = _split(weights, category, k)
    if k > len(others):
        raise AssumptionError(f"k: {k} takes in every category of {len(others) + 1}; choose k < {len(others) + 1}")
    heads = others[:k]
    if heads[-1] <= 0:
        raise AssumptionError(
            f"weights: fewer than k = {k} other categories are positive; the list takes the category surely"
        )
    ratio = float(target / heads[-1])
    left = target + np.cumsum(others[::-1])[::-1]  # weight that is left when the t-1 largest others are gone
    return InclusionBounds(
        ratio=ratio,
        step=float(np.sum(target / left[:k])),
        heads=_race(target, heads, k) if k > _FEW else _subsets(target, heads, k),
        product=inclusion_from_ratio(ratio, k=k, form="product"),
        harmonic=inclusion_from_ratio(ratio, k=k, form="harmonic"),
        linear=inclusion_from_ratio(ratio, k=k, form="linear"),
    )


def inclusion_from_ratio(ratio: float, *, k: int, form: str = "product") -> float:
    """Bound an inclusion probability by r_k alone: the weight over the k-th largest other weight.

    Parameters
    ----------
    ratio : float
        r_k, or an upper bound on it (`head_ratio`).
    k : int
        Length of the list.
    form : {"product", "harmonic", "linear"}
        1 - prod t/(t+r) <= r H_k <= k r.

    Returns
    -------
    float
        At least 0; ``product`` is at most 1.

    Raises
    ------
    InputError
        k is below 1, the ratio is negative, or the form is unknown.

    Examples
    --------
    >>> round(inclusion_from_ratio(0.1, k=3), 4)
    0.1621
    """
    check_number("ratio", ratio)
    check_cutoff(k)
    if not ratio >= 0:
        raise InputError(f"ratio: {ratio} is negative; it is a ratio of weights")
    steps = np.arange(1, k + 1)
    if form == "product":
        return float(-np.expm1(-np.sum(np.log1p(ratio / steps))))
    if form == "harmonic":
        return float(ratio * np.sum(1.0 / steps))
    if form == "linear":
        return float(k * ratio)
    raise InputError(f"form: {form!r} is none of product, harmonic, linear")


def head_ratio(frequencies: Any, *, category: int, k: int, exponent: float, spread: float) -> float:
    """Bound r_k by frequencies: exp(B) rho_k^(-lambda), rho_k the k-th most frequent other category over this one.

    Parameters
    ----------
    frequencies : (K,) float array
        f > 0 of each category in the training corpus.
    category : int
        Index of the category.
    k : int
        Length of the list, below K.
    exponent : float
        lambda >= 0 of weight = f^lambda exp(z).
    spread : float
        B: |z(category) - z(h)| <= B for each of the k *most frequent* other categories. On the k most probable ones
        it is not enough, and without a measured z the model says nothing.

    Returns
    -------
    float
        An upper bound on r_k, positive.

    Raises
    ------
    AssumptionError
        k takes in every category.
    InputError
        The exponent or the spread is negative, or a frequency that is needed is not positive.

    Examples
    --------
    >>> head_ratio([100.0, 50.0, 2.0], category=2, k=2, exponent=1.0, spread=0.0)
    0.04
    """
    check_number("exponent", exponent)
    check_number("spread", spread)
    frequency, others = _split(frequencies, category, k)
    if k > len(others):
        raise AssumptionError(f"k: {k} takes in every category of {len(others) + 1}; choose k < {len(others) + 1}")
    if exponent < 0 or spread < 0 or others[k - 1] <= 0:
        raise InputError("exponent, spread, frequencies: the first two must be at least 0, the frequencies positive")
    return float(math.exp(spread) * (others[k - 1] / frequency) ** -exponent)


def excluded_surely(ratio: float) -> bool:
    """Return whether a decoder that returns the k largest weights leaves the category out: r_k < 1.

    No probability is involved, so that eq. (8) of the paper does not apply to its own arg-max lists.

    Parameters
    ----------
    ratio : float, at least 0
        r_k: the category's weight over the k-th largest other weight.

    Returns
    -------
    bool
        True where the category cannot be on the list.

    Raises
    ------
    InputError
        The ratio is negative or not finite.

    Examples
    --------
    >>> excluded_surely(0.04)
    True
    """
    check_number("ratio", ratio, low=0.0)
    return bool(ratio < 1.0)


def printed_union_bound(weights: Any, *, category: int, k: int) -> float:
    """Return the paper's union bound k w/w_head, which is not a bound for sampling without replacement if k > 1.

    Parameters
    ----------
    weights : (K,) float array
        Weights in any scale, none of them negative.
    category, k : int
        Index of the category, with a positive weight, and length of the list.

    Returns
    -------
    float
        May exceed 1, and may be below the true probability.

    Raises
    ------
    AssumptionError
        No other category has a positive weight.
    InputError
        A weight is negative or not finite, the category has weight zero, or k exceeds the categories.

    References
    ----------
    .. [1] arXiv:2509.24189, eq. (8).

    Examples
    --------
    >>> round(printed_union_bound([0.98, 0.01, 0.01], category=2, k=2), 4)
    0.0204
    """
    target, others = _split(weights, category, k)
    if len(others) == 0 or others[0] <= 0:
        raise AssumptionError("weights: no other category is positive; the bound divides by the largest of them")
    return float(k * target / others[0])


def printed_union_counterexample() -> tuple[np.ndarray, int, int]:
    """Return weights, a category and k at which the printed bound is .0204 and the true probability .5001.

    Once the head is taken, the ratio to the head is irrelevant.

    Returns
    -------
    weights : (3,) float array; category, k : int
        Arguments of `inclusion_probability` and `printed_union_bound`.

    Examples
    --------
    >>> weights, category, k = printed_union_counterexample()
    >>> inclusion_probability(weights, category=category, k=k) > printed_union_bound(weights, category=category, k=k)
    True
    """
    return np.array([0.98, 0.01, 0.01]), 2, 2


def _split(weights: Any, category: int, k: int) -> tuple[float, np.ndarray]:
    """Return the weight of the category and the others, largest first."""
    values = as_array("weights", weights)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all() or (values < 0).any():
        raise InputError("weights: give one finite number a category, none of them negative")
    check_whole("category", category, least=-(10**9))
    if not 0 <= category < len(values):
        raise InputError(f"category: {category} is none of 0..{len(values) - 1}")
    check_cutoff(k, len(values))
    if values[category] <= 0:
        raise InputError(f"category: {category} has weight 0 and is never drawn before all others")
    return float(values[category]), np.sort(np.delete(values, category))[::-1]


def _subsets(target: float, others: np.ndarray, k: int) -> float:
    """Sum over the sets drawn before the category: reach[set] is the probability that the draws so far are that set."""
    count = len(others)
    sums = np.zeros(1)
    for weight in others:
        sums = np.concatenate([sums, sums + weight])
    complement = sums[::-1]  # the weight left over: of the complement, which has no cancellation
    sizes = np.zeros(1, dtype=int)
    for _ in others:
        sizes = np.concatenate([sizes, sizes + 1])
    reach = np.zeros(1 << count)
    reach[0] = 1.0
    rate = 1.0 / (target + complement)
    for size in range(1, k):
        here = np.flatnonzero(sizes == size)
        for bit, weight in enumerate(others):
            inside = here[(here >> bit) & 1 == 1]
            before = inside ^ (1 << bit)
            reach[inside] += reach[before] * weight * rate[before]
    counted = sizes < k
    return float(np.sum(reach[counted] * target * rate[counted]))


def _race(target: float, others: np.ndarray, k: int) -> float:
    """Integrate over the arrival time of the target: fewer than k others may have arrived."""
    # t = e^y; the density of the ring is target t exp(-target t) dy. On this scale the trapezoid rule converges
    # faster than any power of its step, however far the weights lie apart.
    top = max(target, float(others[0]))
    step = 0.05
    y = np.arange(-math.log(top) - 45.0, -math.log(target) + 4.5, step)
    time = np.exp(y)
    fewer = np.zeros((k, len(y)))
    fewer[0] = 1.0
    for weight in others:
        rung = -np.expm1(-weight * time)
        still = np.exp(-weight * time)
        fewer[1:] = fewer[1:] * still + fewer[:-1] * rung
        fewer[0] *= still
    density = target * time * np.exp(-target * time)
    return float(min(1.0, step * np.sum(density * fewer.sum(axis=0))))
