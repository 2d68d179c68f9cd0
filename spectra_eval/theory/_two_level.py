"""Distributions over parents and their children, known completely or in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array, as_simplex, as_whole, short_repr
from spectra_eval.errors import AssumptionError, InputError, ShapeError

__all__ = [
    "PartialExpansion",
    "TwoLevel",
    "expand",
    "two_level",
]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TwoLevel:
    """A distribution over parents, and one over the children of each.

    Attributes
    ----------
    top : (..., A) float array
        theta_1.
    branches : tuple of (..., size_a) float arrays
        theta_2(. | a), one for each parent.

    Examples
    --------
    >>> from spectra_eval.theory import two_level
    >>> two_level([0.5, 0.5], [[1.0], [0.25, 0.75]]).leaves().tolist()
    [0.5, 0.125, 0.375]
    """

    __repr__ = short_repr

    top: np.ndarray
    branches: tuple[np.ndarray, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the number of children of each parent."""
        return tuple(branch.shape[-1] for branch in self.branches)

    def leaves(self) -> np.ndarray:
        """Return the distribution over all children, parent after parent.

        Returns
        -------
        (..., K) float array
            Rows on the simplex.
        """
        parts = [self.top[..., a, None] * branch for a, branch in enumerate(self.branches)]
        return np.concatenate(parts, axis=-1)


def check_levels(**named: Any) -> None:
    """Check that a value is a `TwoLevel`."""
    for name, value in named.items():
        if not isinstance(value, TwoLevel):
            what = f"{name}: {type(value).__name__} has no two levels"
            raise InputError(f"{what}; make them with two_level(top, branches)")


def two_level(top: Any, branches: Sequence[Any]) -> TwoLevel:
    """Check and join the two levels.

    Parameters
    ----------
    top : (..., A) float array
        Probabilities of the parents.
    branches : sequence of (..., size_a) float arrays
        Probabilities of the children within each parent; each sums to one.

    Returns
    -------
    TwoLevel
        The checked levels.

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
    branches = branches if isinstance(branches, list | tuple) else list(as_array("branches", branches))
    if len(branches) != parents.shape[-1]:
        raise ShapeError(f"branches: {len(branches)} for {parents.shape[-1]} parents; give one a parent")
    children = tuple(as_simplex(**{f"branches[{a}]": branch})[0] for a, branch in enumerate(branches))
    for a, branch in enumerate(children):
        if branch.shape[:-1] != parents.shape[:-1]:
            raise ShapeError(
                f"branches[{a}]: shape {branch.shape} for top {parents.shape}; the leading axes must agree"
            )
    return TwoLevel(top=parents, branches=children)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PartialExpansion:
    """A two-level readout of which only some branches were explored.

    Attributes
    ----------
    explored : tuple of int
        Parents whose branch is known, ascending.
    sizes : tuple of int
        The number of children of each parent, known or not.
    leaves : (..., K) float array
        Probabilities of the explored children; NaN elsewhere.
    residuals : (..., A) float array
        Mass of each unexplored parent; 0 where explored.
    residual : (...) float array
        Their sum: the mass that no leaf has.

    Examples
    --------
    >>> from spectra_eval.theory import expand, two_level
    >>> expand(two_level([0.6, 0.4], [[0.5, 0.5], [1.0]]), [0]).residual
    0.4
    """

    __repr__ = short_repr

    explored: tuple[int, ...]
    sizes: tuple[int, ...]
    leaves: np.ndarray
    residuals: np.ndarray
    residual: Any

    def fill(self, method: str = "coarse") -> np.ndarray:
        """Return a full or coarse distribution, by the chosen method.

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
        (..., K) float array
            Rows on the simplex; fewer categories for ``coarse``.

        Raises
        ------
        AssumptionError
            ``renormalise`` with nothing explored but mass zero.
        InputError
            The method is unknown.
        """
        if method == "coarse":
            known = self.leaves[..., self._known()]
            return np.concatenate([known, self.residuals[..., self._unexplored()]], axis=-1)
        if method == "uniform":
            spread = np.repeat(self.residuals / np.array(self.sizes), self.sizes, axis=-1)
            return np.where(self._known(), self.leaves, spread)
        if method == "renormalise":
            known = np.where(self._known(), self.leaves, 0.0)
            total = known.sum(axis=-1, keepdims=True)
            if (total <= 0).any():
                raise AssumptionError("explored: those branches hold no mass; explore another one or fill otherwise")
            return known / total
        raise InputError(f"method: {method!r} is none of coarse, renormalise, uniform")

    def merge(self, theta: Any) -> np.ndarray:
        """Return a full distribution in the form of ``fill("coarse")``; this increases no divergence.

        Parameters
        ----------
        theta : (..., K) array-like
            Distributions over all children, parent after parent.

        Returns
        -------
        (..., M) float array
            The children of explored parents, then one total for each other parent.

        Raises
        ------
        ShapeError
            The number of categories is not K.
        SimplexError, InputError
            A row is no distribution, or holds something other than numbers.
        """
        (rows,) = as_simplex(theta=theta)
        if rows.shape[-1] != sum(self.sizes):
            raise ShapeError(f"theta: {rows.shape[-1]} categories for {sum(self.sizes)} leaves")
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        whole = np.add.reduceat(rows, starts, axis=-1)
        return np.concatenate([rows[..., self._known()], whole[..., self._unexplored()]], axis=-1)

    @property
    def uniform_fill_radius(self) -> Any:
        """Return an upper bound on the total variation of the uniform filling: sum of residual_a (1 - 1/size_a)."""
        return _plain(np.sum(self.residuals * (1 - 1 / np.array(self.sizes)), axis=-1))

    def _unexplored(self) -> list[int]:
        return [a for a in range(len(self.sizes)) if a not in self.explored]

    def _known(self) -> np.ndarray:
        return np.repeat(np.isin(np.arange(len(self.sizes)), self.explored), self.sizes)


def expand(readout: TwoLevel, explored: Sequence[int]) -> PartialExpansion:
    """Return the explored branches of a two-level readout and the mass of the others.

    Parameters
    ----------
    readout : TwoLevel
        The full readout; of unexplored branches only the size is used.
    explored : sequence of int
        Parents whose branch is explored.

    Returns
    -------
    PartialExpansion
        Arrays of shape (..., K) and (..., A).

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
    check_levels(readout=readout)
    explored = as_whole("explored", explored).ravel().tolist()
    count = readout.top.shape[-1]
    parents = tuple(sorted({int(a) for a in explored}))
    if any(not 0 <= a < count for a in parents):
        raise InputError(f"explored: {list(explored)} names no parent of 0..{count - 1}")
    here = np.isin(np.arange(count), parents)
    residuals = np.where(here, 0.0, readout.top)
    return PartialExpansion(
        explored=parents,
        sizes=readout.sizes,
        leaves=np.where(np.repeat(here, readout.sizes), readout.leaves(), np.nan),
        residuals=residuals,
        residual=_plain(residuals.sum(axis=-1)),
    )


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
