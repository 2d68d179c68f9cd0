"""Blocks of records that keep the records of a user together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from spectra_eval.arrays import row_blocks, rows_per_block
from spectra_eval.artifacts import HashRuns, TableBlocks
from spectra_eval.certification._block import starts_of
from spectra_eval.errors import InputError
from spectra_eval.tables import PreferenceTable, check_table, joined_support
from spectra_eval.tables._checks import check_unique

__all__ = ["BLOCK", "blocks_of"]

BLOCK = 65536
"""Records of a group, over which sums are taken first; another value may change their last digits."""


def blocks_of(source: PreferenceTable | Iterable[PreferenceTable]) -> Iterator[tuple[int, PreferenceTable]]:
    """Yield small blocks that keep the records of a user together, each with the number of its group.

    Raise if a user occurs again later. A user is in the group in which its last record is, unless that is the last of
    the group: then in the next. The last user of a table with several records per user is a group of its own.
    """
    vouched = isinstance(source, TableBlocks | PreferenceTable)  # records are unique in them
    if isinstance(source, PreferenceTable):
        check_unique(source)  # rows that were selected may repeat
        whole = source
        source = (whole.select(rows) for rows in row_blocks(whole.n_users, whole.n_categories))
    pending: PreferenceTable | None = None
    done = HashRuns()
    first = 0  # the place of the first record that was not yielded
    if not isinstance(source, Iterable) or hasattr(source, "columns"):
        check_table(source)
    for incoming in source:
        check_table(incoming)
        table = incoming
        if table.context_window is None and table.horizon is None:
            if not vouched:
                _check_once(table.users, done)
            ends = np.arange(1, table.n_users + 1)  # one record per user: nothing to keep together
            yield from _cut(table, ends, (first + ends - 1) // BLOCK)
            first += table.n_users
            continue
        if pending is not None:
            table = _joined(pending, incoming)
        starts = starts_of(table.users)
        heads = table.users[starts]  # a user occurs again if its records are not consecutive
        _check_together(heads, done)
        last = int(np.flatnonzero(table.users == table.users[-1])[0])
        pending = table.select(slice(last, None))
        if last:
            done.add(heads[:-1].tolist())
            yield from _cut(table, starts[1:], (first + starts[1:]) // BLOCK)
            first += last
    if pending is not None:
        yield -1, pending


def _cut(table: PreferenceTable, ends: np.ndarray, groups: np.ndarray) -> Iterator[tuple[int, PreferenceTable]]:
    """Yield some users of a table in small blocks of one group; `ends` and `groups` are those of each user."""
    step, start, user = rows_per_block(table.n_categories), 0, 0
    while user < len(ends):
        last = int(np.searchsorted(groups, groups[user], side="right"))
        within = int(np.searchsorted(ends, start + step, side="right"))
        past = max(user + 1, min(last, within))
        stop = int(ends[past - 1])
        yield int(groups[user]), table if stop - start == table.n_users else table.select(slice(start, stop))
        start, user = stop, past


def _joined(first: PreferenceTable, second: PreferenceTable) -> PreferenceTable:
    columns: dict[str, Any] = {}
    for name in (
        "users",
        "theta_star",
        "n_window",
        "theta_s",
        "context_window",
        "horizon",
        "counts",
        "dg",
        "history_counts",
    ):
        a, b = getattr(first, name), getattr(second, name)
        columns[name] = None if a is None or b is None else np.concatenate([a, b])
    support = joined_support([first, second])
    return PreferenceTable(categories=first.categories, metadata=first.metadata, support=support, **columns)


def _check_once(users: np.ndarray, done: HashRuns) -> None:
    again = done.add(users.tolist()) | _repeated(users)
    if again.any():
        name = str(users[np.flatnonzero(again)[0]])
        raise InputError(
            f"column user: {name!r} occurs twice; keep one record of each user, or give the column context_window"
        )


def _check_together(heads: np.ndarray, done: HashRuns) -> None:
    again = done.holds(np.fromiter(map(hash, heads.tolist()), dtype=np.int64, count=len(heads))) | _repeated(heads)
    if again.any():
        name = str(heads[np.flatnonzero(again)[0]])
        raise InputError(f"column user: the records of {name!r} are not together; sort the table by user")


def _repeated(users: np.ndarray) -> np.ndarray:
    """Return which users occur earlier in the same array."""
    names, first = np.unique(users, return_index=True)
    if len(names) == len(users):
        return np.zeros(len(users), dtype=bool)
    return ~np.isin(np.arange(len(users)), first)
