"""One pass over the users: the statistics of every system, summed by stratum and by resample.

The code does not depend on the metrics. Each part of the users is computed, multiplied by its bootstrap counts and
released, so memory does not grow with the number of users.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from spectra_eval.evaluation._few import few_users
from spectra_eval.evaluation._parallel import in_order
from spectra_eval.evaluation._strata import Stratification
from spectra_eval.evaluation._sums import Drawn, Sums, add, no_sums, sums_of
from spectra_eval.evaluation._systems import AnySystem, Cohort
from spectra_eval.metrics import BoundMetric, Comparison
from spectra_eval.metrics._comparison import Part, rows_of_block
from spectra_eval.stats.bootstrap import PART, Resamples

__all__ = ["Cell", "Measured", "measure"]

_FEW, _MANY = 1 << 22, 1 << 24
"""Cells of the systems of a part that each thread may have, and cells of the systems that are measured together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One metric of one system in one stratum.

    Attributes
    ----------
    value : float
        The value of the mean statistic; NaN where undefined, infinite if a valid record is.
    replicates : (B,) float array or None
        The value in each resample.
    n_records : int
        The number of valid records.
    n_missing, n_infinite : int
        Records left out because their statistic is NaN; valid records with an infinite statistic.
    users : (N, 2) float array or None
        The sum of the values and the number of the valid records of each user, for fewer than
        `stats.student.FEW` users.
    """

    value: float
    replicates: np.ndarray | None
    n_records: int
    n_missing: int
    n_infinite: int
    users: np.ndarray | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """The `cells` by (metric, system, stratum), and the `columns` by (metric, system): values of each record, (n,)."""

    cells: dict[tuple[str, str, str], Cell]
    columns: dict[tuple[str, str], np.ndarray]


def measure(
    cohort: Cohort,
    systems: Sequence[AnySystem],
    metrics: Sequence[BoundMetric],
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    *,
    paired: bool = False,
    threads: int | None = None,
) -> Measured:
    """Compute every metric of every system in every stratum.

    With `paired`, a record is valid in a metric only if it is valid for every system, and the values of each record
    are returned for plain means. The work is divided into parts of fixed size, whose sums are added in order: neither
    `threads` (default: all processors, at most 8) nor the block size changes the result.
    """
    # Threads inside a matrix product would change the last bits and compete with the threads here.
    with threadpool_limits(limits=1, user_api="blas"):
        return _measured(cohort, systems, metrics, stratifications, resamples, paired=paired, threads=threads)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """The statistics to compute, each once: metrics may share one.

    `sources` are the statistics. Metric m uses the columns ``columns[m]`` of source ``of_source[m]``: all of them for
    None, none where it is undefined. `mean` marks the sources with one number per user.
    """

    sources: list[Callable[[Comparison], np.ndarray]]
    of_source: list[int]
    columns: list[np.ndarray | None]
    mean: list[bool]


def _plan(metrics: Sequence[BoundMetric], cohort: Cohort) -> _Plan:
    plan = _Plan(sources=[], of_source=[], columns=[], mean=[])
    known: dict[Any, int] = {}
    for bound in metrics:
        given = bound.metric.statistic
        statistic, columns = given, None
        if isinstance(given, Part):
            statistic, columns = given.whole, given.columns(cohort, **bound.options)
        key = (statistic, *sorted(bound.options.items()))
        if key not in known:
            known[key] = len(plan.sources)
            plan.sources.append(functools.partial(statistic, **bound.options))
            plan.mean.append(bound.metric.is_mean)
        plan.of_source.append(known[key])
        plan.columns.append(columns)
    return plan


def _measured(
    cohort: Cohort,
    systems: Sequence[AnySystem],
    metrics: Sequence[BoundMetric],
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    *,
    paired: bool,
    threads: int | None,
) -> Measured:
    plan = _plan(metrics, cohort)
    width, _ = _statistics(systems[:1], plan, cohort, slice(0, 1), threads=1)
    n_sums = sum(len(one.names) for one in stratifications) * (1 if resamples is None else resamples.n_resamples)
    size = sum(width) * max(PART, n_sums)  # cells of the statistics of a system in a part, or of its sums
    at_once = len(systems) if paired else max(1, _MANY // size)
    made = Measured(cells={}, columns={})
    for start in range(0, len(systems), at_once):
        some = systems[start : start + at_once]
        inside = size * len(some) > _FEW  # large parts are computed one by one, each by all threads
        found = _sums(cohort, some, plan, stratifications, resamples, paired=paired, inside=inside, threads=threads)
        made.cells.update(_cells(some, metrics, plan, stratifications, width, found.sums))
        for bound, source in zip(metrics, plan.of_source, strict=True):
            for system in some:
                if paired and bound.metric.is_mean:
                    made.columns[bound.name, system.name] = np.concatenate(found.columns[source, system.name])
        del found  # before the sums of further systems
    return made


def _cells(
    systems: Sequence[AnySystem],
    metrics: Sequence[BoundMetric],
    plan: _Plan,
    stratifications: Sequence[Stratification],
    width: Sequence[int],
    sums: Mapping[tuple[int, int], list[Sums]],
) -> dict[tuple[str, str, str], Cell]:
    """Return the cell of each metric, system and stratum."""
    spans = _spans(width)
    empty = [no_sums(sum(width), len(width))] * len(systems)
    cells = {}
    for which, stratification in enumerate(stratifications):
        for group, stratum in enumerate(stratification.names):
            for system, total in zip(systems, sums.get((which, group), empty), strict=True):
                for bound, source, columns in zip(metrics, plan.of_source, plan.columns, strict=True):
                    chosen = np.arange(*spans[source])
                    chosen = chosen if columns is None else chosen[columns]
                    cells[bound.name, system.name, stratum] = _cell(bound, total, source, chosen)
    return cells


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """The results of all parts: sums by stratum, and the columns of plain means part by part."""

    sums: dict[tuple[int, int], list[Sums]]
    columns: dict[tuple[int, str], list[np.ndarray]]


def _sums(
    cohort: Cohort,
    systems: Sequence[AnySystem],
    plan: _Plan,
    stratifications: Sequence[Stratification],
    resamples: Resamples | None,
    *,
    paired: bool,
    inside: bool,
    threads: int | None,
) -> _Found:
    """Sum the statistics of some systems over all parts; with `inside`, the threads share the work of a part."""
    found = _Found(sums={}, columns={})

    def work(part: int) -> _Part:
        rows = cohort.rows(part)
        drawn = None
        if resamples is not None:
            drawn = resamples.counts(part)
            if len(cohort.owner) > cohort.n_users:  # every record has the count of its user
                drawn = drawn[:, cohort.owner[rows] - part * PART]
        into = found.sums if inside else {}  # parts that are computed one by one need no sums of their own
        columns = _measure_part(
            into, cohort, systems, plan, stratifications, drawn, rows, paired=paired, threads=threads if inside else 1
        )
        return _Part(sums={} if inside else into, columns=columns)

    for made in in_order(work, range(-(-cohort.n_users // PART)), 1 if inside else threads):
        for key, sums in made.sums.items():
            for place, more in enumerate(sums):
                _put(found.sums.setdefault(key, []), place, more)
        for name, column in made.columns.items():
            found.columns.setdefault(name, []).append(column)
    return found


def _put(sums: list[Sums], place: int, more: Sums) -> None:
    """Add the sums of a system to those of the parts before."""
    if place < len(sums):
        add(sums[place], more)
    else:
        sums.append(more)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The results of one part of the users: sums by stratum, and the columns of plain means."""

    sums: dict[tuple[int, int], list[Sums]]
    columns: dict[tuple[int, str], np.ndarray]


