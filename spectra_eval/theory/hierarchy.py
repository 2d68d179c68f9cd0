"""Two-level distributions: chain rules for divergences, and partial expansion.

theta(c) = theta_1(a) theta_2(c | a) is a distribution iff every category c has exactly one parent a. That is all that
"exact" can mean: it is the flat softmax over all c only if the score of each parent is that of
`parent_scores`, the soft maximum over its children.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from spectra_eval.arrays import as_array, as_simplex, as_whole
from spectra_eval.errors import AssumptionError, InputError, ShapeError
from spectra_eval.simplex import _kl_generator, js_nats, kl_nats, tv
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


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoLevel:
    """A distribution over parents, and one over the children of each.

    Attributes
    ----------
    top : (..., A) float array
        theta_1.
    branches : tuple of (..., size_a) float arrays
        theta_2(. | a), one for each parent.
    """

    top: np.ndarray
    branches: tuple[np.ndarray, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many children each parent has."""
        return tuple(branch.shape[-1] for branch in self.branches)

    def leaves(self) -> np.ndarray:
        """Give the distribution over all children, parent after parent, shape (..., K)."""
        parts = [self.top[..., a, None] * branch for a, branch in enumerate(self.branches)]
        return np.concatenate(parts, axis=-1)


def two_level(top: Any, branches: Sequence[Any]) -> TwoLevel:
    """Check and join the two levels.

    Parameters
    ----------
    top : (..., A) float array
        Shares of the parents.
    branches : sequence of (..., size_a) float arrays
        Shares of the children within each parent; each sums to one by itself.

    Returns
    -------
    TwoLevel

    Raises
    ------
    ShapeError
        There is not one branch a parent, or the leading axes differ.
    SimplexError
        A row is no distribution.

    Examples
    --------
    >>> two_level([0.25, 0.75], [[1.0], [0.5, 0.5]]).leaves().tolist()
    [0.25, 0.375, 0.375]
    """
    (parents,) = as_simplex(top=top)
    if len(branches) != parents.shape[-1]:
        raise ShapeError(f"branches: {len(branches)} for {parents.shape[-1]} parents; give one a parent")
    held = tuple(as_simplex(**{f"branches[{a}]": branch})[0] for a, branch in enumerate(branches))
    for a, branch in enumerate(held):
        if branch.shape[:-1] != parents.shape[:-1]:
            raise ShapeError(
                f"branches[{a}]: shape {branch.shape} for top {parents.shape}; the leading axes must agree"
            )
    return TwoLevel(top=parents, branches=held)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """A divergence of two-level distributions, split: total = top + sum of within.

    `within` has one entry a parent in its last axis, its weight included.
    """

    top: Information
    within: Information
    total: Information


def kl_chain(theta_star: TwoLevel, theta_s: TwoLevel) -> Chain:
    """Split the KL of the leaves: KL of the parents plus sum over parents of p_1(a) KL(p_a || q_a).

    An equality; the KL of the parents alone is a lower bound.

    Examples
    --------
    >>> p, q = two_level([0.5, 0.5], [[1.0], [0.5, 0.5]]), two_level([0.5, 0.5], [[1.0], [0.25, 0.75]])
    >>> parts = kl_chain(p, q)
    >>> round(parts.total.nats, 6), parts.top.nats
    (0.071921, 0.0)
    """
    _check_alike(theta_star, theta_s)
    weights = theta_star.top
    inner = np.stack([kl_nats(p, q) for p, q in _pairs(theta_star, theta_s)], axis=-1)
    with np.errstate(invalid="ignore"):
        within = np.where(weights > 0, weights * inner, 0.0)
    return _chain(kl_nats(theta_star.top, theta_s.top), within)


