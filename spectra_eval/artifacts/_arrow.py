"""Arrow columns as NumPy arrays; an invalid cell is an error that names its row and user."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays import type_tolerance
from spectra_eval.arrays.arrow import widened
from spectra_eval.artifacts._cells import as_lists, is_list, list_lengths, plain, texts, type_name
from spectra_eval.artifacts._columns import TRUTHS, ReadSpec, whole_numbers
from spectra_eval.artifacts._details import missing_fields, read_details
from spectra_eval.artifacts._limits import check_size
from spectra_eval.artifacts._npz import check_padding
from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, Detail

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Cells", "fixed_lists"]


class Cells:
    """Some rows of a Parquet file; `first_row` is the index of the first one."""

    def __init__(self, table: pa.Table, spec: ReadSpec, first_row: int) -> None:
        self.table, self.spec, self.first_row = table, spec, first_row
        self.absent: dict[str, np.ndarray] = {}
        """The null cells (N, K) of each column that `matrix` has read."""
        self.atol: dict[str, float] = {}
        """The tolerance of row sums of each column that `matrix` has read."""

    def has(self, name: str) -> bool:
        """Return whether the file has a column."""
        return self.spec.columns.get(name) in self.table.column_names

    def fail(self, row: int, name: str, message: str, error: type[InputError] = SchemaError) -> InputError:
        """Return an error that names the file, the row and the user."""
        return self.spec.fail(f"{self.spec.at(self.first_row + row, self.users[row], name)}: {message}", error)

    @functools.cached_property
    def users(self) -> list[str]:
        """Return the names of the users; whole numbers are names, and without a column the rows are numbered."""
        if not self.has("user"):
            return [f"user_{self.first_row + row}" for row in range(self.table.num_rows)]
        return self.texts("user")

    def texts(self, name: str) -> list[str]:
        """Read one text per row."""
        fail = functools.partial(self._refusal, name)
        found = texts(self.table.column(self.spec.columns[name]), fail)
        if None in found:
            raise fail(found.index(None), "null; give every row one")
        return [text for text in found if text is not None]

    def _refusal(self, name: str, row: int | None, message: str) -> InputError:
        """Return an error for a row, without its user (whose name may be unreadable), or for the column."""
        place = "" if row is None else f"row {self.first_row + row + 1}, "
        return self.spec.fail(f"{place}column {self.spec.columns[name]}: {message}", SchemaError)

    def list_size(self, name: str) -> int | None:
        """Return the length of a column's lists, from its type or its first list."""
        import pyarrow as pa

        array = self._lists_of(name)
        if pa.types.is_fixed_size_list(array.type):
            return int(array.type.list_size)
        lengths = list_lengths(array)
        present = lengths[~_nulls(array)]
        return int(present[0]) if len(present) else None

    def matrix(self, name: str, k: int) -> np.ndarray:
        """Read one list of K numbers per row; a null target is a row of zeros, which means no window."""
        import pyarrow as pa

        array = self._lists_of(name)
        values = plain(array.flatten())
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
            column = self.spec.columns[name]
            raise self.spec.fail(f"column {column}: lists of {values.type}; write lists of numbers", SchemaError)
        if pa.types.is_float16(values.type):
            self.atol[name] = type_tolerance(np.dtype(np.float16))
            values = widened(values)
        elif pa.types.is_float32(values.type):
            self.atol[name] = type_tolerance(np.dtype(np.float32))
        missing = _nulls(array)
        if missing.any() and name not in (*TRUTHS, "theta_s"):
            raise self.fail(int(np.flatnonzero(missing)[0]), name, "null, though other rows have it; fill it in")
        wrong = ~missing & (list_lengths(array) != k)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            message = f"{list_lengths(array)[row]} numbers for {k} categories; give one a category"
            raise self.fail(row, name, message, ShapeError)
        if k == 0:
            return np.zeros((len(array), 0))
        if values.null_count:
            if name not in (*TRUTHS, "theta_s"):
                place = int(np.flatnonzero(_nulls(values))[0]) // k
                row = int(np.flatnonzero(~missing)[place])
                raise self.fail(row, name, "a number is null; write 0 for none")
            self.absent[name] = np.zeros((len(array), k), dtype=bool)
            self.absent[name][~missing] = _nulls(values).reshape(-1, k)
            values = values.fill_null(0)
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False).reshape(-1, k)
        if not missing.any():
            return numbers
        matrix = np.full((len(array), k), np.nan if name == "theta_s" else 0.0)
        matrix[~missing] = numbers
        return matrix

    def support(self, k: int, matrices: Mapping[str, np.ndarray]) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the options of each row, from the column `support` and null numbers, and notes for the metadata."""
        stated = self._stated(k) if self.has("support") else None
        if not self.absent:
            return stated, {}
        absent = self.spec.absent or ("not-offered" if "theta_s" in self.absent else None)
        if absent is None:
            name, cells = next(iter(self.absent.items()))
            fix = "write 0 for none, or choose its meaning with --absent zero or --absent not-offered"
            raise self.fail(int(np.flatnonzero(cells.any(axis=1))[0]), name, f"a number is null; {fix}")
        if absent == "not-offered":
            for name, cells in self.absent.items():
                self._check_absent(name, cells, matrices)
            offered = ~np.any(list(self.absent.values()), axis=0)
            stated = offered if stated is None else stated & offered
        return stated, {"absent": absent}

    def _check_absent(self, name: str, cells: np.ndarray, matrices: Mapping[str, np.ndarray]) -> None:
        """Raise if a number is null where another column is not zero."""
        for other, values in matrices.items():
            if other not in (*TRUTHS, "theta_s") or not (cells & (values > 0)).any():
                continue
            row, column = (int(i) for i in np.argwhere(cells & (values > 0))[0])
            stored = f"{self.spec.columns[other]} has {values[row, column]:.6g} there"
            message = f"number {column + 1} is null, which means not offered, but {stored}; write 0 in place of null"
            raise self.fail(row, name, message)

    def _stated(self, k: int) -> np.ndarray:
        """Read one list of K Booleans per row; a null list means that all categories are options."""
        import pyarrow as pa

        array = self._lists_of("support")
        missing = _nulls(array)
        wrong = ~missing & (list_lengths(array) != k)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            message = f"{list_lengths(array)[row]} entries for {k} categories; give one a category"
            raise self.fail(row, "support", message, ShapeError)
        values = plain(array.flatten())
        if not pa.types.is_boolean(values.type):
            column = self.spec.columns["support"]
            raise self.spec.fail(f"column {column}: lists of {values.type}; write lists of bool", SchemaError)
        if values.null_count:
            place = int(np.flatnonzero(_nulls(values))[0]) // k
            raise self.fail(int(np.flatnonzero(~missing)[place]), "support", "an entry is null; write true or false")
        offered = np.ones((len(array), k), dtype=bool)
        offered[~missing] = values.to_numpy(zero_copy_only=False).reshape(-1, k)
        return offered

    def whole(self, name: str, *, missing: int | None) -> np.ndarray:
        """Read one whole number of at least 0 per row; null becomes `missing`, or is an error."""
        import pyarrow as pa

        array = self._array(name)
        if pa.types.is_decimal(array.type):
            array = array.cast(pa.float64())
        if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
            column = self.spec.columns[name]
            raise self.spec.fail(f"column {column}: holds {array.type}; write whole numbers", SchemaError)
        absent = _nulls(array)
        values = array.fill_null(0).to_numpy(zero_copy_only=False)
        if missing is not None and values.dtype.kind == "f":
            absent = absent | np.isnan(values)
        bad = ~absent & ~(whole_numbers(values) & (values >= 0))
        if missing is None:
            bad |= absent
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            shown = "null" if absent[row] else str(values[row])
            raise self.fail(row, name, f"{shown} is not a whole number of at least 0; correct it", InputError)
        result: np.ndarray = np.where(absent, 0, values).astype(np.int64)
        return np.where(absent, missing, result) if missing is not None else result

    def titles(self, name: str) -> list[tuple[str, ...]]:
        """Read one list of texts per row; null is the empty list."""
        found = []
        for row, titles in enumerate(as_lists(self._lists_of(name), functools.partial(self._refusal, name))):
            shown = tuple(title for title in titles or () if title is not None)
            if len(shown) != len(titles or ()):
                raise self.fail(row, name, "a title is null; write it, or leave it out")
            found.append(shown)
        self._check_texts(name, itertools.chain.from_iterable(found))
        return found

    def _check_texts(self, name: str, found: Iterable[str]) -> None:
        """Raise if texts that the file stores once would be too large when expanded."""
        what = f"column {self.spec.columns[name]}: the texts of {self.table.num_rows:,} rows"
        check_size(self.spec.path, sum(map(len, found)), what)

    def details(self, name: str) -> list[tuple[Detail, ...]]:
        """Read one list of details per row; null is the empty list."""
        array = self._lists_of(name)
        if missing := missing_fields(array.type.value_type):
            column = self.spec.columns[name]
            raise self.spec.fail(f"column {column}: {missing}; write lists of (time, rating, categories)", SchemaError)
        found = read_details(array, functools.partial(self._refusal, name))
        self._check_texts(name, (text for row in found for detail in row for text in detail.categories if text))
        return found

    def longest(self, name: str, categories: tuple[str, ...]) -> int:
        """Return the length of the longest decoded list; raise if one is too long."""
        lengths = list_lengths(self._lists_of(name))
        most = max(1000, 2 * len(categories))
        if lengths.max(initial=0) > most:
            row = int(lengths.argmax())
            message = f"{lengths[row]} entries for {len(categories)} categories; a list ends at {most} at the latest"
            raise self.fail(row, name, message, ShapeError)
        return int(lengths.max(initial=0))

    def lists(self, name: str, categories: tuple[str, ...], width: int) -> np.ndarray:
        """Read decoded lists, as indices or names of categories, padded to one width."""
        import pyarrow as pa

        array = self._lists_of(name)
        lengths = list_lengths(array)
        entries = array.flatten()
        rows = np.repeat(np.arange(len(array)), lengths)
        if pa.types.is_integer(getattr(entries.type, "value_type", entries.type)):
            places = plain(entries).fill_null(OUT_OF_VOCABULARY).to_numpy(zero_copy_only=False).astype(np.int64)
            far = np.flatnonzero((places >= len(categories)) | (places < PAD))
            if len(far):
                entry = places[far[0]]
                message = f"entry {entry} is no category of 0..{len(categories) - 1}"
                fix = f"write {OUT_OF_VOCABULARY} for an out-of-vocabulary entry"
                raise self.fail(int(rows[far[0]]), name, f"{message}; {fix}", InputError)
        elif pa.types.is_floating(entries.type) or pa.types.is_decimal(entries.type):
            raise self._refusal(name, None, f"lists of {entries.type}; write lists of int32")
        else:
            names = texts(entries, lambda row, message: self._refusal(name, None, f"lists, one of which {message}"))
            places = self._places(names, rows, name, categories)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        padded = np.full((len(array), width), PAD, dtype=np.int32)
        padded[rows, np.arange(len(rows)) - starts] = places
        check_padding(padded, self.users, self.spec, self.first_row)
        return padded

    def _places(self, names: list[Any], rows: np.ndarray, name: str, categories: tuple[str, ...]) -> np.ndarray:
        index: dict[Any, int] = {category: place for place, category in enumerate(categories)}
        index[None] = OUT_OF_VOCABULARY
        for place, entry in enumerate(names):
            if entry not in index:
                message = f"{entry!r:.40} is no category; write null for an out-of-vocabulary entry"
                raise self.fail(int(rows[place]), name, message, InputError)
        return np.fromiter((index[entry] for entry in names), dtype=np.int64, count=len(names))

    def _array(self, name: str) -> Any:
        return plain(self.table.column(self.spec.columns[name]))

    def _lists_of(self, name: str) -> Any:
        array = self._array(name)
        if not is_list(array.type):
            column = self.spec.columns[name]
            raise self.spec.fail(f"column {column}: holds {type_name(array.type)}; write one list a row", SchemaError)
        return array


def _nulls(array: Any) -> np.ndarray:
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def fixed_lists(values: np.ndarray) -> Any:
    """Return the rows of a matrix as an Arrow array of lists of one length."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])
