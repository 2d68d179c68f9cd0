"""Arrays of other libraries: one conversion for every public function that takes arrays.

NumPy, pandas, polars, PyArrow, xarray and PyTorch objects are recognised by their attributes, so none of those
libraries is imported. What has no faithful conversion to real numbers is refused in one line: masked arrays, complex
numbers, Booleans, text, objects, sparse matrices. Labels are kept, so that arrays can be aligned by them.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np

from spectra_eval.errors import InputError, ShapeError, SpectraError

__all__ = [
    "FLOAT32_ATOL",
    "Given",
    "align",
    "as_array",
    "as_whole",
    "convert",
    "matched",
    "order",
    "sum_tolerance",
    "whole_of",
]

Labels: TypeAlias = tuple[Hashable, ...] | None

_EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}


def _atol(eps: float) -> float:
    """Return how far from one a row may sum: 256 machine epsilons, and the square root of one at the most."""
    return min(math.sqrt(eps), 256 * eps)


FLOAT32_ATOL = _atol(_EPS["float32"])
"""How far a float32 row may be from a sum of one: 3e-5; float16 .03, bfloat16 .09."""


@dataclass(frozen=True)
class Given:
    """An array as it was given: the numbers, the machine epsilon of its type (0 for float64), the labels of each axis.

    `default` says for each axis that its labels are those that pandas gives by itself: 0, 1, 2 and so on.
    """

    values: np.ndarray
    eps: float = 0.0
    labels: tuple[Labels, ...] = ()
    default: tuple[bool, ...] = ()
    dims: tuple[str, ...] | None = None

    @property
    def atol(self) -> float:
        """How far a row may be from a sum of one because of the type of the array; 0 for float64."""
        return _atol(self.eps)

    def of_axis(self, axis: int, *, default: bool = True) -> Labels:
        """Return the labels of an axis; with `default=False` only those that somebody chose."""
        if not self.labels or not -len(self.labels) <= axis < len(self.labels):
            return None
        return None if self.default[axis] and not default else self.labels[axis]

    def taken(self, places: Sequence[int], axis: int) -> Given:
        """Return the array with the entries of an axis in the order of `places`."""
        labels = list(self.labels)
        held = labels[axis]
        labels[axis] = None if held is None else tuple(held[p] for p in places)
        return replace(self, values=np.take(self.values, places, axis=axis), labels=tuple(labels))


def convert(name: str, value: Any, *, boolean: bool = False) -> Given:
    """Convert what was given for `name` to a NumPy array of real numbers, with its labels; refuse what cannot be.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : array-like
        An array, a sequence of numbers, or an array, series or table of another library.
    boolean : bool
        Keep Booleans; they are refused otherwise.

    Raises
    ------
    InputError, ShapeError
        In one line, with what to pass instead.
    """
    if type(value) is np.ndarray and value.dtype == np.float64:
        return Given(value)
    if isinstance(value, Given):
        return value
    given = _of_library(name, value)
    if given is None:
        _refuse_masked(name, value)
        given = Given(_plain_array(name, value))
    return _as_numbers(name, given, boolean=boolean)


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
    if values.dtype.kind == "f":
        bad = ~(np.abs(values) < 2.0**63) | (values != np.floor(values))
        if bad.any():
            raise InputError(f"{name}: {values[bad].flat[0]:.6g} is not a whole number")
    return values.astype(np.int64, copy=False)


def align(given: Mapping[str, Given], axes: Mapping[str, Sequence[str]]) -> dict[str, Given]:
    """Put the entries of labelled arrays in one order: that of the first array that labels the axis.

    Parameters
    ----------
    given : mapping of str to Given
        Arrays by name.
    axes : mapping of str to sequence of str
        What each axis of each array is, counted from the last one: ``("users", "categories")``.

    Raises
    ------
    InputError
        Two arrays have different labels on the same axis, or labels that occur twice in another order.
    """
    aligned = _same_dims(dict(given))
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
    """Return for each wanted label its place in `labels`; refuse labels that differ or repeat."""
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


def sum_tolerance(values: np.ndarray, *, text: bool = False) -> np.ndarray:
    """Return for each row (N, K) of float64 numbers how far from one its sum may be for the precision it came in.

    Zero for a row of full float64 precision; `FLOAT32_ATOL` where every number is exactly a float32; with `text`, K
    half units of the last decimal place (of float32 at the least) where no number has more than nine digits.

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
        rounding = values.shape[-1] * np.maximum(_EPS["float32"], 10.0**-decimals / 2)
    return np.where(short, np.minimum(FLOAT32_ATOL, rounding), tolerance)


