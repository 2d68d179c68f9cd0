"""Writing of Parquet, with the same bytes for the same table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from spectra_eval._version import __version__
from spectra_eval.artifacts._arrow_columns import arrow_columns, optional_columns
from spectra_eval.artifacts._files import as_path
from spectra_eval.artifacts._footer import KEY, SCHEMA, VERSION, WITH_SUPPORT
from spectra_eval.artifacts._json import dump_json
from spectra_eval.artifacts._unique import unique_blocks
from spectra_eval.artifacts._writing import written_whole
from spectra_eval.errors import InputError, one_line
from spectra_eval.tables import PreferenceTable, check_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_blocks", "write_table"]

_GROUP = 65536
_FEWEST, _GROUP_CELLS = 1024, 1 << 22
"""Rows of a row group; fewer where there are many categories, so that one fits in memory."""


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
    size = _group_size(table.n_categories)  # blocks as large as row groups are not copied
    write_blocks(lambda: (table.select(slice(row, row + size)) for row in range(0, table.n_users, size)), path)


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
            raise InputError(f"{place}: the table does not fit its columns ({one_line(error)[:160]})") from error

    size = _group_size(head.n_categories)
    schema = arrow(head.select(slice(0, 1))).schema
    layout = {"version": "2.6", "compression": "zstd", "use_dictionary": ["horizon"], "write_page_checksum": True}
    with written_whole(place) as stream, pq.ParquetWriter(stream, schema, **layout) as writer:
        for group in _groups((arrow(block) for block in blocks()), size):
            writer.write_table(group, row_group_size=size)


def _group_size(n_categories: int) -> int:
    """Return the number of rows of a row group."""
    return max(_FEWEST, min(_GROUP, _GROUP_CELLS // n_categories))


def _groups(parts: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """Yield Arrow tables as groups of exactly `size` rows and a rest."""
    import pyarrow as pa

    pending: list[pa.Table] = []
    for part in parts:
        pending.append(part)
        while sum(some.num_rows for some in pending) >= size:
            whole = pa.concat_tables(pending)
            pending = [whole.slice(size)]
            group = whole.slice(0, size).combine_chunks()
            del whole  # its parts need as much memory as the group
            yield group
    if sum(some.num_rows for some in pending):
        yield pa.concat_tables(pending).combine_chunks()
