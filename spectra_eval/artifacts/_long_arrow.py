"""Long Arrow tables, one row per user and category, read by the rules of long texts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays import type_tolerance
from spectra_eval.artifacts._cells import is_list, plain, texts
from spectra_eval.artifacts._columns import NAMES, TRUTHS, RawColumns, ReadSpec, whole_numbers
from spectra_eval.artifacts._footer import check_groups, shared_texts
from spectra_eval.artifacts._limits import check_size, first_twice
from spectra_eval.artifacts._long import LONG, Numbering, check_named, grouped
from spectra_eval.artifacts._parquet import mapped
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["is_long", "long_columns", "read_long_arrow", "read_long_parquet"]

_KEYS = ("user", "category", "context_window", "horizon")


def is_long(schema: pa.Schema, mapping: Mapping[str, str]) -> bool:
    """Return whether a schema has a column of categories, and a target that is one number per row."""
    if "category" not in mapping and "category" not in schema.names:
        return False
    mapped = [mapping[name] for name in mapping if name in TRUTHS or any(name in NAMES[truth] for truth in TRUTHS)]
    found = mapped or [alias for truth in TRUTHS for alias in NAMES[truth]]
    kinds = [_stored(schema.field(name).type) for name in found if schema.names.count(name) == 1]
    return bool(kinds) and not any(is_list(kind) or "list" in str(kind) for kind in kinds)


def long_columns(names: Iterable[str], spec: ReadSpec) -> ReadSpec:
    """Return the specification with the columns of a long table matched."""
    available = list(names)
    if (duplicate := first_twice(available)) is not None:
        raise spec.fail(f"column {duplicate!r} occurs twice; rename one", SchemaError)
    spec = spec.understood(available, LONG)
    check_named(spec, available)
    return spec


def read_long_parquet(spec: ReadSpec) -> tuple[RawColumns, ReadSpec] | None:
    """Read a long Parquet file; None where the file has one row per record."""
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack, mapped(spec):
        reading = {"page_checksum_verification": True, "pre_buffer": False}
        file = stack.enter_context(pq.ParquetFile(spec.path, **reading))
        if not is_long(file.schema_arrow, spec.mapping):
            return None
        spec = long_columns(file.schema_arrow.names, spec)
        columns = list(spec.columns.values())
        check_size(spec.path, 8 * file.metadata.num_rows * len(columns), f"{file.metadata.num_rows:,} rows")
        check_groups(spec.path, file, columns)
        shared = shared_texts(file, (spec.columns[name] for name in _KEYS if name in spec.columns))
        file = stack.enter_context(pq.ParquetFile(spec.path, read_dictionary=shared, **reading))
        return read_long_arrow(file.read(columns), spec)


def read_long_arrow(table: pa.Table, spec: ReadSpec) -> tuple[RawColumns, ReadSpec]:
    """Read a table whose columns `long_columns` has matched."""
    if not table.num_rows:
        raise spec.fail("no rows; at least one user is needed", SchemaError)
    check_size(spec.path, 8 * table.num_rows * len(spec.columns), f"{table.num_rows:,} rows")
    rows = _Rows(table, spec)
    cells = {spec.columns[name]: rows.texts(name) for name in _KEYS if name in spec.columns}
    rows.users = cells[spec.columns["user"]]
    columns = {name: rows.numbers(name) for name in LONG if name in spec.columns and name not in _KEYS}
    records = Numbering(spec)
    records.take(cells, columns)
    raw, spec = grouped(columns, records, rows)
    return replace(raw, atol=rows.atol), spec


class _Rows:
    """The cells of a table by column, and the places of rows."""

    def __init__(self, table: pa.Table, spec: ReadSpec) -> None:
        self.table, self.spec = table, spec
        self.users: list[str] = []
        self.atol: dict[str, float] = {}

    def spot(self, index: int) -> str:
        """Return the number of a row."""
        return f"row {index + 1}"

    def texts(self, name: str) -> list[str]:
        """Read one text per row; a context window or horizon may be null."""
        found = texts(
            self.table.column(self.spec.columns[name]), lambda row, message: self._refusal(name, row, message)
        )
        if None in found and name in ("user", "category"):
            raise self._refusal(name, found.index(None), "null; give every row one")
        return [text or "" for text in found]

    def numbers(self, name: str) -> np.ndarray:
        """Read one number per row; a rank or a window may be null."""
        import pyarrow as pa

        array = plain(self.table.column(self.spec.columns[name]))
        kind, kinds = array.type, pa.types
        if kinds.is_null(kind):
            array, kind = array.cast(pa.float64()), pa.float64()
        if not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)):
            raise self._refusal(name, None, f"holds {kind}; write numbers")
        if kinds.is_decimal(kind):
            array = array.cast(pa.float64())
        missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        stored = array.to_numpy(zero_copy_only=False)
        self.atol[name] = type_tolerance(stored.dtype) if kinds.is_floating(kind) else 0.0
        values: np.ndarray = stored.astype(np.float64)
        if name in ("dg_rank", "n_window"):
            missing |= np.isnan(values)
            self._check_whole(name, values, missing)
            values[missing] = UNKNOWN
        elif missing.any():
            raise self._at(int(np.flatnonzero(missing)[0]), name, "empty; write 0 for none", SchemaError)
        return values

    def _check_whole(self, name: str, values: np.ndarray, missing: np.ndarray) -> None:
        bad = ~missing & ~(whole_numbers(values) & (values >= 0))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            what = "a rank" if name == "dg_rank" else "a number of interactions"
            raise self._at(row, name, f"{values[row]:g} is not {what}; write a whole number of at least 0", InputError)

    def _refusal(self, name: str, row: int | None, message: str) -> InputError:
        place = "" if row is None else f"row {row + 1}, "
        return self.spec.fail(f"{place}column {self.spec.columns[name]}: {message}", SchemaError)

    def _at(self, row: int, name: str, message: str, error: type[InputError]) -> InputError:
        return self.spec.fail(f"{self.spec.at(row, self.users[row], name)}: {message}", error)


def _stored(kind: Any) -> Any:
    """Return the type of the values of a dictionary or an extension."""
    while hasattr(kind, "value_type") and not is_list(kind) and "list" not in str(kind):
        kind = kind.value_type
    return getattr(kind, "storage_type", kind)
