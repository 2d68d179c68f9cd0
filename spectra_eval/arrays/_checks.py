"""Names of shapes, and the checks of arrays.

A public function checks its arrays here once and passes them to kernels that only compute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Float

from spectra_eval.arrays._blocks import by_rows
from spectra_eval.arrays._convert import as_array, convert, sum_tolerance
from spectra_eval.arrays._labels import align
from spectra_eval.errors import InputError, ShapeError, SimplexError

__all__ = [
    "ATOL",
    "Counts",
    "Lists",
    "Names",
    "Number",
    "PerUser",
    "Theta",
    "Thresholds",
    "Whole",
    "as_counts",
    "as_simplex",
    "as_together",
    "deviation",
    "row_sums",
]

ATOL = 1e-9
"""Tolerance of the sum of a float64 row; a row within it is divided by its sum.

A row of lower precision (float32, float16, bfloat16) has a tolerance of 256 machine epsilons, at most the square root
of one.
"""

PerUser = Float[np.ndarray, " *users"]
"""One number per user."""

# A public function takes arrays of other libraries too, and converts them itself.
if TYPE_CHECKING:
    Theta: TypeAlias = Any
    Counts: TypeAlias = Any
    Lists: TypeAlias = Any
else:
    Theta = Counts = Lists = Any
# A function that checks an option itself raises its own error, also when a runtime type checker is active.
if TYPE_CHECKING:
    Whole: TypeAlias = int
    Number: TypeAlias = float
    Names: TypeAlias = Sequence[str]
    Thresholds: TypeAlias = Mapping[str, float]
else:
    Whole = Number = Names = Thresholds = Any


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
        A row is negative, not finite, or does not sum to one within `ATOL` (lower precision: see there).
    InputError
        Something other than real numbers, or labels (of pandas, xarray, Arrow) that do not fit together.

    Examples
    --------
    >>> (theta,) = as_simplex(theta=[[0.25, 0.75]])
    >>> theta
    array([[0.25, 0.75]])
    """
    arrays, _ = as_together({}, **named)
    return tuple(arrays)


def as_together(
    others: Mapping[str, tuple[Any, Sequence[str]]], **named: Any
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Check distributions as `as_simplex` does, and align other arrays with them by their labels.

    Parameters
    ----------
    others : mapping of str to (array-like or None, axes)
        The meaning of each axis, counted from the last one: ``("users", "categories")``, ``("users", "ranks")``,
        ``("categories",)``. None is omitted. Booleans are kept.
    **named : (..., K) array-like
        The distributions.

    Returns
    -------
    distributions : list of (..., K) float64 arrays
        In the order given, each row divided by its sum.
    others : dict of str to array
        The other arrays by name, with the users and categories in the order of the first labelled array.

    Raises
    ------
    ShapeError
        An array has no category axis, K is zero, or the shapes do not fit together.
    SimplexError
        A row is negative, not finite, or does not sum to one within `ATOL`.
    InputError
        Something other than real numbers, or labels that do not fit together.

    Examples
    --------
    >>> (theta,), others = as_together({"weights": ([1, 0], ["categories"])}, theta=[[0.25, 0.75]])
    >>> theta.tolist(), others["weights"].tolist()
    ([[0.25, 0.75]], [1, 0])
    """
    given = {name: convert(name, value) for name, value in named.items()}
    axes: dict[str, Sequence[str]] = {name: ("users", "categories") for name in named}
    for name, (value, what) in others.items():
        if value is not None:
            given[name], axes[name] = convert(name, value, boolean=True), what
    if any(array.labels for array in given.values()):
        given = align(given, axes)
    arrays = [
        _rows_on_simplex(name, given[name].values.astype(np.float64, copy=False), max(ATOL, given[name].atol))
        for name in named
    ]
    _check_together(list(named), arrays)
    return arrays, {name: array.values for name, array in given.items() if name not in named}


def as_counts(name: str, value: Any) -> np.ndarray:
    """Check that an array holds finite, non-negative weights; return it as float64.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : (..., K) array-like
        The weights.

    Returns
    -------
    (..., K) float64 array
        The weights, not normalised.

    Raises
    ------
    ShapeError
        There is no last axis of categories.
    InputError
        An entry is negative or not finite, or is no number.

    Examples
    --------
    >>> as_counts("counts", [[3, 1]])
    array([[3., 1.]])
    """
    array = as_array(name, value)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"{name}: needs a last axis of categories, got shape {array.shape}")
    bad = ~np.isfinite(array) | (array < 0)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"{name}: entry {place} is {array[place]}; weights must be finite and not negative")
    return array


@by_rows
def row_sums(values: np.ndarray) -> np.ndarray:
    """Return the sum of each row of finite, non-negative numbers, the same for any order of its entries.

    Each row is rounded to a grid that is 62 bits minus the bits of K finer than its largest entry, and summed in
    integers. A table that is written, read or reordered then has exactly the same proportions.

    Parameters
    ----------
    values : (N, K) float array
        The numbers; not checked.

    Returns
    -------
    (N,) float array
        The sums.

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


def _rows_on_simplex(name: str, array: np.ndarray, atol: float) -> np.ndarray:
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"{name}: needs a last axis of categories, got shape {array.shape}")
    sums = array.sum(axis=-1, keepdims=True)
    # NaN fails both comparisons and infinity the second, so one pass finds every defect.
    good = (array.min(axis=-1, keepdims=True) >= 0) & (np.abs(sums - 1.0) <= atol)
    if not good.all():
        good |= (array.min(axis=-1, keepdims=True) >= 0) & (np.abs(sums - 1.0) <= sum_tolerance(array)[..., None])
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
    return f"{where}: {deviation(row.sum())}; normalise it or pass counts"


def deviation(total: float) -> str:
    """Return the sum of a row as text, written as a deviation from 1 where it is close to 1.

    Parameters
    ----------
    total : float
        The sum.

    Returns
    -------
    str
        The end of a message: "sums to …".

    Examples
    --------
    >>> deviation(1.2), deviation(1 + 2e-7)
    ('sums to 1.2', 'sums to 1 + 2e-07')
    """
    off = float(total) - 1.0
    if not math.isfinite(off) or abs(off) >= 1e-5:
        return f"sums to {total:.6g}"
    return f"sums to 1 {'+' if off > 0 else '-'} {abs(off):.3g}"


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
