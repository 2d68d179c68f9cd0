"""The size of a Parquet file from its footer, before any value is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectra_eval.artifacts._columns import MATRICES, ReadSpec
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
"""Format version, and that of tables with a support, which earlier releases would misread."""
KEY = b"spectra_eval"
_CELLS = 1 << 22


def batches(file: pq.ParquetFile, columns: list[str], most: int) -> Iterator[Any]:
    """Yield batches of rows of some columns; batches are smaller where lists are long."""
    rows = min(most, max(1, _CELLS // max([1, *(_values_a_row(file, column) for column in columns)])))
    for group in range(file.num_row_groups):  # a batch out of two groups cannot hold shared texts inside lists
        yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=columns)


def check_values(spec: ReadSpec, file: pq.ParquetFile, columns: Iterable[str]) -> None:
    """Raise if lists have more numbers than the limit of categories, or a row group is too large to decode."""
    for name, column in spec.columns.items():
        if name in (*MATRICES, "support") and (values := _values_a_row(file, column)) > limit("CATEGORIES"):
            check_table(spec.path, 1, values)
    check_groups(spec.path, file, columns)


def check_groups(path: Path, file: pq.ParquetFile, columns: Iterable[str]) -> None:
    """Raise if a row group is too large to decode."""
    schema = file.metadata.schema
    kinds = [schema.column(leaf) for leaf in range(len(schema.names))]
    # One value of a fixed width may be stored once for every row.
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
    """Return the paths of the texts, also inside lists, structs and maps, that the file stores as dictionaries.

    Read as dictionaries, a repeated text is in memory once. Otherwise, one name of a megabyte in each of a
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
    """Return the largest possible size of a dictionary text in bytes; 0 where a leaf is not a text dictionary."""
    shared = leaf.physical_type == "BYTE_ARRAY" and any("DICTIONARY" in encoding for encoding in leaf.encodings)
    return int(leaf.total_uncompressed_size) if shared else 0


def _values_a_row(file: pq.ParquetFile, column: str) -> int:
    """Return the mean number of values per row of a column, in the row group where it is largest."""
    found = ((max(leaf.num_values for leaf in leaves), group.num_rows) for group, leaves in _leaves(file, column))
    return max((-(-count // max(1, rows)) for count, rows in found), default=0)


def _leaves(file: pq.ParquetFile, column: str) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each row group with the metadata of the leaves of a column."""
    # Only paths and counts are read: pyarrow aborts the process on the statistics of a damaged footer.
    footer = file.metadata
    paths = [footer.schema.column(leaf).path for leaf in range(footer.num_columns)]
    here = [leaf for leaf, path in enumerate(paths) if path == column or path.startswith(f"{column}.")]
    for number in range(footer.num_row_groups if here else 0):
        group = footer.row_group(number)
        leaves = [group.column(leaf) for leaf in here]
        if any(_path_of(leaf) != paths[place] for leaf, place in zip(leaves, here, strict=True)):
            raise SchemaError(f"column {column}: the footer of the Parquet file is damaged; write the file again")
        yield group, leaves


def _path_of(leaf: Any) -> str | None:
    """Return the path of a column in a row group, which a damaged footer may name otherwise than the schema does."""
    try:
        return str(leaf.path_in_schema)
    except UnicodeDecodeError:
        return None


def read_description(metadata: Mapping[bytes, bytes], spec: ReadSpec) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Read the schema metadata of a table: categories, parents and provenance."""
    try:
        if KEY in metadata:
            document = parse_json(metadata[KEY].decode("utf-8"))
        elif b"categories" in metadata:
            document = {"categories": parse_json(metadata[b"categories"].decode("utf-8"))}
        else:
            return (), {}
    except (json.JSONDecodeError, UnicodeDecodeError, SchemaError) as error:
        raise spec.fail(
            f"schema metadata is not JSON ({one_line(error)}); write the file again", SchemaError
        ) from error
    if (
        not isinstance(document, dict)
        or not _names(document.get("categories", []))
        or not _names(document.get("parents") or [])
    ):
        raise spec.fail("schema metadata names no list of categories; write the file again", SchemaError)
    if document.get("schema", SCHEMA) != SCHEMA or document.get("version", VERSION) not in (VERSION, WITH_SUPPORT):
        form = f"{document.get('schema')!r} version {document.get('version')!r}"
        raise spec.fail(
            f"its schema is {form}, not {SCHEMA!r} version {VERSION} or {WITH_SUPPORT}; read it with its own release"
        )
    parents = document.get("parents")
    others = {"metadata": document.get("metadata") or {}, "parents": tuple(parents) if parents else None}
    if not isinstance(others["metadata"], dict):
        raise spec.fail("schema metadata holds no mapping under 'metadata'; write the file again", SchemaError)
    return tuple(document.get("categories", ())), others


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
