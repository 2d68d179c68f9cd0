"""Reading of tables in any supported format, at once or in blocks."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from spectra_eval.arrays import rows_per_block
from spectra_eval.artifacts._assemble import NOTHING_LEFT, Tally, assemble, assemble_whole
from spectra_eval.artifacts._columns import NAMES, TRUTHS, RawColumns, ReadSpec
from spectra_eval.artifacts._files import as_path, file_format, locate
from spectra_eval.artifacts._lines import load_lines
from spectra_eval.artifacts._npz import load_npz
from spectra_eval.artifacts._shape import Loaded
from spectra_eval.artifacts._text import load_text
from spectra_eval.artifacts._unique import Key, UniqueRecords, record_keys
from spectra_eval.artifacts._wide import WideSource, open_parquet, read_whole
from spectra_eval.errors import InputError, SimplexError
from spectra_eval.tables import PreferenceTable
from spectra_eval.tables._stack import stacked

__all__ = ["TableBlocks", "iter_table", "read_table"]

_LOAD: dict[str, Callable[[ReadSpec], tuple[Loaded, ReadSpec]]] = {
    "npz": load_npz,
    "csv": load_text,
    "tsv": load_text,
    "jsonl": load_lines,
}
_ALWAYS = frozenset(("user", *TRUTHS, "n_window", "context_window", "horizon", "support", "categories"))


def read_table(
    path: str | os.PathLike[str],
    *,
    mapping: Mapping[str, str] | None = None,
    renormalise: bool = False,
    empty_windows: str = "refuse",
    empty_predictions: str = "refuse",
    absent: str | None = None,
) -> PreferenceTable:
    """Read a preference table, a run folder, or the results of any system.

    The first bytes decide the format, and where those are ambiguous the suffix; CSV, TSV and JSON lines may be
    gzip-compressed. Every format may have each of these shapes, and all yield the same table and the same digest:

    ==============  ====================================================================================================
    long            one row a user and category: ``user,category,target[,prediction][,dg_rank][,n_window]``
                    ``[,context_window][,horizon]``. Ranks begin at 1, or, where the first of every list is 0, at 0;
                    a rank that is skipped was held by an entry out of vocabulary
    lists           one row a record: lists of K numbers `counts`, `theta_star` or `target`, `theta_s`; `dg` as names or
                    places of categories. The categories are in the schema metadata (JSON under ``spectra_eval``, or a
                    JSON list under ``categories``), in the array `categories` of NPZ, or in each row as a list
                    `categories`, else they are ``category_0``, …
    mappings        one row a record: `target`, `prediction` as ``{"Drama": 3, …}``, or as structs or maps
    columns         one row a record: ``target.Drama``, ``target.Noir``, ``prediction.Drama``, …, ``dg.1``, ``dg.2``
    ==============  ====================================================================================================

    Rows are in the order of the file, in a long one of the first row of each record. Lists keep the order of their
    categories; the other shapes give none, so theirs are sorted by name.

    **Counts or shares.** A column named `counts` (or `count`) holds weights, one named `theta_star` (`share`,
    `shares`) distributions. For one named `target` the whole column decides: shares, when every row with a window
    sums to one within 1e-9; else counts, when every number is whole; else, with `renormalise`, shares; else an error
    that names the first row that does not sum to one. A row of zeros (or without a target) is a window without
    interactions, whatever the kind.

    **Options.** Where records offer different categories, the table has a `support`. Parquet and NPZ may hold it as
    `support`, lists or a matrix of Booleans, and a null number in the lists of `theta_s` says the same. Of texts a
    category without a line (or a key) in a record is absent: where a prediction is given the record does not offer
    it, elsewhere it is a zero, because options derived from outcomes would give the truth away. `absent` says
    otherwise.

    Parameters
    ----------
    path : path-like
        The file, or a run folder (manifest.json beside table.parquet).
    mapping : mapping of str to str, optional
        Column of the file by the name it should have, say ``{"target": "y", "prediction": "p"}``.
    renormalise : bool
        Divide rows of shares and of `theta_s` that do not sum to one by their sum; recorded in the metadata.
    empty_windows : {"refuse", "keep"}
        Records whose window holds no interaction.
    empty_predictions : {"refuse", "drop"}
        Records of which every number of `theta_s` is missing or 0. With ``drop`` they are left out and counted in the
        metadata, and the artefacts that are made from the table say so.
    absent : {"zero", "not-offered"}, optional
        What a cell means that is absent from a text, or null in Parquet; see above.

    Returns
    -------
    PreferenceTable
        ``metadata["read"]`` says what was understood: `format`, `columns` (column of the file by name), `ignored`,
        `n_rows`, `n_categories`, `target` (``counts`` or ``shares``), `renormalised`, `rows_divided` and,
        where there are any, `deviation`, how far from one the farthest of them summed; `left_out`, how many of how
        many records had no prediction; `absent`, what absent cells were taken for; and `options`, the least and the
        most a record offers.

    Raises
    ------
    InputError, SchemaError, ShapeError, SimplexError
        One line that names the file, the row, the user, the column and the fix.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> text = '{"user": "ann", "target": {"Noir": 1, "Drama": 3}, "prediction": {"Drama": 0.5, "Noir": 0.5}}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "r.jsonl").write_text(text)
    ...     table = read_table(Path(folder) / "r.jsonl")
    >>> table.categories, table.counts.tolist(), table.metadata["read"]["target"]
    (('Drama', 'Noir'), [[3.0, 1.0]], 'counts')
    """
    spec = _read_spec(
        path,
        mapping,
        renormalise=renormalise,
        empty_windows=empty_windows,
        empty_predictions=empty_predictions,
        absent=absent,
    )
    with _opened(spec) as source:
        if not isinstance(source, WideSource):
            return assemble_whole(*source)
        n_rows = source.spec.n_rows
        if n_rows > source.rows and (table := _stacked(spec, source)) is not None:
            return table
        return assemble_whole(next(source.blocks(n_rows)), source.spec)


class TableBlocks(Iterator[PreferenceTable]):
    """The blocks of one file; a record that occurs twice is an error.

    Attributes
    ----------
    blocks : iterator of PreferenceTable
        The blocks, in the order of the file.
    tally : Tally, optional
        The counts of the reader of `blocks`.
    metadata : dict
        Metadata of the first block, with the counts of all blocks read so far; empty before it is read.
    reopen : callable or None
        Starts to read the same file again.

    Examples
    --------
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(users=["ann"], categories=("a", "b"), counts=[[3, 1]])
    >>> [block.n_users for block in TableBlocks(iter([table]))]
    [1]
    """

    def __init__(
        self,
        blocks: Iterator[PreferenceTable],
        tally: Tally | None = None,
        reopen: Callable[[], TableBlocks] | None = None,
    ) -> None:
        self._blocks, self._tally = blocks, tally
        self.reopen = reopen
        self._first: dict[str, Any] = {}

    def __next__(self) -> PreferenceTable:
        """Return the next block."""
        table = next(self._blocks)
        self._first = self._first or dict(table.metadata)
        return table

    @property
    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the first block, with the counts of all blocks read so far."""
        read = self._first.get("read")
        if self._tally is None or read is None:
            return self._first
        return {**self._first, "read": self._tally.merged(read)}