def js_chain(theta_star: TwoLevel, theta_s: TwoLevel) -> Chain:
    """Split the JS of the leaves: JS of the parents plus sum over parents of M_1(a) JS_w(p_a, q_a).

    M_1 = (p_1 + q_1)/2, and JS_w(p, q) = w KL(p || m) + (1-w) KL(q || m) with m = w p + (1-w) q and w the share of
    p_1(a) in p_1(a) + q_1(a). An equality.

    Examples
    --------
    >>> p, q = two_level([0.5, 0.5], [[1.0], [1.0, 0.0]]), two_level([0.5, 0.5], [[1.0], [0.0, 1.0]])
    >>> js_chain(p, q).total.bits
    0.5
    """
    _check_alike(theta_star, theta_s)
    total = theta_star.top + theta_s.top
    share = np.where(total > 0, theta_star.top / np.where(total > 0, total, 1.0), 0.5)
    inner = [_weighted_js(p, q, share[..., a, None]) for a, (p, q) in enumerate(_pairs(theta_star, theta_s))]
    return _chain(js_nats(theta_star.top, theta_s.top), total / 2 * np.stack(inner, axis=-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class TvChain:
    """Bounds on the total variation of the leaves, and its value."""

    lower: Any
    upper: Any
    value: Any


def tv_chain(theta_star: TwoLevel, theta_s: TwoLevel) -> TvChain:
    """Bound the total variation of the leaves: TV_1 <= TV <= TV_1 + sum over parents of min(p_1, q_1) TV(p_a, q_a).

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
    _check_alike(theta_star, theta_s)
    top = tv(theta_star.top, theta_s.top)
    inner = np.stack([tv(p, q) for p, q in _pairs(theta_star, theta_s)], axis=-1)
    upper = top + np.sum(np.minimum(theta_star.top, theta_s.top) * inner, axis=-1)
    return TvChain(
        lower=_plain(top), upper=_plain(np.minimum(1.0, upper)), value=_plain(tv(theta_star.leaves(), theta_s.leaves()))
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class PartialExpansion:
    """A two-level readout of which only some branches were asked for.

    Attributes
    ----------
    explored : tuple of int
        Parents whose branch is known, ascending.
    sizes : tuple of int
        How many children each parent has, known or not.
    leaves : (..., K) float array
        Shares of the explored children; NaN elsewhere.
    residuals : (..., A) float array
        Mass of each unexplored parent; 0 where explored.
    residual : (...) float array
        Their sum: the mass that no leaf has.
    """

    explored: tuple[int, ...]
    sizes: tuple[int, ...]
    leaves: np.ndarray
    residuals: np.ndarray
    residual: Any

    def fill(self, method: str = "coarse") -> np.ndarray:
        """Make a distribution of it, in a way that has to be chosen.

        Parameters
        ----------
        method : {"coarse", "renormalise", "uniform"}
            ``coarse``: unexplored branches stay whole, as one category each after the explored leaves (`merge` brings
            any full distribution into the same form). ``renormalise``: explored leaves divided by their sum; the
            total variation to the full readout is the residual exactly, and Lemma 1 then binds the readout, with
            the explored leaves as its list. ``uniform``: each residual spread evenly; the total variation to the full
            readout is at most `uniform_fill_radius`.

        Returns
        -------
        (..., K) float array, or fewer categories for ``coarse``

        Raises
        ------
        AssumptionError
            ``renormalise`` with nothing explored but mass zero.
        """
        if method == "coarse":
            known = self.leaves[..., self._known()]
            return np.concatenate([known, self.residuals[..., self._unexplored()]], axis=-1)
        if method == "uniform":
            spread = np.repeat(self.residuals / np.array(self.sizes), self.sizes, axis=-1)
            return np.where(self._known(), self.leaves, spread)
        if method == "renormalise":
            kept = np.where(self._known(), self.leaves, 0.0)
            total = kept.sum(axis=-1, keepdims=True)
            if (total <= 0).any():
                raise AssumptionError("explored: those branches hold no mass; explore another one or fill otherwise")
            return kept / total
        raise InputError(f"method: {method!r} is none of coarse, renormalise, uniform")

    def merge(self, theta: Any) -> np.ndarray:
        """Bring a full distribution over the K leaves into the form of ``fill("coarse")``; raises no divergence."""
        (rows,) = as_simplex(theta=theta)
        if rows.shape[-1] != sum(self.sizes):
            raise ShapeError(f"theta: {rows.shape[-1]} categories for {sum(self.sizes)} leaves")
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        whole = np.add.reduceat(rows, starts, axis=-1)
        return np.concatenate([rows[..., self._known()], whole[..., self._unexplored()]], axis=-1)

    @property
    def uniform_fill_radius(self) -> Any:
        """Upper bound on the total variation of the uniform filling: sum of residual_a (1 - 1/size_a)."""
        return _plain(np.sum(self.residuals * (1 - 1 / np.array(self.sizes)), axis=-1))

    def _unexplored(self) -> list[int]:
        return [a for a in range(len(self.sizes)) if a not in self.explored]

    def _known(self) -> np.ndarray:
        return np.repeat(np.isin(np.arange(len(self.sizes)), self.explored), self.sizes)


def expand(readout: TwoLevel, explored: Sequence[int]) -> PartialExpansion:
    """Keep the leaves of some branches of a two-level readout and the mass of the others.

    Parameters
    ----------
    readout : TwoLevel
        The full readout; the branches that are not explored are not looked at but for their size.
    explored : sequence of int
        Parents whose branch is asked for.

    Returns
    -------
    PartialExpansion

    Raises
    ------
    InputError
        A parent is unknown.

    Examples
    --------
    >>> part = expand(two_level([0.25, 0.75], [[1.0], [0.5, 0.5]]), [1])
    >>> part.residual, part.fill("renormalise").tolist(), part.fill("coarse").tolist()
    (0.25, [0.0, 0.5, 0.5], [0.375, 0.375, 0.25])
    """
    count = readout.top.shape[-1]
    kept = tuple(sorted({int(a) for a in explored}))
    if any(not 0 <= a < count for a in kept):
        raise InputError(f"explored: {list(explored)} names no parent of 0..{count - 1}")
    here = np.isin(np.arange(count), kept)
    residuals = np.where(here, 0.0, readout.top)
    return PartialExpansion(
        explored=kept,
        sizes=readout.sizes,
        leaves=np.where(np.repeat(here, readout.sizes), readout.leaves(), np.nan),
        residuals=residuals,
        residual=_plain(residuals.sum(axis=-1)),
    )


def parent_scores(scores: Any, parents: Any, *, temperature: float = 1.0) -> np.ndarray:
    """Give the parents' scores with which the two-level readout is the flat softmax: tau logsumexp(children / tau).

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

    Examples
    --------
    >>> parent_scores([0.0, 0.0, 0.0], [0, 1, 1]).round(4).tolist()
    [0.0, 0.6931]
    """
    held, owner = as_array("scores", scores), as_whole("parents", parents)
    if temperature <= 0:
        raise InputError(f"temperature: {temperature} is not positive")
    if owner.shape != held.shape[-1:] or not np.array_equal(np.unique(owner), np.arange(owner.max(initial=-1) + 1)):
        raise ShapeError("parents: give one of 0..A-1 for each category, every one used")
    columns = [special.logsumexp(held[..., owner == a] / temperature, axis=-1) for a in range(owner.max() + 1)]
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
    """Give weight * middle * f(u), f(u) = (1+u) ln(1+u) - u, with u = row/middle - 1 = other * step / middle.

    Taken from the step, u does not cancel, however near the two rows are; it is never below -1.
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


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
