"""One pass over the users: every statistic of every system, its sums by stratum, and its sums in every resample.

Nothing here knows a metric. A part of the users is computed, multiplied by how often each of them is drawn,
and let go, so memory does not grow with the number of users.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from spectra_eval.evaluation._parallel import in_order
from spectra_eval.evaluation._strata import Stratification
from spectra_eval.evaluation._sums import Drawn, Sums, add, no_sums, sums_of
from spectra_eval.metrics import BoundMetric, Comparison
from spectra_eval.stats.bootstrap import PART, Resamples
from spectra_eval.tables import System

__all__ = ["Cell", "Cohort", "ListSystem", "Measured", "measure"]


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
class ListSystem:
    """A system that names lists (N, L) and nothing else; it holds the uniform distribution on each list.

    With `truth` it holds the truth restricted to the list instead, which has the least JS divergence of all
    distributions on the list: a ceiling for any way of making a distribution of it. The distributions are made for
    the rows that are asked for, and not kept: together they would be the largest thing in memory.
    """

    name: str
    lists: np.ndarray
    n_categories: int
    truth: np.ndarray | None = None

    def held(self, rows: slice) -> np.ndarray:
        """Give the distributions of some users, (n, K); NaN where the list names no category."""
        lists = self.lists[rows]
        named = np.zeros((len(lists), self.n_categories + 1))
        np.put_along_axis(named, np.where(lists < 0, self.n_categories, lists), 1.0, axis=1)
        size = named[:, :-1].sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            uniform = np.asarray(named[:, :-1] / size)
            if self.truth is None:
                return uniform
            listed = self.truth[rows] * named[:, :-1]
            captured = listed.sum(axis=1, keepdims=True)
            return np.where((captured > 0) & (size > 0), listed / captured, uniform)


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


def measure(
    cohort: Cohort,
    systems: Sequence[System | ListSystem],
    metrics: Sequence[BoundMetric],
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    *,
    paired: bool = False,
    threads: int | None = None,
) -> Measured:
    """Compute every metric of every system in every stratum.

    With `paired`, a record counts in a metric only if it counts for every system, and the values of each record
    are kept for the metrics that are plain means. The work is divided into parts of fixed size, whose sums are added
    in their order: neither `threads` (all processors, up to 8, when not given) nor the size of a block changes a bit.
    """
    # More threads inside a product would give other last bits, and get in the way of the threads here.
    with threadpool_limits(limits=1, user_api="blas"):
        return _measured(cohort, systems, metrics, stratifications, resamples, paired=paired, threads=threads)


def _measured(
    cohort: Cohort,
    systems: Sequence[System | ListSystem],
    metrics: Sequence[BoundMetric],
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    *,
    paired: bool,
    threads: int | None,
) -> Measured:
    width: list[int] = []
    sums: dict[tuple[int, int], Sums] = {}
    kept: dict[tuple[str, str], list[np.ndarray]] = {}

    def work(part: int) -> _Part:
        return _measure_part(cohort, systems, metrics, stratifications, resamples, part, paired=paired)

    for made in in_order(work, range(-(-cohort.n_users // PART)), threads):
        width = made.width
        for key, found in made.sums.items():
            if key in sums:
                add(sums[key], found)
            else:
                sums[key] = found
        for name, column in made.columns.items():
            kept.setdefault(name, []).append(column)
    cells = {}
    nobody = no_sums(sum(width), len(width))
    for which, stratification in enumerate(stratifications):
        for group, stratum in enumerate(stratification.names):
            total = sums.get((which, group), nobody)
            for place, (start, stop) in enumerate(_spans(width)):
                bound, system = metrics[place % len(metrics)], systems[place // len(metrics)]
                cells[bound.name, system.name, stratum] = _cell(bound, total, place, slice(start, stop))
    return Measured(cells=cells, columns={key: np.concatenate(parts) for key, parts in kept.items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """What one part of the users adds: the sums of each stratum that has a record, and the columns that are kept."""

    width: list[int]
    sums: dict[tuple[int, int], Sums]
    columns: dict[tuple[str, str], np.ndarray]


def _measure_part(
    cohort: Cohort,
    systems: Sequence[System | ListSystem],
    metrics: Sequence[BoundMetric],
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    part: int,
    *,
    paired: bool,
) -> _Part:
    rows = cohort.rows(part)
    width, stacks = _statistics(cohort, systems, metrics, rows)
    lost, endless = zip(*(_not_finite(stack, width) for stack in stacks), strict=True)
    columns = {}
    if paired:
        together = np.any(lost, axis=0)
        lost, endless = [together] * len(systems), [one & ~together for one in endless]
        for system, stack in zip(systems, stacks, strict=True):
            for place, (bound, (start, _)) in enumerate(zip(metrics, _spans(width), strict=True)):
                if bound.metric.is_mean:
                    columns[bound.name, system.name] = np.where(together[:, place], np.nan, stack[:, start])
    for stack, nan, infinite in zip(stacks, lost, endless, strict=True):
        if nan.any() or infinite.any():
            stack[np.repeat(nan | infinite, width, axis=1)] = 0.0
    drawn = None
    if resamples is not None:
        drawn = resamples.counts(part)
        if len(cohort.owner) > cohort.n_users:  # every record is drawn as often as its user
            drawn = drawn[:, cohort.owner[rows] - part * PART]
    many = np.repeat([number > 1 and not paired for number in width], width)
    found = {}
    for which, stratification in enumerate(stratifications):
        for group, members in _runs(stratification, rows):
            chosen = None if drawn is None else Drawn(drawn[:, members])
            found[which, group] = _beside(
                [
                    sums_of(stack[members], nan[members], infinite[members], chosen, many)
                    for stack, nan, infinite in zip(stacks, lost, endless, strict=True)
                ]
            )
    return _Part(width=width * len(systems), sums=found, columns=columns)


def _not_finite(stack: np.ndarray, width: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Tell for each record and metric whether a NaN is among its columns, and else whether an infinity is."""
    nan, infinite = np.zeros((2, len(stack), len(width)), dtype=bool)
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(stack.sum(axis=0))  # what is not finite shows in the sum of its column
    for place, (start, stop) in enumerate(_spans(width)):
        if not finite[start:stop].all():
            nan[:, place] = np.isnan(stack[:, start:stop]).any(axis=1)
            infinite[:, place] = np.isinf(stack[:, start:stop]).any(axis=1) & ~nan[:, place]
    return nan, infinite


