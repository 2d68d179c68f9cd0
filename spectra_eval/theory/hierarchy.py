"""Two-level distributions: chain rules for divergences, and partial expansion.

theta(c) = theta_1(a) theta_2(c | a) is a distribution iff every category c has exactly one parent a. That is all that
"exact" can mean: it is the flat softmax over all c only if the score of each parent is that of
`parent_scores`, the soft maximum over its children.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array, as_whole, short_repr
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.simplex import _kl_generator, js_nats, kl_nats, tv
from spectra_eval.theory._two_level import PartialExpansion, TwoLevel, _plain, check_levels, expand, two_level
from spectra_eval.units import Information

__all__ = [
    "Chain",
    "PartialExpansion",
    "TvChain",
    "TwoLevel",
    "expand",
    "js_chain",
    "kl_chain",
    "parent_scores",
    "tv_chain",
    "two_level",
]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Chain:
    """A divergence of two-level distributions, split: total = top + sum of within.

    Attributes
    ----------
    top : Information, shape (...)
        Divergence of the parents.
    within : Information, shape (..., A)
        Divergence of the children of each parent, weighted.
    total : Information, shape (...)
        Divergence of the leaves.

    Examples
    --------
    >>> from spectra_eval.theory import kl_chain, two_level
    >>> same = two_level([0.5, 0.5], [[1.0], [0.5, 0.5]])
    >>> kl_chain(same, same).within.nats.tolist()
    [0.0, 0.0]
    """

    __repr__ = short_repr

    top: Information
    within: Information
    total: Information


def kl_chain(theta_star: TwoLevel, theta_s: TwoLevel) -> Chain:
    """Split the KL of the leaves: KL of the parents plus sum over parents of p_1(a) KL(p_a || q_a).

    An equality; the KL of the parents alone is a lower bound.

    Parameters
    ----------
    theta_star, theta_s : TwoLevel
        The two distributions, over the same parents and children.

    Returns
    -------
    Chain
        Infinite where theta_s is zero on a category with mass in theta_star.

    Raises
    ------
    ShapeError
        The two hierarchies differ in shape.
    InputError
        An argument is no `TwoLevel`.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, Elements of Information Theory, 2nd ed. (2006), Theorem 2.5.3.

    Examples
    --------
    >>> p, q = two_level([0.5, 0.5], [[1.0], [0.5, 0.5]]), two_level([0.5, 0.5], [[1.0], [0.25, 0.75]])
    >>> parts = kl_chain(p, q)
    >>> round(parts.total.nats, 6), parts.top.nats
    (0.071921, 0.0)
    """
    check_levels(theta_star=theta_star, theta_s=theta_s)
    _check_alike(theta_star, theta_s)
    weights = theta_star.top
    inner = np.stack([kl_nats(p, q) for p, q in _pairs(theta_star, theta_s)], axis=-1)
    with np.errstate(invalid="ignore"):
        within = np.where(weights > 0, weights * inner, 0.0)
    return _chain(kl_nats(theta_star.top, theta_s.top), within)


def js_chain(theta_star: TwoLevel, theta_s: TwoLevel) -> Chain:
    """Split the JS of the leaves: JS of the parents plus sum over parents of M_1(a) JS_w(p_a, q_a).

    M_1 = (p_1 + q_1)/2, and JS_w(p, q) = w KL(p || m) + (1-w) KL(q || m) with m = w p + (1-w) q and w =
    p_1(a) / (p_1(a) + q_1(a)). An equality.

    Parameters
    ----------
    theta_star, theta_s : TwoLevel
        The two distributions, over the same parents and children.

    Returns
    -------
    Chain
        Its total is between 0 and 1 bit.

    Raises
    ------
    ShapeError
        The two hierarchies differ in shape.
    InputError
        An argument is no `TwoLevel`.

    Examples
    --------
    >>> p, q = two_level([0.5, 0.5], [[1.0], [1.0, 0.0]]), two_level([0.5, 0.5], [[1.0], [0.0, 1.0]])
    >>> js_chain(p, q).total.bits
    0.5
    """
    check_levels(theta_star=theta_star, theta_s=theta_s)
    _check_alike(theta_star, theta_s)
    total = theta_star.top + theta_s.top
    share = np.where(total > 0, theta_star.top / np.where(total > 0, total, 1.0), 0.5)
    inner = [_weighted_js(p, q, share[..., a, None]) for a, (p, q) in enumerate(_pairs(theta_star, theta_s))]
    return _chain(js_nats(theta_star.top, theta_s.top), total / 2 * np.stack(inner, axis=-1))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TvChain:
    """Bounds on the total variation of the leaves, and its value.

    Attributes
    ----------
    lower, upper : float or (...) float array
        Bounds on the total variation of the leaves.
    value : float or (...) float array
        The total variation of the leaves.

    Examples
    --------
    >>> TvChain(lower=0.0, upper=0.5, value=0.5).upper
    0.5
    """

    __repr__ = short_repr

    lower: Any
    upper: Any
    value: Any


def tv_chain(theta_star: TwoLevel, theta_s: TwoLevel) -> TvChain:
    """Bound the total variation of the leaves: TV_1 <= TV <= TV_1 + sum over parents of min(p_1, q_1) TV(p_a, q_a).

    Parameters
    ----------
    theta_star, theta_s : TwoLevel
        The two distributions, over the same parents and children.

    Returns
    -------
    TvChain
        Floats, or arrays of shape (...).

    Raises
    ------
    ShapeError
        The two hierarchies differ in shape.
    InputError
        An argument is no `TwoLevel`.

    Notes
    -----
    Assumptions: none. The lower bound is tight where the branches agree, the upper one where the parents agree.

    Examples
    --------
    >>> p, q = two_level([0.5, 0.5], [[1.0], [1.0, 0.0]]), two_level([0.5, 0.5], [[1.0], [0.0, 1.0]])
    >>> found = tv_chain(p, q)
    >>> found.lower, found.value, found.upper
    (0.0, 0.5, 0.5)
    """
    check_levels(theta_star=theta_star, theta_s=theta_s)
    _check_alike(theta_star, theta_s)
    top = tv(theta_star.top, theta_s.top)
    inner = np.stack([tv(p, q) for p, q in _pairs(theta_star, theta_s)], axis=-1)
    upper = top + np.sum(np.minimum(theta_star.top, theta_s.top) * inner, axis=-1)
    return TvChain(
        lower=_plain(top), upper=_plain(np.minimum(1.0, upper)), value=_plain(tv(theta_star.leaves(), theta_s.leaves()))
    )


def parent_scores(scores: Any, parents: Any, *, temperature: float = 1.0) -> np.ndarray:
    """Return the parents' scores, tau logsumexp(children / tau), for which the two-level readout is the flat softmax.

    Parameters
    ----------
    scores : (..., K) float array
        Of the children, as the flat softmax(scores / tau) takes them.
    parents : (K,) int array
        Parent of each child, 0..A-1, each with at least one child.
    temperature : float
        tau > 0.

    Returns
    -------
    (..., A) float array
        Up to one constant for all parents no other scores do it.

    Raises
    ------
    InputError
        The temperature is not positive, or a parent is not a whole number.
    ShapeError
        `parents` does not name one of 0..A-1 for each category, each of them used.

    Examples
    --------
    >>> parent_scores([0.0, 0.0, 0.0], [0, 1, 1]).round(4).tolist()
    [0.0, 0.6931]
    """
    values, owner = as_array("scores", scores), as_whole("parents", parents)
    if temperature <= 0:
        raise InputError(f"temperature: {temperature} is not positive")
    if owner.shape != values.shape[-1:] or not np.array_equal(np.unique(owner), np.arange(owner.max(initial=-1) + 1)):
        raise ShapeError("parents: give one of 0..A-1 for each category, every one used")
    columns = [special.logsumexp(values[..., owner == a] / temperature, axis=-1) for a in range(owner.max() + 1)]
    return np.asarray(temperature * np.stack(columns, axis=-1))


def _check_alike(one: TwoLevel, other: TwoLevel) -> None:
    if one.sizes != other.sizes or one.top.shape != other.top.shape:
        raise ShapeError(f"the two hierarchies differ: {one.top.shape} {one.sizes} and {other.top.shape} {other.sizes}")


def _pairs(one: TwoLevel, other: TwoLevel) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(one.branches, other.branches, strict=True))


def _weighted_js(p: np.ndarray, q: np.ndarray, w: np.ndarray) -> Any:
    middle = w * p + (1 - w) * q
    return np.sum(_half(w, p, 1 - w, p - q, middle) + _half(1 - w, q, w, q - p, middle), axis=-1)


def _half(weight: np.ndarray, row: np.ndarray, other: np.ndarray, step: np.ndarray, middle: np.ndarray) -> Any:
    """Return weight * middle * f(u), f(u) = (1+u) ln(1+u) - u, with u = row/middle - 1 = other * step / middle.

    Computed from the step, u has no cancellation for close rows; it is never below -1.
    """
    some = middle > 0
    base = np.where(some, middle, 1.0)
    with np.errstate(over="ignore"):
        u = np.where(some, np.maximum(other * step / base, -1.0), 0.0)
    far = u > 1e3  # a weight near zero: the product with f(u) could overflow
    near = base * _kl_generator(np.where(far, 0.0, u))
    logs = np.log(np.where(far, row, 1.0)) - np.log(base)
    return np.where(some, weight * np.where(far, row * logs - row + base, near), 0.0)


def _chain(top: Any, within: np.ndarray) -> Chain:
    return Chain(top=Information(top), within=Information(within), total=Information(top + within.sum(axis=-1)))