def _is_rounded(values: np.ndarray, decimals: np.ndarray) -> np.ndarray:
    scale = 10.0**decimals
    near: np.ndarray = np.abs(np.rint(values * scale) / scale - values) <= 4 * np.spacing(np.abs(values))
    return near


def _same_dims(given: dict[str, Given]) -> dict[str, Given]:
    """Transpose arrays whose axes are named to the order of the first one."""
    first: tuple[str, ...] | None = None
    for name, array in given.items():
        if array.dims is None:
            continue
        if first is None or len(first) != len(array.dims):
            first = first or array.dims
        elif array.dims != first:
            if set(array.dims) != set(first):
                raise InputError(f"{name}: its axes are {array.dims}, but those of the other array are {first}")
            turned = [array.dims.index(d) for d in first]
            given[name] = Given(
                np.transpose(array.values, turned),
                array.eps,
                tuple(array.labels[t] for t in turned),
                tuple(array.default[t] for t in turned),
                first,
            )
    return given


def _as_numbers(name: str, given: Given, *, boolean: bool) -> Given:
    values = given.values
    if values.dtype.name == "bfloat16":  # of ml_dtypes, as JAX uses it
        return replace(given, values=values.astype(np.float32), eps=_EPS["bfloat16"])
    kind = values.dtype.kind
    if (kind == "b" and boolean) or kind in "iu":
        return given
    if kind == "f":
        return replace(given, eps=given.eps or _EPS.get(values.dtype.name, 0.0))
    if values.size == 0:
        return replace(given, values=values.astype(np.float64) if kind != "V" else np.empty(values.shape))
    if kind == "O" and all(isinstance(x, numbers.Real | Decimal) and not isinstance(x, bool) for x in values.flat):
        try:
            return replace(given, values=values.astype(np.float64))
        except OverflowError as error:
            raise InputError(f"{name}: holds a number that float64 cannot hold") from error
    what, advice = {
        "b": ("Booleans", "give numbers"),
        "c": ("complex numbers", "give their real part or magnitude"),
        "U": ("text", "give numbers; leave columns of text out, or make them the index"),
        "S": ("text", "give numbers; leave columns of text out, or make them the index"),
        "O": ("objects that are no plain numbers", "give an array of numbers, such as .astype(float)"),
    }.get(kind, (f"{values.dtype}", "give real numbers"))
    raise InputError(f"{name}: holds {what}; {advice}")


