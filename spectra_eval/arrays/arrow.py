"""Objects that export Arrow: PyArrow, polars, DuckDB and others through Arrow's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays._given import EPS, Given
from spectra_eval.errors import InputError, ShapeError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["is_list", "list_lengths", "of_arrow", "plain", "whole", "widened"]


def of_arrow(name: str, value: Any) -> Given:
    """Read the numbers of an object that exports Arrow.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : object
        Numbers, one list per row, or a table or struct with one column per category.

    Returns
    -------
    Given
        The numbers; for a table or struct also the names of its columns. A number that is null becomes NaN.

    Raises
    ------
    InputError, ShapeError
        A row is null, lists differ in length, or the type is not numeric.

    Examples
    --------
    >>> import pyarrow as pa
    >>> given = of_arrow("theta_s", pa.table({"Noir": [0.25], "War": [0.75]}))
    >>> given.values.tolist(), given.labels
    ([[0.25, 0.75]], (None, ('Noir', 'War')))
    """
    import pyarrow as pa

    array = value
    if not isinstance(value, pa.Array | pa.ChunkedArray):  # a table is an array of structs, in chunks
        array = pa.chunked_array(value) if hasattr(value, "__arrow_c_stream__") else pa.array(value)
    if not pa.types.is_struct(array.type):
        return Given(*_numbers(name, array))
    _refuse_null(name, array)
    titles = [array.type.field(place).name for place in range(array.type.num_fields)]
    if not titles:
        raise ShapeError(f"{name}: a table without columns")
    columns = [_numbers(f"{name}: column {t!r}", cells) for t, cells in zip(titles, array.flatten(), strict=True)]
    values = [cells for cells, _ in columns]
    if len(values) == 1 and values[0].ndim == 2:
        return Given(*columns[0])
    for title, cells in zip(titles, values, strict=True):
        if cells.ndim != 1:
            raise ShapeError(f"{name}: column {title!r} holds lists; give that column alone")
    if len({cells.dtype.kind == "b" for cells in values}) == 2:
        raise InputError(f"{name}: holds Booleans beside numbers; give numbers")
    return Given(np.column_stack(values), max(eps for _, eps in columns), (None, tuple(titles)))


def _numbers(name: str, array: Any) -> tuple[np.ndarray, float]:
    """Return numbers or lists of numbers as an array, with the machine epsilon of their type; a null number is NaN."""
    import pyarrow as pa

    kinds, stated = pa.types, array.type
    if isinstance(stated, pa.BaseExtensionType):
        if getattr(stated, "shape", None) is None or len(stated.shape) != 1:
            raise InputError(f"{name}: holds {stated.extension_name}; give the numbers in it, such as its .storage")
    array = plain(array)
    kind = array.type
    if is_list(kind):
        _refuse_null(name, array)
        lengths = list_lengths(array)
        if len(set(lengths.tolist())) > 1:
            row = int(np.flatnonzero(lengths != lengths[0])[0])
            what = f"row {row + 1} has {lengths[row]} numbers, but row 1 has {lengths[0]}"
            raise ShapeError(f"{name}: its rows have different lengths ({what}); give an array with one length")
        values, eps = _numbers(name, array.flatten())
        return values.reshape(len(array), int(lengths[0]) if len(array) else 0, *values.shape[1:]), eps
    if kinds.is_boolean(kind):
        _refuse_null(name, array)
        return array.to_numpy(zero_copy_only=False), 0.0
    if kinds.is_float16(kind):
        return widened(array).to_numpy(zero_copy_only=False), EPS["float16"]
    if kinds.is_null(kind) or kinds.is_decimal(kind):
        array = array.cast(pa.float64())
    elif not (kinds.is_integer(kind) or kinds.is_floating(kind)):
        raise InputError(f"{name}: holds {kind}; give numbers; leave columns of text out")
    values = array.to_numpy(zero_copy_only=False)
    return values, EPS.get(values.dtype.name, 0.0)


def _refuse_null(name: str, array: Any) -> None:
    """Raise if a row is null: without it every later row would belong to another user."""
    if array.null_count:
        row = array.is_null().to_pylist().index(True)
        raise InputError(f"{name}: row {row + 1} is null; fill it or leave it out everywhere")


def plain(array: Any) -> Any:
    """Return an array without Arrow's encodings: chunks, dictionaries, runs, extension types.

    Parameters
    ----------
    array : pyarrow.Array or pyarrow.ChunkedArray
        The array.

    Returns
    -------
    pyarrow.Array
        The same values; a UUID becomes text, a list view a list.

    Examples
    --------
    >>> import pyarrow as pa
    >>> plain(pa.array(["Noir", "Noir"]).dictionary_encode()).type
    DataType(string)
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.ChunkedArray):
        array = whole(array)
    while True:
        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            if kind.extension_name == "arrow.uuid":
                return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
            array = array.storage
        elif pa.types.is_dictionary(kind):
            array = array.dictionary_decode()
        elif pa.types.is_run_end_encoded(kind):
            array = pc.run_end_decode(array)
        elif pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
            stops = np.concatenate([[0], np.cumsum(list_lengths(array))])  # Arrow's own cast loses lengths
            array = pa.LargeListArray.from_arrays(pa.array(stops), array.flatten(), mask=array.is_null())
        else:
            return array


def whole(chunked: pa.ChunkedArray) -> pa.Array:
    """Return the chunks of an array as one.

    Parameters
    ----------
    chunked : pyarrow.ChunkedArray
        The chunks.

    Returns
    -------
    pyarrow.Array
        One array; of dictionaries, with one dictionary.

    Examples
    --------
    >>> import pyarrow as pa
    >>> whole(pa.chunked_array([[1, 2], [3]])).to_pylist()
    [1, 2, 3]
    """
    import pyarrow as pa

    if chunked.num_chunks == 1:
        return chunked.chunk(0)
    array = chunked.unify_dictionaries().combine_chunks()
    return array if isinstance(array, pa.Array) else pa.concat_arrays(array.chunks)


def is_list(kind: Any) -> bool:
    """Return whether a type (one of `plain`) is a list.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type of an array that `plain` returned.

    Returns
    -------
    bool
        True for lists with 32-bit or 64-bit offsets and for lists of fixed size.

    Examples
    --------
    >>> import pyarrow as pa
    >>> is_list(pa.list_(pa.int8())), is_list(pa.int8())
    (True, False)
    """
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def list_lengths(array: Any) -> np.ndarray:
    """Return the length of each list.

    Parameters
    ----------
    array : pyarrow.Array
        The lists.

    Returns
    -------
    (N,) int64 array
        The lengths; 0 for null.

    Examples
    --------
    >>> import pyarrow as pa
    >>> list_lengths(pa.array([[1, 2], None, []])).tolist()
    [2, 0, 0]
    """
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)


def widened(halves: Any) -> Any:
    """Return half-precision numbers as float32, since Arrow supports few operations on them.

    Parameters
    ----------
    halves : pyarrow.Array
        Numbers of type float16.

    Returns
    -------
    pyarrow.Array
        The same numbers as float32; null stays null.

    Examples
    --------
    >>> import pyarrow as pa
    >>> widened(pa.array([np.float16(0.5), None])).to_pylist()
    [0.5, None]
    """
    import pyarrow as pa

    numbers = np.array([0.0 if half is None else half for half in halves.to_pylist()], dtype=np.float32)
    return pa.array(numbers, mask=np.asarray(halves.is_null().to_numpy(zero_copy_only=False), dtype=bool))
