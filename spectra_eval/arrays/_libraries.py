"""Objects of other libraries, recognised by their attributes; none of the libraries is imported."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spectra_eval.arrays._given import EPS, Given
from spectra_eval.arrays.arrow import of_arrow
from spectra_eval.errors import InputError

__all__ = ["holds_library", "of_library"]

_PLAIN = (np.ndarray, np.generic, list, tuple, numbers.Number, str, bytes)


def of_library(name: str, value: Any) -> Given | None:
    """Convert an object of another library; None for objects that NumPy converts itself."""
    read = _reader(value)
    return None if read is None else read(name, value)


def holds_library(values: Sequence[Any]) -> bool:
    """Return whether a list, or a list in it, holds an object of another library."""
    return any(
        holds_library(value) if isinstance(value, list | tuple) else _reader(value) is not None for value in values
    )


def _reader(value: Any) -> Callable[[str, Any], Given] | None:
    if isinstance(value, _PLAIN):
        return None
    return next((read for known, read in _LIBRARIES if known(value)), None)


def _pandas(name: str, value: Any) -> Given:
    dtypes = list(value.dtypes) if value.ndim == 2 else [value.dtype]
    for place, dtype in enumerate(dtypes):
        kind = getattr(dtype, "kind", "O")
        if kind not in "iufb":
            where = f"column {value.columns[place]!r} holds" if value.ndim == 2 else "holds"
            what = "complex numbers" if kind == "c" else f"{dtype}, no numbers"
            raise InputError(f"{name}: {where} {what}; give numbers, and make names of users the index")
    if all(getattr(dtype, "kind", "O") == "b" for dtype in dtypes):
        if value.isna().to_numpy().any():
            raise InputError(f"{name}: a truth value is empty; write true or false")
        values = value.to_numpy(dtype=bool)
    elif any(getattr(dtype, "kind", "O") == "b" for dtype in dtypes):
        raise InputError(f"{name}: holds Booleans beside numbers; give numbers")
    elif all(dtype.kind in "iu" for dtype in dtypes) and not value.isna().to_numpy().any():
        values = value.to_numpy(dtype=np.uint64 if all(dtype.kind == "u" for dtype in dtypes) else np.int64)
    else:
        values = value.to_numpy(dtype=np.float64, na_value=np.nan)
    axes = (value.index, value.columns) if value.ndim == 2 else (value.index,)
    labels = tuple(tuple(axis) for axis in axes)
    stored = [getattr(dtype, "subtype", dtype) for dtype in dtypes]
    eps = max((EPS.get(f"float{8 * dtype.itemsize}", 0.0) for dtype in stored if dtype.kind == "f"), default=0.0)
    return Given(values, eps, labels)


def _xarray(name: str, value: Any) -> Given:
    labels = tuple(
        tuple(np.asarray(value.coords[d].values).tolist()) if d in value.coords else None for d in value.dims
    )
    return Given(np.asarray(value.values), 0.0, labels, tuple(str(d) for d in value.dims))


def _torch(name: str, value: Any) -> Given:
    if str(getattr(value, "layout", "torch.strided")) != "torch.strided":
        raise InputError(f"{name}: a sparse tensor; give a dense one (.to_dense())")
    tensor, eps = value.detach().cpu(), 0.0
    if hasattr(tensor, "resolve_neg"):
        tensor = tensor.resolve_conj().resolve_neg()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor, eps = tensor.float(), EPS["bfloat16"]
    return Given(np.asarray(tensor.numpy()), eps)


def _sparse(name: str, value: Any) -> Given:
    raise InputError(f"{name}: a sparse matrix; give a dense array (.toarray())")


def _dlpack(name: str, value: Any) -> Given:
    return Given(np.from_dlpack(value))


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: all(hasattr(value, name) for name in names)


_LIBRARIES: tuple[tuple[Callable[[Any], bool], Callable[[str, Any], Given]], ...] = (
    (_has("dims", "coords", "values"), _xarray),
    (_has("detach", "cpu", "numpy"), _torch),
    (_has("toarray", "nnz"), _sparse),
    (_has("dtypes", "index", "iloc"), _pandas),
    (_has("__arrow_c_array__"), of_arrow),
    (_has("__arrow_c_stream__"), of_arrow),
    (lambda value: hasattr(value, "__dlpack__") and not hasattr(value, "__array__"), _dlpack),
)
"""Test and converter for each library; the first match is used."""
