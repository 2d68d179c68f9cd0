"""Sums of event weights per cell, correctly rounded, so that they do not depend on the order of the log."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["exact_sums"]

_MICRO = 1_000_000
_EXACT = float(1 << 53)
"""Whole numbers up to here are exact in double precision."""


def exact_sums(cell: np.ndarray, weight: np.ndarray, siblings: np.ndarray, *, n_cells: int) -> np.ndarray:
    """Return the correctly rounded sum of ``weight / siblings`` in each cell.

    A weight with at most six decimals is read as that decimal (0.1 as one tenth), so that equal sums are equal in the
    last bit: 1/2 = 1/3 + 1/6, and 0.3 = 0.1 + 0.2. A cell with another weight has the correctly rounded sum of its
    rounded terms.

    Parameters
    ----------
    cell : (M,) int array
        The cell of each term, below `n_cells`.
    weight : (M,) float array
        Not negative.
    siblings : (M,) int array
        The divisor of each weight, at least 1.
    n_cells : int
        Number of cells.

    Returns
    -------
    (n_cells,) float array
        Independent of the order of the terms; infinite where a sum is too large for a number.

    Examples
    --------
    >>> exact_sums(np.array([0, 1, 1]), np.ones(3), np.array([2, 3, 6]), n_cells=2).tolist()
    [0.5, 0.5]
    """
    if not len(cell):
        return np.zeros(n_cells)
    scale = 1 if bool((weight == np.floor(weight)).all()) else _MICRO
    numerators, decimal = _numerators(weight, scale)
    common = math.lcm(*np.flatnonzero(np.bincount(siblings)).tolist())
    if decimal.all() and common * scale < _EXACT:
        sums = np.bincount(cell, weights=numerators * (common // siblings), minlength=n_cells)
        if sums.max() < _EXACT:  # then no partial sum was rounded either
            return np.asarray(sums / (common * scale))
    return _sums_cell_by_cell(cell, weight, siblings, n_cells)


def _numerators(weight: np.ndarray, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights as whole numbers of 1/scale, (M,), and which of them are such decimals, (M,) bool."""
    with np.errstate(over="ignore"):
        numerators = np.rint(weight * scale)
    return numerators, (numerators < _EXACT) & (numerators / scale == weight)


def _sums_cell_by_cell(cell: np.ndarray, weight: np.ndarray, siblings: np.ndarray, n_cells: int) -> np.ndarray:
    """Return the same sums for any weights and divisors, in whole numbers of any size."""
    order = np.argsort(cell, kind="stable")
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    numerators, decimal = (values[order] for values in _numerators(weight, _MICRO))
    exact = np.logical_and.reduceat(decimal, first).tolist()
    terms, weights, divisors = (values.tolist() for values in (numerators, weight[order], siblings[order]))
    out = np.zeros(n_cells)
    starts = first.tolist()
    for place, low, high, whole in zip(
        cell[order][first].tolist(), starts, [*starts[1:], len(cell)], exact, strict=True
    ):
        parts = divisors[low:high]
        if whole:
            common = math.lcm(*set(parts))
            total = sum(int(term) * (common // part) for term, part in zip(terms[low:high], parts, strict=True))
            out[place] = total / (common * _MICRO)
        else:
            out[place] = _rounded_once([w / part for w, part in zip(weights[low:high], parts, strict=True)])
    return out


def _rounded_once(terms: list[float]) -> float:
    try:
        return math.fsum(terms)
    except OverflowError:
        return math.inf
