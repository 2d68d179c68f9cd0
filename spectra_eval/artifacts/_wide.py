"""Wide tables, one row a record, read at once or in blocks of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.arrays import rows_per_block
from spectra_eval.artifacts._arrow import Cells
from spectra_eval.artifacts._assemble import TargetScan
from spectra_eval.artifacts._cells import list_lengths, nulls
from spectra_eval.artifacts._columns import MATRICES, TRUTHS, RawColumns, ReadSpec
from spectra_eval.artifacts._files import os_error
from spectra_eval.artifacts._footer import KEY, batches, check_groups, check_values, read_description, shared_texts
from spectra_eval.artifacts._limits import check_size
from spectra_eval.artifacts._limits import check_table as check_cells
from spectra_eval.artifacts._long import read_long
from spectra_eval.artifacts._names import warn_of_case
from spectra_eval.artifacts._shape import Loaded, folded, matched, one_value
from spectra_eval.errors import SchemaError, SpectraError, one_line
from spectra_eval.tables import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["WideSource", "arrow_table", "mapped", "open_parquet", "read_whole"]

_GROUP = 65536
_FIRST, _MANY = 64, 1024
"""Rows that are looked at first, and the categories that a file may have before they are counted."""
_BUFFER = 1 << 20  # with it, and without read-ahead, a row group of any length is read in small pieces


@dataclass
class WideSource:
    """A wide table in memory, or an open Parquet file, with matched columns; `blocks` yields its rows."""

    file: pq.ParquetFile | pa.Table
    spec: ReadSpec
    categories: tuple[str, ...] = ()
    others: dict[str, Any] = field(default_factory=dict)
    index: dict[str, int] = field(default_factory=dict)
    ordered: bool = True
    """Whether the file gives the categories an order, so that a list may hold their places."""
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

    def ready(self, stated: tuple[str, ...]) -> None:
        """Determine which columns have values, the categories, the longest list, and the kind of `target`."""
        self.drop_empty(len(stated) or _MANY)
        self.categories = stated or self._named() or tuple(f"category_{i}" for i in range(self._count()))
        self.index = {self.spec.label(name): place for place, name in enumerate(self.categories)}
        self.scan()

    def _named(self) -> tuple[str, ...]:
        """Return the categories that mappings name: in the order of the columns, or of their names; none of lists."""
        columns = [name for name in (*MATRICES, "support") if name in self.spec.columns]
        read = [self.spec.columns[name] for name in columns]
        first = Cells(next(self._tables(read, _FIRST)), self.spec, 0)
        if all(map(first.has_lists, columns)):
            return ()
        if lists := [name for name in columns if first.has_lists(name)]:
            what = "lists without names beside mappings of categories; add a column categories, or write mappings"
            raise first.refusal(lists[0], 0, what)
        structs = all(map(first.is_struct, columns))
        self.ordered = structs and self.spec.format == "arrow"  # a frame keeps its columns, a file has none
        found: dict[str, dict[str, None]] = {name: {} for name in columns}
        for part in [first.table] if structs else self._tables(read, _GROUP):
            with mapped(self.spec):
                cells = Cells(part, self.spec, 0)
                for name in columns:
                    found[name].update(dict.fromkeys(cells.labels(name)))
                check_cells(self.spec.path, 1, max(map(len, found.values())))
        names = list(dict.fromkeys(name for labels in found.values() for name in labels))
        if structs:
            self._check_alike({name: list(labels) for name, labels in found.items()})
        warn_of_case(names)
        return tuple(names if self.ordered else sorted(names))

    def _check_alike(self, labels: Mapping[str, list[str]]) -> None:
        """Raise if two quantities have columns for different categories, as after a misspelling."""
        first, *others = labels
        for other in others:
            left = [name for name in labels[first] if name not in labels[other]]
            right = [name for name in labels[other] if name not in labels[first]]
            if left and right:
                one, two = self.spec.columns[first], self.spec.columns[other]
                what = f"the labels of its categories differ from those of {one}: {right[0]!r} is only here"
                raise self.spec.fail(f"column {two}: {what}, {left[0]!r} only there; name them alike", SchemaError)

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
                cells = Cells(part, self.spec, first_row, self.index)
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

        spec = self.spec
        members = {name: spec.members[name] for name in columns if name in spec.members}
        if (named := spec.columns.get("categories")) is not None and named not in columns:
            columns = [*columns, named]
        if isinstance(self.file, pa.Table):
            table = self.file.select(columns)
            for start in range(0, table.num_rows, size):
                yield _with_names(table.slice(start, size), spec, start)
            return
        columns = [part for name in columns for part in (members[name].values() if name in members else (name,))]
        start = 0
        pending: list[Any] = []
        n_pending = 0
        with mapped(self.spec):
            for batch in batches(self.file, columns, min(size, _GROUP)):
                pending.append(batch)
                n_pending += batch.num_rows
                while n_pending >= size:
                    whole = pa.Table.from_batches(pending)
                    yield _with_names(folded(whole.slice(0, size), members), spec, start)
                    start += size
                    pending = whole.slice(size).to_batches()
                    n_pending -= size
            if n_pending:
                yield _with_names(folded(pa.Table.from_batches(pending), members), spec, start)

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

    def _count(self) -> int:
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
        cells = Cells(part, self.spec, first_row, self.index)
        categories = self.categories
        matrices = {name: cells.matrix(name, len(categories)) for name in MATRICES if cells.has(name)}
        others = dict(self.others)
        others["support"], notes = cells.support(len(categories), matrices)
        if cells.has("dg") and self.width:
            others["dg"] = cells.lists("dg", categories, self.width, ordered=self.ordered)
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


def _with_names(table: pa.Table, spec: ReadSpec, first_row: int) -> pa.Table:
    """Return a table whose lists are mappings where each row names its categories in a column ``categories``."""
    import pyarrow as pa

    if (column := spec.columns.get("categories")) not in table.column_names:
        return table
    cells = Cells(table, spec, first_row)
    names = cells.lists_of("categories")
    lengths = list_lengths(names)
    for name in (name for name in (*MATRICES, "support") if cells.has(name) and cells.has_lists(name)):
        lists = cells.lists_of(name)
        missing = nulls(lists)
        wrong = ~missing & (list_lengths(lists) != lengths)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            what = f"{list_lengths(lists)[row]} numbers for the {lengths[row]} categories of column {column}"
            raise cells.refusal(name, row, f"{what}; give one a category")
        stops = np.concatenate([[0], np.cumsum(np.where(missing, 0, lengths))]).astype(np.int32)
        keys = names.filter(pa.array(~missing)).flatten()
        offsets = pa.array(stops, mask=np.append(missing, False))
        place = table.column_names.index(spec.columns[name])
        table = table.set_column(place, spec.columns[name], pa.MapArray.from_arrays(offsets, keys, lists.flatten()))
    return table


def arrow_table(table: pa.Table) -> Loaded:
    """Return a table in memory as a file that is open."""
    kinds = table.schema

    def take(spec: ReadSpec) -> pa.Table:
        parts = [part for members in spec.members.values() for part in members.values()]
        columns = [column for column in spec.columns.values() if column not in spec.members]
        return folded(table.select(list(dict.fromkeys([*columns, *parts]))), spec.members)

    return Loaded(names=table.column_names, scalar=lambda name: one_value(kinds.field(name).type), take=take)


def read_whole(loaded: Loaded, spec: ReadSpec) -> tuple[RawColumns, ReadSpec]:
    """Read a file that fits in memory, long or wide."""
    with mapped(spec):
        spec, long = matched(loaded, spec)
        table = loaded.take(spec)
        columns = {name: column for name, column in spec.columns.items() if column in table.column_names}
        spec = replace(spec, columns=columns, n_rows=table.num_rows)
        if not table.num_rows:
            what = "a header and no rows" if spec.format in ("csv", "tsv") else "no rows"
            raise spec.fail(f"{what}; at least one user is needed", SchemaError)
        if long:
            return read_long(table, spec)
        stated, others = read_description(table.schema.metadata or {}, spec)
        source = WideSource(file=table, spec=spec, others=others)
        source.ready(stated)
        return next(source.blocks(table.num_rows)), source.spec


@contextlib.contextmanager
def open_parquet(
    spec: ReadSpec, wanted: frozenset[str] | None = None
) -> Iterator[WideSource | tuple[RawColumns, ReadSpec]]:
    """Open a file and match its columns, optional ones only if they are in `wanted`; a long file is read whole."""
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        with mapped(spec):
            reading = {"page_checksum_verification": True, "pre_buffer": False, "buffer_size": _BUFFER}
            file = stack.enter_context(pq.ParquetFile(spec.path, **reading))
            schema = file.schema_arrow
            if file.metadata.num_rows == 0:
                raise spec.fail("no rows; at least one user is needed", SchemaError)
            spec = replace(spec, own=KEY in (schema.metadata or {}), n_rows=file.metadata.num_rows)
            opened = arrow_table(schema.empty_table())
            spec, long = matched(opened, spec)
            if wanted is not None and not long:
                spec = replace(spec, columns={name: spec.columns[name] for name in spec.columns if name in wanted})
            columns = spec.columns.values()
            parts = [part for column in columns for part in spec.members.get(column, {column: column}).values()]
            if long:
                check_size(spec.path, 8 * spec.n_rows * len(columns), f"{spec.n_rows:,} rows")
                check_groups(spec.path, file, parts)
            else:
                stated, others = read_description(schema.metadata or {}, spec)
                check_cells(spec.path, 1, len(stated))
                check_values(spec, file, parts)
            texts = shared_texts(file, parts)
            if texts:
                file = stack.enter_context(pq.ParquetFile(spec.path, read_dictionary=texts, **reading))
            if long:
                yield read_long(file.read(parts), spec)
                return
            source = WideSource(file=file, spec=spec, others=others)
        source.ready(stated)
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
