"""Parquet: read at once or in blocks of rows, written with the same bytes each time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spectra_eval._version import __version__
from spectra_eval.arrays import rows_per_block
from spectra_eval.artifacts._arrow import Cells
from spectra_eval.artifacts._arrow_columns import arrow_columns, optional_columns
from spectra_eval.artifacts._assemble import TargetScan
from spectra_eval.artifacts._columns import MATRICES, TRUTHS, RawColumns, ReadSpec
from spectra_eval.artifacts._files import as_path, os_error
from spectra_eval.artifacts._footer import (
    KEY,
    SCHEMA,
    VERSION,
    WITH_SUPPORT,
    batches,
    check_values,
    read_description,
    shared_texts,
)
from spectra_eval.artifacts._json import dump_json
from spectra_eval.artifacts._limits import check_table as check_cells
from spectra_eval.artifacts._limits import first_twice
from spectra_eval.artifacts._npz import default_names
from spectra_eval.artifacts._unique import unique_blocks
from spectra_eval.artifacts._writing import written_whole
from spectra_eval.errors import InputError, SchemaError, SpectraError, one_line
from spectra_eval.tables import UNKNOWN, PreferenceTable, check_table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = [
    "SCHEMA",
    "VERSION",
    "WIDE",
    "ParquetSource",
    "mapped",
    "open_parquet",
    "write_blocks",
    "write_table",
]

_OTHERS = ("dg", "n_window", "context_window", "horizon", "history", "history_details", "support")
WIDE = ("user", *MATRICES, *_OTHERS)
_TEXTS = ("user", *_OTHERS)
_GROUP = 65536
_FEWEST, _GROUP_CELLS = 1024, 1 << 22
"""Rows of a row group; fewer where there are many categories, so that one fits in memory."""
_FIRST = 64
_BUFFER = 1 << 20  # with it, and without read-ahead, a row group of any length is read in small pieces


@dataclass
class ParquetSource:
    """An open Parquet file, or a table in memory, with matched columns; `blocks` yields its rows."""

    file: pq.ParquetFile | pa.Table
    spec: ReadSpec
    categories: tuple[str, ...] = ()
    others: dict[str, Any] = field(default_factory=dict)
    width: int = 0
    """Length of the longest decoded list: all blocks are padded to it."""

    @property
    def rows(self) -> int:
        """Return the number of rows of a block whose matrices fit in memory many times."""
        return rows_per_block(max(len(self.categories), self.width // 2))

    def blocks(self, size: int | None = None) -> Iterator[RawColumns]:
        """Yield the rows in order, `size` at a time, `rows` by default; the last block may be shorter."""
        first_row = 0
        size = self.rows if size is None else size
        check_cells(self.spec.path, min(size, self.spec.n_rows), max(len(self.categories), self.width // 2))
        for part in self._tables(list(dict.fromkeys(self.spec.columns.values())), size):
            with mapped(self.spec):
                raw = self._raw(part, first_row)
            yield raw
            first_row += len(raw.users)

    def ready(self, categories: tuple[str, ...]) -> None:
        """Determine which columns have values, K, the longest list, and the kind of `target`."""
        n_categories = len(categories) or self.count_categories()
        self.drop_empty(n_categories)
        self.categories = categories or tuple(default_names("category", n_categories))
        self.scan()

    def scan(self) -> None:
        """Determine the longest list, and whether `target` has counts or proportions, from all blocks."""
        columns = self.spec.columns
        scanned = [columns[name] for name in ("user", "target", "dg") if name in columns]
        if "target" not in columns and "dg" not in columns:
            return
        first_row = 0
        targets = TargetScan()
        for part in self._tables(scanned, self.rows):
            with mapped(self.spec):
                cells = Cells(part, self.spec, first_row)
                if "dg" in columns:
                    self.width = max(self.width, cells.longest("dg", self.categories))
                if "target" in columns:
                    target = cells.matrix("target", len(self.categories))
                    targets.see(target, cells.users, first_row, cells.atol.get("target", 0.0))
                first_row += part.num_rows
        if "target" in columns:
            self.spec = replace(self.spec, kind=targets.kind(self.spec))

    def _tables(self, columns: list[str], size: int) -> Iterator[pa.Table]:
        """Yield the rows in parts of exactly `size` rows, whatever the row groups."""
        import pyarrow as pa

        if isinstance(self.file, pa.Table):
            for start in range(0, self.file.num_rows, size):
                yield self.file.select(columns).slice(start, size)
            return
        pending: list[Any] = []
        n_pending = 0
        with mapped(self.spec):
            for batch in batches(self.file, columns, min(size, _GROUP)):
                pending.append(batch)
                n_pending += batch.num_rows
                while n_pending >= size:
                    whole = pa.Table.from_batches(pending)
                    yield whole.slice(0, size)
                    pending = whole.slice(size).to_batches()
                    n_pending -= size
            if n_pending:
                yield pa.Table.from_batches(pending)

    def drop_empty(self, n_categories: int) -> None:
        """Drop optional columns that are null in every row; only columns that begin with nulls are read completely."""
        # The statistics in the file are not used: pyarrow aborts the process on those of a damaged footer.
        optional = {name: column for name, column in self.spec.columns.items() if name not in (*TRUTHS, "user")}
        for size in (_FIRST, rows_per_block(n_categories)):
            for part in self._tables(list(dict.fromkeys(optional.values())), size):
                optional = {n: c for n, c in optional.items() if part.column(c).null_count == part.num_rows}
                if size == _FIRST or not optional:
                    break
            if not optional:
                return
        columns = {name: column for name, column in self.spec.columns.items() if name not in optional}
        self.spec = replace(self.spec, columns=columns)

    def count_categories(self) -> int:
        """Return K from the first row with a target."""
        truth = next(name for name in TRUTHS if name in self.spec.columns)
        columns = [self.spec.columns[name] for name in ("user", truth) if name in self.spec.columns]
        for part in self._tables(columns, _FIRST):
            with mapped(self.spec):
                k = Cells(part, self.spec, 0).list_size(truth)
            if k is not None:
                return k
        raise self.spec.fail(f"column {self.spec.columns[truth]}: null in every row; fill it in", SchemaError)

    def _raw(self, part: pa.Table, first_row: int) -> RawColumns:
        cells = Cells(part, self.spec, first_row)
        categories = self.categories
        matrices = {name: cells.matrix(name, len(categories)) for name in MATRICES if cells.has(name)}
        others = dict(self.others)
        others["support"], notes = cells.support(len(categories), matrices)
        if cells.has("dg") and self.width:
            others["dg"] = cells.lists("dg", categories, self.width)
        if cells.has("context_window"):
            others["context_window"] = cells.whole("context_window", missing=None)
        if cells.has("horizon"):
            others["horizon"] = cells.texts("horizon")
        if cells.has("history"):
            others["history"] = cells.titles("history")
        if cells.has("history_details"):
            others["history_details"] = cells.details("history_details")
        n_window = cells.whole("n_window", missing=UNKNOWN) if cells.has("n_window") else None
        return RawColumns(
            users=cells.users,
            categories=categories,
            matrices=matrices,
            atol=cells.atol,
            n_window=n_window,
            others=others,
            first_row=first_row,
            notes=notes,
        )


@contextlib.contextmanager
def open_parquet(spec: ReadSpec, wanted: frozenset[str] | None = None) -> Iterator[ParquetSource]:
    """Open a file and match its columns; optional columns only if they are in `wanted`."""
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        with mapped(spec):
            reading = {"page_checksum_verification": True, "pre_buffer": False, "buffer_size": _BUFFER}
            file = stack.enter_context(pq.ParquetFile(spec.path, **reading))
            names = file.schema_arrow.names
            if (duplicate := first_twice(names)) is not None:
                raise spec.fail(f"column {duplicate!r} occurs twice; rename one", SchemaError)
            categories, others = read_description(file.schema_arrow.metadata or {}, spec)
            spec = spec.understood(names, WIDE)
            columns = {name: column for name, column in spec.columns.items() if wanted is None or name in wanted}
            spec = replace(spec, columns=columns, n_rows=file.metadata.num_rows)
            if spec.n_rows == 0:
                raise spec.fail("no rows; at least one user is needed", SchemaError)
            check_cells(spec.path, 1, len(categories))
            check_values(spec, file)
            texts = shared_texts(file, (spec.columns[name] for name in _TEXTS if name in spec.columns))
            if texts:
                file = stack.enter_context(pq.ParquetFile(spec.path, read_dictionary=texts, **reading))
            source = ParquetSource(file=file, spec=spec, others=others)
        source.ready(categories)
        yield source


@contextlib.contextmanager
def mapped(spec: ReadSpec) -> Iterator[None]:
    """Convert errors of pyarrow to one line."""
    import pyarrow as pa

    try:
        yield
    except SpectraError:
        raise
    except MemoryError as error:
        raise spec.fail("too large for the memory of this machine; read it in blocks with iter_table") from error
    except OSError as error:
        if error.errno is not None:
            raise os_error(spec.path, error) from error
        raise spec.fail(f"truncated or corrupted Parquet ({_reason(error)}); write it again", SchemaError) from error
    except (pa.ArrowException, ValueError, LookupError, TypeError, OverflowError) as error:
        if spec.format != "parquet":
            fix = "give plain columns of texts, numbers and lists of numbers"
            raise spec.fail(f"no table that can be read ({_reason(error)}); {fix}", SchemaError) from error
        raise spec.fail(f"truncated or corrupted Parquet ({_reason(error)}); write it again", SchemaError) from error


def _reason(error: BaseException) -> str:
    return one_line(error)[:160]


def write_table(table: PreferenceTable, path: str | os.PathLike[str]) -> None:
    """Write a table as Parquet, completely or not at all; equal tables give equal bytes.

    The schema carries, as JSON under the key ``spectra_eval``: schema name and version, package version, categories,
    parents, and the table's metadata. `theta_star` is written only where it does not follow from `counts`;
    an unknown `n_window` is null, and a decoded list ends where it ends.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    path : path-like
        Its folder must exist; a file of this name is replaced.

    Raises
    ------
    InputError
        The metadata is no strict JSON, a value does not fit its column, or the operating system refuses.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from spectra_eval.artifacts import read_table
    >>> table = PreferenceTable(users=["ann", "bob"], categories=("Drama", "Noir"), counts=[[3, 1], [0, 2]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, Path(folder) / "t.parquet")
    ...     read_table(Path(folder) / "t.parquet").theta_star.tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    check_table(table)
    write_blocks(lambda: [table], path)


def write_blocks(
    blocks: Callable[[], Iterable[PreferenceTable]],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a table given in blocks, with one block and one row group in memory at a time.

    The bytes are those of `write_table` for the whole table, whatever the blocks.

    Parameters
    ----------
    blocks : callable
        Yields the blocks in order each time it is called: they are read twice. All have the same categories.
    path : path-like
        As in `write_table`.
    metadata : mapping, optional
        Of the whole; that of the first block when it is not given.

    Raises
    ------
    InputError
        No rows, a record that occurs twice, a block with other categories or columns, or as `write_table`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> table = PreferenceTable(users=["ann", "bob"], categories=("a", "b"), counts=[[3, 1], [0, 2]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, Path(folder) / "one.parquet")
    ...     write_blocks(lambda: (table.select(slice(i, i + 1)) for i in range(2)), Path(folder) / "two.parquet")
    ...     (Path(folder) / "one.parquet").read_bytes() == (Path(folder) / "two.parquet").read_bytes()
    True
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = as_path(path)
    head, names = None, set()
    for block in unique_blocks(blocks, place):
        head = block if head is None else head
        if block.categories != head.categories:
            raise InputError(f"{place}: a block has other categories than the first; make the blocks alike")
        names |= optional_columns(block)
    if head is None:
        raise InputError(f"{place}: no rows; there is nothing to write")
    description = {
        "schema": SCHEMA,
        "version": WITH_SUPPORT if "support" in names else VERSION,
        "package_version": __version__,
        "categories": list(head.categories),
        "parents": None if head.parents is None else list(head.parents),
        "metadata": dict(head.metadata if metadata is None else metadata),
    }
    encoded = dump_json(description, place).encode("utf-8", "surrogatepass")

    def arrow(block: PreferenceTable) -> pa.Table:
        try:
            columns = arrow_columns(block, names)
            fields = [
                pa.field(name, array.type, nullable=name not in ("user", "counts")) for name, array in columns.items()
            ]
            return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields, metadata={KEY: encoded}))
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise InputError(f"{place}: the table does not fit its columns ({_reason(error)})") from error

    size = max(_FEWEST, min(_GROUP, _GROUP_CELLS // head.n_categories))
    schema = arrow(head.select(slice(0, 1))).schema
    layout = {"version": "2.6", "compression": "zstd", "use_dictionary": ["horizon"], "write_page_checksum": True}
    with written_whole(place) as stream, pq.ParquetWriter(stream, schema, **layout) as writer:
        for group in _groups((arrow(block) for block in blocks()), size):
            writer.write_table(group, row_group_size=size)


def _groups(parts: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """Yield Arrow tables as groups of exactly `size` rows and a rest."""
    import pyarrow as pa

    pending: list[pa.Table] = []
    for part in parts:
        pending.append(part)
        while sum(some.num_rows for some in pending) >= size:
            whole = pa.concat_tables(pending)
            yield whole.slice(0, size).combine_chunks()
            pending = [whole.slice(size)]
    if sum(some.num_rows for some in pending):
        yield pa.concat_tables(pending).combine_chunks()
