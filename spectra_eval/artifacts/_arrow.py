"""Arrow columns as NumPy arrays; an invalid cell is an error that names its row and user."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.artifacts._cells import Fail, as_lists, is_list, list_lengths, nulls, numbers, plain, texts, type_name
from spectra_eval.artifacts._columns import TRUTHS, ReadSpec, options, whole_numbers
from spectra_eval.artifacts._details import missing_fields, read_details
from spectra_eval.artifacts._limits import check_size
from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, Detail

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Cells"]


class Cells:
    """Some rows of a Parquet file; `first_row` is the index of the first one."""

    def __init__(self, table: pa.Table, spec: ReadSpec, first_row: int, index: Mapping[str, int] | None = None) -> None:
        self.table, self.spec, self.first_row = table, spec, first_row
        self.index = index or {}
        """The place of each category by its name."""
        self.given: dict[str, np.ndarray] = {}
        """Which cells (N, K) of each column of mappings have a number."""
        self.absent: dict[str, np.ndarray] = {}
        """The null cells (N, K) of each column that `matrix` has read."""
        self.atol: dict[str, float] = {}
        """The tolerance of row sums of each column that `matrix` has read."""

    def has(self, name: str) -> bool:
        """Return whether the file has a column."""
        return self.spec.columns.get(name) in self.table.column_names

    def fail(self, row: int, name: str, message: str, error: type[InputError] = SchemaError) -> InputError:
        """Return an error that names the file, the row and the user."""
        place = f"{self.spec.place(self.first_row + row)} (user {self.users[row]!r})"
        return self.spec.fail(f"{place}, column {self.spec.columns[name]}: {message}", error)

    @functools.cached_property
    def users(self) -> list[str]:
        """Return the names of the users; whole numbers are names, and without a column the rows are numbered."""
        if not self.has("user"):
            return [f"user_{self.first_row + row}" for row in range(self.table.num_rows)]
        return [self.spec.label(user) for user in self.texts("user")]

    def texts(self, name: str) -> list[str]:
        """Read one text per row."""
        fail = functools.partial(self.refusal, name)
        found = texts(self.table.column(self.spec.columns[name]), fail)
        if None in found:
            raise fail(found.index(None), "null; give every row one")
        return [text for text in found if text is not None]

    def refusal(self, name: str, row: int | None, message: str) -> InputError:
        """Return an error for a row, without its user (whose name may be unreadable), or for the column."""
        place = "" if row is None else f"{self.spec.place(self.first_row + row)}, "
        return self.spec.fail(f"{place}column {self.spec.columns[name]}: {message}", SchemaError)

    def list_size(self, name: str) -> int | None:
        """Return the length of a column's lists, from its type or its first list."""
        import pyarrow as pa

        array = self.lists_of(name)
        if pa.types.is_fixed_size_list(array.type):
            return int(array.type.list_size)
        lengths = list_lengths(array)
        present = lengths[~nulls(array)]
        return int(present[0]) if len(present) else None

    def matrix(self, name: str, k: int) -> np.ndarray:
        """Read K numbers per row, as a list or a mapping; a null target is a row of zeros, a null prediction of NaN."""
        if not is_list(self._array(name).type):
            return self._mapped(name)
        array = self.lists_of(name)
        missing = nulls(array)
        if missing.any() and name not in (*TRUTHS, "theta_s"):
            raise self.fail(int(np.flatnonzero(missing)[0]), name, "null, though other rows have it; fill it in")
        self._check_lengths(name, array, k, "numbers")
        if k == 0:
            return np.zeros((len(array), 0))
        cells, empty, self.atol[name] = numbers(array.flatten(), functools.partial(self._in_list, name))
        if empty.any():
            if name not in (*TRUTHS, "theta_s"):
                row = int(np.flatnonzero(~missing)[int(np.flatnonzero(empty)[0]) // k])
                raise self.fail(row, name, "a number is null; write 0 for none")
            self.absent[name] = np.zeros((len(array), k), dtype=bool)
            self.absent[name][~missing] = empty.reshape(-1, k)
        cells = cells.reshape(-1, k)
        if not missing.any():
            return cells
        matrix = np.full((len(array), k), np.nan if name == "theta_s" else 0.0)
        matrix[~missing] = cells
        return matrix

    def _mapped(self, name: str) -> np.ndarray:
        """Read one mapping of categories to numbers per row; a category without a number is a zero."""
        values, given = self._spread(name)
        empty = ~given.any(axis=1)
        if name == "theta_s":
            values[empty] = np.nan
        elif name not in TRUTHS and empty.any():
            raise self.fail(int(np.flatnonzero(empty)[0]), name, "null, though other rows have it; fill it in")
        self.given[name] = given
        return values

    def _spread(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of a column of mappings (N, K), and which of them are given."""
        import pyarrow as pa

        array = self._array(name)
        values = np.zeros((len(array), len(self.index)))
        given = np.zeros(values.shape, dtype=bool)
        if pa.types.is_struct(array.type):
            for field, part in zip(array.type, array.flatten(), strict=True):
                place = self._place(name, field.name)
                fail = functools.partial(self._in_cell, name, field.name)
                values[:, place], missing, self.atol[name] = self._read(name, part, fail)
                given[:, place] = ~missing
            return values, given
        rows, keys, items = self._entries(name, array)
        labels = [text or "" for text in texts(keys.dictionary, functools.partial(self.refusal, name))]
        places = np.array([self._place(name, label) for label in labels], dtype=np.int64)
        places = places[keys.indices.to_numpy()] if len(keys) else places
        seen = np.unique(rows * len(self.index) + places, return_index=True)[1]
        if len(seen) < len(rows):
            again = int(np.setdiff1d(np.arange(len(rows)), seen)[0])
            label = self.spec.label(labels[keys.indices[again].as_py()])
            what = f"{label!r} is named twice, but for blanks or the form of letters"
            raise self.fail(int(rows[again]), name, f"{what}; merge the two")

        def in_entry(entry: int | None, message: str) -> InputError:
            if entry is None:
                return self.refusal(name, None, message)
            return self.fail(int(rows[entry]), name, f"{labels[keys.indices[entry].as_py()]!r}: {message}")

        cells, missing, self.atol[name] = self._read(name, items, in_entry)
        values[rows, places], given[rows, places] = cells, ~missing
        return values, given

    def _read(self, name: str, array: Any, fail: Fail) -> tuple[np.ndarray, np.ndarray, float]:
        """Read numbers; the entries of `support` may be Boolean."""
        import pyarrow as pa

        array = plain(array)
        if name == "support" and not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
            array = array.cast(pa.bool_()).cast(pa.int8())
        return numbers(array, fail, text=self.spec.text)

    def _entries(self, name: str, array: Any) -> tuple[np.ndarray, Any, Any]:
        """Return the row, the key (shared) and the value of each entry of a column of maps."""
        import pyarrow as pa

        kind = array.type
        if not pa.types.is_map(kind):
            what = f"holds {type_name(kind)}; write one list a row, or a mapping of categories to numbers"
            raise self.refusal(name, None, what)
        lists = array.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
        rows = np.repeat(np.arange(len(lists)), list_lengths(lists))
        keys, values = lists.flatten().flatten()
        return rows, keys if pa.types.is_dictionary(keys.type) else plain(keys).dictionary_encode(), values

    def has_lists(self, name: str) -> bool:
        """Return whether a column has lists, not mappings."""
        return is_list(self._array(name).type)

    def is_struct(self, name: str) -> bool:
        """Return whether a column has one field a category."""
        return str(self._array(name).type).startswith("struct<")

    def labels(self, name: str) -> list[str]:
        """Return the names of the categories of a column of mappings."""
        if self.is_struct(name):
            return [self.spec.label(field.name) for field in self._array(name).type]
        _, keys, _ = self._entries(name, self._array(name))
        found = texts(keys.dictionary, functools.partial(self.refusal, name))
        if any(not (text or "").strip() for text in found):
            raise self.refusal(name, None, "a blank category; name it")
        return [self.spec.label(text or "") for text in found]

    def _place(self, name: str, category: str) -> int:
        place = self.index.get(self.spec.label(category))
        if place is None:
            raise self.refusal(name, None, f"{category!r:.40} is no category of this file, which names its categories")
        return place

    def _in_cell(self, name: str, category: str, row: int | None, message: str) -> InputError:
        """Return an error for one number of a mapping."""
        if row is None:
            return self.refusal(name, None, f"{category!r} {message}")
        return self.fail(row, name, f"{category!r}: {message}")

    def _in_list(self, name: str, row: int | None, message: str) -> InputError:
        """Return an error for the numbers of lists."""
        what = message.removeprefix("holds ").replace("write", "write lists of")
        return self.refusal(name, None, f"lists of {what}")

    def _check_lengths(self, name: str, array: Any, k: int, what: str) -> None:
        wrong = ~nulls(array) & (list_lengths(array) != k)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            message = f"{list_lengths(array)[row]} {what} for {k} categories; give one a category"
            raise self.fail(row, name, message, ShapeError)

    def support(self, k: int, matrices: Mapping[str, np.ndarray]) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the options of each row, from the column `support` and null numbers, and notes for the metadata."""
        stated = self._stated(k) if self.has("support") else None
        if self.given.keys() & {*TRUTHS, "theta_s"}:
            return self._of_mappings(stated, matrices)
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

    def _of_mappings(
        self, stated: np.ndarray | None, matrices: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the options where a category that no mapping of a row names is absent, as in long tables."""
        if stated is not None and self.spec.absent is None:
            return stated, {}
        read = [name for name in (*TRUTHS, "theta_s") if name in matrices]
        every = np.ones_like(matrices[read[0]], dtype=bool)
        named = [self.given.get(name, every & ~self.absent.get(name, ~every)) for name in read]
        offered, notes = options(np.any(named, axis=0), self.spec, predicted="theta_s" in matrices)
        return (stated if offered is None else offered if stated is None else stated & offered), notes

    def _stated(self, k: int) -> np.ndarray:
        """Read K Booleans per row; a null list means that all categories are options."""
        if not is_list(self._array("support").type):
            values, given = self._spread("support")
            return (values != 0) & given
        array = self.lists_of("support")
        missing = nulls(array)
        self._check_lengths("support", array, k, "entries")
        values, empty, _ = self._read("support", array.flatten(), functools.partial(self._in_list, "support"))
        if empty.any():
            place = int(np.flatnonzero(empty)[0]) // k
            raise self.fail(int(np.flatnonzero(~missing)[place]), "support", "an entry is null; write true or false")
        if not np.isin(values, (0, 1)).all():
            raise self.refusal("support", None, "has values other than true and false; write lists of bool")
        offered = np.ones((len(array), k), dtype=bool)
        offered[~missing] = values.reshape(-1, k) != 0
        return offered

    def whole(self, name: str, *, missing: int | None) -> np.ndarray:
        """Read one whole number of at least 0 per row; null becomes `missing`, or is an error."""
        column = self.table.column(self.spec.columns[name])
        values, empty, _ = numbers(column, functools.partial(self.refusal, name), text=self.spec.text)
        empty = empty | np.isnan(values) if missing is not None else empty
        bad = ~empty & ~(whole_numbers(values) & (values >= 0))
        if missing is None:
            bad |= empty
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            shown = "null" if empty[row] else f"{values[row]:.15g}"
            raise self.fail(row, name, f"{shown} is not a whole number of at least 0; correct it", InputError)
        return np.where(empty, 0 if missing is None else missing, values).astype(np.int64)

    def titles(self, name: str) -> list[tuple[str, ...]]:
        """Read one list of texts per row; null is the empty list."""
        found = []
        for row, titles in enumerate(as_lists(self.lists_of(name), functools.partial(self.refusal, name))):
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
        array = self.lists_of(name)
        if missing := missing_fields(array.type.value_type):
            column = self.spec.columns[name]
            raise self.spec.fail(f"column {column}: {missing}; write lists of (time, rating, categories)", SchemaError)
        found = read_details(array, functools.partial(self.refusal, name))
        self._check_texts(name, (text for row in found for detail in row for text in detail.categories if text))
        return found

    def longest(self, name: str, categories: tuple[str, ...]) -> int:
        """Return the length of the longest decoded list; raise if one is too long."""
        lengths = list_lengths(self.lists_of(name))
        most = max(1000, 2 * len(categories))
        if lengths.max(initial=0) > most:
            row = int(lengths.argmax())
            message = f"{lengths[row]} entries for {len(categories)} categories; a list ends at {most} at the latest"
            raise self.fail(row, name, message, ShapeError)
        return int(lengths.max(initial=0))

    def lists(self, name: str, categories: tuple[str, ...], width: int, *, ordered: bool) -> np.ndarray:
        """Read decoded lists, padded to one width: names, or, where the categories are `ordered`, their places."""
        import pyarrow as pa

        array = self.lists_of(name)
        lengths = list_lengths(array)
        entries = array.flatten()
        rows = np.repeat(np.arange(len(array)), lengths)
        if pa.types.is_floating(entries.type):
            values = entries.fill_null(0).to_numpy(zero_copy_only=False)
            if (odd := np.flatnonzero(~whole_numbers(values) | (np.abs(values) >= 2.0**31))).size:
                what = f"{values[odd[0]]} is not an index of a category; write 0..K-1"
                raise self.fail(int(rows[odd[0]]), name, what)
            entries = entries.cast(pa.int64())
        if pa.types.is_integer(getattr(entries.type, "value_type", entries.type)):
            places = plain(entries).fill_null(OUT_OF_VOCABULARY).to_numpy(zero_copy_only=False).astype(np.int64)
            if not ordered and (named := np.flatnonzero(places >= 0)).size:
                what = f"{places[named[0]]} is no category of this file, which gives them no order; write its name"
                raise self.fail(int(rows[named[0]]), name, what, InputError)
            far = np.flatnonzero((places >= len(categories)) | (places < PAD))
            if len(far):
                entry = places[far[0]]
                message = f"entry {entry} is no category of 0..{len(categories) - 1}"
                fix = f"write {OUT_OF_VOCABULARY} for an out-of-vocabulary entry"
                raise self.fail(int(rows[far[0]]), name, f"{message}; {fix}", InputError)
        else:
            names = texts(entries, lambda row, message: self.refusal(name, None, f"lists, one of which {message}"))
            places = self._places(names, rows, name, categories)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        padded = np.full((len(array), width), PAD, dtype=np.int32)
        padded[rows, np.arange(len(rows)) - starts] = places
        broken = ((padded[:, :-1] == PAD) & (padded[:, 1:] != PAD)).any(axis=1)
        if broken.any():
            what = f"entries follow the end of the list ({PAD}); write {PAD + 1} for an entry that is unknown"
            raise self.fail(int(np.flatnonzero(broken)[0]), name, what, InputError)
        return padded

    def _places(self, names: list[Any], rows: np.ndarray, name: str, categories: tuple[str, ...]) -> np.ndarray:
        index: dict[Any, int] = {category: place for place, category in enumerate(categories)}
        index[None] = OUT_OF_VOCABULARY
        for place, entry in enumerate(names):
            if entry not in index and isinstance(entry, str) and self.spec.label(entry) in index:
                index[entry] = index[self.spec.label(entry)]
            if entry not in index:
                message = f"{entry!r:.40} is no category; write null for an out-of-vocabulary entry"
                raise self.fail(int(rows[place]), name, message, InputError)
        return np.fromiter((index[entry] for entry in names), dtype=np.int64, count=len(names))

    def _ranked(self, array: Any) -> Any:
        """Return a column of lists from one column a rank; a gap before an entry is out of vocabulary."""
        import pyarrow as pa

        column, ranks = self.spec.columns["dg"], [field.name for field in array.type]
        if not all(rank.isdecimal() for rank in ranks):
            raise self.spec.fail(f"{column}: the labels of its columns are no ranks; label them 1, 2 and so on")
        parts = array.flatten()
        cells = [parts[place].to_pylist() for place in sorted(range(len(ranks)), key=lambda place: int(ranks[place]))]
        rows = []
        for row, entries in enumerate(zip(*cells, strict=True)):
            kept = [None if entry in (None, "", PAD) or entry != entry else entry for entry in entries]
            odd = next((entry for entry in kept if isinstance(entry, float) and not entry.is_integer()), None)
            if odd is not None:
                raise self.fail(row, "dg", f"{odd} is not a whole number; write places or names of categories")
            while kept and kept[-1] is None:
                kept.pop()
            rows.append([int(entry) if isinstance(entry, float) else entry for entry in kept])
        return pa.array(rows, pa.list_(pa.int64())) if not any(map(any, rows)) else pa.array(rows)

    def _array(self, name: str) -> Any:
        return plain(self.table.column(self.spec.columns[name]))

    def lists_of(self, name: str) -> Any:
        array = self._array(name)
        if name == "dg" and str(array.type).startswith("struct"):
            return self._ranked(array)
        if not is_list(array.type):
            column = self.spec.columns[name]
            raise self.spec.fail(f"column {column}: holds {type_name(array.type)}; write one list a row", SchemaError)
        return array
