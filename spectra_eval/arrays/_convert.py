"""Arrays of other libraries: one conversion for every public function that takes arrays.

NumPy, pandas, polars, PyArrow, xarray and PyTorch objects are recognised by their attributes, so none of those
libraries is imported. Input without a faithful conversion to real numbers is an error: masked arrays, complex
numbers, Booleans, text, objects, sparse matrices. Labels are kept, so that arrays can be aligned by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spectra_eval.arrays._given import (
    EPS,
    FLOAT32_ATOL,
    Given,
    as_numbers,
    no_array,
    plain_array,
    refuse_masked,
    tolerance_of,
)
from spectra_eval.arrays._labels import align
from spectra_eval.arrays._libraries import holds_library, of_library
from spectra_eval.errors import InputError, ShapeError, SpectraError

__all__ = [
    "FLOAT32_ATOL",
    "as_array",
    "as_whole",
    "convert",
    "matched",
    "sum_tolerance",
    "type_tolerance",
    "whole_of",
]


def convert(name: str, value: Any, *, boolean: bool = False) -> Given:
    """Convert an argument to a NumPy array of real numbers with its labels.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : array-like
        An array, a sequence of numbers, or an array, series or table of another library.
    boolean : bool
        Whether Booleans are accepted.

    Returns
    -------
    Given
        The numbers, the machine epsilon of their type, and their labels.

    Raises
    ------
    InputError, ShapeError
        In one line, with what to pass instead.

    Examples
    --------
    >>> import pandas as pd
    >>> given = convert("theta_s", pd.DataFrame({"Noir": [0.25], "War": [0.75]}, index=["ann"]))
    >>> given.values.tolist(), given.labels
    ([[0.25, 0.75]], (('ann',), ('Noir', 'War')))
    """
    if type(value) is np.ndarray and value.dtype == np.float64:
        return Given(value)
    if isinstance(value, Given):
        return value
    try:
        if isinstance(value, list | tuple) and holds_library(value):
            return _stacked(name, [convert(f"{name}[{i}]", part, boolean=boolean) for i, part in enumerate(value)])
        given = of_library(name, value)
        if given is None:
            refuse_masked(name, value)
            given = Given(plain_array(name, value))
    except (MemoryError, SpectraError):
        raise
    except Exception as error:  # conversion by another library may raise any error
        raise no_array(name, value, error) from error
    return as_numbers(name, given, boolean=boolean)


def _stacked(name: str, parts: Sequence[Given]) -> Given:
    """Return arrays as the rows of one; labels are aligned with those of the first."""
    labels = next((part.labels for part in parts if part.labels), ())
    axes = ("users", "categories")[2 - len(labels) :] if len(labels) <= 2 else ()
    named = {f"{name}[{i}]": part for i, part in enumerate(parts)}
    rows = list(align(named, dict.fromkeys(named, axes)).values())
    if len({row.values.shape for row in rows}) > 1:
        raise ShapeError(f"{name}: its rows have different lengths; give an array with one length")
    return Given(
        np.stack([row.values for row in rows]),
        max(row.eps for row in rows),
        (None, *next((row.labels for row in rows if row.labels), ())) if labels else (),
    )


def as_array(name: str, value: Any) -> np.ndarray:
    """Convert to a float64 array.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : array-like
        An array of any library, or a sequence of numbers.

    Returns
    -------
    float64 array
        The numbers; their labels are dropped.

    Raises
    ------
    InputError, ShapeError
        As `convert` raises them.

    Examples
    --------
    >>> as_array("tv", [1, 2])
    array([1., 2.])
    """
    return convert(name, value).values.astype(np.float64, copy=False)


def as_whole(name: str, value: Any) -> np.ndarray:
    """Convert to an int64 array.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : array-like
        An array of any library, or a sequence of numbers.

    Returns
    -------
    int64 array
        The numbers; their labels are dropped.

    Raises
    ------
    InputError
        A number has a fraction or does not fit into 64 bits, or the value is no array of numbers.
    ShapeError
        The rows have different lengths.

    Examples
    --------
    >>> as_whole("lists", [[1.0, 0.0]])
    array([[1, 0]])
    """
    return whole_of(name, convert(name, value).values)


def whole_of(name: str, values: np.ndarray) -> np.ndarray:
    """Return converted numbers as int64.

    Parameters
    ----------
    name : str
        The argument, for messages.
    values : array
        Numbers as `convert` returns them.

    Returns
    -------
    int64 array
        The same numbers.

    Raises
    ------
    InputError
        A number has a fraction, is not finite, or does not fit into 64 bits.

    Examples
    --------
    >>> whole_of("lists", np.array([1.0, 0.0])).tolist()
    [1, 0]
    """
    if values.dtype.kind == "f" or values.dtype == np.uint64:
        bad = ~(np.abs(values) < 2.0**63) | (values != np.floor(values))
        if bad.any():
            raise InputError(f"{name}: {values[bad].flat[0]:.6g} is not a whole number")
    return values.astype(np.int64, copy=False)


def matched(**named: Any) -> tuple[Any, ...]:
    """Convert arrays of (users, categories), and `lists` of (users, ranks), and align them by their labels.

    Parameters
    ----------
    **named : array-like or None
        The arrays by argument. Only the name `lists` means (users, ranks); only `support` may have Booleans.

    Returns
    -------
    tuple of Given or None
        In the order given; None stays None.

    Raises
    ------
    InputError, ShapeError
        As `convert` and `align` raise them.

    Examples
    --------
    >>> counts, lists = matched(counts=[[3, 1]], lists=None)
    >>> counts.values.tolist(), lists
    ([[3, 1]], None)
    """
    given = {
        name: convert(name, value, boolean=name == "support") for name, value in named.items() if value is not None
    }
    axes = {name: ("users", "ranks" if name == "lists" else "categories") for name in given}
    made = align(given, axes) if any(array.labels for array in given.values()) else given
    return tuple(made.get(name) for name in named)


def type_tolerance(dtype: np.dtype) -> float:
    """Return the tolerance of row sums for a type.

    Parameters
    ----------
    dtype : numpy.dtype
        The type of the numbers.

    Returns
    -------
    float
        256 machine epsilons, at most the square root of one; 0 for float64 and whole numbers.

    Examples
    --------
    >>> type_tolerance(np.dtype(np.float16)), type_tolerance(np.dtype(np.float64))
    (0.03125, 0.0)
    """
    return tolerance_of(EPS.get(dtype.name, 0.0))


def sum_tolerance(values: np.ndarray, *, text: bool = False) -> np.ndarray:
    """Return the tolerance of each row sum, given the precision that the numbers show.

    Parameters
    ----------
    values : (..., K) float array
        The rows.
    text : bool
        Whether the numbers were read from text and could be rounded.

    Returns
    -------
    (...) float array
        0 for a row of full float64 precision; `FLOAT32_ATOL` where every number is exactly a float32; with `text`, K
        half units of the last decimal place (at least that of float32) where no number has more than nine digits.

    Examples
    --------
    >>> sum_tolerance(np.array([[1 / 3, 2 / 3], np.float32([1 / 3, 2 / 3])])).round(5).tolist()
    [0.0, 3e-05]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        exact = (values.astype(np.float32) == values).all(axis=-1)
        tolerance = np.where(exact, FLOAT32_ATOL, 0.0)
        if not text:
            return tolerance
        digits = 8 - np.floor(np.log10(np.where(values > 0, values, 1.0)))
        short = _is_rounded(values, digits).all(axis=-1)
        decimals = np.full(values.shape[:-1], 9.0)
        for d in range(8, 0, -1):
            decimals[_is_rounded(values, np.full(values.shape, float(d))).all(axis=-1)] = d
        rounding = values.shape[-1] * np.maximum(EPS["float32"], 10.0**-decimals / 2)
    return np.where(short, np.minimum(FLOAT32_ATOL, rounding), tolerance)


def _is_rounded(values: np.ndarray, decimals: np.ndarray) -> np.ndarray:
    scale = 10.0**decimals
    near: np.ndarray = np.abs(np.rint(values * scale) / scale - values) <= 4 * np.spacing(np.abs(values))
    return near
