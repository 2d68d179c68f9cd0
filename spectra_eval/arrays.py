"""Names of shapes, and the checks at the door.

A public function checks its arrays here once, and hands them to kernels that only compute.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from spectra_eval.errors import InputError, ShapeError, SimplexError

__all__ = [
    "ATOL",
    "Counts",
    "Lists",
    "PerUser",
    "Theta",
    "as_counts",
    "as_simplex",
    "check_cutoff",
    "check_level",
    "row_sums",
]

ATOL = 1e-9
"""A row that sums to one within this is a distribution; it is then divided by its sum."""

Theta = Float[np.ndarray, "*users categories"]
"""Rows on the simplex."""
Counts = Float[np.ndarray, "*users categories"]
"""Category weights, non-negative."""
PerUser = Float[np.ndarray, " *users"]
"""One number a user."""
Lists = Int[np.ndarray, "*users ranks"]
"""Decoded categories, best first; negative entries are no category."""


def as_simplex(**named: Any) -> tuple[np.ndarray, ...]:
    """Check that every named array holds distributions in its last axis, and normalise them.

    Parameters
    ----------
    **named : (..., K) array-like
        Arrays by the name that a message should use. All must share K; leading axes must broadcast.

    Returns
    -------
    tuple of (..., K) float64 arrays
        In the order given, each row divided by its sum where that is not one already.

    Raises
    ------
    ShapeError
        An array has no category axis, K is zero, or the shapes do not fit together.
    SimplexError
        A row is negative, not finite, or does not sum to one within `ATOL`.

    Examples
    --------
    >>> (theta,) = as_simplex(theta=[[0.25, 0.75]])
    >>> theta
    array([[0.25, 0.75]])
    """
    arrays = [_rows_on_simplex(name, np.asarray(value, dtype=np.float64)) for name, value in named.items()]
    _check_together(list(named), arrays)
    return tuple(arrays)


def as_counts(name: str, value: Any) -> np.ndarray:
    """Check that an array holds finite, non-negative weights; return it as float64."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"{name}: needs a last axis of categories, got shape {array.shape}")
    bad = ~np.isfinite(array) | (array < 0)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"{name}: entry {place} is {array[place]}; weights must be finite and not negative")
    return array


def check_level(name: str, value: float) -> float:
    """Refuse a probability level that is not strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise InputError(f"{name}: {value} is not strictly between 0 and 1")
    return float(value)


def check_cutoff(k: int, n_categories: int | None = None) -> int:
    """Refuse a cut-off below one, or above the number of categories when that is given."""
    if k < 1:
        raise InputError(f"k: {k} is below 1; choose a cut-off of at least one category")
    if n_categories is not None and k > n_categories:
        raise InputError(f"k: {k} exceeds the {n_categories} categories; choose k <= {n_categories}")
    return int(k)


def row_sums(values: np.ndarray) -> np.ndarray:
    """Sum each row of finite, non-negative numbers, with the same bits whatever the order of its entries.

    Each row is laid on a grid that is finer than its largest entry by 62 bits less those of K, and added there in whole
    numbers. A table that is written, read, or has its categories in another order then keeps its shares bit for bit.

    Parameters
    ----------
    values : (N, K) float array

    Returns
    -------
    (N,) float array

    Examples
    --------
    >>> row_sums(np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])).tolist()
    [0.6, 0.6]
    """
    bits = 62 - int(values.shape[1]).bit_length()
    exponent = np.frexp(values.max(axis=1))[1]
    scale = np.ldexp(1.0, bits - np.maximum(exponent, -900))
    with np.errstate(over="ignore"):
        grid = values * scale[:, None]
        total: np.ndarray = np.rint(grid, out=grid).astype(np.int64).sum(axis=1) / scale
    return total


def _rows_on_simplex(name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"{name}: needs a last axis of categories, got shape {array.shape}")
    sums = array.sum(axis=-1, keepdims=True)
    # NaN fails both comparisons, infinity fails the second: one pass finds every defect.
    good = (array.min(axis=-1, keepdims=True) >= 0) & (np.abs(sums - 1.0) <= ATOL)
    if not good.all():
        raise SimplexError(_first_defect(name, array, good[..., 0]))
    return array if (sums == 1.0).all() else array / sums


def _first_defect(name: str, array: np.ndarray, good: np.ndarray) -> str:
    place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(good))[0])
    row = array[place] if array.ndim > 1 else array
    where = f"{name}: row {place[0] if len(place) == 1 else place}" if array.ndim > 1 else name
    if not np.isfinite(row).all():
        column = int(np.flatnonzero(~np.isfinite(row))[0])
        return f"{where}: category {column} is {row[column]}; entries must be finite"
    if (row < 0).any():
        column = int(np.flatnonzero(row < 0)[0])
        return f"{where}: category {column} is negative ({row[column]:.6g}); entries must be at least 0"
    return f"{where}: sums to {row.sum():.6g}; normalise it or pass counts"


def _check_together(names: list[str], arrays: list[np.ndarray]) -> None:
    try:
        np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        fitting = False
    else:
        fitting = len({a.shape[-1] for a in arrays}) == 1
    if not fitting:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, arrays, strict=True))
        raise ShapeError(f"shapes do not fit together: {shapes}")
