"""What the footer of a Parquet file says of its size, before any value is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectra_eval.artifacts._columns import MATRICES, How
from spectra_eval.artifacts._json import parse_json
from spectra_eval.artifacts._limits import check_size, check_table, limit
from spectra_eval.errors import SchemaError, one_line

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = [
    "KEY",
    "SCHEMA",
    "VERSION",
    "WITH_SUPPORT",
    "batches",
    "check_groups",
    "check_values",
    "read_description",
    "shared_texts",
]

SCHEMA = "spectra-eval/preference-table"
VERSION, WITH_SUPPORT = 1, 2
"""Version of a table, and of one with a support: a release that does not know it would read other numbers."""
KEY = b"spectra_eval"
_CELLS = 1 << 22


def batches(file: pq.ParquetFile, columns: list[str], most: int) -> Iterator[Any]:
    """Yield the rows of columns, so many at once at the most: fewer where the lists are long."""
    rows = min(most, max(1, _CELLS // max([1, *(_values_a_row(file, column) for column in columns)])))
    for group in range(file.num_row_groups):  # a batch out of two groups cannot hold shared texts inside lists
        yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=columns)


def check_values(how: How, file: pq.ParquetFile) -> None:
    """Refuse lists of more numbers than there may be categories, and row groups that are too large to decode."""
    for name, column in how.columns.items():
        if name in (*MATRICES, "support") and (values := _values_a_row(file, column)) > limit("CATEGORIES"):
            check_table(how.path, 1, values)
    check_groups(how.path, file, how.columns.values())


def check_groups(path: Path, file: pq.ParquetFile, columns: Iterable[str]) -> None:
    """Refuse row groups that are too large to decode."""
    schema = file.metadata.schema
    kinds = [schema.column(leaf) for leaf in range(len(schema.names))]
    # One value of a fixed width may be stored once and stand in every row.
    wide = {kind.path: kind.length if kind.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0 for kind in kinds}
    for column in columns:
        for group, leaves in _leaves(file, column):
            largest = max(leaf.num_values for leaf in leaves)
            widest = max(wide[leaf.path_in_schema] * leaf.num_values for leaf in leaves)
            size = max(8 * largest, widest, *(leaf.total_uncompressed_size for leaf in leaves))
            if "extension<" in str(file.schema_arrow.field(column).type):  # whose texts cannot be read shared
                size = max(size, *(leaf.num_values * _largest_text(leaf) for leaf in leaves))
            check_size(path, size, f"column {column}: a row group of {largest:,} values in {group.num_rows:,} rows")


def shared_texts(file: pq.ParquetFile, columns: Iterable[str]) -> list[str]:
    """Return the paths of the texts in columns, also inside lists, structs and maps, that the file holds shared.

    Read as dictionaries, a text is held once however often it comes. Without that, one name of a megabyte in each of a
    million rows is a file of some kilobytes and a terabyte in memory.
    """
    footer = file.metadata
    found: dict[str, None] = {}
    for column in columns:
        for _, leaves in _leaves(file, column):
            for leaf in leaves:
                if _largest_text(leaf):
                    found[leaf.path_in_schema] = None
    kinds = {footer.schema.column(leaf).path: footer.schema.column(leaf) for leaf in range(footer.num_columns)}
    return [path for path in found if kinds[path].logical_type.type != "DECIMAL"]


def _largest_text(leaf: Any) -> int:
    """Return how many bytes a text of a dictionary has at the most; 0 where a leaf holds no dictionary of texts."""
    shared = leaf.physical_type == "BYTE_ARRAY" and any("DICTIONARY" in encoding for encoding in leaf.encodings)
    return int(leaf.total_uncompressed_size) if shared else 0


def _values_a_row(file: pq.ParquetFile, column: str) -> int:
    """Return the mean number of values a row of a column, in the row group where it is largest."""
    found = ((max(leaf.num_values for leaf in leaves), group.num_rows) for group, leaves in _leaves(file, column))
    return max((-(-count // max(1, rows)) for count, rows in found), default=0)


def _leaves(file: pq.ParquetFile, column: str) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each row group with what it says of the leaves of a column."""
    # Nothing but paths and counts is read: a damaged footer makes pyarrow abort the process at its statistics.
    footer = file.metadata
    paths = [footer.schema.column(leaf).path for leaf in range(footer.num_columns)]
    here = [leaf for leaf, path in enumerate(paths) if path == column or path.startswith(f"{column}.")]
    for number in range(footer.num_row_groups if here else 0):
        group = footer.row_group(number)
        yield group, [group.column(leaf) for leaf in here]


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
    if said.get("schema", SCHEMA) != SCHEMA or said.get("version", VERSION) not in (VERSION, WITH_SUPPORT):
        form = f"{said.get('schema')!r} version {said.get('version')!r}"
        raise how.fail(
            f"its schema is {form}, not {SCHEMA!r} version {VERSION} or {WITH_SUPPORT}; read it with its own release"
        )
    parents = said.get("parents")
    others = {"metadata": said.get("metadata") or {}, "parents": tuple(parents) if parents else None}
    if not isinstance(others["metadata"], dict):
        raise how.fail("schema metadata holds no mapping under 'metadata'; write the file again", SchemaError)
    return tuple(said.get("categories", ())), others


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
