"""Which interval a number gets: by the users behind it, in every stratum, in `evaluate` and in `compare`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spectra_eval.baselines import row_system
from spectra_eval.data import movielens, prepare
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.stats.bootstrap import PART
from spectra_eval.tables import Interval, PreferenceTable

K = 4
STUDENT = "Student's t over users"


def made(n: int, *, seed: int = 0, records: int = 1) -> PreferenceTable:
    rng = np.random.default_rng(seed)
    law = rng.dirichlet(np.ones(K), size=n * records)
    return PreferenceTable(
        users=[f"u{row // records}" for row in range(n * records)],
        context_window=None if records == 1 else np.tile(np.arange(records), n),
        categories=tuple("abcd"),
        counts=rng.multinomial(12, law).astype(float),
        history_counts=rng.multinomial(12, law).astype(float),
        theta_s=rng.dirichlet(np.ones(K), size=n * records),
    )


def tv(table: PreferenceTable) -> np.ndarray:
    return np.asarray(np.abs(np.asarray(table.theta_s) - table.theta_star).sum(axis=1) / 2)


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


@pytest.mark.parametrize("n", [2, 49, 50])
def test_a_mean_over_fewer_than_fifty_users_gets_students_t(n: int) -> None:
    table = made(n)
    interval = evaluate(table, metrics=["total_variation"], bootstrap=20, level=0.9)[
        "total_variation", "theta_s"
    ].interval
    values = tv(table)
    assert interval is not None
    if n == 50:
        assert interval.method == "percentile bootstrap over users"
        return
    low, high = stats.t.interval(0.9, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert ends(interval) == pytest.approx((max(low, 0.0), min(high, 1.0)))
    assert interval.method.startswith(STUDENT)


def test_each_stratum_is_counted_by_its_users_and_not_by_its_records() -> None:
    """60 users: percentiles together, Student's t for the 20 of a stratum, and records of one user are one draw."""
    table = made(60, records=3)
    group = np.repeat(np.where(np.arange(60) < 20, "few", "many"), 3)
    found = evaluate(table, metrics=["total_variation"], strata=["size"], columns={"size": group}, bootstrap=20)
    methods = {row.stratum: row.interval.method for row in found.results if row.system == "theta_s" and row.interval}
    assert methods["all"] == "percentile bootstrap over users"
    assert methods["size=few"] == STUDENT
    assert methods["size=many"] == STUDENT  # 40 users with 120 records
    means = tv(table).reshape(60, 3).mean(axis=1)[:20]
    expected = stats.t.interval(0.95, 19, loc=means.mean(), scale=stats.sem(means))
    assert ends(found["total_variation", "theta_s", "size=few"].interval) == pytest.approx(expected)


def test_users_without_a_value_do_not_count() -> None:
    """Of 80 lists 30 name something: the mean over them is one over 30 users."""
    table = made(80)
    lists = np.where(np.arange(80)[:, None] < 30, [0, 1], [-1, -1])
    found = evaluate(table.replace(dg=lists), metrics=["total_variation"], bootstrap=20)["total_variation", "dg"]
    held = np.tile([0.5, 0.5, 0.0, 0.0], (30, 1))
    values = np.abs(held - table.theta_star[:30]).sum(axis=1) / 2
    assert found.n_users == 30
    assert ends(found.interval) == pytest.approx(stats.t.interval(0.95, 29, loc=values.mean(), scale=stats.sem(values)))


def test_a_small_stratum_that_lies_in_several_parts() -> None:
    table = made(PART + 10)
    few = np.full(table.n_users, "many")
    few[[3, 5, 70, PART + 2, PART + 9]] = "few"
    found = evaluate(table, metrics=["total_variation"], strata=["size"], columns={"size": few}, bootstrap=2)
    values = tv(table)[few == "few"]
    expected = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert ends(found["total_variation", "theta_s", "size=few"].interval) == pytest.approx(expected)


def test_a_difference_of_few_users_gets_students_t() -> None:
    table = made(12, records=2)
    other = table.replace(theta_s=made(12, seed=1, records=2).theta_s)
    pair = compare({"one": table, "other": other}, metrics=["total_variation"], bootstrap=20).pairs[0]
    by_user = (tv(table) - tv(other)).reshape(12, 2).mean(axis=1)
    assert ends(pair.interval) == pytest.approx(
        stats.t.interval(0.95, 11, loc=by_user.mean(), scale=stats.sem(by_user))
    )
    assert pair.interval is not None and pair.interval.method == STUDENT
    assert pair.test == "wilcoxon signed rank, exact"


def test_a_metric_of_the_cohort_says_that_few_users_are_few() -> None:
    """Nothing here makes its percentiles cover: the method says so, in `evaluate` and in `compare`."""
    few, many = made(20), made(60)
    other = few.replace(theta_s=made(20, seed=1).theta_s)
    for interval in (
        evaluate(few, metrics=["soft_ece"], bootstrap=20)["soft_ece", "theta_s"].interval,
        compare({"one": few, "other": other}, metrics=["soft_ece"], bootstrap=20).pairs[0].interval,
    ):
        assert interval is not None and "fewer than 50 users, so its coverage is below" in interval.method
    plain = evaluate(many, metrics=["soft_ece"], bootstrap=20)["soft_ece", "theta_s"].interval
    assert plain is not None and plain.method == "percentile bootstrap over users, not corrected for bias"


def test_without_resamples_there_is_no_interval() -> None:
    assert evaluate(made(5), metrics=["total_variation"], bootstrap=0)["total_variation", "theta_s"].interval is None


@pytest.fixture(scope="module")
def movies() -> PreferenceTable:
    """All users of the MovieLens table, with the same readout for each."""
    table = prepare(movielens.read(Path(__file__).parents[3] / "examples/data/ml-latest-small"))
    table = table.select(table.observed)
    readout = row_system(table, "popularity").predicted(slice(0, table.n_users))
    return table.replace(theta_s=readout, history=None, history_counts=None, dg=None)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_intervals_of_few_real_users_hold_the_mean_of_all(n: int, movies: PreferenceTable) -> None:
    """JS of a readout on 500 cohorts, each a stratum; percentiles hold it in .82, .90 and .93 of them, by n."""
    table = movies
    truth = evaluate(table, metrics=["js_divergence"], bootstrap=0)["js_divergence", "theta_s"].value
    assert truth is not None
    rows = np.random.default_rng(n).integers(0, table.n_users, size=500 * n)
    cohorts = PreferenceTable(
        users=[f"u{row}" for row in range(len(rows))],
        categories=table.categories,
        theta_star=table.theta_star[rows],
        theta_s=np.asarray(table.theta_s)[rows],
    )
    found = evaluate(
        cohorts,
        metrics=["js_divergence"],
        systems=["theta_s"],
        strata=["cohort"],
        columns={"cohort": [f"c{row // n}" for row in range(len(rows))]},
        bootstrap=1,
    )
    held = [low <= truth <= high for row in found.results if row.stratum != "all" for low, high in [ends(row.interval)]]
    assert len(held) == 500 and np.mean(held) >= 0.90
