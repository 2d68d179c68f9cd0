"""One pass over the users: every statistic of every system, its sums by stratum, and its sums in every resample.

Nothing here knows a metric. A part of the users is computed, multiplied by how often each of them is drawn,
and let go, so memory does not grow with the number of users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.evaluation._strata import Stratification
from spectra_eval.metrics import BoundMetric, Comparison
from spectra_eval.stats.bootstrap import PART, Resamples
from spectra_eval.tables import System

__all__ = ["Cell", "Cohort", "Measured", "measure"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """The records that count, those of one user side by side.

    Attributes
    ----------
    theta_star : (n, K) float array
        What was observed; every row on the simplex.
    owner : (n,) int array
        The number of the user of each record, ascending.
    bucket : (K,) int array
        0 head, 1 mid, 2 tail.
    n_users : int
        The number of users.
    """

    theta_star: np.ndarray
    owner: np.ndarray
    bucket: np.ndarray
    n_users: int

    def rows(self, part: int) -> slice:
        """Give the records of the users of a part."""
        start, stop = np.searchsorted(self.owner, [part * PART, (part + 1) * PART])
        return slice(int(start), int(stop))


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One metric of one system in one stratum.

    Attributes
    ----------
    value : float
        Of the mean statistic; NaN where there is none, infinite where a record that counts is.
    replicates : (B,) float array or None
        The value in each resample.
    n_records : int
        Records that count.
    n_missing, n_infinite : int
        Records left out because their statistic is NaN; records that count, with an infinite statistic.
    """

    value: float
    replicates: np.ndarray | None
    n_records: int
    n_missing: int
    n_infinite: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """`cells` by (metric, system, stratum), and `columns` by (metric, system): (n,) values where they were kept."""

    cells: dict[tuple[str, str, str], Cell]
    columns: dict[tuple[str, str], np.ndarray]


@dataclass(eq=False)
class _Sums:
    """Running sums of one stratum: of the statistics, of those who count, and both in every resample."""

    total: np.ndarray
    counted: np.ndarray
    missing: np.ndarray
    infinite: np.ndarray
    drawn_total: np.ndarray | None
    drawn_counted: np.ndarray | None


