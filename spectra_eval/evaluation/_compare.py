"""Paired comparison of systems on the same users: differences with intervals, tests and effect sizes."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval._version import __version__
from spectra_eval.arrays import Number, Whole, as_names, check_level, check_whole
from spectra_eval.artifacts import rows_frame, write_json
from spectra_eval.baselines import BASELINES
from spectra_eval.baselines import row_system as baseline
from spectra_eval.errors import InputError
from spectra_eval.evaluation._align import align
from spectra_eval.evaluation._evaluate import bound_metrics, cohort_of, most_options
from spectra_eval.evaluation._intervals import interval_of
from spectra_eval.evaluation._latex import latex
from spectra_eval.evaluation._letters import letters
from spectra_eval.evaluation._measure import Cell, Measured, measure
from spectra_eval.evaluation._notes import of_metrics, of_options
from spectra_eval.evaluation._pair import LEAST_P, ComparedPair
from spectra_eval.evaluation._strata import ALL, buckets_of, ranks_of, stratify
from spectra_eval.evaluation._systems import AnySystem, Cohort
from spectra_eval.metrics import BoundMetric
from spectra_eval.metrics._base import names_shown_in
from spectra_eval.metrics._flatness import flatness
from spectra_eval.stats.bootstrap import Resamples
from spectra_eval.stats.multiplicity import holm
from spectra_eval.stats.paired import SignedRank, signed_rank
from spectra_eval.stats.power import minimum_detectable
from spectra_eval.tables import PreferenceTable, System, check_table, html_table, left_out_note, records_left_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCHEMA",
    "ComparedPair",
    "SystemComparison",
    "compare",
]

SCHEMA = "spectra-eval/comparison/1"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SystemComparison:
    """The result of `compare`.

    Attributes
    ----------
    pairs : tuple of ComparedPair
        Every pair of systems in every metric.
    values : mapping
        By metric, the value of each system.
    letters : mapping
        By metric, the letters of each system: systems with a common letter do not differ significantly.
    facts, options : mapping
        The users in the numbers, and the options of the call.
    warnings : tuple of str
        Warnings about the numbers, in sentences.

    Examples
    --------
    >>> shape = {"users": ["a", "b"], "categories": ("x", "y"), "counts": [[3, 1], [0, 4]]}
    >>> one = PreferenceTable(**shape, theta_s=[[0.7, 0.3], [0.1, 0.9]])
    >>> two = PreferenceTable(**shape, theta_s=[[0.5, 0.5], [0.5, 0.5]])
    >>> compare({"one": one, "two": two}, metrics=["total_variation"], bootstrap=0).facts["n_users"]
    2
    """

    pairs: tuple[ComparedPair, ...]
    values: Mapping[str, Mapping[str, float | None]]
    letters: Mapping[str, Mapping[str, str]]
    facts: Mapping[str, Any]
    options: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        systems = {name for pair in self.pairs for name in (pair.first, pair.second)}
        return f"<SystemComparison: {len(self)} pairs, {len(self.values)} metrics, {len(systems)} systems>"

    def _repr_html_(self) -> str:
        header = ("metric", "first", "second", "difference", "unit", "low", "high", "adjusted p", "better")
        return html_table(repr(self), header, map(_row, self.pairs))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per pair and metric; the interval is `low`, `high`, `level` and `method`."""
        return rows_frame(dataclasses.asdict(pair) for pair in self.pairs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document of `to_json` as a JSON file, completely or not at all."""
        write_json(self.to_json(), path)

    def to_latex(self) -> str:
        """Return two LaTeX tables in the style of booktabs: the systems with their letters, and the pairs."""
        return latex(self.values, self.letters, self.pairs, self.facts, self.options)

    def to_json(self) -> dict[str, Any]:
        """Return the document: strict JSON."""
        return {
            "schema": SCHEMA,
            "package_version": __version__,
            "options": dict(self.options),
            "facts": dict(self.facts),
            "values": {metric: dict(values) for metric, values in self.values.items()},
            "letters": {metric: dict(found) for metric, found in self.letters.items()},
            "pairs": [dataclasses.asdict(pair) for pair in self.pairs],
            "warnings": list(self.warnings),
        }


def _row(pair: ComparedPair) -> tuple[object, ...]:
    ends = (None, None) if pair.interval is None else (pair.interval.low, pair.interval.high)
    return (
        pair.metric, pair.first, pair.second, pair.difference, pair.unit, *ends, pair.adjusted_p_value, pair.better
    )  # fmt: skip


def compare(
    tables: Mapping[str, PreferenceTable],
    *,
    metrics: Sequence[str] | None = None,
    baselines: Sequence[str] = (),
    common: bool = False,
    bootstrap: Whole = 1000,
    level: Number = 0.95,
    rng: np.random.Generator | None = None,
    threads: Whole | None = None,
) -> SystemComparison:
    """Compare the readouts of several tables pair by pair, on the same users.

    Records are matched by user, context window and horizon, and must be the same in all tables.
    Intervals are of the difference, from users drawn together for both systems; a mean difference over fewer than 50
    users gets the interval of Student's t. The test is Wilcoxon's signed rank on the differences of users (records of
    one user are averaged), exact for up to 50 of them, and its p-values are adjusted by Holm over all pairs and
    metrics of the call.

    Parameters
    ----------
    tables : mapping of str to PreferenceTable
        By the name of the system; each with `theta_s`.
    metrics : sequence of str, optional
        Names as `metrics.parse` reads them; js_divergence, total_variation and category_ndcg@10 when not given.
    baselines : sequence of str
        Baselines to compare with, computed on the first table.
    common : bool
        Whether to leave out, and count, the records that some table lacks, instead of refusing the tables.
    bootstrap : int
        Resamples of users; 0 leaves the intervals out.
    level : float
        The level of the intervals and, less one, of the tests.
    rng : numpy.random.Generator, optional
        Where the draws come from; ``default_rng(0)`` when not given.
    threads : int, optional
        Threads that share the work; all processors, up to 8, when not given. The numbers do not depend on it.

    Returns
    -------
    SystemComparison
        Every pair in every metric.

    Raises
    ------
    InputError
        Fewer than two systems, a table without `theta_s`, or tables of other categories, records or windows.
    UnknownNameError
        A metric or a baseline is unknown.
    UndefinedMetricError
        No record has a window.

    References
    ----------
    .. [1] S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    .. [2] F. Wilcoxon, Biometrics Bulletin 1 (1945) 80-83. doi:10.2307/3001968

    Examples
    --------
    >>> shape = {"users": ["a", "b", "c"], "categories": ("x", "y"), "counts": np.array([[3, 1], [2, 2], [0, 4]])}
    >>> good = PreferenceTable(**shape, theta_s=[[0.7, 0.3], [0.5, 0.5], [0.1, 0.9]])
    >>> poor = PreferenceTable(**shape, theta_s=[[0.5, 0.5], [0.9, 0.1], [0.5, 0.5]])
    >>> found = compare({"good": good, "poor": poor}, metrics=["total_variation"], bootstrap=0)
    >>> round(found.pairs[0].difference, 3), found.pairs[0].rank_biserial
    (-0.333, -1.0)
    """
    check_level("level", level)
    if check_whole("bootstrap", bootstrap, least=-(10**7), most=10**7) < 0:
        raise InputError(f"bootstrap: {bootstrap} resamples; give 0 for no intervals, or at least 1")
    if not isinstance(tables, Mapping):
        what = f"{type(tables).__name__} is no mapping of names to tables"
        raise InputError(f"compare: {what}; write {{'one': table, 'other': table}}")
    for table in tables.values():
        check_table(table)
    baselines = as_names("baselines", baselines)
    aligned = align(tables, common=common) if tables else {}
    for name, table in aligned.items():
        if table.theta_s is None:
            raise InputError(f"{name}: no column theta_s; probe a model, or make a baseline of it")
    names = [*aligned, *baselines]
    if len(names) < 2:
        raise InputError(f"compare: {len(names)} system; give two tables, or one table and a baseline")
    if len(set(names)) < len(names):
        raise InputError("compare: two systems have one name; name each table, and each baseline once")
    first = next(iter(aligned.values()), None)
    if first is None:
        raise InputError("compare: no table; baselines are computed from the first table")
    bucket, source = buckets_of(first)
    seen, cohort, _ = cohort_of(first, bucket)
    cohort = dataclasses.replace(cohort, rank_by_frequency=ranks_of(first))
    readouts = [_readout(name, table, bucket) for name, table in aligned.items()]
    systems: list[AnySystem] = [*readouts]
    systems += [baseline(seen, name) for name in baselines]
    most = most_options(first)
    bound = bound_metrics(metrics, most) if metrics is not None else _fitting(most)
    resamples = None
    if bootstrap:
        resamples = Resamples.draw(cohort.n_users, bootstrap, rng=np.random.default_rng(0) if rng is None else rng)
    measured = measure(cohort, systems, bound, stratify(seen, (), bucket), resamples, paired=True, threads=threads)
    pairs = [
        _pair(bound_metric, one, other, measured, cohort, level=level)
        for bound_metric in bound
        for one, other in itertools.combinations(names, 2)
    ]
    adjusted = holm([np.nan if pair.p_value is None else pair.p_value for pair in pairs])
    directions = {bound_metric.name: bound_metric.metric.lower_is_better for bound_metric in bound}
    pairs = [
        _judged(pair, float(p), directions[pair.metric], level=level) for pair, p in zip(pairs, adjusted, strict=True)
    ]
    values = {
        bound_metric.name: {name: _finite(measured.cells[bound_metric.name, name, ALL]) for name in names}
        for bound_metric in bound
    }
    left = {name: counts for name, table in tables.items() if (counts := records_left_out(table.metadata))}
    return SystemComparison(
        pairs=tuple(pairs),
        values=values,
        letters={
            bound_metric.name: _letters(bound_metric, values[bound_metric.name], pairs, level=level)
            for bound_metric in bound
        },
        facts={
            "n_users": cohort.n_users,
            "n_records": seen.n_users,
            "n_records_of": {name: table.n_users for name, table in tables.items()},
            "n_tests": int((~np.isnan(adjusted)).sum()),
            "category_strata": source,
            **({"left_out": left} if left else {}),
            "see_the_window": [name for name in baselines if BASELINES[name].sees_window],
        },
        options={
            "metrics": [bound_metric.name for bound_metric in bound],
            "baselines": list(baselines),
            "bootstrap": bootstrap,
            "level": level,
        },
        warnings=(
            *_flat(readouts, seen),
            *of_options(seen, bound),
            *of_metrics(bound),
            *(f"{name}: {left_out_note(counts)}" for name, counts in left.items()),
        ),
    )


def _flat(readouts: Sequence[System], seen: PreferenceTable) -> Iterator[str]:
    """Return warnings about readouts that are uniform or close to it."""
    for readout in readouts:
        sentence = flatness(readout.theta, seen).sentence(readout.name)
        if sentence is not None:
            yield sentence


def _fitting(n_categories: int) -> list[BoundMetric]:
    """Return the default metrics of a comparison, each with its largest cut-off."""
    largest = {name.partition("@")[0]: name for name in names_shown_in("compare", n_categories)}
    return bound_metrics(list(largest.values()), n_categories)


def _readout(name: str, table: PreferenceTable, bucket: np.ndarray) -> System:
    seen, _, _ = cohort_of(table, bucket)
    assert seen.theta_s is not None  # checked above
    return System(name=name, theta=seen.theta_s)


def _finite(cell: Cell) -> float | None:
    return cell.value if np.isfinite(cell.value) else None


def _pair(
    bound_metric: BoundMetric, first: str, second: str, measured: Measured, cohort: Cohort, *, level: float
) -> ComparedPair:
    """Compare two systems in one metric; the adjusted p-value is computed later from all pairs."""
    one, other = (measured.cells[bound_metric.name, name, ALL] for name in (first, second))
    shape: dict[str, Any] = {
        "metric": bound_metric.name,
        "unit": str(bound_metric.metric.unit),
        "first": first,
        "second": second,
        "n_users": one.n_records,
    }
    if not (np.isfinite(one.value) and np.isfinite(other.value)):
        worse = first if not np.isfinite(one.value) else second
        reason = f"{worse} has no finite value in this metric"
        return ComparedPair(**shape, difference=None, interval=None, status="undefined", reason=reason)
    columns = (
        [measured.columns[bound_metric.name, name] for name in (first, second)] if bound_metric.metric.is_mean else None
    )
    by_user = one.users if columns is None else _by_user(columns[0] - columns[1], cohort)
    interval = None
    if one.replicates is not None and other.replicates is not None:
        users = None if one.users is None else by_user
        low, high = bound_metric.metric.limits
        limits = (low - high, high - low)
        interval = interval_of(bound_metric, one.replicates - other.replicates, users, level=level, limits=limits)
    shape |= {"difference": one.value - other.value, "interval": interval}
    if columns is None or by_user is None:
        return ComparedPair(**shape)
    differences = by_user[:, 0] / by_user[:, 1]
    tested = signed_rank(_without_rounding(differences, max(abs(one.value), abs(other.value))))
    return ComparedPair(**shape, **_sizes(tested, differences, level))


def _without_rounding(differences: np.ndarray, scale: float) -> np.ndarray:
    """Return the differences with those that only rounding separates made equal, or zero."""
    sizes = ties.settled(np.append(np.abs(differences), 0.0), scale=max(1.0, scale))[:-1]
    return np.asarray(np.sign(differences) * np.where(sizes > ties.TIE * max(1.0, scale), sizes, 0.0))


def _by_user(differences: np.ndarray, cohort: Cohort) -> np.ndarray:
    """Return the sum and the number of the valid differences of each user, (N, 2)."""
    counts = ~np.isnan(differences)
    size = np.bincount(cohort.owner[counts], minlength=cohort.n_users)
    total = np.bincount(cohort.owner[counts], weights=differences[counts], minlength=cohort.n_users)
    return np.stack([total, size], axis=1)[size > 0]


def _sizes(tested: SignedRank, differences: np.ndarray, level: float) -> dict[str, Any]:
    detectable = minimum_detectable(differences, level=level)
    deviation = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return {
        "p_value": max(tested.p_value, LEAST_P),
        "log10_p": tested.log10_p,
        "test": f"wilcoxon signed rank, {tested.method}",
        "n_zero": tested.n_zero,
        "n_tied": tested.n_tied,
        "median_difference": tested.median,
        "rank_biserial": tested.rank_biserial,
        "standardised": float(differences.mean()) / deviation if deviation else None,
        "detectable": detectable if np.isfinite(detectable) else None,
    }


def _judged(pair: ComparedPair, adjusted: float, lower: bool | None, *, level: float) -> ComparedPair:  # noqa: FBT001
    """Return the pair with the adjusted p-value, and the better system where the difference is significant."""
    if pair.p_value is None:
        return pair
    better = None
    # The test compares ranks, not means: if the mean has the other sign, no system is called better.
    if adjusted <= 1.0 - level + 1e-12 and lower is not None and pair.difference and pair.rank_biserial:
        if (pair.difference > 0) == (pair.rank_biserial > 0):
            better = pair.first if (pair.difference < 0) == lower else pair.second
    return dataclasses.replace(pair, adjusted_p_value=adjusted, better=better)


def _letters(
    bound_metric: BoundMetric, values: Mapping[str, float | None], pairs: Sequence[ComparedPair], *, level: float
) -> dict[str, str]:
    """Return the letters of one metric; empty where it has no test."""
    if not bound_metric.metric.is_mean:
        return {}
    known = {name: value for name, value in values.items() if value is not None}
    order = sorted(known, key=lambda name: known[name], reverse=bound_metric.metric.lower_is_better is False)
    different = [
        (pair.first, pair.second)
        for pair in pairs
        if pair.metric == bound_metric.name
        and pair.adjusted_p_value is not None
        and pair.adjusted_p_value <= 1.0 - level + 1e-12
    ]
    return letters(order, different)
