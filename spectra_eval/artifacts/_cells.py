"""Conversion of Arrow columns of any type to texts."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from spectra_eval.arrays import type_tolerance
from spectra_eval.arrays.arrow import is_list, list_lengths, plain, whole, widened
from spectra_eval.artifacts._limits import limit
from spectra_eval.errors import InputError

__all__ = ["Fail", "as_lists", "is_list", "list_lengths", "nulls", "numbers", "plain", "texts", "times", "type_name"]

Fail = Callable[[int | None, str], InputError]
"""Returns the error for a row (from 0), or for the whole column if it is None."""
_SHARED = re.compile(r"dictionary<values=(\w+), indices=\w+, ordered=\d>")
_WHOLE = {2: 1 << 11, 4: 1 << 24, 8: 1 << 53}
"""The largest exact integer of a float, by its size in bytes."""


def type_name(kind: Any) -> str:
    """Return the name of a type as it is in the file: dictionaries of texts count as texts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> type_name(pa.list_(pa.dictionary(pa.int32(), pa.string())))
    'list<item: string>'
    """
    return _SHARED.sub(r"\1", str(kind))


def texts(array: Any, fail: Fail, *, names: bool = True) -> list[str | None]:
    r"""Return one text per row, None for null; whole numbers become digits, bytes are decoded as UTF-8.

    Numbers with a fraction are refused if `names` is true.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts(pa.array([7.0, None]), ValueError), texts(pa.array([b"Caf\xc3\xa9"]), ValueError)
    (['7', None], ['Café'])
    """
    import pyarrow as pa

    array = whole(array) if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        return _shared(array, fail, functools.partial(texts, names=names))
    stated, array = array.type, plain(array)
    kind, kinds = array.type, pa.types
    if isinstance(stated, pa.BaseExtensionType) and (kinds.is_integer(kind) or kinds.is_floating(kind)):
        raise fail(None, f"holds {stated.extension_name}; write texts or whole numbers")  # periods, 8-bit Booleans
    if kinds.is_null(kind):
        return [None] * len(array)
    if names:
        _check_lengths(array, fail)
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        found: list[str | None] = array.to_pylist()
        return found
    if kinds.is_integer(kind):
        return [None if value is None else str(value) for value in array.to_pylist()]
    if _is_binary(kind):
        return [_decoded(value, row, fail) for row, value in enumerate(array.to_pylist())]
    if (kinds.is_floating(kind) or kinds.is_decimal(kind)) and not names:
        return [None if value is None or value != value else str(value) for value in array.to_pylist()]
    if kinds.is_floating(kind):
        most = _WHOLE[kind.bit_width // 8]
        return [_digits(value, row, most, fail) for row, value in enumerate(array.to_pylist())]
    if kinds.is_decimal(kind):
        return [_digits(value, row, None, fail) for row, value in enumerate(array.to_pylist())]
    raise fail(None, f"holds {type_name(kind)}; write texts or whole numbers")


def _shared(array: Any, fail: Fail, read: Callable[[Any, Fail], list[str | None]]) -> list[str | None]:
    """Decode a dictionary: each text is decoded once and shared by its rows."""
    import pyarrow as pa

    empty = np.asarray(array.indices.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    rows = np.flatnonzero(~empty)
    used, first, place = np.unique(
        array.indices.drop_null().to_numpy(zero_copy_only=False), return_index=True, return_inverse=True
    )

    def at(entry: int | None, message: str) -> InputError:
        return fail(None if entry is None else int(rows[first[entry]]), message)

    decoded = np.array([*read(_long_texts(array.dictionary).take(pa.array(used)), at), None], dtype=object)
    where = np.full(len(empty), len(used))
    where[rows] = place
    found: list[str | None] = decoded[where].tolist()
    return found


def _long_texts(array: Any) -> Any:
    """Convert string views, as in polars, to strings: Arrow cannot take or measure views."""
    import pyarrow as pa

    if pa.types.is_string_view(array.type):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_binary_view(array.type) else array


def _check_lengths(array: Any, fail: Fail) -> None:
    """Raise if a name is longer than the limit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = _long_texts(array)
    kind = array.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_binary(kind)):
        return
    most = limit("NAME")
    lengths = pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths > most).any():
        row = int(np.argmax(lengths > most))
        what = f"a name of {lengths[row]:,} bytes, and the limit is {most:,}"
        raise fail(row, f"{what}; shorten it, or set SPECTRA_EVAL_MAX_NAME")