def measure(
    cohort: Cohort,
    systems: Sequence[System],
    metrics: Sequence[BoundMetric],
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    *,
    paired: bool = False,
) -> Measured:
    """Compute every metric of every system in every stratum.

    With `paired`, a record counts in a metric only if it counts for every system, and the values of each record
    are kept for the metrics that are plain means.
    """
    width: list[int] = []
    sums: dict[tuple[int, int], _Sums] = {}
    kept: dict[tuple[str, str], list[np.ndarray]] = {}
    for part in range(-(-cohort.n_users // PART)):
        rows = cohort.rows(part)
        blocks = [_statistics(cohort, system, metrics, rows) for system in systems]
        flat = [block for system in blocks for block in system]
        width = [block.shape[1] for block in flat]
        missing = np.stack([np.isnan(block).any(axis=1) for block in flat], axis=1)
        if paired:
            missing = np.tile(_any_system(missing, len(metrics)), (1, len(systems)))
            for place, block in enumerate(flat):
                bound, system = metrics[place % len(metrics)], systems[place // len(metrics)]
                if bound.metric.is_mean:
                    column = np.where(missing[:, place], np.nan, block[:, 0])
                    kept.setdefault((bound.name, system.name), []).append(column)
        infinite = np.stack([np.isinf(block).any(axis=1) for block in flat], axis=1) & ~missing
        stacked = np.concatenate(flat, axis=1)
        if missing.any() or infinite.any():
            stacked[np.repeat(missing | infinite, width, axis=1)] = 0.0
        weights = None
        if resamples is not None:
            weights = resamples.weights(part)
            if len(cohort.owner) > cohort.n_users:  # every record is drawn as often as its user
                weights = weights[:, cohort.owner[rows] - part * PART]
        for which, stratification in enumerate(stratifications):
            _add(sums, which, stratification, rows, stacked, missing, infinite, weights)
    cells = {}
    for (which, group), found in sums.items():
        stratum = stratifications[which].names[group]
        for place, (start, stop) in enumerate(_spans(width)):
            bound, system = metrics[place % len(metrics)], systems[place // len(metrics)]
            cells[bound.name, system.name, stratum] = _cell(bound, found, place, slice(start, stop))
    return Measured(cells=cells, columns={key: np.concatenate(parts) for key, parts in kept.items()})


def _statistics(cohort: Cohort, system: System, metrics: Sequence[BoundMetric], rows: slice) -> list[np.ndarray]:
    """Compute the statistic of each metric for some records, a (rows, D) array each."""
    whole = Comparison(
        theta_star=cohort.theta_star[rows],
        theta_s=system.theta[rows],
        lists=None if system.lists is None else system.lists[rows],
        bucket=cohort.bucket,
    )
    blocks = [[bound.statistic(block) for bound in metrics] for block in whole.blocks()]
    return [np.concatenate(column) for column in zip(*blocks, strict=True)]


def _any_system(missing: np.ndarray, n_metrics: int) -> np.ndarray:
    return np.asarray(missing.reshape(len(missing), -1, n_metrics).any(axis=1))


def _add(
    sums: dict[tuple[int, int], _Sums],
    which: int,
    stratification: Stratification,
    rows: slice,
    stacked: np.ndarray,
    missing: np.ndarray,
    infinite: np.ndarray,
    weights: np.ndarray | None,
) -> None:
    """Add some records to the sums of their strata."""
    group = stratification.group[rows]
    order = np.argsort(group, kind="stable")
    ascending = bool((order[1:] > order[:-1]).all())
    if not ascending:  # one stratum holds one run of records then, and a run needs no copy
        group, stacked, missing, infinite = group[order], stacked[order], missing[order], infinite[order]
        weights = None if weights is None else weights[:, order]
    for number in range(len(stratification.names)):
        start, stop = np.searchsorted(group, [number, number + 1])
        run = slice(int(start), int(stop))
        found = sums.get((which, number))
        if found is None:
            found = sums[which, number] = _no_sums(stacked.shape[1], missing.shape[1], weights)
        if start == stop:
            continue
        counts = ~missing[run]
        found.total += stacked[run].sum(axis=0)
        found.counted += counts.sum(axis=0)
        found.missing += missing[run].sum(axis=0)
        found.infinite += infinite[run].sum(axis=0)
        if weights is not None:
            assert found.drawn_total is not None
            assert found.drawn_counted is not None
            drawn = weights[:, run]
            times = drawn.sum(axis=1)[:, None]
            _add_drawn(found.drawn_total, drawn, times, stacked[run])
            _add_drawn(found.drawn_counted, drawn, times, counts.astype(np.float64))


def _add_drawn(total: np.ndarray, drawn: np.ndarray, times: np.ndarray, columns: np.ndarray) -> None:
    """Add ``drawn @ columns``; a column that is the same for all records, as many are, needs no product."""
    same = (columns == columns[0]).all(axis=0)
    if same.all():
        total += times * columns[0]
        return
    varied = np.flatnonzero(~same)
    total[:, varied] += drawn @ columns[:, varied]
    total[:, same] += times * columns[0, same]


def _no_sums(columns: int, blocks: int, weights: np.ndarray | None) -> _Sums:
    n_resamples = None if weights is None else len(weights)
    return _Sums(
        total=np.zeros(columns),
        counted=np.zeros(blocks, dtype=np.int64),
        missing=np.zeros(blocks, dtype=np.int64),
        infinite=np.zeros(blocks, dtype=np.int64),
        drawn_total=None if n_resamples is None else np.zeros((n_resamples, columns)),
        drawn_counted=None if n_resamples is None else np.zeros((n_resamples, blocks)),
    )


def _spans(width: Sequence[int]) -> list[tuple[int, int]]:
    stop = np.cumsum(width)
    return list(zip((stop - width).tolist(), stop.tolist(), strict=True))


def _cell(bound: BoundMetric, found: _Sums, place: int, span: slice) -> Cell:
    """Take the value of the mean statistic, and of the mean in each resample."""
    counted, infinite = int(found.counted[place]), int(found.infinite[place])
    value: Any = np.nan
    replicates = None
    if infinite:
        value = np.inf
    elif counted:
        value = bound.value(found.total[span] / counted)
        if found.drawn_total is not None and found.drawn_counted is not None:
            drawn = found.drawn_counted[:, place]
            some = drawn > 0
            replicates = np.full(len(drawn), np.nan)
            replicates[some] = bound.value(found.drawn_total[some, span] / drawn[some, None])
    return Cell(
        value=float(value),
        replicates=replicates,
        n_records=counted,
        n_missing=int(found.missing[place]),
        n_infinite=infinite,
    )
