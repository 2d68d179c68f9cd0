"""The values of single users, kept where Student's t interval is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectra_eval.stats.student import FEW

__all__ = ["Few", "few_users", "joined"]

Few = list[np.ndarray | None]
"""For each block of columns, (N, 2): the sum of its first column over the valid records of each user, and their number.

None for `FEW` or more users.
"""


def few_users(stacked: np.ndarray, missing: np.ndarray, owner: np.ndarray, first: Sequence[int]) -> Few:
    """Return the sums of the users of some records (n, columns); `missing` (n, blocks) marks invalid records.

    `owner` (n,) is the user of each record, grouped; `first` is the first column of each block.
    """
    n_users = int((np.diff(owner) != 0).sum()) + 1
    few: Few = []
    for block, column in enumerate(first):
        some_missing = bool(missing[:, block].any())
        if n_users >= FEW and not some_missing:
            few.append(None)
            continue
        rows = np.flatnonzero(~missing[:, block]) if some_missing else np.arange(len(owner))
        begins = np.flatnonzero(np.diff(owner[rows], prepend=-1))
        if len(begins) >= FEW:
            few.append(None)
            continue
        total = np.add.reduceat(stacked[rows, column], begins) if len(rows) else np.zeros(0)
        few.append(np.stack([total, np.diff(begins, append=len(rows))], axis=1))
    return few


def joined(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """Return the users of two parts, in this order; None if there are many."""
    if one is None or other is None or len(one) + len(other) >= FEW:
        return None
    return np.concatenate([one, other])
