"""The search for weights that violate a claimed bound on an inclusion probability."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, SpectraError
from spectra_eval.theory import inclusion_probability

__all__ = ["InclusionRefutation", "bounds_inclusion", "refute_inclusion"]


@dataclass(frozen=True, kw_only=True)
class InclusionRefutation:
    """Weights that violate a bound on an inclusion probability, or the result that none were found.

    Attributes
    ----------
    found : bool
        Whether the bound is violated.
    weights : tuple of K float, optional
        The weights of the draws without replacement, not normalised.
    category, k : int, optional
        The category, and the number of draws.
    exact : float, optional
        The probability that the category is among the draws.
    bound : float, optional
        The bound at these weights.
    found_by : str, optional
        The method of the search.

    Examples
    --------
    >>> InclusionRefutation(found=False).python is None
    True
    """

    found: bool
    weights: tuple[float, ...] | None = None
    category: int | None = None
    k: int | None = None
    exact: float | None = None
    bound: float | None = None
    found_by: str | None = None

    @property
    def python(self) -> str | None:
        """Return runnable Python code of the counterexample."""
        if not self.found:
            return None
        return (
            "from spectra_eval.theory import inclusion_probability\n"
            f"exact = inclusion_probability({list(self.weights or ())}, category={self.category}, k={self.k})\n"
            f"assert exact > {self.bound!r}  # the bound says {self.bound!r}; the truth is {self.exact!r}\n"
        )


def bounds_inclusion(subject: Any) -> bool:
    """Return whether a function claims to bound an inclusion probability.

    Parameters
    ----------
    subject : object
        Any object.

    Returns
    -------
    bool
        True for a function with arguments `category` and `k`.

    Examples
    --------
    >>> bounds_inclusion(lambda weights, *, category, k: 1.0), bounds_inclusion(len)
    (True, False)
    """
    try:
        parameters = inspect.signature(subject).parameters
    except (TypeError, ValueError):
        return False
    return {"category", "k"} <= set(parameters)


def refute_inclusion(bound: Callable[..., float], *, max_examples: int = 2000, seed: int = 0) -> InclusionRefutation:
    """Search for weights at which sequential draws without replacement exceed a claimed bound.

    Weights are drawn with a head that dominates, with ties and with many scales; a violation is then made simpler:
    fewer categories, a shorter list, rounder weights.

    Parameters
    ----------
    bound : callable
        ``bound(weights, *, category, k) -> float``.
    max_examples : int
        Weights drawn.
    seed : int
        The search is the same for the same seed.

    Returns
    -------
    InclusionRefutation
        The weights in their simplest form; that none were found is no proof.

    Raises
    ------
    InputError
        The function takes no such arguments.

    Examples
    --------
    >>> from spectra_eval.theory import inclusion_bounds, printed_union_bound
    >>> refute_inclusion(printed_union_bound).found
    True
    >>> valid = lambda weights, *, category, k: inclusion_bounds(weights, category=category, k=k).product
    >>> refute_inclusion(valid, max_examples=200).found
    False
    """
    if not bounds_inclusion(bound):
        raise InputError("bound: takes no weights, category and k; give bound(weights, *, category, k)")
    rng = np.random.default_rng(seed)
    for _ in range(max_examples):
        size = int(rng.integers(2, 7))
        spread = float(rng.choice([0.5, 2.0, 5.0]))
        weights = np.exp(rng.normal(scale=spread, size=size))
        if rng.random() < 0.3:
            weights[1:] = weights[-1]
        k, category = int(rng.integers(1, size)), int(rng.integers(size))
        if _breaks(bound, weights, category, k):
            return _simplest(bound, weights, category, k)
    return InclusionRefutation(found=False)


def _breaks(bound: Callable[..., float], weights: np.ndarray, category: int, k: int) -> bool:
    try:
        claimed = float(bound(weights, category=category, k=k))
    except SpectraError:
        return False  # weights that the bound itself refuses are skipped
    return inclusion_probability(weights, category=category, k=k) > claimed * (1 + 1e-9)


def _simplest(bound: Callable[..., float], weights: np.ndarray, category: int, k: int) -> InclusionRefutation:
    again = True
    while again:
        again = False
        for other in range(len(weights)):
            fewer = np.delete(weights, other)
            place = category - (other < category)
            if other != category and k < len(fewer) and _breaks(bound, fewer, place, k):
                weights, category, again = fewer, place, True
                break
        if k > 1 and _breaks(bound, weights, category, k - 1):
            k, again = k - 1, True
    for digits in range(1, 6):
        round_ = np.array([float(f"{w / weights.sum():.{digits}g}") for w in weights])
        if (round_ > 0).all() and _breaks(bound, round_, category, k):
            weights = round_
            break
    return InclusionRefutation(
        found=True,
        weights=tuple(weights.tolist()),
        category=category,
        k=k,
        exact=float(inclusion_probability(weights, category=category, k=k)),
        bound=float(bound(weights, category=category, k=k)),
        found_by="drawing",
    )
