"""Evaluation of every system of a table against the observed interactions."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval._version import __version__
from spectra_eval.arrays import Number, Whole, as_names, check_level, check_whole
from spectra_eval.artifacts import TableDigest, rows_frame, write_json
from spectra_eval.baselines import BASELINES
from spectra_eval.baselines import row_system as baseline
from spectra_eval.baselines._base import any_history
from spectra_eval.errors import InputError, UndefinedMetricError, UnknownNameError
from spectra_eval.evaluation._intervals import interval_of
from spectra_eval.evaluation._measure import Cell, measure
from spectra_eval.evaluation._notes import notes
from spectra_eval.evaluation._strata import buckets_of, check_columns, ranks_of, stratify
from spectra_eval.evaluation._systems import AnySystem, Cohort, ListSystem, WindowRows
from spectra_eval.metrics import BoundMetric
from spectra_eval.metrics._base import names_shown_in
from spectra_eval.stats.bootstrap import Resamples
from spectra_eval.tables import MetricResult, PreferenceTable, System, check_table, html_table, records_left_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCHEMA",
    "Evaluation",
    "bound_metrics",
    "cohort_of",
    "evaluate",
    "most_options",
    "systems_of",
]

SCHEMA = "spectra-eval/evaluation/1"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Evaluation:
    """The result of `evaluate`.

    Two evaluations are equal only if they are the same object; compare their `results`.

    Attributes
    ----------
    results : tuple of MetricResult
        One row per metric, system and stratum.
    warnings : tuple of str
        Warnings about the numbers, in sentences.
    facts : mapping
        Numbers of records and users, users left out, and the rules of the strata.
    options : mapping
        The options of the call.
    better : mapping
        ``lower`` or ``higher`` by metric, where one is better.

    Examples
    --------
    >>> table = PreferenceTable(users=["a"], categories=("x", "y"), counts=[[3, 1]], theta_s=[[0.5, 0.5]])
    >>> evaluate(table, metrics=["total_variation"], bootstrap=0)["total_variation"].value
    0.25
    """

    results: tuple[MetricResult, ...]
    warnings: tuple[str, ...]
    facts: Mapping[str, Any]
    options: Mapping[str, Any]
    better: Mapping[str, str]
    _table: PreferenceTable = dataclasses.field(repr=False)

    def __getitem__(self, key: str | tuple[str, str] | tuple[str, str, str]) -> MetricResult:
        """Return the row of (metric, system) for all users, or of (metric, system, stratum).

        A metric alone is that of the first system that has it: the readout, where the table has one.
        """
        if isinstance(key, str):
            named = [row.system for row in self.results if row.metric == key and row.stratum == "all"]
            key = (key, named[0] if named else "theta_s")
        if not isinstance(key, tuple) or not 2 <= len(key) <= 3:
            raise InputError(f"evaluation: {key!r:.60} is no metric, and no (metric, system, stratum); name a metric")
        metric, system, stratum = (*key, "all")[:3]
        for row in self.results:
            if (row.metric, row.system, row.stratum) == (metric, system, stratum):
                return row
        raise InputError(f"evaluation: no row {metric!r}, {system!r}, {stratum!r}; it was not computed")

    def __iter__(self) -> Iterator[MetricResult]:
        return iter(self.results)

    def __contains__(self, key: object) -> bool:
        return any(key in (row, row.metric) for row in self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        systems = {row.system for row in self.results}
        metrics = {row.metric for row in self.results}
        return f"<Evaluation: {len(self)} rows, {len(metrics)} metrics, {len(systems)} systems>"

    def __bool__(self) -> bool:
        return True

    def _repr_html_(self) -> str:
        header = ("metric", "system", "stratum", "value", "unit", "low", "high", "users")
        return html_table(repr(self), header, map(_row, self.results))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per metric, system and stratum; the interval is `low`, `high`, `level` and `method`."""
        return rows_frame(dataclasses.asdict(row) for row in self.results)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document of `to_json` as a JSON file, completely or not at all."""
        write_json(self.to_json(), path)

    def to_json(self) -> dict[str, Any]:
        """Return the document: strict JSON, with a digest of the table as ``input``."""
        digest = TableDigest()
        digest.update(self._table)
        return {
            "schema": SCHEMA,
            "package_version": __version__,
            "input": digest.hexdigest(),
            "options": dict(self.options),
            "facts": dict(self.facts),
            "results": [dataclasses.asdict(row) for row in self.results],
            "warnings": list(self.warnings),
            "better": dict(self.better),
        }


def _row(row: MetricResult) -> tuple[object, ...]:
    ends = (None, None) if row.interval is None else (row.interval.low, row.interval.high)
    return row.metric, row.system, row.stratum, row.value, row.unit, *ends, row.n_users


def evaluate(
    table: PreferenceTable,
    *,
    metrics: Sequence[str] | None = None,
    strata: Sequence[str] | None = None,
    systems: Sequence[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    bootstrap: Whole = 1000,
    level: Number = 0.95,
    rng: np.random.Generator | None = None,
    threads: Whole | None = None,
) -> Evaluation:
    """Evaluate every system of a table against the observed interactions, with intervals over users.

    The systems, unless named, are the readout `theta_s` and the decoded lists `dg` (as uniform distributions, and as
    lists), where the table has them, and the reference predictors: uniform, and popularity and history where the
    table has `history_counts`. Records without a window are left out and counted.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    metrics : sequence of str, optional
        Names as `metrics.parse` reads them; those that say ``evaluate`` in `Metric.shown_in` when not given.
    strata : sequence of str, optional
        Rules that sort the records: ``tail_preference`` (from the histories), ``tail_preference_window`` (from the
        windows, as the paper does), ``activity``, ``context_window``, ``horizon``, ``context_window_by_horizon``,
        ``n_window``, or names of `columns`. Everybody together is always there, as stratum ``all``.
    systems : sequence of str, optional
        ``theta_s``, ``dg``, ``dg_best`` (the truth restricted to the list: the best that any distribution on it could
        do), or names of baselines.
    columns : mapping of str to (N,) array-like, optional
        Further columns to stratify by, one value a record; one with more than ten different numbers is cut into
        quarters. A record without a value (None or NaN) is in no stratum of the column.
    bootstrap : int
        Resamples of users; 0 leaves the intervals out. All records of a user are drawn together. A mean over fewer
        than 50 users of a stratum gets the interval of Student's t instead of percentiles; each interval names its
        method.
    level : float
        The level of the intervals.
    rng : numpy.random.Generator, optional
        Where the draws come from; ``default_rng(0)`` when not given, so the same call returns the same numbers.
    threads : int, optional
        Threads that share the work; all processors, up to 8, when not given. The numbers do not depend on it.

    Returns
    -------
    Evaluation
        A metric without a value has the status ``undefined`` and a reason.

    Raises
    ------
    UndefinedMetricError
        No record has a window.
    UnknownNameError
        A metric, a stratum or a system is unknown.
    InputError
        An option is out of range, a metric or a system is named twice, or one needs a column that is not there.
    ShapeError
        A further column is not one value a record.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("Drama", "Noir"), counts=[[3, 1], [0, 2]],
    ...     history_counts=[[3, 1], [1, 3]], theta_s=[[0.75, 0.25], [0.5, 0.5]],
    ... )
    >>> found = evaluate(table, metrics=["total_variation"], bootstrap=0)
    >>> [(row.system, row.value) for row in found.results]
    [('theta_s', 0.25), ('uniform', 0.375), ('popularity', 0.375), ('history', 0.125)]
    """
    check_level("level", level)
    if check_whole("bootstrap", bootstrap, least=-(10**7), most=10**7) < 0:
        raise InputError(f"bootstrap: {bootstrap} resamples; give 0 for no intervals, or at least 1")
    check_table(table)
    strata = as_names("strata", strata or ())
    bound = bound_metrics(metrics, most_options(table))
    bucket, source = buckets_of(table)
    seen, cohort, rows = cohort_of(table, bucket)
    cohort = dataclasses.replace(cohort, rank_by_frequency=ranks_of(table))
    further = {name: values[rows] for name, values in check_columns(columns or {}, table).items()}
    stratifications = stratify(seen, strata, bucket, further)
    compared = systems_of(seen) if systems is None else named_systems(seen, systems)
    resamples = None
    if bootstrap:
        resamples = Resamples.draw(cohort.n_users, bootstrap, rng=np.random.default_rng(0) if rng is None else rng)
    cells = measure(cohort, compared, bound, stratifications, resamples, threads=threads).cells
    results = []
    for stratification in stratifications:
        for stratum in stratification.names:
            for one in compared:
                for bound_metric in bound:
                    cell = cells[bound_metric.name, one.name, stratum]
                    results.append(_result(bound_metric, one.name, stratum, cell, level=level))
    left_out = table.n_users - seen.n_users
    facts = {
        "n_users": cohort.n_users,
        "n_records": seen.n_users,
        "n_without_window": left_out,
        "category_strata": source,
        "strata": {name: fact for part in stratifications for name, fact in part.facts.items()},
    }
    if seen.support is not None:
        facts["options"] = {"least": int(seen.n_options.min()), "most": int(seen.n_options.max())}
    if counts := records_left_out(table.metadata):
        facts["left_out"] = counts
    return Evaluation(
        results=tuple(results),
        warnings=notes(seen, results, left_out=left_out, bucket_source=source, bound=bound),
        facts=facts,
        options={
            "metrics": [bound_metric.name for bound_metric in bound],
            "strata": [*strata],
            "systems": [one.name for one in compared],
            "bootstrap": bootstrap,
            "level": level,
        },
        better={
            bound_metric.name: "lower" if bound_metric.metric.lower_is_better else "higher"
            for bound_metric in bound
            if bound_metric.metric.lower_is_better is not None
        },
        _table=table,
    )


def bound_metrics(names: Sequence[str] | None, n_categories: int) -> list[BoundMetric]:
    """Parse the names of metrics; without names, return the default metrics with their cut-offs lowered."""
    if names is None:
        return [BoundMetric.parse(name) for name in names_shown_in("evaluate", n_categories)]
    if not (names := as_names("metrics", names)):
        raise InputError("metrics: none named; name at least one, or leave the option out")
    bound = [BoundMetric.parse(name) for name in names]
    seen: set[str] = set()
    for bound_metric in bound:
        bound_metric.check_categories(n_categories)
        if bound_metric.name in seen:
            raise InputError(f"metrics: {bound_metric.name!r} is named twice; leave one out")
        seen.add(bound_metric.name)
    return bound


def cohort_of(table: PreferenceTable, bucket: np.ndarray) -> tuple[PreferenceTable, Cohort, np.ndarray]:
    """Return the records with a window, grouped by user in the order of first appearance.

    The last value has their rows in the table.
    """
    rows = np.flatnonzero(table.observed)
    if not len(rows):
        raise UndefinedMetricError("table: no user has a window, so there is nothing to compare a system with")
    names = table.users[rows].tolist()
    # In the order of first appearance; in most tables a user has one record, and the codes are immediate.
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    owner = np.arange(len(rows))
    if len(number) < len(rows):
        owner = np.fromiter((number[name] for name in names), dtype=np.int64, count=len(rows))
        order = np.argsort(owner, kind="stable")
        rows, owner = rows[order], owner[order]
    whole = len(rows) == table.n_users and bool((rows == np.arange(len(rows))).all())
    seen = table if whole else table.select(rows)
    cohort = Cohort(theta_star=WindowRows(seen), owner=owner, bucket=bucket, n_users=len(number), support=seen.support)
    return seen, cohort, rows


def most_options(table: PreferenceTable) -> int:
    """Return the largest number of options of a record, which no list can exceed."""
    return table.n_categories if table.support is None else int(table.n_options.max())


def systems_of(table: PreferenceTable) -> list[AnySystem]:
    """Return the systems of a table: the readout, the decoded lists and the reference predictors."""
    systems: list[AnySystem] = []
    if table.theta_s is not None:
        systems.append(System(name="theta_s", theta=table.theta_s))
    if table.dg is not None:
        systems.append(ListSystem(name="dg", lists=table.dg, n_categories=table.n_categories))
    systems.append(baseline(table, "uniform"))
    if any_history(table):
        systems += [baseline(table, "popularity"), baseline(table, "history")]
    return systems


def named_systems(table: PreferenceTable, names: Sequence[str]) -> list[AnySystem]:
    """Return the named systems."""
    if not names:
        raise InputError("systems: none named; name at least one, or leave the option out")
    made: list[AnySystem] = []
    for name in names:
        if name in [one.name for one in made]:
            raise InputError(f"systems: {name!r} is named twice; leave one out")
        if name == "theta_s":
            if table.theta_s is None:
                raise InputError("systems: the table has no theta_s; probe a model, or leave it out")
            made.append(System(name=name, theta=table.theta_s))
        elif name in ("dg", "dg_best"):
            if table.dg is None:
                raise InputError(f"systems: the table has no dg, so there is no {name}; decode lists, or leave it out")
            truth = WindowRows(table) if name == "dg_best" else None
            made.append(ListSystem(name=name, lists=table.dg, n_categories=table.n_categories, truth=truth))
        elif name in BASELINES:
            made.append(baseline(table, name))
        else:
            known = ", ".join(["theta_s", "dg", "dg_best", *BASELINES.names()])
            raise UnknownNameError(f"no system named {name!r}; known: {known}")
    return made


def _result(bound_metric: BoundMetric, system: str, stratum: str, cell: Cell, *, level: float) -> MetricResult:
    reason = None
    if cell.n_infinite:
        reason = f"infinite for {cell.n_infinite} of {cell.n_records} records: an observed category has probability 0"
    elif not cell.n_records:
        reason = (
            f"{cell.n_missing} records, none of which has a value" if cell.n_missing else "no record in this stratum"
        )
    elif not np.isfinite(cell.value):
        reason = "the metric has no value for these records"
    interval = None
    if reason is None:
        interval = interval_of(
            bound_metric, cell.replicates, cell.users, level=level, limits=bound_metric.metric.limits
        )
    return MetricResult(
        metric=bound_metric.name,
        unit=str(bound_metric.metric.unit),
        system=system,
        stratum=stratum,
        value=None if reason else cell.value,
        interval=interval,
        n_users=cell.n_records,
        status="undefined" if reason else "ok",
        reason=reason,
    )