def _runs(stratification: Stratification, rows: slice) -> list[tuple[int, Any]]:
    """Give the records of each stratum that has some among these: all of them as a slice, which needs no copy."""
    group = stratification.group[rows]
    first = int(group[0])
    if first >= 0 and bool((group == first).all()):
        return [(first, slice(None))]
    return [(number, np.flatnonzero(group == number)) for number in np.unique(group[group >= 0]).tolist()]


def _beside(parts: Sequence[Sums]) -> Sums:
    """Put the sums of several systems side by side."""
    joined: dict[str, Any] = {}
    for item in dataclasses.fields(Sums):
        values = [getattr(part, item.name) for part in parts]
        joined[item.name] = None if values[0] is None else np.concatenate(values, axis=-1)
    return Sums(**joined)


def _statistics(
    cohort: Cohort, systems: Sequence[System | ListSystem], metrics: Sequence[BoundMetric], rows: slice
) -> tuple[list[int], list[np.ndarray]]:
    """Compute the statistics of some records: the width of each metric, and one (rows, columns) array a system."""
    truth: list[Comparison] = []
    width: list[int] = []
    stacks = []
    for system in systems:
        whole = Comparison(
            theta_star=cohort.theta_star[rows],
            theta_s=system.held(rows),
            lists=None if system.lists is None else system.lists[rows],
            bucket=cohort.bucket,
        )
        blocks = list(whole.blocks())
        if truth:
            blocks = [known.beside(one.theta_s, one.lists) for known, one in zip(truth, blocks, strict=True)]
        truth = truth or blocks
        stack = np.empty((0, 0))
        at = 0
        for block in blocks:
            made = [bound.statistic(block) for bound in metrics]
            if not at:
                width = [statistic.shape[1] for statistic in made]
                stack = np.empty((whole.n_users, sum(width)))
            np.concatenate(made, axis=1, out=stack[at : at + block.n_users])
            at += block.n_users
        stacks.append(stack)
    return width, stacks


def _spans(width: Sequence[int]) -> list[tuple[int, int]]:
    stop = np.cumsum(width)
    return list(zip((stop - width).tolist(), stop.tolist(), strict=True))


def _cell(bound: BoundMetric, found: Sums, place: int, span: slice) -> Cell:
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
