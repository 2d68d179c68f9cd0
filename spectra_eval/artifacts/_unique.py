"""Detection of repeated records in a table read in blocks, with at most 8 bytes per record."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable

__all__ = ["HashRuns", "Key", "UniqueRecords", "record_keys", "unique_blocks"]

Key = tuple[Any, ...]
"""The key of a record: user, context window and horizon, where the table has them."""


def record_keys(table: PreferenceTable) -> list[Key]:
    """Return the key of each record."""
    others = [column.tolist() for column in (table.context_window, table.horizon) if column is not None]
    return list(zip(table.users.tolist(), *others, strict=True))


class HashRuns:
    """A growing set of hashes, stored in sorted runs that are merged when their lengths are similar.

    Examples
    --------
    >>> seen = HashRuns()
    >>> seen.add(["ann", "bob"]).tolist(), seen.add(["bob", "cy"]).tolist()
    ([False, False], [True, False])
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def add(self, values: Sequence[Any]) -> np.ndarray:
        """Add values; return for each whether its hash was added in an earlier call."""
        hashes = np.fromiter(map(hash, values), dtype=np.int64, count=len(values))
        known = self.holds(hashes)
        self._runs.append(np.sort(hashes))
        while len(self._runs) > 1 and len(self._runs[-1]) >= len(self._runs[-2]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]))]
        return known

    def holds(self, hashes: np.ndarray) -> np.ndarray:
        """Return for each hash whether it was added."""
        known = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            if len(run):
                known |= run[np.minimum(np.searchsorted(run, hashes), len(run) - 1)] == hashes
        return known


class UniqueRecords:
    """Compares the blocks of a source with all earlier records; only with the last one while they ascend.

    Parameters
    ----------
    before : callable
        Reads the source again up to a row: ``before(row)`` yields the keys of earlier records and the row of the first.
    refusal : callable
        Returns the error for a row (counted from 0) and its user.
    """

    def __init__(
        self,
        before: Callable[[int], Iterator[tuple[list[Key], int]]],
        refusal: Callable[[int, str], InputError],
    ) -> None:
        self._before = before
        self._refusal = refusal
        self._hashes = HashRuns()
        self._last: Key | None = ()
        """The previous record while records ascend; None afterwards."""

    def check(self, table: PreferenceTable, first_row: int) -> None:
        """Check the records of the next block.

        Raises
        ------
        InputError
            A record occurs twice in the source. When two hashes agree the source is read again, so a collision is no
            error.
        """
        keys = record_keys(table)
        if self._last is not None:
            if all(one < other for one, other in itertools.pairwise([self._last, *keys])):
                self._last = keys[-1]
                return
            self._last = None
            for earlier, row in self._before(first_row):
                self._remember(earlier, row)
        self._remember(keys, first_row)

    def _remember(self, keys: list[Key], first_row: int) -> None:
        seen: set[Key] = set()
        for place, key in enumerate(keys):
            if key in seen:
                raise self._refusal(first_row + place, key[0])
            seen.add(key)
        known = self._hashes.add(keys)
        if known.any():
            self._confirm({keys[i]: first_row + int(i) for i in np.flatnonzero(known)[::-1]})

    def _confirm(self, suspects: dict[Key, int]) -> None:
        found = [row for key, row in suspects.items() if self._stands_before(key, row)]
        if found:
            row = min(found)
            raise self._refusal(row, next(key[0] for key, place in suspects.items() if place == row))

    def _stands_before(self, key: Key, row: int) -> bool:
        return any(key in keys for keys, _ in self._before(row))


def unique_blocks(blocks: Callable[[], Iterable[PreferenceTable]], place: Path) -> Iterator[PreferenceTable]:
    """Yield the blocks that are written to a file; raise if a record occurs twice."""
    unique, row = UniqueRecords(functools.partial(_before, blocks), functools.partial(_duplicate, place)), 0
    for block in blocks():
        unique.check(block, row)
        row += block.n_users
        yield block


def _before(blocks: Callable[[], Iterable[PreferenceTable]], row: int) -> Iterator[tuple[list[Key], int]]:
    """Yield the keys of the blocks again, up to a row."""
    first = 0
    for block in blocks():
        if first >= row:
            return
        yield record_keys(block)[: row - first], first
        first += block.n_users


def _duplicate(place: Path, row: int, user: str) -> InputError:
    what = "this record occurs twice in the blocks; keep one of the two"
    return InputError(f"{place}: row {row + 1} (user {user!r}), column user: {what}")