def _plain_array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except SpectraError:
        raise
    except ValueError as error:
        raise ShapeError(f"{name}: its rows have different lengths; give an array with one length") from error
    except (TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{name}: {type(value).__name__} cannot become an array ({reason}); give numbers") from error


def _refuse_masked(name: str, value: Any) -> None:
    parts = value if isinstance(value, list | tuple) else (value,)
    for part in parts:
        if isinstance(part, np.ma.MaskedArray) and np.ma.getmaskarray(part).any():
            raise InputError(
                f"{name}: {int(np.ma.getmaskarray(part).sum())} entries are masked, and the mask would be lost; "
                "fill them (.filled(0)) or leave those rows out"
            )
        if isinstance(part, list | tuple):
            _refuse_masked(name, part)


def _of_library(name: str, value: Any) -> Given | None:
    """Read an object of another library by its attributes; None for what NumPy reads itself."""
    if isinstance(value, np.ndarray | list | tuple | int | float):
        return None
    for known, read in _LIBRARIES:
        if known(value):
            return read(name, value)
    return None


def _pandas(name: str, value: Any) -> Given:
    dtypes = list(value.dtypes) if value.ndim == 2 else [value.dtype]
    for place, dtype in enumerate(dtypes):
        kind = getattr(dtype, "kind", "O")
        if kind not in "iufb":
            where = f"column {value.columns[place]!r} holds" if value.ndim == 2 else "holds"
            what = "complex numbers" if kind == "c" else f"{dtype}, no numbers"
            raise InputError(f"{name}: {where} {what}; give numbers, and make names of users the index")
    if all(getattr(dtype, "kind", "O") == "b" for dtype in dtypes):
        values = value.to_numpy(dtype=bool)
    elif any(getattr(dtype, "kind", "O") == "b" for dtype in dtypes):
        raise InputError(f"{name}: holds Booleans beside numbers; give numbers")
    elif all(dtype.kind in "iu" for dtype in dtypes) and not value.isna().to_numpy().any():
        values = value.to_numpy(dtype=np.int64)
    else:
        values = value.to_numpy(dtype=np.float64, na_value=np.nan)
    axes = (value.index, value.columns) if value.ndim == 2 else (value.index,)
    labels = tuple(tuple(axis) for axis in axes)
    default = tuple(tuple(range(len(held))) == held for held in labels)
    eps = max((_EPS.get(str(dtype).lower(), 0.0) for dtype in dtypes), default=0.0)
    return Given(values, eps, labels, default)


def _xarray(name: str, value: Any) -> Given:
    labels = tuple(
        tuple(np.asarray(value.coords[d].values).tolist()) if d in value.coords else None for d in value.dims
    )
    return Given(np.asarray(value.values), 0.0, labels, (False,) * len(labels), tuple(str(d) for d in value.dims))


def _torch(name: str, value: Any) -> Given:
    if getattr(value, "is_sparse", False):
        raise InputError(f"{name}: a sparse tensor; give a dense one (.to_dense())")
    held, eps = value.detach().cpu(), 0.0
    if str(held.dtype) == "torch.bfloat16":
        held, eps = held.float(), _EPS["bfloat16"]
    return Given(np.asarray(held.numpy()), eps)


def _sparse(name: str, value: Any) -> Given:
    raise InputError(f"{name}: a sparse matrix; give a dense array (.toarray())")


def _arrow_table(name: str, value: Any) -> Given:
    """Read a table of columns: PyArrow, polars, or what PyArrow's exchange protocol describes."""
    names = list(value.column_names if hasattr(value, "column_names") else value.columns)
    columns = []
    for place, title in enumerate(names):
        column = value.column(place) if hasattr(value, "column_names") else value.get_column(title)
        held = _arrow_column(f"{name}: column {title!r}", column)
        columns.append(_as_numbers(f"{name}: column {title!r}", Given(held), boolean=True))
    if not columns:
        raise ShapeError(f"{name}: a table without columns")
    eps = max(column.eps for column in columns)
    return Given(np.column_stack([c.values for c in columns]), eps, (None, tuple(names)), (False, False))


def _arrow_column(name: str, column: Any) -> np.ndarray:
    kind = str(getattr(column, "type", ""))
    if "list" in kind:
        rows = column.to_pylist()
        return _plain_array(name, [[math.nan if x is None else x for x in row] for row in rows if row is not None])
    if hasattr(column, "to_numpy") and not hasattr(column, "combine_chunks"):
        try:
            return np.asarray(column.to_numpy())
        except (ValueError, TypeError, NotImplementedError) as error:
            if not hasattr(column, "null_count"):
                raise InputError(f"{name}: cannot become numbers ({str(error)[:80]})") from error
    try:
        return np.asarray(column.to_numpy(zero_copy_only=False))
    except TypeError:
        return np.asarray(column.to_numpy())


def _arrow(name: str, value: Any) -> Given:
    if hasattr(value, "to_numpy") or hasattr(value, "to_pylist"):
        return Given(_arrow_column(name, value))
    raise InputError(f"{name}: {type(value).__name__} is Arrow data; give pyarrow.table(...) or its to_numpy()")


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: all(hasattr(value, name) for name in names)


_LIBRARIES: tuple[tuple[Callable[[Any], bool], Callable[[str, Any], Given]], ...] = (
    (_has("dims", "coords", "values"), _xarray),
    (_has("detach", "cpu", "numpy"), _torch),
    (_has("toarray", "nnz"), _sparse),
    (_has("dtypes", "index", "iloc"), _pandas),
    (_has("column_names", "column"), _arrow_table),
    (_has("get_column", "columns"), _arrow_table),
    (_has("__arrow_c_array__"), _arrow),
    (_has("__arrow_c_stream__"), _arrow),
)
"""How to recognise an object of another library, and what reads it; the first that fits."""
