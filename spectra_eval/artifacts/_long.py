"""Long tables, one row per user and category."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays.arrow import whole
from spectra_eval.artifacts._cells import numbers, texts
from spectra_eval.artifacts._columns import TRUTHS, RawColumns, ReadSpec, options, whole_numbers
from spectra_eval.artifacts._limits import check_size, check_table
from spectra_eval.artifacts._names import tidy, warn_of_case
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_long"]

_KEYS = ("user", "category", "context_window", "horizon")


def read_long(table: pa.Table, spec: ReadSpec) -> tuple[RawColumns, ReadSpec]:
    """Read a long table; records are in the order of their first row, categories sorted by name."""
    check_size(spec.path, 8 * table.num_rows * len(spec.columns), f"{table.num_rows:,} rows")
    return _Rows(table, spec).records()


class _Rows:
    """The columns of a long table: numbers by name, and the record and category of each row."""

    def __init__(self, table: pa.Table, spec: ReadSpec) -> None:
        self.table, self.spec = table, spec
        self.record, self.keys = self._records()
        self.users = [key[0] for key in self.keys]
        code, names = self._coded("category")
        if "" in names:
            row = int(np.flatnonzero(code == names.index(""))[0])
            place = f"{spec.place(row)}, column {spec.columns['category']}"
            raise spec.fail(f"{place}: blank; name the category")
        warn_of_case(names)
        check_table(spec.path, len(self.keys), len(names))
        order = sorted(range(len(names)), key=names.__getitem__)
        rank_by_name = np.empty(len(names), dtype=np.int64)
        rank_by_name[order] = np.arange(len(names))
        self.category, self.names = rank_by_name[code], tuple(names[i] for i in order)
        self._check_twice()
        self.atol: dict[str, float] = {}
        self.numbers = {name: self._numbers(name) for name in spec.columns if name not in _KEYS}

    def records(self) -> tuple[RawColumns, ReadSpec]:
        """Return the rows as records."""
        cells = (self.record, self.category)
        matrices: dict[str, np.ndarray] = {}
        for name in (*TRUTHS, "theta_s"):
            if name in self.numbers:
                matrices[name] = np.zeros((len(self.keys), len(self.names)))
                matrices[name][cells] = self.numbers[name]
        present = np.zeros((len(self.keys), len(self.names)), dtype=bool)
        present[cells] = True
        if "theta_s" in matrices and not self._mark_empty(matrices["theta_s"]):
            del matrices["theta_s"]
        support, notes = options(present, self.spec, predicted="theta_s" in matrices)
        others: dict[str, Any] = {} if support is None else {"support": support}
        if "dg_rank" in self.numbers:
            others["dg"], notes["first_dg_rank"] = self._lists(self.numbers["dg_rank"])
        n_window = self._constant() if "n_window" in self.numbers else None
        for place, name in enumerate((n for n in _KEYS[2:] if n in self.spec.columns), 1):
            others |= self._key_column([key[place] for key in self.keys], name)
        raw = RawColumns(
            users=self.users,
            categories=self.names,
            matrices=matrices,
            n_window=n_window,
            others=others,
            atol=self.atol,
        )
        return raw, replace(self.spec, n_rows=len(self.keys), notes=notes)

    def _coded(self, name: str) -> tuple[np.ndarray, list[str]]:
        """Return the number of each row's text, in the order of appearance, and the texts; null is blank."""
        import pyarrow as pa

        array = whole(self.table.column(self.spec.columns[name]))
        kinds = pa.types

        def fail(row: int | None, message: str) -> InputError:
            place = "" if row is None else f"{self.spec.place(row)}, "
            return self.spec.fail(f"{place}column {self.spec.columns[name]}: {message}", SchemaError)

        if array.null_count and name in _KEYS[:2]:
            raise fail(array.is_null().to_pylist().index(True), "null; give every row one")
        if not (self.spec.text and kinds.is_large_string(array.type)):  # texts of CSV are what they are
            array = pa.array(texts(array, fail), pa.large_string())
        array = array.fill_null("").dictionary_encode()
        known: dict[str, int] = {}
        tidied = map(tidy if name in _KEYS[:2] else str, array.dictionary.to_pylist())
        places = np.array([known.setdefault(text, len(known)) for text in tidied], dtype=np.int64)
        return places[array.indices.to_numpy()], list(known)

    def _records(self) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """Return the record of each row, and the user, context window and horizon of each record."""
        code, users = self._coded("user")
        columns = [(code, users)]
        columns += [self._coded(name) for name in _KEYS[2:] if name in self.spec.columns]
        for other, texts_of in columns[1:]:
            code = code * len(texts_of) + other
        if len(columns) == 1:
            return code, [(user,) for user in users]
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        rows = np.sort(first)
        keys = zip(*([names[i] for i in codes[rows]] for codes, names in columns), strict=True)
        return rank[inverse], list(keys)

    def _numbers(self, name: str) -> np.ndarray:
        """Read one number per row; UNKNOWN for an empty rank or window, NaN for an empty prediction."""

        def fail(row: int | None, message: str) -> InputError:
            if row is not None:
                return self._refusal(name, row, message)
            return self.spec.fail(f"column {self.spec.columns[name]}: {message}", SchemaError)

        column = self.table.column(self.spec.columns[name])
        values, missing, self.atol[name] = numbers(column, fail, text=self.spec.text)
        if name in ("dg_rank", "n_window"):
            missing = missing | np.isnan(values)
            bad = ~missing & ~(whole_numbers(values) & (values >= 0))
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                what = "a rank" if name == "dg_rank" else "a number of interactions"
                shown = f"{column[row].as_py()!r}" if self.spec.text else f"{values[row]:g}"
                fix = "write a whole number of at least 0"
                raise self._refusal(name, row, f"{shown} is not {what}; {fix}", InputError)
            return np.where(missing, UNKNOWN, values)
        if missing.any() and name != "theta_s":
            raise self._refusal(name, int(np.flatnonzero(missing)[0]), "empty; write 0 for none")
        return np.where(missing, np.nan, values) if missing.any() else values

    def _mark_empty(self, matrix: np.ndarray) -> bool:
        """Make the prediction NaN of each record that has none; return whether any record has one."""
        blank = np.isnan(self.numbers["theta_s"])
        if blank.any():
            empty = np.ones(len(self.keys), dtype=bool)
            empty[self.record[~blank]] = False
            if (some := blank & ~empty[self.record]).any():
                row = int(np.flatnonzero(some)[0])
                given = self.table.column(self.spec.columns["theta_s"])[row].as_py()
                what = "empty; write 0 for none" if given in (None, "") else f"{given} is no number; write it as 0.25"
                raise self._refusal("theta_s", row, what)
            matrix[empty] = np.nan
        return not blank.all()

    def _refusal(self, name: str, row: int, message: str, error: type[InputError] = SchemaError) -> InputError:
        """Return an error with the place of a row."""
        user = f" (user {self.users[self.record[row]]!r})"
        return self.spec.fail(f"{self.spec.place(row)}{user}, column {self.spec.columns[name]}: {message}", error)

    def _key_column(self, values: list[str], name: str) -> dict[str, Any]:
        if not any(values):
            return {}
        if "" in values:
            row = values.index("")
            place = self.spec.at(row, self.users[row], name)
            raise self.spec.fail(f"{place}: empty, though other records have one; fill it in")
        if name == "horizon":
            return {name: values}
        for row, value in enumerate(values):
            if not (value.isascii() and value.isdecimal() and len(value) < 10):
                place = self.spec.at(row, self.users[row], name)
                raise self.spec.fail(f"{place}: {value[:40]!r} is no number of sessions; write it as 20")
        return {name: [int(value) for value in values]}

    def _check_twice(self) -> None:
        cell = self.record * len(self.names) + self.category
        if len(row := _again(cell)):
            what = f"category {self.names[self.category[row.min()]]!r} is named twice for this record"
            raise self._refusal("category", int(row.min()), f"{what}; merge the two lines", InputError)

    def _lists(self, ranks: np.ndarray) -> tuple[np.ndarray | None, int]:
        """Return each record's categories in the order of their ranks; a skipped rank has no category.

        Ranks begin at 1, or, where the first of every list is 0, at 0.
        """
        n, record = len(self.keys), self.record
        given = np.flatnonzero(ranks >= 0)
        least = np.full(n, np.inf)
        np.minimum.at(least, record[given], ranks[given])
        base = 0 if (least == 0).any() else 1
        most = max(1000, 2 * len(self.names))

        def refuse(row: int, what: str) -> InputError:
            return self._refusal("dg_rank", row, what, InputError)

        if base == 0 and (mixed := np.isfinite(least) & (least > 0)).any():
            row = int(given[mixed[record[given]]][0])
            raise refuse(row, "this list has no rank 0, though another has; let all begin at 0 or all at 1")
        if (far := given[ranks[given] - base >= most]).size:
            raise refuse(int(far[0]), f"rank {ranks[far[0]]:.0f} is out of range; a list ends before {most}")
        place = ranks[given].astype(np.int64) - base
        width = int(place.max(initial=-1)) + 1
        check_size(self.spec.path, 4 * n * width, "its longest list in every row")
        if len(again := _again(record[given] * max(width, 1) + place)):
            row = int(given[again.min()])
            raise refuse(row, f"rank {ranks[row]:.0f} occurs twice in the list; give each category its own")
        lists = np.full((n, width), PAD, dtype=np.int32)
        lists[record[given], place] = self.category[given]
        ends = np.zeros(n, dtype=np.int64)
        np.maximum.at(ends, record[given], place + 1)
        lists[(lists == PAD) & (np.arange(width) < ends[:, None])] = OUT_OF_VOCABULARY
        return (lists if width else None), base

    def _constant(self) -> np.ndarray:
        """Return the window of each record, which must be the same on all its rows."""
        values, record = self.numbers["n_window"].astype(np.int64), self.record
        constant = np.full(len(self.keys), UNKNOWN, dtype=np.int64)
        constant[record[::-1]] = values[::-1]  # the first row of each record is written last
        other = np.flatnonzero(values != constant[record])
        if len(other):
            row = int(other[0])
            was = "empty" if constant[record[row]] == UNKNOWN else constant[record[row]]
            what = f"differs from the record's first line ({was}); write one number on all its lines"
            raise self._refusal("n_window", row, what, InputError)
        return constant


def _again(values: np.ndarray) -> np.ndarray:
    """Return the places of the values that occurred before."""
    order = np.argsort(values, kind="stable")
    return order[1:][values[order][1:] == values[order][:-1]]
