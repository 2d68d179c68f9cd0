"""Pairs that refute properties which random draws rarely refute; they are tried in addition.

Each is a pair (theta_star, theta_s) of (N, K) rows on the simplex, small and exact in binary where it can be.
"""

from __future__ import annotations

import numpy as np

__all__ = ["RARE_PAIRS"]


def _pair(theta_star: list[list[float]], theta_s: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(theta_star), np.array(theta_s)


# Two errors of one bin cancel for the cohort; for the mean user they are in two bins. Six categories, so that a
# third of them is two; the pair is turned so that each third has it once.
_CANCELLING = _pair(
    [[0.25, 0.0, 0.25, 0.0, 0.5, 0.0], [0.125, 0.75, 0.125, 0.0, 0.0, 0.0]],
    [[0.5, 0.0, 0.25, 0.0, 0.25, 0.0], [0.125, 0.5, 0.125, 0.0, 0.25, 0.0]],
)

RARE_PAIRS: tuple[tuple[np.ndarray, np.ndarray], ...] = (
    # The mean is uniform although no row is, so orders that the rows agree on become one great tie: one row leans to
    # the first half, two rows lean half as much to the second.
    _pair([[0.25] * 4] * 3, [[0.375, 0.375, 0.125, 0.125], *[[0.1875, 0.1875, 0.3125, 0.3125]] * 2]),
    # Merging the first two categories makes a new favourite for one user and not for the other.
    _pair([[0.25] * 4] * 2, [[0.1875, 0.1875, 0.3125, 0.3125], [0.0625, 0.0625, 0.5, 0.375]]),
    *((np.roll(_CANCELLING[0], turn, axis=1), np.roll(_CANCELLING[1], turn, axis=1)) for turn in (0, 2, 4)),
    # Two errors of the same sign add up when they are merged, and squares of sums are larger.
    _pair([[0.0, 0.0, 1.0]], [[0.25, 0.25, 0.5]]),
    # Middle categories that swap places: a turn round of the whole row does not show it.
    _pair([[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]),
)
