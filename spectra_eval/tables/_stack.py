"""Tables put together from blocks, with one copy of each matrix in memory at most."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from spectra_eval.tables._checks import shares
from spectra_eval.tables._preference import PreferenceTable

__all__ = ["stacked"]

_PACKED = ("counts", "history_counts")
_SPARSE = 1 / 8
"""A matrix of weights is held as its non-zero entries where at most this proportion of the first block is not zero."""


def stacked(blocks: Iterable[PreferenceTable], n_rows: int) -> PreferenceTable | None:
    """Return the records of checked blocks as one table of at most `n_rows` rows, with the metadata of the first.

    Weights that are mostly zero are held as their non-zero entries, and are an array again when they are read.
    So are observed frequencies that follow from such counts. None where records offer different categories, where the
    first block's frequencies follow from its counts and a later one's do not, or where there is no record.
    """
    head: PreferenceTable | None = None
    filled = 0
    columns: dict[str, Any] = {}
    for block in blocks:
        if block.support is not None:
            return None
        if head is None:
            head = block
            columns = {name: _empty(name, value, n_rows) for name, value in vars(block).items()}
            if isinstance(columns["counts"], list):
                columns["theta_star"] = "counts"
        if isinstance(columns["theta_star"], str) and not np.array_equal(
            shares(block.counts), block.theta_star, equal_nan=True
        ):
            return None  # the frequencies do not follow from the counts
        for name, column in columns.items():
            value = getattr(block, name)
            if isinstance(column, list):
                column.append(_packed(value))
            elif isinstance(column, np.ndarray):
                column[filled : filled + block.n_users] = value
        filled += block.n_users
    if head is None:
        return None
    made = object.__new__(PreferenceTable)
    for field in dataclasses.fields(head):
        column = columns[field.name]
        if isinstance(column, list):
            from scipy import sparse

            column = sparse.vstack(column, format="csr")
        elif isinstance(column, np.ndarray):
            column = column[:filled]
            column.flags.writeable = False
        object.__setattr__(made, field.name, column)
    return made


def _empty(name: str, value: Any, n_rows: int) -> Any:
    """Return an array for a column of all rows, or a list for the packed parts of one."""
    if not isinstance(value, np.ndarray):
        return value
    if name in _PACKED and np.count_nonzero(value) <= _SPARSE * value.size:
        return []
    return np.empty((n_rows, *value.shape[1:]), dtype=value.dtype)


def _packed(value: np.ndarray) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(value)
