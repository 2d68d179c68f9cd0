"""NPZ archives of NumPy arrays; nothing in them is ever unpickled."""

from __future__ import annotations

import math
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np

from spectra_eval.arrays import type_tolerance
from spectra_eval.artifacts._columns import MATRICES, TRUTHS, RawColumns, ReadSpec, whole_numbers
from spectra_eval.artifacts._files import reading
from spectra_eval.artifacts._limits import check_size, check_table, first_twice
from spectra_eval.errors import SchemaError, ShapeError, one_line
from spectra_eval.tables import PAD, UNKNOWN

__all__ = ["check_padding", "default_names", "read_npz"]

_ALLOWED = ("user", "categories", *MATRICES, "dg", "n_window", "context_window", "horizon", "support")
_MAGIC = b"\x93NUMPY"


def read_npz(spec: ReadSpec) -> tuple[RawColumns, ReadSpec]:
    """Read an archive: matrices (N, K) under the names of the columns, `users` (N,) and `categories` (K,) optional."""
    arrays, spec = _arrays(spec)
    truth = next(arrays[name] for name in TRUTHS if name in arrays)
    n, k = truth.shape
    check_table(spec.path, n, k)  # a matrix of small integers grows when it becomes one of float64
    matrices = {name: _matrix(name, arrays[name], truth.shape, spec) for name in MATRICES if name in arrays}
    users = _texts("user", arrays["user"], n, spec) if "user" in arrays else default_names("user", n)
    categories = _texts("categories", arrays["categories"], k, spec) if "categories" in arrays else None
    others: dict[str, Any] = {}
    if "dg" in arrays:
        others["dg"] = _lists(arrays["dg"], users, spec)
    if "context_window" in arrays:
        others["context_window"] = _whole("context_window", arrays["context_window"], users, spec, unknown=False)
    if "horizon" in arrays:
        others["horizon"] = _texts("horizon", arrays["horizon"], n, spec)
    if "support" in arrays:
        others["support"] = _support(arrays["support"], truth.shape, spec)
    n_window = _whole("n_window", arrays["n_window"], users, spec) if "n_window" in arrays else None
    raw = RawColumns(
        users=users,
        categories=tuple(categories or default_names("category", k)),
        matrices=matrices,
        atol={name: type_tolerance(arrays[name].dtype) for name in matrices},
        n_window=n_window,
        others={name: value for name, value in others.items() if value is not None},
    )
    return raw, replace(spec, n_rows=n)


def default_names(kind: str, n: int) -> list[str]:
    """Return default names by position, ``category_0`` and so on."""
    return [f"{kind}_{i}" for i in range(n)]


def _arrays(spec: ReadSpec) -> tuple[dict[str, np.ndarray], ReadSpec]:
    with reading(spec.path, "NPZ file"):
        stream = spec.path.open("rb")
    with stream:
        with reading(spec.path, "NPZ file"):
            archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise spec.fail("not a NPZ file; save it with numpy.savez", SchemaError)
        if (duplicate := first_twice(archive.files)) is not None:
            raise spec.fail(f"array {duplicate!r} occurs twice; rename one", SchemaError)
        spec = spec.understood(archive.files, _ALLOWED)
        assert archive.zip is not None  # closed together with the stream
        check_size(spec.path, sum(_memory(archive.zip, name, column, spec) for name, column in spec.columns.items()))
        return {name: _array(archive, name, column, spec) for name, column in spec.columns.items()}, spec


def _memory(archive: zipfile.ZipFile, name: str, column: str, spec: ReadSpec) -> int:
    """Return the bytes that reading a column takes at the most, from the header of its array alone."""
    member = column if column in archive.namelist() else f"{column}.npy"
    stored = archive.getinfo(member).file_size
    with reading(spec.path, "NPZ file"), archive.open(member) as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return stored
        version, _ = stream.read(2)
        head = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = head(stream)
    cells = math.prod(shape)
    copies = 1 if name not in MATRICES else 3 if name == "counts" or name == "target" else 2
    return max(stored, cells * dtype.itemsize) + 8 * cells * (copies - 1)


def _array(archive: Any, name: str, column: str, spec: ReadSpec) -> np.ndarray:
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
    if name in TRUTHS and value.ndim != 2:
        raise spec.fail(f"column {column}: shape {value.shape}; give one row a user, one column a category", ShapeError)
    return value


