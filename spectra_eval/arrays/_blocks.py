"""The size of a block of rows, counted in cells, so that temporary arrays are bounded whatever N and K."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["CELLS", "by_rows", "row_blocks", "rows_per_block"]

CELLS = 1 << 18
"""Cells of a matrix in a block: 2 MiB of float64. A stage has some twenty arrays of this size at once."""

_ROWS = 65_536
"""Rows of a block where there are few categories: names and lists take memory too."""


def rows_per_block(n_categories: int, cells: int | None = None) -> int:
    """Return how many rows of K categories a block has, at least one.

    Parameters
    ----------
    n_categories : int
        Number of categories, K.
    cells : int, optional
        Cells of a block; `CELLS` by default.

    Returns
    -------
    int
        At most 65,536.

    Examples
    --------
    >>> rows_per_block(26), rows_per_block(1001), rows_per_block(10**7)
    (10082, 261, 1)
    """
    return max(1, min(_ROWS, (CELLS if cells is None else cells) // max(1, n_categories)))


def row_blocks(n_rows: int, n_categories: int) -> Iterator[slice]:
    """Yield the rows of a matrix (N, K) in blocks, as slices in order.

    Parameters
    ----------
    n_rows : int
        Number of rows, N.
    n_categories : int
        Number of categories, K.

    Yields
    ------
    slice
        The rows of a block.

    Examples
    --------
    >>> [(rows.start, rows.stop) for rows in row_blocks(5, 1 << 17)]
    [(0, 2), (2, 4), (4, 5)]
    """
    step = rows_per_block(n_categories)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def by_rows(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of rows that computes large matrices block by block, so that its temporary arrays are small.

    Parameters
    ----------
    kernel : callable
        Maps matrices (N, K), and vectors (K,) that apply to every row, to one number per row.

    Returns
    -------
    callable
        With the same result, bit for bit.

    Examples
    --------
    >>> largest = by_rows(lambda values: values.max(axis=-1))
    >>> largest(np.arange(6.0).reshape(3, 2)).tolist()
    [1.0, 3.0, 5.0]
    """

    @functools.wraps(kernel)
    def in_blocks(*matrices: Any) -> Any:
        first = matrices[0]
        large = isinstance(first, np.ndarray) and first.ndim == 2 and first.size > CELLS
        if not large or any(one.ndim > 1 and one.shape != first.shape for one in matrices):
            return kernel(*matrices)
        parts = [kernel(*(one[rows] if one.ndim > 1 else one for one in matrices)) for rows in row_blocks(*first.shape)]
        return np.concatenate(parts)

    return in_blocks
