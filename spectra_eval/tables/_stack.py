"""Tables put together from blocks, with one copy of each matrix in memory at most."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from spectra_eval.arrays import row_blocks, rows_per_block
from spectra_eval.errors import InputError
from spectra_eval.tables._checks import shares
from spectra_eval.tables._preference import PreferenceTable

__all__ = ["by_blocks", "stacked"]

_PACKED = ("counts", "history_counts")
_SPARSE = 1 / 8
"""A matrix of weights is held as its non-zero entries where at most this proportion of the first block is not zero."""


def by_blocks(change: Callable[[PreferenceTable, slice], PreferenceTable], table: PreferenceTable) -> PreferenceTable:
    """Return the changed table; of a large table, one block of records at a time is changed and checked.

    ``change(block, rows)`` treats each record alone, and gives every block the same categories and metadata.
    """
    whole = slice(0, table.n_users)
    if table.n_users > rows_per_block(table.n_categories):
        blocks = row_blocks(table.n_users, table.n_categories)
        try:
            made = stacked((change(table.select(rows), rows) for rows in blocks), table.n_users)
        except InputError:
            made = None  # raised again for the whole table, with the row of the table
        if made is not None:
            return made
    return change(table, whole)


def stacked(blocks: Iterable[PreferenceTable], n_rows: int) -> PreferenceTable | None:
    """Return the records of checked blocks as one table of at most `n_rows` rows, with the metadata of the first.

    Weights that are mostly zero are held as their non-zero entries, and are an array again when they are read.
    So are observed frequencies that follow from such counts. None where there is no record.
    """
    head: PreferenceTable | None = None
    filled = 0
    columns: dict[str, Any] = {}
    for block in blocks:
        if head is None:
            head = block
            columns = {"counts": _empty("counts", vars(block)["counts"], n_rows)}
            if isinstance(columns["counts"], list):
                columns["theta_star"] = "counts"
            others = {name: value for name, value in vars(block).items() if name not in columns}
            columns |= {name: _empty(name, value, n_rows) for name, value in others.items()}
        if isinstance(columns["theta_star"], str) and not np.array_equal(
            shares(block.counts), block.theta_star, equal_nan=True
        ):
            columns["theta_star"] = _shares_so_far(columns["counts"], n_rows, block.n_categories)
        if block.support is not None and columns["support"] is None:
            columns["support"] = np.ones((n_rows, block.n_categories), dtype=np.bool_)
        for name, column in columns.items():
            value = block.offered if name == "support" and column is not None else getattr(block, name)
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


def _shares_so_far(parts: list[Any], n_rows: int, n_categories: int) -> np.ndarray:
    """Return an array for the observed frequencies of all rows, with those that follow from the counts."""
    made = np.empty((n_rows, n_categories))
    filled = 0
    for part in parts:
        made[filled : filled + part.shape[0]] = shares(part)
        filled += part.shape[0]
    return made


def _packed(value: np.ndarray) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(value)