def _measure_part(
    into: dict[tuple[int, int], list[Sums]],
    cohort: Cohort,
    systems: Sequence[AnySystem],
    plan: _Plan,
    stratifications: Sequence[Stratification],
    drawn: np.ndarray | None,
    rows: slice,
    *,
    paired: bool,
    threads: int | None,
) -> dict[tuple[int, str], np.ndarray]:
    """Add the sums of the records of a part `into` those by stratum, and return the columns of plain means.

    `drawn` (B, records) has the bootstrap counts.
    """
    groups = [
        (which, group, members, None if drawn is None else Drawn(drawn[:, members], threads))
        for which, stratification in enumerate(stratifications)
        for group, members in _runs(stratification, rows)
    ]
    width, stacks = _statistics(systems, plan, cohort, rows, threads=threads)
    totals = [stack.sum(axis=0) for stack in stacks]
    flags = [_not_finite(stack, width, total) for stack, total in zip(stacks, totals, strict=True)]
    together = np.any([nan for nan, _ in flags], axis=0)
    columns = {}
    for place, (system, total, (nan, infinite)) in enumerate(zip(systems, totals, flags, strict=True)):
        stack = stacks.pop(0)  # released as soon as it is summed
        if paired:  # a record without a value of one system is left out of all
            nan, infinite = together, infinite & ~together
            for source, (start, _) in enumerate(_spans(width)):
                if plan.mean[source]:
                    columns[source, system.name] = np.where(nan[:, source], np.nan, stack[:, start])
        _add_up(into, place, groups, width, plan, cohort.owner[rows], stack, total, nan, infinite, paired=paired)
    return columns


