"""Counts of uniform draws into cells, many rows at once, without drawing one by one.

Independent Poisson counts of one mean are, given their sum T, multinomial over equal cells. So a row of m draws is
made of Poisson counts whose mean is a little less than needed, and of m - T single draws on top; a row whose T comes
out above m is drawn anew, one by one. Both ways give the multinomial law, whatever T is, so their mixture does.

A Poisson count is read off 16 random bits: count c owns floor(65536 p_c) of the 65536 values. The few values that
are left over are resolved by 53 more bits, so the law is that of Poisson to double precision and not to 16 bits.
"""

from __future__ import annotations

import functools
import math

import numpy as np

__all__ = ["multinomial_counts"]

_VALUES = 65_536
_SPREAD = 2.5
"""Standard deviations of m - T that the Poisson mean stays below m: fewer leave more rows to draw anew."""
_DIRECT = 256
"""Cells up to which all draws are made one by one."""
_TAIL = 40
"""The largest count of the table of probabilities; what lies above has less than 1e-48."""
_BLOCK = 262_144
"""Counts in a block, whose few arrays fit the cache; a change gives other draws."""


def multinomial_counts(rng: np.random.Generator, sizes: np.ndarray, n_cells: int) -> np.ndarray:
    """Spread `sizes[b]` draws evenly over the cells for each row b, (B, n_cells) uint8."""
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
    """Draw some rows."""
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
    """Return the least 16-bit value of each count from 1 on, of what is left over last; and the law of the latter.

    The spread of m - T is at most that of two Poisson numbers: m itself is binomial.
    """
    mean = 1.0 - _SPREAD * math.sqrt(2.0 / n_cells)
    law = np.exp([c * math.log(mean) - mean - math.lgamma(c + 1) for c in range(_TAIL + 1)])
    owned = np.floor(law * _VALUES)
    last = int(np.flatnonzero(owned)[-1])
    rest = law * _VALUES - owned
    return np.cumsum(owned[: last + 1]).astype(np.uint16), np.cumsum(rest / rest.sum())[:-1]