def numbers(array: Any, fail: Fail, *, text: bool = False) -> tuple[np.ndarray, np.ndarray, float]:
    """Return one float64 number per row, which rows are empty, and the tolerance of sums of numbers of their type.

    Texts are read as numbers if `text` is true.

    Examples
    --------
    >>> import pyarrow as pa
    >>> values, empty, _ = numbers(pa.array(["1.5", ""]), ValueError, text=True)
    >>> values.tolist(), empty.tolist()
    ([1.5, 0.0], [False, True])
    """
    import pyarrow as pa

    array = plain(array)
    kind, kinds = array.type, pa.types
    if text and (kinds.is_string(kind) or kinds.is_large_string(kind)):
        return (*_read_numbers(array, fail), 0.0)
    if kinds.is_null(kind) or kinds.is_decimal(kind):
        array = array.cast(pa.float64())
    elif not (kinds.is_integer(kind) or kinds.is_floating(kind)):
        raise fail(None, f"holds {type_name(kind)}; write numbers")
    atol = type_tolerance(np.dtype(kind.to_pandas_dtype())) if kinds.is_floating(kind) else 0.0
    if kinds.is_float16(kind):
        array = widened(array)
    empty = nulls(array)
    array = array.fill_null(0) if empty.any() else array
    return array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False), empty, atol


def _read_numbers(array: Any, fail: Fail) -> tuple[np.ndarray, np.ndarray]:
    """Read texts as numbers; Arrow reads them at once, and Python finds the one that is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.equal(array, "")).as_py():
        array = pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)
    empty = nulls(array)
    try:
        return pc.cast(array, pa.float64()).fill_null(0).to_numpy(zero_copy_only=False), empty
    except pa.ArrowInvalid:
        values = np.zeros(len(array))
    for row, cell in enumerate(array.to_pylist()):
        try:
            if cell is not None and "_" in cell:  # Python would read 1_000 as a number
                raise ValueError
            values[row] = 0.0 if cell is None else float(cell)
        except ValueError:
            blank = "empty; write 0 for none"
            raise fail(row, f"{cell[:40]!r} is no number; write it as 0.25" if cell.strip() else blank) from None
    return values, empty


def nulls(array: Any) -> np.ndarray:
    """Return which rows are null, (N,) bool."""
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def times(array: Any, fail: Fail) -> list[str | None]:
    """Return one time per row as text: an ISO date or the digits of a number; None for null."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        return _shared(array, fail, times)
    stated, array = array.type, plain(array)
    kind, kinds = array.type, pa.types
    if isinstance(stated, pa.BaseExtensionType) and kinds.is_integer(kind):  # Booleans of a byte
        raise fail(None, f"holds {stated.extension_name}, no moment; write a date or a number since 1970")
    if kinds.is_date(kind):
        array, kind = array.cast(pa.timestamp("s")), pa.timestamp("s")
    if kinds.is_timestamp(kind):
        moments = array.cast(pa.timestamp("s"), safe=False).to_numpy(zero_copy_only=False)
        return [None if text == "NaT" else text for text in np.datetime_as_string(moments).tolist()]
    if kinds.is_time(kind) or kinds.is_duration(kind) or is_list(kind):
        raise fail(None, f"holds {type_name(kind)}, not a time; write a date or a number since 1970")
    return texts(array, fail, names=False)


def as_lists(array: Any, fail: Fail) -> list[list[str | None] | None]:
    """Return one list of texts per row; None for a null list and for a null entry.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_lists(pa.array([["a", None, "b"], None]), ValueError)
    [['a', None, 'b'], None]
    """
    array = plain(array)
    rows = np.repeat(np.arange(len(array)), list_lengths(array)).tolist()

    def at(entry: int | None, message: str) -> InputError:
        return fail(None, f"a list {message}") if entry is None else fail(rows[entry], message)

    lists: list[list[str | None] | None] = [[] if valid else None for valid in array.is_valid().to_pylist()]
    for row, text in zip(rows, texts(array.flatten(), at), strict=True):
        entries = lists[row]
        assert entries is not None  # a null list has no entries
        entries.append(text)
    return lists


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_kind(kind) for is_kind in kinds)


def _decoded(value: bytes | None, row: int, fail: Fail) -> str | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fail(row, f"{value!r:.40} is not UTF-8; write texts") from error


def _digits(value: Any, row: int, most: int | None, fail: Fail) -> str | None:
    if value is None or value != value:  # pandas writes NaN where a whole number is missing
        return None
    if value in (float("inf"), float("-inf")) or value != int(value) or (most is not None and abs(value) > most):
        raise fail(row, f"{value} is not a valid name; write texts or whole numbers")
    return str(int(value))
