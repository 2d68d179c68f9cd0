"""Sums over the users of a part, as they are and in every resample: where the time of an evaluation goes.

A product of resamples and columns is taken once for columns that are alike, and not at all for a column that is the
same for everybody. Metrics of one number a user are summed in double precision. Those of many numbers a user, whose
products are most of the work, are multiplied in single precision, as deviations from the column's mean in the part:
how often a user is drawn is a small whole number and exact, so what is lost is 1e-6 of the spread between resamples,
where a thousand resamples leave an end of an interval uncertain by 5e-2 of it. Differences of two systems may be much
smaller than either spread, so what is paired is summed in double precision throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Drawn", "Sums", "add", "no_sums", "sums_of"]


@dataclass(eq=False)
class Sums:
    """Running sums of one stratum: of the statistics, of those who count, and both in every resample."""

    total: np.ndarray
    counted: np.ndarray
    missing: np.ndarray
    infinite: np.ndarray
    drawn_total: np.ndarray | None
    drawn_counted: np.ndarray | None


class Drawn:
    """How often each of some users is drawn in every resample, ready to be multiplied.

    Parameters
    ----------
    counts : (B, n) uint8 array
        How often.
    """

    def __init__(self, counts: np.ndarray) -> None:
        self.counts = counts
        self.times = counts.sum(axis=1, dtype=np.int64).astype(np.float64)
        self._as: dict[type, np.ndarray] = {}

    def of_kind(self, kind: type) -> np.ndarray:
        """Give the counts as floating-point numbers of a kind, made once."""
        if kind not in self._as:
            self._as[kind] = self.counts.astype(kind)
        return self._as[kind]


def no_sums(columns: int, blocks: int) -> Sums:
    """Give the sums over nobody."""
    nobody = np.zeros(blocks, dtype=np.int64)
    return Sums(
        total=np.zeros(columns),
        counted=nobody,
        missing=nobody,
        infinite=nobody,
        drawn_total=None,
        drawn_counted=None,
    )


def add(whole: Sums, more: Sums) -> None:
    """Add the sums of further users; the order of the calls is part of the result."""
    whole.total += more.total
    whole.counted += more.counted
    whole.missing += more.missing
    whole.infinite += more.infinite
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
) -> Sums:
    """Sum the statistics (n, columns) of some users, and what is said of their blocks (n, blocks).

    `single` (columns,) says which columns single precision is enough for.
    """
    total = stacked.sum(axis=0)
    drawn_total = drawn_counted = None
    if drawn is not None:
        drawn_total = _products(drawn, stacked, total, single)
        drawn_counted = np.repeat(drawn.times[:, None], missing.shape[1], axis=1)
        if missing.any():
            lost = missing.astype(np.float64)
            drawn_counted -= _products(drawn, lost, lost.sum(axis=0), np.zeros(missing.shape[1], dtype=bool))
    return Sums(
        total=total,
        counted=len(missing) - missing.sum(axis=0),
        missing=missing.sum(axis=0),
        infinite=infinite.sum(axis=0),
        drawn_total=drawn_total,
        drawn_counted=drawn_counted,
    )


def _products(drawn: Drawn, columns: np.ndarray, total: np.ndarray, single: np.ndarray) -> np.ndarray:
    """Give ``counts @ columns`` in double precision, (B, columns)."""
    varied, source = _distinct(columns, total)
    times = drawn.times
    out = np.multiply.outer(times, columns[0])
    made = np.empty((len(times), len(varied)))
    for kind, short in ((np.float64, False), (np.float32, True)):
        chosen = np.flatnonzero(single[varied] == short)
        if not len(chosen):
            continue
        held = columns[:, varied[chosen]]
        if short:
            centre = held.mean(axis=0)
            made[:, chosen] = drawn.of_kind(kind) @ (held - centre).astype(kind) + np.multiply.outer(times, centre)
        else:
            made[:, chosen] = drawn.of_kind(kind) @ held
    filled = source >= 0
    out[:, filled] = made[:, source[filled]]
    return out


def _distinct(columns: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the columns that vary, each of those that are alike once; and for each column its place there, or -1."""
    varies = (columns != columns[0]).any(axis=0)
    source = np.full(len(total), -1)
    chosen: list[int] = []
    of_total: dict[float, list[int]] = {}
    for column in np.flatnonzero(varies).tolist():
        # Columns that are alike have the same sum, to the last bit: they were added in the same order.
        rivals = of_total.setdefault(float(total[column]), [])
        for place in rivals:
            if np.array_equal(columns[:, column], columns[:, chosen[place]]):
                source[column] = place
                break
        else:
            source[column] = len(chosen)
            rivals.append(len(chosen))
            chosen.append(column)
    return np.array(chosen, dtype=np.int64), source