def _add_up(
    into: dict[tuple[int, int], list[Sums]],
    place: int,
    groups: Sequence[tuple[int, int, Any, Drawn | None]],
    width: Sequence[int],
    plan: _Plan,
    owner: np.ndarray,
    stack: np.ndarray,
    total: np.ndarray,
    nan: np.ndarray,
    infinite: np.ndarray,
    *,
    paired: bool,
) -> None:
    """Sum the statistics of one system over the records of each stratum, with zero for entries that are not finite."""
    known: np.ndarray | None = total
    if nan.any() or infinite.any():
        stack[np.repeat(nan | infinite, width, axis=1)] = 0.0
        known = None
    single = np.repeat([not mean and not paired for mean in plan.mean], width)
    first = [start for start, _ in _spans(width)]
    for which, group, members, drawn in groups:
        everybody = isinstance(members, slice)
        chosen = stack[members]
        made = sums_of(
            chosen,
            nan[members],
            infinite[members],
            drawn,
            single,
            total=known if everybody else None,
            users=few_users(chosen, nan[members], owner[members], first),
        )
        _put(into.setdefault((which, group), []), place, made)


def _truth(cohort: Cohort, rows: slice) -> Comparison:
    """Return the target of some records."""
    theta_star = cohort.theta_star[rows]
    return Comparison(
        theta_star=theta_star,
        theta_s=theta_star,
        lists=None,
        bucket=cohort.bucket,
        support=None if cohort.support is None else cohort.support[rows],
        rank_by_frequency=cohort.rank_by_frequency,
    )


def _statistics(
    systems: Sequence[AnySystem], plan: _Plan, cohort: Cohort, rows: slice, *, threads: int | None
) -> tuple[list[int], list[np.ndarray]]:
    """Compute the statistics of systems: the width of each source, and all columns of each system, (records, columns).

    Records are in blocks that fit the cache, in which the systems share what is computed of the target.
    """
    step = rows_of_block(cohort.theta_star.shape[1])
    starts = range(rows.start, rows.stop, step)

    def work(place: int) -> tuple[slice, list[list[np.ndarray]]]:
        block = slice(starts[place], min(starts[place] + step, rows.stop))
        truth = _truth(cohort, block)
        made = []
        for system in systems:
            one = truth.with_system(system.predicted(block), None if system.lists is None else system.lists[block])
            made.append([source(one) for source in plan.sources])
        return block, made

    width: list[int] = []
    stacks: list[np.ndarray] = []
    for block, made in in_order(work, range(len(starts)), threads):
        if not stacks:
            width = [statistic.shape[1] for statistic in made[0]]
            stacks = [np.empty((rows.stop - rows.start, sum(width))) for _ in systems]
        for stack, statistics in zip(stacks, made, strict=True):
            np.concatenate(statistics, axis=1, out=stack[block.start - rows.start : block.stop - rows.start])
    return width, stacks


def _not_finite(stack: np.ndarray, width: Sequence[int], total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each record and source whether it has a NaN, and otherwise whether it has an infinity."""
    nan, infinite = np.zeros((2, len(stack), len(width)), dtype=bool)
    finite = np.isfinite(total)  # the sum of a column is not finite if an entry is not
    for place, (start, stop) in enumerate(_spans(width)):
        if not finite[start:stop].all():
            nan[:, place] = np.isnan(stack[:, start:stop]).any(axis=1)
            infinite[:, place] = np.isinf(stack[:, start:stop]).any(axis=1) & ~nan[:, place]
    return nan, infinite


def _runs(stratification: Stratification, rows: slice) -> list[tuple[int, Any]]:
    """Return the records of each stratum among the rows; all rows as a slice, which needs no copy."""
    group = stratification.group[rows]
    first = int(group[0])
    if first >= 0 and bool((group == first).all()):
        return [(first, slice(None))]
    return [(number, np.flatnonzero(group == number)) for number in np.unique(group[group >= 0]).tolist()]


def _spans(width: Sequence[int]) -> list[tuple[int, int]]:
    stop = np.cumsum(width)
    return list(zip((stop - width).tolist(), stop.tolist(), strict=True))


def _cell(bound: BoundMetric, found: Sums, source: int, columns: np.ndarray) -> Cell:
    """Compute the value of the mean statistic, and of the mean in each resample."""
    counted, missing, infinite = (int(of[source]) for of in (found.counted, found.missing, found.infinite))
    if not len(columns):
        counted, missing, infinite = 0, counted + missing, 0
    value: Any = np.nan
    replicates = None
    if infinite:
        value = np.inf
    elif counted:
        value = bound.value(found.total[columns] / counted)
        if found.drawn_total is not None and found.drawn_counted is not None:
            drawn = found.drawn_counted[:, source]
            some = drawn > 0
            replicates = np.full(len(drawn), np.nan)
            replicates[some] = bound.value(found.drawn_total[some][:, columns] / drawn[some, None])
    return Cell(
        value=float(value),
        replicates=replicates,
        n_records=counted,
        n_missing=missing,
        n_infinite=infinite,
        users=found.users[source],
    )
