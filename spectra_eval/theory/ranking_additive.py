"""Theorem 4 with the hypotheses it needs: monotone additive utilities of a list, with and without an order.

Type S is the sum of f(theta_star(c)) over the list; type O weighs the i-th entry by w_i. The paper prints *strict*
dominance for every non-decreasing f and every w_i >= 0, which is false (`theorem_4_counterexamples`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.arrays import as_simplex, as_whole, check_cutoff
from spectra_eval.errors import AssumptionError, InputError, ShapeError
from spectra_eval.simplex import linf
from spectra_eval.theory._regret import _checked_weights
from spectra_eval.theory.ranking import _gap

__all__ = ["Counterexample", "Theorem4", "mrr_is_not_additive", "theorem_4", "theorem_4_counterexamples"]

_Utility = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Theorem4:
    """What follows from Theorem 4 for one user, hypothesis by hypothesis.

    Attributes
    ----------
    value_top, value_list, value_best : float
        Utility of the top k of theta_s in its order, of the list, and of the best k of theta_star.
    recovers_set : bool
        (a) The gap of theta_star at rank k exceeds 2 Linf.
    recovers_order : bool
        (b) So does every positive gap inside its top k; ties there are harmless. True for type S, which has no order.
    separates : bool
        (c) f at rank k exceeds f at rank k+1, and the last weight is positive.
    differs : bool
        (d) The list is not the best k as a set.
    weak : bool
        (a) and (b): value_top = value_best >= value_list.
    strict : bool
        weak with (c) and (d), or with the same set in an order that is strictly wrong: value_top > value_list.

    Examples
    --------
    >>> from spectra_eval.theory import theorem_4
    >>> theorem_4([0.6, 0.3, 0.1], [0.58, 0.32, 0.1], [2], k=1, utility=np.sqrt).strict
    True
    """

    value_top: float
    value_list: float
    value_best: float
    recovers_set: bool
    recovers_order: bool
    separates: bool
    differs: bool
    weak: bool
    strict: bool


def theorem_4(
    theta_star: Any,
    theta_s: Any,
    entries: Any,
    *,
    k: int,
    utility: _Utility,
    weights: Any = None,
    eps: float | None = None,
) -> Theorem4:
    """Check for one user whether a close distribution has a higher utility than a list.

    Parameters
    ----------
    theta_star, theta_s : (K,) float array
        On the simplex.
    entries : (L,) int array
        The list, best first, L <= k. Negative entries and repeats keep their rank and earn nothing.
    k : int
        Cut-off, below K.
    utility : callable
        f, elementwise on arrays, non-decreasing; at least 0 if the list has fewer than k categories.
    weights : (k,) float array, optional
        w_i >= 0, non-increasing: type O. None: type S.
    eps : float, optional
        An upper bound on Linf from elsewhere; by default Linf itself.

    Returns
    -------
    Theorem4
        The three utilities and the hypotheses.

    Raises
    ------
    AssumptionError
        k is not below K, the list is longer than k, the weights increase, or f decreases on the probabilities
        of theta_star.
    ShapeError
        theta_star is not one row, the list is not one list, or the weights are not k numbers.
    InputError
        An entry is no category.
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.

    Notes
    -----
    Assumptions: those above. Weak dominance needs (a), and (b) if the order counts; strict dominance also (c) and (d).

    References
    ----------
    .. [1] arXiv:2509.24189, Theorem 4, whose hypotheses do not suffice.

    Examples
    --------
    >>> found = theorem_4([0.6, 0.3, 0.1], [0.58, 0.32, 0.1], [1, 0], k=2, utility=np.sqrt, weights=[1.0, 0.5])
    >>> found.differs, found.strict, found.value_top > found.value_list
    (False, True, True)
    """
    star, predicted = as_simplex(theta_star=theta_star, theta_s=theta_s)
    if star.ndim != 1:
        raise ShapeError(f"theta_star: shape {star.shape}; give one user, as one row of categories")
    check_cutoff(k, len(star))
    rank_weights = np.ones(k) if weights is None else _checked_weights(weights)
    if len(rank_weights) != k:
        raise ShapeError(f"weights: {len(rank_weights)} for k = {k}; give one number a rank")
    ranks, chosen = _places(entries, len(star), k)
    earned = np.asarray(utility(star), dtype=np.float64)
    by_share = ties.order(star)
    _check_utility(earned[np.argsort(-star, kind="stable")], short=len(chosen) < k)

    distance = float(linf(star, predicted))
    radius = distance if eps is None else float(eps)
    best, found = by_share[:k], ties.order(predicted)[:k]
    inner = -np.diff(np.sort(star)[::-1][:k])
    least = max(2 * radius, ties.TIE)
    recovers_set = distance <= radius and float(_gap(star, k)) > least
    recovers_order = weights is None or bool((inner[inner > 0] > least).all())
    separates = bool(earned[by_share[k - 1]] > earned[by_share[k]] and rank_weights[-1] > 0)
    differs = set(chosen.tolist()) != set(best.tolist())
    weak = recovers_set and recovers_order
    if differs:
        strict = weak and separates
    else:
        strict = weak and _strictly_wrong(rank_weights[ranks], earned[chosen])
    return Theorem4(
        value_top=float(rank_weights @ earned[found]),
        value_list=float(rank_weights[ranks] @ earned[chosen]),
        value_best=float(rank_weights @ earned[best]),
        recovers_set=recovers_set,
        recovers_order=recovers_order,
        separates=separates,
        differs=differs,
        weak=weak,
        strict=strict,
    )


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """A counterexample to the strict inequality of the printed Theorem 4.

    Attributes
    ----------
    name : str
        The description of the case.
    fails : str
        The hypothesis of `Theorem4` that fails.
    theta_star, theta_s : tuple of K float
        The two distributions.
    entries : tuple of int
        The list.
    weights : tuple of k float, or None
        The discounts; None for a utility of sets.
    found : Theorem4
        The values.

    Examples
    --------
    >>> from spectra_eval.theory import theorem_4_counterexamples
    >>> theorem_4_counterexamples()[0].fails
    'separates'
    """

    name: str
    fails: str
    theta_star: tuple[float, ...]
    theta_s: tuple[float, ...]
    entries: tuple[int, ...]
    weights: tuple[float, ...] | None
    found: Theorem4


def theorem_4_counterexamples() -> tuple[Counterexample, ...]:
    """Return the cases that break the printed strictness, or the order, of Theorem 4.

    In each the theorem as printed applies, or would apply with the right set alone, and the top k of theta_s is not
    strictly better than the list.

    Returns
    -------
    tuple of Counterexample
        Six cases.

    References
    ----------
    .. [1] arXiv:2509.24189, Theorem 4.

    Examples
    --------
    >>> [(case.name, case.found.value_top > case.found.value_list) for case in theorem_4_counterexamples()][:2]
    [('constant utility', False), ('utility of anything at all', False)]
    """
    near = (0.5, 0.3, 0.2)
    discounts = tuple(float(np.log(2) / np.log(i + 2)) for i in range(2))
    return (
        _case("constant utility", "separates", near, near, (0, 2), None, np.ones_like),
        _case("utility of anything at all", "separates", near, near, (0, 2), None, lambda x: (x > 0).astype(float)),
        _case("a last weight of zero", "separates", near, near, (0, 2), (1.0, 0.0), _linear),
        _case("the same set, equal weights", "differs", near, near, (1, 0), (1.0, 1.0), _linear),
        _case(
            "order not recovered",
            "recovers_order",
            (0.4, 0.35, 0.25),
            (0.36, 0.39, 0.25),
            (0, 2),
            (1.0, 0.1),
            _linear,
        ),
        _case(
            "a right set by luck",
            "recovers_set",
            (0.6, 0.2, 0.15, 0.05),
            (0.3, 0.5, 0.15, 0.05),
            (0, 2),
            discounts,
            _linear,
        ),
    )


def mrr_is_not_additive() -> tuple[float, float]:
    """Return two differences that every additive utility makes equal, as the reciprocal rank gives them: 0 and 1/2.

    With a relevant category r and another one n: (r, r) minus (r, n), and (n, r) minus (n, n). An additive utility
    gives w_2 (f(r) - f(n)) for both. With a single relevant category the reciprocal rank is of type O, weak only.

    Returns
    -------
    first, second : float
        The two differences.

    Examples
    --------
    >>> mrr_is_not_additive()
    (0.0, 0.5)
    """

    def reciprocal_rank(*relevant: bool) -> float:
        return 1.0 / (relevant.index(True) + 1) if any(relevant) else 0.0

    return (
        reciprocal_rank(True, True) - reciprocal_rank(True, False),  # noqa: FBT003
        reciprocal_rank(False, True) - reciprocal_rank(False, False),  # noqa: FBT003
    )


def _case(
    name: str,
    fails: str,
    star: tuple[float, ...],
    predicted: tuple[float, ...],
    entries: tuple[int, ...],
    weights: tuple[float, ...] | None,
    utility: _Utility,
) -> Counterexample:
    found = theorem_4(star, predicted, entries, k=2, utility=utility, weights=weights)
    return Counterexample(
        name=name, fails=fails, theta_star=star, theta_s=predicted, entries=entries, weights=weights, found=found
    )


def _linear(share: np.ndarray) -> np.ndarray:
    return share


def _places(entries: Any, n_categories: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks and the categories of the valid entries: known and not repeated."""
    listed = as_whole("entries", entries)
    if listed.ndim != 1:
        raise ShapeError(f"entries: shape {listed.shape}; give one list")
    if len(listed) > k:
        raise AssumptionError(f"entries: {len(listed)} for k = {k}; cut the list to its first {k} or raise k")
    if (listed >= n_categories).any():
        raise InputError(f"entries: {listed.max()} is no category of 0..{n_categories - 1}")
    _, first = np.unique(listed, return_index=True)
    ranks = np.sort(first)
    ranks = ranks[listed[ranks] >= 0]
    return ranks, listed[ranks]


def _check_utility(sorted_values: np.ndarray, *, short: bool) -> None:
    if (np.diff(sorted_values) > 0).any():
        raise AssumptionError(
            "utility: falls from a smaller share to a larger one; the theorem needs it non-decreasing"
        )
    if short and sorted_values[-1] < 0:
        raise AssumptionError("utility: is negative somewhere, which a list shorter than k escapes; shift it to 0")


def _strictly_wrong(weights: np.ndarray, earned: np.ndarray) -> bool:
    """Return whether some entry follows one with a lower gain, at a rank with a lower weight."""
    wrong = (weights[:, None] > weights[None, :]) & (earned[:, None] < earned[None, :])
    return bool(wrong.any())
