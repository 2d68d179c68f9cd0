"""Counts of uniform draws into cells, for many rows at once, without single draws.

Independent Poisson counts with equal means are, given their sum T, multinomial over equal cells. A row of m draws
therefore consists of Poisson counts with a slightly smaller mean and m - T single draws; a row whose T is above m is
replaced by m single draws. Both are multinomial for every T, so their mixture is.

A Poisson count is determined by 16 random bits: count c has floor(65536 p_c) of the 65536 values. The few remaining
values are resolved by 53 more bits, so the distribution is Poisson to double precision, not to 16 bits.
"""

from __future__ import annotations

import functools
import math

import numpy as np

__all__ = ["multinomial_counts"]

_VALUES = 65_536
_SPREAD = 2.5
"""Standard deviations of m - T between the Poisson mean and m; with fewer, more rows are drawn again."""
_DIRECT = 256
"""Up to this number of cells all draws are single draws."""
_TAIL = 40
"""The largest count of the table of probabilities; larger counts have probability below 1e-48."""
_BLOCK = 262_144
"""Counts in a block, chosen to fit the cache; another value gives other draws."""


def multinomial_counts(rng: np.random.Generator, sizes: np.ndarray, n_cells: int) -> np.ndarray:
    """Return counts of `sizes[b]` uniform draws over the cells for each row b, (B, n_cells) uint8."""
    counts = np.empty((len(sizes), n_cells), dtype=np.uint8)
    if n_cells <= _DIRECT:
        for row, size in enumerate(sizes.tolist()):
            counts[row] = _one_by_one(rng, size, n_cells)
        return counts
    step = max(1, _BLOCK // n_cells)
    for start in range(0, len(sizes), step):
        _fill(rng, sizes[start : start + step], counts[start : start + step])
    return counts


def _one_by_one(rng: np.random.Generator, size: int, n_cells: int) -> np.ndarray:
    return np.bincount(rng.integers(0, n_cells, size=size), minlength=n_cells)


def _fill(rng: np.random.Generator, sizes: np.ndarray, counts: np.ndarray) -> None:
    """Fill some rows with counts."""
    n_rows, n_cells = counts.shape
    limits, beyond = _table(n_cells)
    n = n_rows * n_cells
    words = rng.bit_generator.random_raw(-(-n // 4)).astype("<u8", copy=False)
    bits = words.view("<u2")[:n].reshape(n_rows, n_cells)
    above = np.empty(counts.shape, dtype=bool)
    np.greater_equal(bits, limits[0], out=counts.view(bool))
    for limit in limits[1:-1]:
        np.greater_equal(bits, limit, out=above)
        np.add(counts, above.view(np.uint8), out=counts)
    np.greater_equal(bits, limits[-1], out=above)
    flat = counts.reshape(-1)
    unresolved = np.flatnonzero(above)
    flat[unresolved] = np.searchsorted(beyond, rng.random(len(unresolved)), side="right")
    lacking = sizes - counts.sum(axis=1, dtype=np.uint32).astype(np.int64)
    added = np.maximum(lacking, 0)
    cells = rng.integers(0, n_cells, size=int(added.sum()), dtype=np.uint32)
    np.add.at(flat, np.repeat(np.arange(n_rows) * n_cells, added) + cells, np.uint8(1))
    for row in np.flatnonzero(lacking < 0).tolist():
        counts[row] = _one_by_one(rng, int(sizes[row]), n_cells)


@functools.cache
def _table(n_cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest 16-bit value of each count from 1 on and of the remainder, and the latter's distribution.

    The spread of m - T is at most that of two Poisson numbers: m itself is binomial.
    """
    mean = 1.0 - _SPREAD * math.sqrt(2.0 / n_cells)
    law = np.exp([c * math.log(mean) - mean - math.lgamma(c + 1) for c in range(_TAIL + 1)])
    owned = np.floor(law * _VALUES)
    last = int(np.flatnonzero(owned)[-1])
    rest = law * _VALUES - owned
    return np.cumsum(owned[: last + 1]).astype(np.uint16), np.cumsum(rest / rest.sum())[:-1]
