"""Objects of other libraries, recognised by their attributes; none of the libraries is imported."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from spectra_eval.conversion._given import EPS, Given, as_numbers, plain_array
from spectra_eval.errors import InputError, ShapeError

__all__ = ["of_library"]


def of_library(name: str, value: Any) -> Given | None:
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
    eps = max((EPS.get(str(dtype).lower(), 0.0) for dtype in dtypes), default=0.0)
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
        held, eps = held.float(), EPS["bfloat16"]
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
        columns.append(as_numbers(f"{name}: column {title!r}", Given(held), boolean=True))
    if not columns:
        raise ShapeError(f"{name}: a table without columns")
    eps = max(column.eps for column in columns)
    return Given(np.column_stack([c.values for c in columns]), eps, (None, tuple(names)), (False, False))


def _arrow_column(name: str, column: Any) -> np.ndarray:
    kind = str(getattr(column, "type", ""))
    if "list" in kind:
        rows = column.to_pylist()
        if None in rows:  # leaving it out would move every later row to another user
            raise InputError(f"{name}: row {rows.index(None) + 1} is null; fill it or leave it out everywhere")
        return plain_array(name, [[math.nan if x is None else x for x in row] for row in rows])
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