def _matrix(name: str, value: np.ndarray, shape: tuple[int, ...], spec: ReadSpec) -> np.ndarray:
    column = spec.columns[name]
    if value.dtype.kind not in "iuf":
        raise spec.fail(f"column {column}: holds {value.dtype}, no real numbers; save them as float64", SchemaError)
    if value.shape != shape:
        raise spec.fail(f"column {column}: shape {value.shape}, but the truth has {shape}; make them alike", ShapeError)
    return value.astype(np.float64, copy=False)


def _support(value: np.ndarray, shape: tuple[int, ...], spec: ReadSpec) -> np.ndarray:
    column = spec.columns["support"]
    if value.shape != shape:
        raise spec.fail(f"column {column}: shape {value.shape}, but the truth has {shape}; make them alike", ShapeError)
    if value.dtype.kind not in "biu" or (value.dtype.kind != "b" and not np.isin(value, (0, 1)).all()):
        raise spec.fail(f"column {column}: has values other than true and false; save it as bool", SchemaError)
    return value.astype(np.bool_)


def _texts(name: str, value: np.ndarray, n: int, spec: ReadSpec) -> list[str]:
    column = spec.columns[name]
    if value.shape != (n,):
        raise spec.fail(f"column {column}: shape {value.shape}, but {(n,)} is expected; give one name each", ShapeError)
    if value.dtype.kind == "S":
        try:
            return [item.decode("utf-8") for item in value.tolist()]
        except UnicodeDecodeError as error:
            raise spec.fail(f"column {column}: not UTF-8 ({one_line(error)}); save it as text", SchemaError) from error
    if value.dtype.kind not in "Uiu":
        raise spec.fail(f"column {column}: holds {value.dtype}; save texts or whole numbers", SchemaError)
    return [str(item) for item in value.tolist()]


def _whole(name: str, value: np.ndarray, users: list[str], spec: ReadSpec, *, unknown: bool = True) -> np.ndarray:
    """Read whole numbers of at least 0; NaN means unknown where that is allowed."""
    if value.shape != (len(users),):
        message = f"column {spec.columns[name]}: shape {value.shape}, but {(len(users),)} is expected; give one per row"
        raise spec.fail(message, ShapeError)
    if value.dtype.kind not in "iuf":
        raise spec.fail(f"column {spec.columns[name]}: holds {value.dtype}; save whole numbers", SchemaError)
    missing = np.isnan(value) if unknown and value.dtype.kind == "f" else np.zeros(len(value), dtype=bool)
    bad = ~missing & ~(whole_numbers(value) & (value >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        place = spec.at(row, users[row], name)
        raise spec.fail(f"{place}: {value[row]} is not a whole number of at least 0; correct it")
    return np.where(missing, UNKNOWN, np.where(missing, 0, value)).astype(np.int64)


def _lists(value: np.ndarray, users: list[str], spec: ReadSpec) -> np.ndarray | None:
    column = spec.columns["dg"]
    if value.ndim != 2 or len(value) != len(users):
        message = f"column {column}: shape {value.shape}, but there are {len(users)} rows; give one list a row, -2 pads"
        raise spec.fail(message, ShapeError)
    if value.dtype.kind not in "iuf":
        raise spec.fail(f"column {column}: holds {value.dtype}; save places of categories", SchemaError)
    wrong = ~whole_numbers(value) | (np.abs(value) >= 2.0**31)
    if wrong.any():
        row, place = (int(i) for i in np.argwhere(wrong)[0])
        raise spec.fail(
            f"{spec.at(row, users[row], 'dg')}: {value[row, place]} is not an index of a category; write 0..K-1"
        )
    lists = value.astype(np.int32)
    check_padding(lists, users, spec, 0)
    return lists if (lists != PAD).any() else None


def check_padding(lists: np.ndarray, users: Any, spec: ReadSpec, first_row: int) -> None:
    """Raise if a list has entries after its end mark."""
    broken = ((lists[:, :-1] == PAD) & (lists[:, 1:] != PAD)).any(axis=1)
    if broken.any():
        row = int(np.flatnonzero(broken)[0])
        place = spec.at(first_row + row, users[row], "dg")
        raise spec.fail(
            f"{place}: entries follow the end of the list ({PAD}); write {PAD + 1} for an entry that is unknown"
        )
