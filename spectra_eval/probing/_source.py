"""The source of a run: a table in memory, or a file that is read in parts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from spectra_eval.arrays import check_whole
from spectra_eval.artifacts import TableDigest, iter_table
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable

__all__ = ["FileSource", "Source", "TableSource"]

_HISTORY = "column history: missing; the prompt shows the titles that each user chose; see `prepare`"


@runtime_checkable
class Source(Protocol):
    """Records in a fixed order, with their metadata."""

    head: PreferenceTable
    """The first records: categories, parents and metadata are those of all."""
    n_records: int
    input_digest: str
    history_digest: str

    def parts(self, size: int, *, skip: int) -> Iterator[PreferenceTable]:
        """Return the records in parts of `size`, without the first `skip` parts."""


class TableSource:
    """A table that is in memory."""

    def __init__(self, table: PreferenceTable, *, limit: int | None) -> None:
        if table.history is None:
            raise InputError(_HISTORY)
        self.head = table if limit is None else table.select(slice(0, limit))
        self.n_records = self.head.n_users
        digest = _Digest()
        digest.update(self.head)
        self.input_digest, self.history_digest = digest.done()

    def parts(self, size: int, *, skip: int) -> Iterator[PreferenceTable]:
        """Return the records from part `skip` on."""
        for start in range(skip * size, self.n_records, size):
            yield self.head.select(slice(start, min(start + size, self.n_records)))


class FileSource:
    """A file with one part in memory at a time; it is first read once for its digest and length.

    Parameters
    ----------
    path : path-like
        A preference table with histories.
    limit : int or None
        Use only the first `limit` records.
    reading : mapping, optional
        Options of `spectra_eval.artifacts.iter_table`.

    Raises
    ------
    InputError
        The table has no history, the limit is below 1, or the file is no preference table.

    Examples
    --------
    >>> import tempfile
    >>> from spectra_eval.artifacts import write_table
    >>> table = PreferenceTable(users=["ann"], categories=("a", "b"), counts=[[1, 3]], history=[("Heat",)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, f"{folder}/t.parquet")
    ...     FileSource(f"{folder}/t.parquet", limit=None).n_records
    1
    """

    def __init__(
        self, path: str | os.PathLike[str], *, limit: int | None, reading: Mapping[str, Any] | None = None
    ) -> None:
        if limit is not None:
            check_whole("limit", limit, least=1, why="leave it out to probe every record")
        self._path = path
        self._reading = dict(reading or {})
        self._limit = limit
        digest = _Digest()
        head: PreferenceTable | None = None
        blocks = iter_table(path, **self._reading)
        self.n_records = 0
        for block in self._cut(blocks):
            if block.history is None:
                raise InputError(f"{os.fspath(path)}: {_HISTORY}")
            digest.update(block)
            self.n_records += block.n_users
            head = head if head is not None else block
        assert head is not None  # a table without rows is refused when it is read
        self.head = head.replace(metadata=blocks.metadata)
        self.input_digest, self.history_digest = digest.done()

    def parts(self, size: int, *, skip: int) -> Iterator[PreferenceTable]:
        """Read the file again, and return the records from part `skip` on.

        Parameters
        ----------
        size : int
            Records per part.
        skip : int
            Parts to leave out.

        Returns
        -------
        iterator of PreferenceTable
            The parts in the order of the file.

        Raises
        ------
        InputError
            The file cannot be read again.
        """
        yield from islice(self._cut(iter_table(self._path, block=size, **self._reading)), skip, None)

    def _cut(self, blocks: Iterator[PreferenceTable]) -> Iterator[PreferenceTable]:
        """Stop after the limit of records."""
        left = self._limit
        for block in blocks:
            if left is None or block.n_users < left:
                yield block
                left = None if left is None else left - block.n_users
                continue
            yield block.select(slice(0, left))
            return


class _Digest:
    """Digests of a table and its histories, computed block by block."""

    def __init__(self) -> None:
        self._content = TableDigest()
        self._history, self._details, self._detailed = hashlib.sha256(), hashlib.sha256(), False

    def update(self, table: PreferenceTable) -> None:
        self._content.update(table)
        assert table.history is not None
        for titles in table.history:
            self._history.update(json.dumps(list(titles)).encode() + b"\n")
        for details in () if table.history_details is None else table.history_details:
            self._details.update(json.dumps(list(details)).encode() + b"\n")
            self._detailed = True

    def done(self) -> tuple[str, str]:
        if self._detailed:
            self._history.update(self._details.digest())
        return self._content.hexdigest(), self._history.hexdigest()
