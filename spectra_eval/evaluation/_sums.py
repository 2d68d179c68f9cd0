"""Sums over the users of a part, plain and in every resample: most of the time of an evaluation.

A column that is the same for everybody needs no product. Metrics of one number a user are summed in double precision.
Those of many numbers a user, whose products are most of the work, are multiplied in single precision, as deviations
from the column's mean in the part: how often a user is drawn is a small whole number and exact, so what is lost is
1e-6 of the spread between resamples, where a thousand resamples leave an end of an interval uncertain by 5e-2 of it.
Differences of two systems may be much smaller than either spread, so what is paired is summed in double precision
throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from spectra_eval.arrays import row_blocks
from spectra_eval.evaluation._few import Few, joined
from spectra_eval.evaluation._parallel import in_order

__all__ = ["Drawn", "Sums", "add", "no_sums", "sums_of"]


_RESAMPLES = 256
"""Resamples in a matrix product; another value changes the last bits."""


@dataclass(eq=False)
class Sums:
    """Running sums of one stratum: of the statistics, of the valid records, and both in every resample.

    `users` has the sums of the users of each block, in order, while they are few.
    """

    total: np.ndarray
    counted: np.ndarray
    missing: np.ndarray
    infinite: np.ndarray
    drawn_total: np.ndarray | None
    drawn_counted: np.ndarray | None
    users: Few = field(default_factory=list)


class Drawn:
    """Bootstrap counts of some users, for multiplication.

    Parameters
    ----------
    counts : (B, n) uint8 array
        The count of each user in each resample.
    threads : int, optional
        Threads that share the products; all processors, up to 8, when not given.
    """

    def __init__(self, counts: np.ndarray, threads: int | None = 1) -> None:
        self.counts = counts
        self.threads = threads
        self.times = counts.sum(axis=1, dtype=np.int64).astype(np.float64)

    def times_columns(self, *columns: np.ndarray) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Yield ``counts @ columns`` for each matrix, in its own precision, for some resamples at a time.

        The counts are converted to floats, which fit the cache.
        """

        def work(place: int) -> tuple[slice, list[np.ndarray]]:
            some = slice(place * _RESAMPLES, min((place + 1) * _RESAMPLES, len(self.counts)))
            return some, [self.counts[some].astype(one.dtype) @ one for one in columns]

        yield from in_order(work, range(-(-len(self.counts) // _RESAMPLES)), self.threads)


def no_sums(columns: int, blocks: int) -> Sums:
    """Return the sums over no users."""
    zeros = np.zeros(blocks, dtype=np.int64)
    return Sums(
        total=np.zeros(columns),
        counted=zeros,
        missing=zeros,
        infinite=zeros,
        drawn_total=None,
        drawn_counted=None,
        users=[np.zeros((0, 2))] * blocks,
    )


def add(whole: Sums, more: Sums) -> None:
    """Add the sums of further users; the result depends on the order of the calls."""
    whole.total += more.total
    whole.counted += more.counted
    whole.missing += more.missing
    whole.infinite += more.infinite
    whole.users = [joined(one, other) for one, other in zip(whole.users, more.users, strict=True)]
    if whole.drawn_total is not None and whole.drawn_counted is not None:
        assert more.drawn_total is not None
        assert more.drawn_counted is not None
        whole.drawn_total += more.drawn_total
        whole.drawn_counted += more.drawn_counted


def sums_of(
    stacked: np.ndarray,
    missing: np.ndarray,
    infinite: np.ndarray,
    drawn: Drawn | None,
    single: np.ndarray,
    total: np.ndarray | None = None,
    users: Few | None = None,
) -> Sums:
    """Sum the statistics (n, columns) of some users, and the flags of their blocks (n, blocks).

    `single` (columns,) marks columns for single precision; `total` is the plain sum if it is known. `users` has the
    users of each block, as returned by `few_users`.
    """
    if total is None:
        total = stacked.sum(axis=0)
    drawn_total = drawn_counted = None
    if drawn is not None:
        drawn_total = _products(drawn, stacked, single)
        drawn_counted = np.repeat(drawn.times[:, None], missing.shape[1], axis=1)
        if missing.any():
            for some, (missing_weight,) in drawn.times_columns(missing.astype(np.float64)):
                drawn_counted[some] -= missing_weight
    return Sums(
        total=total,
        counted=len(missing) - missing.sum(axis=0),
        missing=missing.sum(axis=0),
        infinite=infinite.sum(axis=0),
        drawn_total=drawn_total,
        drawn_counted=drawn_counted,
        users=users or [],
    )


def _products(drawn: Drawn, columns: np.ndarray, single: np.ndarray) -> np.ndarray:
    """Return ``counts @ columns`` in double precision, (B, columns)."""
    varies = (columns != columns[0]).any(axis=0)
    double, short = np.flatnonzero(varies & ~single), np.flatnonzero(varies & single)
    centre = np.empty(len(short))
    centred = np.empty((len(columns), len(short)), dtype=np.float32, order="F")
    for some in row_blocks(len(short), len(columns)):  # some columns at a time, so that the copy is small
        deviations = columns[:, short[some]]
        centre[some] = deviations.mean(axis=0)
        centred[:, some] = deviations - centre[some]
    out = np.multiply.outer(drawn.times, columns[0])
    for some, (of_double, of_short) in drawn.times_columns(columns[:, double], centred):
        out[some, double] = of_double
        out[some, short] = of_short + np.multiply.outer(drawn.times[some], centre)
    return out
