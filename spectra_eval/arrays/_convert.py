"""Arrays of other libraries: one conversion for every public function that takes arrays.

NumPy, pandas, polars, PyArrow, xarray and PyTorch objects are recognised by their attributes, so none of those
libraries is imported. Input without a faithful conversion to real numbers is an error: masked arrays, complex
numbers, Booleans, text, objects, sparse matrices. Labels are kept, so that arrays can be aligned by them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spectra_eval.arrays._given import (
    EPS,
    FLOAT32_ATOL,
    Given,
    as_numbers,
    is_default,
    no_array,
    plain_array,
    refuse_masked,
    tolerance_of,
)
from spectra_eval.arrays._libraries import holds_library, of_library
from spectra_eval.errors import InputError, ShapeError, SpectraError

__all__ = [
    "FLOAT32_ATOL",
    "Given",
    "align",
    "as_array",
    "as_whole",
    "convert",
    "is_default",
    "matched",
    "order",
    "sum_tolerance",
    "turned",
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

    Raises
    ------
    InputError, ShapeError
        In one line, with what to pass instead.
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

    Examples
    --------
    >>> as_array("tv", [1, 2])
    array([1., 2.])
    """
    return convert(name, value).values.astype(np.float64, copy=False)


def as_whole(name: str, value: Any) -> np.ndarray:
    """Convert to an int64 array; refuse numbers with a fraction.

    Examples
    --------
    >>> as_whole("lists", [[1.0, 0.0]])
    array([[1, 0]])
    """
    return whole_of(name, convert(name, value).values)


def whole_of(name: str, values: np.ndarray) -> np.ndarray:
    """Return converted numbers as int64; refuse numbers with a fraction."""
    if values.dtype.kind == "f" or values.dtype == np.uint64:
        bad = ~(np.abs(values) < 2.0**63) | (values != np.floor(values))
        if bad.any():
            raise InputError(f"{name}: {values[bad].flat[0]:.6g} is not a whole number")
    return values.astype(np.int64, copy=False)


def align(given: Mapping[str, Given], axes: Mapping[str, Sequence[str]]) -> dict[str, Given]:
    """Align labelled arrays: all get the order of the first array that labels the axis.

    Parameters
    ----------
    given : mapping of str to Given
        Arrays by name.
    axes : mapping of str to sequence of str
        The meaning of each axis of each array, counted from the last one: ``("users", "categories")``.

    Raises
    ------
    InputError
        Two arrays have different labels on the same axis, or repeated labels in another order.
    """
    aligned = turned(given, axes)
    for what in ("categories", "users"):
        first: tuple[str, tuple[Hashable, ...]] | None = None
        for name, array in aligned.items():
            if what not in axes[name]:
                continue
            axis = list(axes[name]).index(what) - len(axes[name])
            labels = array.of_axis(axis)
            if labels is None:
                continue
            if first is None:
                first = (name, labels)
            elif labels != first[1]:
                aligned[name] = array.taken(order(name, labels, first[1], first[0], what), axis)
    return aligned


def matched(**named: Any) -> tuple[Any, ...]:
    """Convert arrays of (users, categories), and ``lists`` of (users, ranks), and align them; None stays None."""
    given = {
        name: convert(name, value, boolean=name == "support") for name, value in named.items() if value is not None
    }
    axes = {name: ("users", "ranks" if name == "lists" else "categories") for name in given}
    made = align(given, axes) if any(array.labels for array in given.values()) else given
    return tuple(made.get(name) for name in named)


def order(name: str, labels: Sequence[Any], wanted: Sequence[Any], other: str, what: str) -> list[int]:
    """Return the index in `labels` of each wanted label; labels must match and not repeat."""
    place = {label: i for i, label in enumerate(labels)}
    advice = "give both the same labels, or NumPy arrays (.to_numpy()) to go by position"
    missing = [label for label in wanted if label not in place]
    if missing or len(labels) != len(wanted) or len(place) != len(labels):
        extra = [label for label in labels if label not in set(wanted)]
        if missing or extra:
            only = f"{missing[0]!r} only in {other}" if missing else f"{extra[0]!r} only in {name}"
            raise InputError(f"{name}: the labels of its {what} differ from those of {other} ({only}); {advice}")
        raise InputError(f"{name}: a label of its {what} occurs twice, so it cannot be aligned with {other}; {advice}")
    if len(set(wanted)) != len(wanted):
        raise InputError(f"{name}: a label of its {what} occurs twice, so it cannot be aligned with {other}; {advice}")
    return [place[label] for label in wanted]


def type_tolerance(dtype: np.dtype) -> float:
    """Return the tolerance of row sums for a type; 0 for float64 and whole numbers.

    Examples
    --------
    >>> type_tolerance(np.dtype(np.float16)), type_tolerance(np.dtype(np.float64))
    (0.03125, 0.0)
    """
    return tolerance_of(EPS.get(dtype.name, 0.0))


def sum_tolerance(values: np.ndarray, *, text: bool = False) -> np.ndarray:
    """Return the tolerance of each row sum (N, K), given the precision that the numbers show.

    Zero for a row of full float64 precision; `FLOAT32_ATOL` where every number is exactly a float32; with `text`, K
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


def turned(given: Mapping[str, Given], axes: Mapping[str, Sequence[str]]) -> dict[str, Given]:
    """Transpose arrays with named axes to the axis order of the largest array that ends in categories."""
    named = {name: array.dims for name, array in given.items() if array.dims is not None}
    full: tuple[str, ...] = max((d for n, d in named.items() if axes[n][-1:] == ("categories",)), key=len, default=())
    made = dict(given)
    for name, dims in named.items():
        if not full or dims == full:
            continue
        expected = full if "categories" in axes[name] else full[:-1]
        others = [d for d in dims if d not in expected]
        order_of_axes = [d for d in expected if d in dims]
        if (
            len(others) != ("ranks" in axes[name])
            or tuple(order_of_axes) != expected[len(expected) - len(order_of_axes) :]
        ):
            raise InputError(f"{name}: its axes are {dims}, but those of the other array are {full}")
        places = [dims.index(d) for d in (*order_of_axes, *others)]
        array = given[name]
        labels = tuple(array.labels[place] for place in places)
        made[name] = replace(
            array, values=np.transpose(array.values, places), labels=labels, dims=(*order_of_axes, *others)
        )
    return made
