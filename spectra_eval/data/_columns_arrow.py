"""Columns of a Parquet file of events or items, read in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._cells import as_lists, is_list, texts, times
from spectra_eval.artifacts._files import reading
from spectra_eval.artifacts._footer import batches, check_groups, shared_texts
from spectra_eval.artifacts._limits import check_size, first_twice
from spectra_eval.data._columns import ROWS, found_columns
from spectra_eval.data._join import text_column
from spectra_eval.data._splitting import MARK
from spectra_eval.errors import InputError, SchemaError

__all__ = ["OPTIONAL", "is_parquet", "parquet_columns"]

_PARQUET = (".parquet", ".pq")
OPTIONAL = ("categories", "title", "rating", "category", "type")
"""Columns that may be blank."""
_NUMBERS = ("weight", "rating", "quantity")


def is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet by its name, or begins as Parquet does: a pipe has no suffix."""
    if path.suffix.lower() in _PARQUET:
        return True
    with reading(path, "file"), path.open("rb") as file:
        return file.read(4) == b"PAR1"


def parquet_columns(path: Path, wanted: Mapping[str, str]) -> Iterator[dict[str, np.ndarray]]:
    """Yield the wanted columns of a Parquet file as texts; a list of labels becomes one text."""
    import pyarrow.parquet as pq

    with reading(path, "Parquet file of events"):
        file = pq.ParquetFile(path)
    with file:
        names = file.schema_arrow.names
        if (duplicate := first_twice(name for name in names if name in wanted.values())) is not None:
            raise SchemaError(f"{path}: column {duplicate!r} occurs twice; rename one of the two")
        columns = found_columns(path, wanted, names)
        read = list(dict.fromkeys(columns.values()))
        check_groups(path, file, read)
        shared = shared_texts(file, read)
    with reading(path, "Parquet file of events"):
        file = pq.ParquetFile(path, read_dictionary=shared)
    with file:
        first = 1
        cells = _Cells(path)
        parts = batches(file, read, ROWS)
        while True:
            with reading(path, "Parquet file of events"):
                batch = next(parts, None)
            if batch is None:
                return
            yield {role: _texts(cells, batch.column(name), role, name, first) for role, name in columns.items()}
            first += batch.num_rows


class _Cells:
    """Conversion of lists of labels to one text each, once per distinct list."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made: dict[tuple[str, ...], str] = {}
        self._size = 0

    def text(self, labels: tuple[str, ...]) -> str:
        """Return the labels as one text; the total size is limited."""
        if labels not in self._made:
            self._size += sum(map(len, labels)) + len(labels)
            check_size(self.path, self._size, "the lists of its categories")
            self._made[labels] = MARK + MARK.join(labels)
        return self._made[labels]


def _texts(cells: _Cells, array: Any, role: str, name: str, first: int) -> np.ndarray:
    def fail(row: int | None, message: str) -> InputError:
        place = "" if row is None else f"entry {first + row}, "
        return SchemaError(f"{cells.path}: {place}column {name}: {message}")

    if role == "categories" and is_list(array.type):
        lists = as_lists(array, fail)
        return text_column(cells.text(tuple(label or "" for label in labels or ())) for labels in lists)
    found = times(array, fail) if role == "time" else texts(array, fail, names=role not in _NUMBERS)
    if None in found and role not in OPTIONAL:
        raise fail(found.index(None), "null; every event needs a value there")
    return text_column(text or "" for text in found)
