"""What the footer of a Parquet file says of its size, before any value is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectra_eval.artifacts._columns import MATRICES, How
from spectra_eval.artifacts._files import one_line
from spectra_eval.artifacts._json import parse_json
from spectra_eval.artifacts._limits import check_size, check_table, limit
from spectra_eval.errors import SchemaError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["KEY", "SCHEMA", "VERSION", "batch_rows", "check_groups", "check_values", "read_description"]

SCHEMA = "spectra-eval/preference-table"
VERSION = 1
KEY = b"spectra_eval"
_CELLS = 1 << 22


def batch_rows(file: pq.ParquetFile, columns: Iterable[str], most: int) -> int:
    """Return how many rows are decoded at once: fewer where the lists are long."""
    return min(most, max(1, _CELLS // max([1, *(_values_a_row(file, column) for column in columns)])))


def check_values(how: How, file: pq.ParquetFile) -> None:
    """Refuse lists of more numbers than there may be categories, and row groups that are too large to decode."""
    for name, column in how.columns.items():
        if name in MATRICES and (values := _values_a_row(file, column)) > limit("CATEGORIES"):
            check_table(how.path, 1, values)
    check_groups(how.path, file, how.columns.values())


def check_groups(path: Path, file: pq.ParquetFile, columns: Iterable[str]) -> None:
    """Refuse row groups that are too large to decode."""
    for column in columns:
        largest = max((count for count, _ in _values(file, column)), default=0)
        check_size(path, 8 * largest, f"column {column}: a row group of {largest:,} values")


def _values_a_row(file: pq.ParquetFile, column: str) -> int:
    """Return the mean number of values a row of a column, in the row group where it is largest."""
    return max((-(-count // max(1, rows)) for count, rows in _values(file, column)), default=0)


def _values(file: pq.ParquetFile, column: str) -> Iterator[tuple[int, int]]:
    """Yield the values and the rows of each row group."""
    # Nothing but paths and counts is read: a damaged footer makes pyarrow abort the process at its statistics.
    footer = file.metadata
    leaves = [footer.schema.column(leaf).path for leaf in range(footer.num_columns)]
    here = [leaf for leaf, path in enumerate(leaves) if path == column or path.startswith(f"{column}.")]
    for number in range(footer.num_row_groups if here else 0):
        group = footer.row_group(number)
        yield max(group.column(leaf).num_values for leaf in here), group.num_rows


def read_description(metadata: Mapping[bytes, bytes], how: How) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Read what the schema says of the table: categories, parents and how it came to be."""
    try:
        if KEY in metadata:
            said = parse_json(metadata[KEY].decode("utf-8"))
        elif b"categories" in metadata:
            said = {"categories": parse_json(metadata[b"categories"].decode("utf-8"))}
        else:
            return (), {}
    except (json.JSONDecodeError, UnicodeDecodeError, SchemaError) as error:
        raise how.fail(f"schema metadata is not JSON ({one_line(error)}); write the file again", SchemaError) from error
    if not isinstance(said, dict) or not _names(said.get("categories", [])) or not _names(said.get("parents") or []):
        raise how.fail("schema metadata names no list of categories; write the file again", SchemaError)
    if said.get("schema", SCHEMA) != SCHEMA or said.get("version", VERSION) != VERSION:
        form = f"{said.get('schema')!r} version {said.get('version')!r}"
        raise how.fail(f"its schema is {form}, not {SCHEMA!r} version {VERSION}; read it with its own release")
    parents = said.get("parents")
    others = {"metadata": said.get("metadata") or {}, "parents": tuple(parents) if parents else None}
    if not isinstance(others["metadata"], dict):
        raise how.fail("schema metadata holds no mapping under 'metadata'; write the file again", SchemaError)
    return tuple(said.get("categories", ())), others


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
