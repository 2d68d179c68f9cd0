"""Evaluation: every number recomputed user by user, what is undefined, what is warned of."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import ndcg_score

from spectra_eval.baselines import with_baseline
from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError, UnknownNameError
from spectra_eval.evaluation import Evaluation, evaluate
from spectra_eval.stats.bootstrap import PART, Resamples
from spectra_eval.tables import PreferenceTable

K = 6


def made(n: int = 80, *, seed: int = 0, **columns: Any) -> PreferenceTable:
    """Make users with windows, histories, a readout near the truth and lists."""
    rng = np.random.default_rng(seed)
    law = rng.dirichlet(np.linspace(2.0, 0.4, K), size=n)
    values: dict[str, Any] = {
        "users": [f"u{i}" for i in range(n)],
        "categories": tuple("abcdef"),
        "counts": rng.multinomial(30, law).astype(float),
        "n_window": np.full(n, 30),
        "history_counts": rng.multinomial(60, law) + 0.5,
        "theta_s": 0.8 * law + 0.2 / K,
        "dg": np.argsort(-law, axis=1)[:, :3],
        "answer_mass": np.full((n, K), 0.9),
    }
    return PreferenceTable(**{**values, **columns})


def value(found: Evaluation, metric: str, system: str, stratum: str = "all") -> float:
    got = found[metric, system, stratum].value
    assert got is not None
    return got


@pytest.fixture(scope="module")
def table() -> PreferenceTable:
    return made()


def test_means_against_scipy_and_sklearn_user_by_user(table: PreferenceTable) -> None:
    found = evaluate(table, metrics=["js_divergence", "total_variation", "category_ndcg@4"], bootstrap=0)
    history = np.asarray(table.history_counts)
    shares = history / history.sum(axis=1, keepdims=True)
    lists = np.zeros((80, K))
    for row, entries in enumerate(np.asarray(table.dg)):
        lists[row, entries] = 1 / 3
    systems = {
        "theta_s": np.asarray(table.theta_s),
        "dg": lists,
        "uniform": np.full((80, K), 1 / K),
        "popularity": np.tile(shares.mean(axis=0), (80, 1)),
        "history": shares,
    }
    assert list(dict.fromkeys(row.system for row in found.results)) == list(systems)
    for name, held in systems.items():
        pairs = list(zip(table.theta_star, held, strict=True))
        js = [jensenshannon(p, q, base=2) ** 2 for p, q in pairs]  # an independent source
        assert value(found, "js_divergence", name) == pytest.approx(np.mean(js), rel=1e-9)
        tv = [np.abs(p - q).sum() / 2 for p, q in pairs]
        assert value(found, "total_variation", name) == pytest.approx(np.mean(tv), rel=1e-12)
        ndcg = [ndcg_score([p], [q], k=4) for p, q in pairs]
        assert value(found, "category_ndcg@4", name) == pytest.approx(np.mean(ndcg), rel=1e-9)


def test_the_decoded_list_is_ranked_as_it_was_written(table: PreferenceTable) -> None:
    turned = table.replace(dg=np.asarray(table.dg)[:, ::-1])
    first, last = (evaluate(t, metrics=["list_ndcg@3", "total_variation"], bootstrap=0) for t in (table, turned))
    assert value(first, "list_ndcg@3", "dg") > value(last, "list_ndcg@3", "dg")
    assert value(first, "total_variation", "dg") == value(last, "total_variation", "dg")


def test_cohort_metrics_are_values_of_the_mean_and_not_means_of_values(table: PreferenceTable) -> None:
    found = evaluate(table, metrics=["exposure_entropy@1", "category_bias"], bootstrap=0)
    top = np.bincount(np.asarray(table.theta_s).argmax(axis=1), minlength=K) / 80
    assert value(found, "exposure_entropy@1", "theta_s") == pytest.approx(
        -sum(p * np.log(p) for p in top if p) / np.log(2), rel=1e-12
    )
    bias = (np.asarray(table.theta_s) - table.theta_star).mean(axis=0)
    assert value(found, "category_bias", "theta_s") == pytest.approx(np.abs(bias).sum() / 2, rel=1e-12)


@pytest.mark.parametrize("n", [80, PART + 60])
def test_intervals_against_a_loop_over_the_same_resamples(n: int) -> None:
    table = made(n)
    found = evaluate(
        table, metrics=["total_variation", "category_bias"], bootstrap=50, level=0.9, rng=np.random.default_rng(3)
    )
    resamples = Resamples.draw(n, 50, rng=np.random.default_rng(3))
    drawn = np.hstack([resamples.weights(part) for part in range(resamples.n_parts)]).astype(int)
    difference = np.asarray(table.theta_s) - table.theta_star
    tv, bias = [], []
    for row in drawn:
        users = np.repeat(np.arange(n), row)
        tv.append(np.mean(np.abs(difference[users]).sum(axis=1) / 2))
        bias.append(np.abs(difference[users].mean(axis=0)).sum() / 2)
    # What is one number a user is summed in double precision, what is many in single precision around its mean.
    for metric, replicates, rel in (("total_variation", tv, 1e-10), ("category_bias", bias, 1e-6)):
        interval = found[metric, "theta_s"].interval
        assert interval is not None and interval.level == 0.9
        expected = np.percentile(replicates, [5.0, 95.0])
        assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=rel)


def test_strata_hold_the_users_they_name(table: PreferenceTable) -> None:
    sizes = np.arange(80) % 7
    told = table.replace(history=[("title",) * int(size) for size in sizes], horizon=["long", "short"] * 40)
    found = evaluate(told, metrics=["total_variation"], strata=["tail_preference", "activity", "horizon"], bootstrap=20)
    tv = np.abs(np.asarray(table.theta_s) - table.theta_star).sum(axis=1) / 2
    history = np.asarray(table.history_counts)
    tail = np.argsort(-history.sum(axis=0), kind="stable")[4:]
    share = history[:, tail].sum(axis=1) / history.sum(axis=1)
    rules: dict[str, Callable[[int], np.ndarray]] = {
        "tail_preference": lambda q: _quarter(share, q),
        "activity": lambda q: _quarter(sizes.astype(float), q),
    }
    for name, rule in rules.items():
        for quarter in (1, 2, 3, 4):
            row = found["total_variation", "theta_s", f"{name}=Q{quarter}"]
            members = rule(quarter)
            assert row.n_users == members.sum() == found.facts["strata"][name]["sizes"][f"Q{quarter}"]
            assert row.value == pytest.approx(tv[members].mean(), rel=1e-12)
            assert row.interval is not None and row.interval.low <= row.value <= row.interval.high
    assert value(found, "total_variation", "theta_s", "horizon=short") == pytest.approx(tv[1::2].mean())


def _quarter(numbers: np.ndarray, quarter: int) -> np.ndarray:
    cuts = [sorted(numbers)[-(-q * len(numbers) // 4) - 1] for q in (1, 2, 3)]
    return np.array([1 + sum(cut < number for cut in cuts) == quarter for number in numbers])


def test_an_empty_stratum_is_undefined(table: PreferenceTable) -> None:
    same = table.replace(history=[("t",)] * 80)
    row = evaluate(same, metrics=["total_variation"], strata=["activity"])["total_variation", "theta_s", "activity=Q4"]
    assert (row.status, row.value, row.interval, row.n_users) == ("undefined", None, None, 0)
    assert row.reason == "no record in this stratum"


def test_records_of_one_user_are_drawn_together() -> None:
    plain = made(40)
    rows = np.concatenate([np.arange(40), np.arange(40)[::-1]])  # records of a user apart in the file
    arrays = {item.name: getattr(plain, item.name) for item in dataclasses.fields(plain)}
    columns = {name: value[rows] for name, value in arrays.items() if isinstance(value, np.ndarray)}
    columns["context_window"] = np.repeat([5, 20], 40)
    twice = plain.replace(**columns)
    options: dict[str, Any] = {"metrics": ["total_variation"], "bootstrap": 30}
    one, two = evaluate(plain, **options), evaluate(twice, **options, strata=["context_window"])
    assert two.facts["n_users"] == 40 and two.facts["n_records"] == 80
    for stratum in ("all", "context_window=5", "context_window=20"):
        mine, other = one["total_variation", "theta_s"], two["total_variation", "theta_s", stratum]
        assert other.value == pytest.approx(mine.value)
        assert mine.interval is not None and other.interval is not None
        assert (other.interval.low, other.interval.high) == pytest.approx((mine.interval.low, mine.interval.high))


def test_what_has_no_value_says_why(table: PreferenceTable) -> None:
    peaked = table.replace(theta_s=np.eye(K)[np.zeros(80, dtype=int)], dg=np.full((80, 3), -1))
    found = evaluate(peaked, metrics=["kl_divergence", "list_ndcg@3", "exposure_entropy@3"], bootstrap=10)
    infinite = found["kl_divergence", "theta_s"]
    assert infinite.status == "undefined" and "infinite for" in str(infinite.reason)
    assert "none of which has a value" in str(found["kl_divergence", "dg"].reason)
    assert value(found, "list_ndcg@3", "dg") == 0.0
    assert found["exposure_entropy@3", "dg"].reason == "the metric has no value for these records"
    json.dumps(found.to_json(), allow_nan=False)


def test_records_without_a_window_and_without_a_list_are_left_out_and_counted(table: PreferenceTable) -> None:
    counts, lists = np.array(table.counts), np.array(table.dg)
    counts[:5] = 0.0
    lists[5:7] = -1
    gaps = table.replace(counts=counts, theta_star=None, n_window=None, dg=lists)
    found = evaluate(gaps, metrics=["total_variation"], bootstrap=10)
    assert found.facts["n_without_window"] == 5
    assert found["total_variation", "theta_s"].n_users == 75
    assert found["total_variation", "dg"].n_users == 73
    assert any("5 of 80 records have no window" in line for line in found.warnings)
    assert any("dg: 2 of 75 records" in line for line in found.warnings)
    assert any("6 of 225 entries of the decoded lists name no category" in line for line in found.warnings)
    with pytest.raises(UndefinedMetricError, match="no user has a window"):
        evaluate(gaps.select(slice(0, 5)))


def test_a_flat_readout_a_low_answer_mass_and_better_baselines_are_called_out(table: PreferenceTable) -> None:
    clean = evaluate(with_baseline(table, "oracle"), bootstrap=0)
    assert clean.warnings == ()
    flat = table.replace(theta_s=np.full((80, K), 1 / K), answer_mass=np.full((80, K), 0.01))
    said = evaluate(flat, bootstrap=0).warnings
    assert any("theta_s is flat" in line for line in said)
    assert any("answer tokens have 0.0100" in line for line in said)
    shrunk = table.replace(theta_s=0.08 * table.theta_star + 0.92 / K)
    assert any("theta_s is close to uniform" in line for line in evaluate(shrunk, bootstrap=0).warnings)
    assert not any("flat" in line for line in evaluate(table, bootstrap=0).warnings)
    rival = next(line for line in said if "baseline history" in line)
    assert "js_divergence" in rival and "category_ndcg@5" in rival and "soft_ece" not in rival
    assert not any("baseline uniform" in line for line in said)
    turned = evaluate(table.replace(theta_s=np.asarray(table.theta_s)[:, ::-1]), bootstrap=0).warnings
    assert any("baseline uniform is better than theta_s" in line for line in turned)


def test_without_histories_the_missing_baselines_are_named(table: PreferenceTable) -> None:
    found = evaluate(table.replace(history_counts=None, dg=None, theta_s=None), bootstrap=0)
    assert {row.system for row in found.results} == {"uniform"}
    assert any("popularity and history are missing" in line for line in found.warnings)
    assert any("no readout" in line for line in found.warnings)
    assert found.facts["category_strata"] == "window"


def test_the_default_metrics_fit_the_number_of_categories(table: PreferenceTable) -> None:
    small = PreferenceTable(users=["a"], categories=("x", "y"), counts=[[1, 2]], history_counts=[[1, 1]])
    found = evaluate(small, bootstrap=5)
    assert found.options["metrics"].count("category_ndcg@2") == 1
    asked = """js_divergence total_variation kl_divergence category_ndcg@5 category_ndcg@6 list_ndcg@5 mass_captured@5
    exposure_entropy@3 tail_mass_error soft_ece"""
    assert list(dict.fromkeys(row.metric for row in evaluate(table, bootstrap=0).results)) == asked.split()
    row = found["total_variation", "uniform"]
    assert row.interval is not None and row.interval.low == row.interval.high and "one user" in row.interval.method


def test_the_document(table: PreferenceTable) -> None:
    document = evaluate(table, metrics=["js_divergence", "tail_mass"], bootstrap=25).to_json()
    assert document["schema"] == "spectra-eval/evaluation/1"
    assert len(document["input"]) == 64
    assert document["better"] == {"js_divergence": "lower"}
    first = document["results"][0]
    assert list(first)[:4] == ["metric", "unit", "system", "stratum"]
    assert first["unit"] == "bit" and first["status"] == "ok" and first["n_users"] == 80
    assert set(first["interval"]) == {"low", "high", "level", "method"}
    again = evaluate(table, metrics=["js_divergence", "tail_mass"], bootstrap=25).to_json()
    assert json.dumps(document, allow_nan=False) == json.dumps(again, allow_nan=False)


def test_a_system_is_resampled_alike_whatever_else_is_asked_for(table: PreferenceTable) -> None:
    alone = evaluate(table, metrics=["js_divergence"], bootstrap=25, rng=np.random.default_rng(1))
    among = evaluate(
        table, metrics=["soft_ece", "js_divergence"], strata=["tail_preference"], bootstrap=25,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    mine, other = alone["js_divergence", "history"].interval, among["js_divergence", "history"].interval
    assert mine is not None and other is not None
    assert (mine.low, mine.high) == pytest.approx((other.low, other.high), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"metrics": ["js"]}, UnknownNameError, "no metric named"),
        ({"metrics": []}, InputError, "none named"),
        ({"metrics": ["brier", "brier"]}, InputError, "given twice"),
        ({"metrics": ["category_ndcg@7"]}, InputError, "exceeds the 6 categories"),
        ({"strata": ["age"]}, UnknownNameError, "known: tail_preference"),
        ({"strata": ["horizon"]}, InputError, "no column horizon"),
        ({"bootstrap": -1}, InputError, "-1 resamples"),
        ({"level": 1.5}, InputError, "level"),
    ],
)
def test_bad_options_are_refused(
    table: PreferenceTable, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        evaluate(table, **options)


def test_activity_needs_a_history(table: PreferenceTable) -> None:
    with pytest.raises(InputError, match="neither history nor history_counts"):
        evaluate(table.replace(history_counts=None), strata=["activity"])
    weighed = evaluate(table, metrics=["brier"], strata=["activity"], bootstrap=0)
    assert "weight" in weighed.facts["strata"]["activity"]["rule"]
    with pytest.raises(InputError, match="no row 'brier'"):
        weighed["brier", "nobody"]


def test_the_best_that_a_list_could_do(table: PreferenceTable) -> None:
    """Lemma 1-JS: the truth restricted to the list reaches g(m), and nothing on the list is nearer."""
    rng = np.random.default_rng(0)
    found = evaluate(table, metrics=["js_divergence"], systems=["dg_best", "dg"], bootstrap=0)
    lists, truth = np.asarray(table.dg), table.theta_star
    captured = np.take_along_axis(truth, lists, axis=1).sum(axis=1)
    least = [jensenshannon([1.0, 0.0], [c, 1.0 - c], base=2) ** 2 for c in captured.round(12)]
    assert value(found, "js_divergence", "dg_best") == pytest.approx(np.mean(least), rel=1e-9)
    for _ in range(20):
        tried = np.zeros_like(truth)
        np.put_along_axis(tried, lists, rng.dirichlet(np.ones(lists.shape[1]), size=len(truth)), axis=1)
        assert value(found, "js_divergence", "dg_best") <= np.mean(
            [jensenshannon(p, q, base=2) ** 2 for p, q in zip(truth, tried, strict=True)]
        )


def test_a_list_that_captures_nothing_is_held_uniform() -> None:
    table = PreferenceTable(
        users=["a", "b"], categories=("x", "y", "z"), counts=[[1, 0, 0], [1, 0, 0]], dg=[[1, 2], [-1, -1]]
    )
    found = evaluate(table, metrics=["total_variation"], systems=["dg_best"], bootstrap=0)["total_variation", "dg_best"]
    assert (found.value, found.n_users) == (1.0, 1)


def test_strata_by_further_columns(table: PreferenceTable) -> None:
    n = table.n_users
    columns = {
        "kind": [None if i < 5 else "ab"[i % 2] for i in range(n)],
        "score": np.where(np.arange(n) < 8, np.nan, np.arange(n)),
        "few": np.arange(n) % 3,
    }
    found = evaluate(
        table, metrics=["total_variation"], systems=["theta_s"], strata=list(columns), columns=columns, bootstrap=0
    )
    tv = np.abs(np.asarray(table.theta_s) - table.theta_star).sum(axis=1) / 2
    odd = (np.arange(n) >= 5) & (np.arange(n) % 2 == 1)
    assert value(found, "total_variation", "theta_s", "kind=b") == pytest.approx(tv[odd].mean(), rel=1e-12)
    assert value(found, "total_variation", "theta_s", "score=Q1") == pytest.approx(tv[8:26].mean(), rel=1e-12)
    assert value(found, "total_variation", "theta_s", "few=2") == pytest.approx(tv[2::3].mean(), rel=1e-12)
    with pytest.raises(ShapeError, match="one value for 80 records"):
        evaluate(table, columns={"x": [1]}, bootstrap=0)
    with pytest.raises(InputError, match="is the name of a stratification"):
        evaluate(table, columns={"activity": np.zeros(n)}, bootstrap=0)