def iter_table(
    path: str | os.PathLike[str],
    *,
    block: int | None = None,
    columns: Collection[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    renormalise: bool = False,
    empty_windows: str = "refuse",
    empty_predictions: str = "refuse",
    absent: str | None = None,
) -> TableBlocks:
    """Read a table in blocks of rows; Parquet is never completely in memory.

    Of a Parquet file one block is in memory at a time, whatever its row groups. A record that occurs twice is found by
    its neighbour where the records are in ascending order; elsewhere by hashes, 8 bytes a record. When two hashes
    agree, the file is read again to tell, so chance refuses nothing. If there are decoded lists, or a column `target`,
    these columns are read once before, so that all blocks have lists of one width and agree on counts or shares. Other
    formats are read whole and cut.

    Parameters
    ----------
    path : path-like
        As in `read_table`.
    block : int, optional
        Rows of each block but the last, which may be shorter. By default, as many as have a quarter of a million
        numbers in each matrix (at most 65,536), so that memory depends neither on N nor on K.
    columns : collection of str, optional
        Optional columns to keep (`theta_s`, `dg`, `scores`, …); users, truth and window are always there.
    mapping : mapping of str to str, optional
        As in `read_table`.
    renormalise : bool
        As in `read_table`.
    empty_windows : {"refuse", "keep"}
        As in `read_table`.
    empty_predictions : {"refuse", "drop"}
        As in `read_table`.
    absent : str, optional
        As in `read_table`.

    Returns
    -------
    TableBlocks
        An iterator of PreferenceTable. ``metadata["read"]`` of a block speaks of the whole file, but `rows_divided`,
        `deviation` and `left_out` of the rows up to its end; those of the iterator speak of all rows read.

    Raises
    ------
    InputError, SchemaError, ShapeError, SimplexError
        As `read_table`, when the block is read; a missing file at the first.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from spectra_eval.artifacts import write_table
    >>> table = PreferenceTable(users=["ann", "bob", "cy"], categories=("a", "b"), counts=[[3, 1], [0, 2], [1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, Path(folder) / "t.parquet")
    ...     [part.n_users for part in iter_table(Path(folder) / "t.parquet", block=2)]
    [2, 1]
    """
    reading = {"renormalise": renormalise, "empty_windows": empty_windows, "empty_predictions": empty_predictions}
    reading |= {"mapping": mapping, "absent": absent}

    def read() -> TableBlocks:
        tally = Tally()
        return TableBlocks(_blocks(path, block=block, columns=columns, reading=reading, tally=tally), tally, read)

    return read()


def _blocks(
    path: str | os.PathLike[str],
    *,
    block: int | None,
    columns: Collection[str] | None,
    reading: Mapping[str, Any],
    tally: Tally,
) -> Iterator[PreferenceTable]:
    if block is not None and block < 1:
        raise InputError(f"block: {block} rows; choose at least one")
    selected = None if columns is None else _ALWAYS.union(columns)
    if unknown := sorted((selected or frozenset()).difference(NAMES)):
        raise InputError(f"columns: no column {unknown[0]!r} in a table; choose from {', '.join(sorted(NAMES))}")
    spec = _read_spec(path, **reading)
    with _opened(spec, selected) as source:
        if not isinstance(source, WideSource):
            table = assemble_whole(_narrowed(source[0], selected), source[1], tally)
            size = rows_per_block(table.n_categories) if block is None else block
            for start in range(0, table.n_users, size):
                yield table.select(slice(start, start + size))
            return
        yield from _assembled(spec, source, block, tally)


def _stacked(spec: ReadSpec, source: WideSource) -> PreferenceTable | None:
    """Read a table block by block; None where it must be read at once: records with options, or an error."""
    tally = Tally()
    blocks = TableBlocks(_assembled(spec, source, None, tally), tally)
    try:
        table = stacked(_with_all_options(blocks), source.spec.n_rows)
    except InputError:
        return None  # found again in the whole table, in the order of its columns
    import pyarrow as pa

    pa.default_memory_pool().release_unused()  # the buffers of the blocks, which the pool keeps otherwise
    read = blocks.metadata.get("read", {})
    if table is None or "absent" in read:
        return None
    object.__setattr__(table, "metadata", blocks.metadata)
    return table


def _with_all_options(blocks: TableBlocks) -> Iterator[PreferenceTable]:
    """Yield the blocks; raise where a record does not offer every category."""
    for block in blocks:
        if block.support is not None:
            raise InputError("column support: its notes are about the whole table")
        yield block


def _assembled(spec: ReadSpec, source: WideSource, block: int | None, tally: Tally) -> Iterator[PreferenceTable]:
    """Yield the blocks of a Parquet file as tables."""
    seen = UniqueRecords(functools.partial(_before, spec), functools.partial(_duplicate, spec))
    parts = source.blocks(block)
    left = 0
    for raw in parts:
        made = assemble(raw, source.spec, tally, functools.partial(seen.check, first_row=raw.first_row), parts)
        if made is not None:
            left += made.n_users
            yield made
    if not left:
        raise source.spec.fail(NOTHING_LEFT, SimplexError)


def _read_spec(path: str | os.PathLike[str], mapping: Mapping[str, str] | None, **options: Any) -> ReadSpec:
    place = locate(as_path(path))
    return ReadSpec(path=place, format=file_format(place), mapping={} if mapping is None else mapping, **options)


@contextlib.contextmanager
def _opened(
    spec: ReadSpec, selected: frozenset[str] | None = None
) -> Iterator[WideSource | tuple[RawColumns, ReadSpec]]:
    """Open a wide Parquet file, which is read in blocks, or read a file of another kind."""
    if spec.format == "parquet":
        with open_parquet(spec, selected) as source:
            yield source
        return
    try:
        whole = read_whole(*_LOAD[spec.format](spec))
    except MemoryError as error:
        raise spec.fail("too large for the memory of this machine; write it as Parquet, which is streamed") from error
    yield whole


def _narrowed(raw: RawColumns, selected: frozenset[str] | None) -> RawColumns:
    if selected is None:
        return raw
    matrices = {name: value for name, value in raw.matrices.items() if name in selected}
    others = {name: value for name, value in raw.others.items() if name in selected or name not in NAMES}
    return replace(raw, matrices=matrices, others=others)


def _before(spec: ReadSpec, row: int) -> Iterator[tuple[list[Key], int]]:
    """Yield the records before a row again, block by block."""
    again = replace(spec, empty_windows="keep", renormalise=True, absent="zero")
    with open_parquet(again, _ALWAYS) as source:
        assert isinstance(source, WideSource)  # only wide files are read in blocks
        for raw in source.blocks():
            if raw.first_row >= row:
                return
            yield record_keys(assemble_whole(raw, source.spec))[: row - raw.first_row], raw.first_row


def _duplicate(spec: ReadSpec, row: int, user: str) -> InputError:
    return spec.fail(f"{spec.at(row, user, 'user')}: this record occurs twice in the table; keep one of the two")
