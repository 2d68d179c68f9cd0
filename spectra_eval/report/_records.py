"""The records of the subject of a report in blocks, so that figures need no matrices of its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from spectra_eval.arrays import rows_per_block
from spectra_eval.certification._block import UserBlock
from spectra_eval.metrics import Comparison
from spectra_eval.metrics._arguments import check_pair
from spectra_eval.metrics._comparison import rows_of_block
from spectra_eval.report._material import Material
from spectra_eval.tables import PreferenceTable

__all__ = ["as_checked", "comparisons", "has_lists", "has_readout", "observed_blocks", "summed"]


def has_readout(material: Material) -> bool:
    """Return whether there is a readout and a record with a window."""
    return material.table.theta_s is not None and bool(material.table.observed.any())


def has_lists(material: Material) -> bool:
    """Return whether a record with a window has a decoded list that names a category."""
    return bool(_listed(material.table).any())


def _listed(table: PreferenceTable) -> np.ndarray:
    """Return which records have a window and a decoded list that names a category, (N,) bool."""
    if table.dg is None:
        return np.zeros(table.n_users, dtype=bool)
    return np.asarray(table.observed & (table.dg >= 0).any(axis=1))


def observed_blocks(material: Material, k: int) -> Iterator[UserBlock]:
    """Yield the records with a window in blocks, with the first k entries of their lists."""
    for part in _parts(material.table, material.table.observed):
        yield UserBlock(part, k)


def comparisons(material: Material, *, of_lists: bool = False) -> Iterator[Comparison]:
    """Yield the records with a window in the blocks of `Comparison.blocks`: the readout and the lists.

    With `of_lists`, they are the records with a list, and the prediction is the uniform distribution on it.
    """
    table = material.table
    bucket = np.zeros(table.n_categories, dtype=np.int64)
    for part in _parts(table, _listed(table) if of_lists else table.observed):
        block = UserBlock(part, 0 if part.dg is None else part.dg.shape[1])
        predicted = block.theta_list if of_lists else block.theta_s
        whole = Comparison(
            theta_star=block.theta_star, theta_s=predicted, lists=part.dg, bucket=bucket, support=part.support
        )
        yield from whole.blocks()


def as_checked(blocks: Iterable[Comparison]) -> Iterator[Comparison]:
    """Yield the blocks as the public metrics see them: each row is divided by its sum."""
    for block in blocks:
        yield check_pair(block.theta_star, block.theta_s, support=block.support)[0]


def _parts(table: PreferenceTable, chosen: np.ndarray) -> Iterator[PreferenceTable]:
    """Yield some records in parts of a multiple of the rows of a block of `Comparison.blocks`."""
    rows = np.flatnonzero(chosen)
    step = rows_of_block(table.n_categories)
    step *= max(1, rows_per_block(table.n_categories) // step)
    for start in range(0, len(rows), step):
        yield table.select(rows[start : start + step])


def summed(blocks: Iterable[Comparison], *of: Callable[[Comparison], np.ndarray]) -> list[np.ndarray]:
    """Return the sum over the records of each matrix (n, K) of a block, (K,) each."""
    totals: list[np.ndarray] = []
    for block in blocks:
        made = [make(block) for make in of]
        totals = totals or [np.zeros(one.shape[1]) for one in made]
        # One row after another, as in a sum over all of them.
        totals = [np.concatenate([sum_[None], one]).sum(axis=0) for sum_, one in zip(totals, made, strict=True)]
    return totals
