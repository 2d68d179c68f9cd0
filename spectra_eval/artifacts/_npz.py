"""NPZ archives of NumPy arrays as Arrow columns; nothing in them is ever unpickled."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from spectra_eval.artifacts._cells import texts
from spectra_eval.artifacts._columns import MATRICES, TRUTHS, ReadSpec
from spectra_eval.artifacts._files import reading
from spectra_eval.artifacts._limits import check_size, check_table, first_twice
from spectra_eval.artifacts._shape import Loaded, folded
from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import PAD

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["load_npz"]

_MAGIC = b"\x93NUMPY"
_REAL = (*MATRICES, "dg", "dg_rank", "n_window", "context_window")


def load_npz(spec: ReadSpec) -> tuple[Loaded, ReadSpec]:
    """Open an archive: matrices (N, K) by the names of the columns, or one array a column of a long table."""
    with _opened(spec) as archive:
        if (duplicate := first_twice(archive.files)) is not None:
            raise spec.fail(f"array {duplicate!r} occurs twice; rename one", SchemaError)
        shapes = {name: _header(archive, name, spec)[0] for name in archive.files}
        return Loaded(names=list(shapes), scalar=lambda name: len(shapes[name]) == 1, take=_take), spec


def _take(spec: ReadSpec) -> pa.Table:
    """Return the arrays of the matched columns; the names of the categories are in the metadata of the schema."""
    import pyarrow as pa

    columns = {column: name for name, column in spec.columns.items() if column not in spec.members}
    for name, column in spec.columns.items():
        columns |= dict.fromkeys(spec.members.get(column, {}).values(), name)
    with _opened(spec) as archive:
        check_size(spec.path, sum(_memory(archive, name, column, spec) for column, name in columns.items()))
        arrays = {column: _array(archive, column, spec) for column in columns}
    stated = spec.columns.get("categories")
    n = next(len(arrays[column]) if arrays[column].ndim else 0 for column, name in columns.items() if name in TRUTHS)
    made = {
        column: _as_arrow(array, columns[column], column, n, spec)
        for column, array in arrays.items()
        if column != stated
    }
    table = folded(pa.table(made), spec.members)
    if stated is None:
        return table
    names = _as_arrow(arrays[stated], "categories", stated, None, spec)
    found = texts(names, lambda _, message: _fail(spec, stated, message))
    return table.replace_schema_metadata({"categories": json.dumps(found)})


def _as_arrow(value: np.ndarray, name: str, column: str, n: int | None, spec: ReadSpec) -> pa.Array:
    """Return an array as Arrow: one of two axes as lists."""
    import pyarrow as pa

    kind = value.dtype.kind
    if kind not in ("iuf" if name in _REAL else "biuf" if name == "support" else "USiu"):
        fix = "no real numbers; save them as float64" if name in _REAL else "no names; save texts or whole numbers"
        raise _fail(spec, column, f"holds {value.dtype}, {fix}")
    matrix = value.ndim == 2 and name in (*MATRICES, "support", "dg")
    if not (matrix or value.ndim == 1) or (n is not None and len(value) != n):
        what = f"shape {value.shape}, but the truth has {n} rows; give one row a user, one column a category"
        raise _fail(spec, column, what, ShapeError)
    if name == "dg" and (value == PAD).all():
        return pa.nulls(len(value))
    if kind == "U":
        return pa.array(value.tolist(), pa.large_string())
    if kind in "iuf":  # in the byte order of the machine, and of a type that Arrow has
        wide = value.dtype.itemsize > 8
        value = value.astype(np.float64 if wide else value.dtype.newbyteorder("="), copy=False)
    if not matrix:
        return pa.array(value.tolist() if kind == "S" else value)
    if not value.shape[1]:
        raise spec.fail("0 categories; a distribution needs at least two", ShapeError)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(value).ravel()), value.shape[1])


def _fail(spec: ReadSpec, column: str, message: str, error: type[InputError] = SchemaError) -> InputError:
    return spec.fail(f"column {column}: {message}", error)


@contextlib.contextmanager
def _opened(spec: ReadSpec) -> Iterator[np.lib.npyio.NpzFile]:
    with contextlib.ExitStack() as stack:
        with reading(spec.path, "NPZ file"):
            archive = np.load(stack.enter_context(spec.path.open("rb")), allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise spec.fail("not a NPZ file; save it with numpy.savez", SchemaError)
        yield archive


def _header(archive: np.lib.npyio.NpzFile, column: str, spec: ReadSpec) -> tuple[tuple[int, ...], int, int]:
    """Return the shape of an array, the bytes of an entry and those of the member, from its header alone."""
    assert archive.zip is not None  # closed together with the stream
    member = column if column in archive.zip.namelist() else f"{column}.npy"
    stored = archive.zip.getinfo(member).file_size
    with reading(spec.path, "NPZ file"), archive.zip.open(member) as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return (), 0, stored
        version, _ = stream.read(2)
        head = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = head(stream)
    return shape, dtype.itemsize, stored


def _memory(archive: np.lib.npyio.NpzFile, name: str, column: str, spec: ReadSpec) -> int:
    """Return the bytes that reading a column takes at the most, from the header of its array alone."""
    shape, size, stored = _header(archive, column, spec)
    if name in TRUTHS and len(shape) == 2:
        check_table(spec.path, *shape)  # a matrix of small integers grows when it becomes one of float64
    cells = math.prod(shape)
    copies = 1 if name not in MATRICES else 3 if name in ("counts", "target") else 2
    return max(stored, cells * size) + 8 * cells * (copies - 1)


def _array(archive: np.lib.npyio.NpzFile, column: str, spec: ReadSpec) -> np.ndarray:
    with reading(spec.path, "NPZ file"):
        try:
            value = archive[column]
        except ValueError as error:
            message = str(error)
            if "pickle" not in message or "Header" in message:  # NumPy speaks of it where a header is too long, too
                raise
            fix = "save numbers and texts with a plain dtype"
            raise spec.fail(
                f"column {column}: holds Python objects, which are not unpickled; {fix}", SchemaError
            ) from error
    if not isinstance(value, np.ndarray):  # a member of the archive that is no array comes as bytes
        raise spec.fail(f"column {column}: no NumPy array; save it with numpy.savez", SchemaError)
    return value
