"""Systems against each other: pairing, tests, letters, and tables that do not fit."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from spectra_eval.errors import InputError, UnknownNameError
from spectra_eval.evaluation import ComparedPair, SystemComparison, compare
from spectra_eval.evaluation._letters import letters
from spectra_eval.stats.bootstrap import Resamples
from spectra_eval.tables import PreferenceTable

K, N = 5, 60


@pytest.fixture(scope="module")
def tables() -> dict[str, PreferenceTable]:
    """Three models: near, nearly as near, far."""
    rng = np.random.default_rng(2)
    law = rng.dirichlet(np.ones(K), size=N)
    shape: dict[str, Any] = {
        "users": [f"u{i}" for i in range(N)],
        "categories": tuple("abcde"),
        "counts": rng.multinomial(40, law).astype(float),
        "history_counts": rng.multinomial(40, law).astype(float),
    }
    held = {"near": 0.9 * law + 0.1 / K, "alike": 0.89 * law + 0.11 * rng.dirichlet(np.ones(K), N), "far": law[::-1]}
    return {name: PreferenceTable(**shape, theta_s=theta) for name, theta in held.items()}


def pair_of(found: SystemComparison, metric: str, first: str, second: str) -> ComparedPair:
    return next(p for p in found.pairs if (p.metric, p.first, p.second) == (metric, first, second))


def _tv(table: PreferenceTable) -> np.ndarray:
    return np.abs(np.asarray(table.theta_s) - table.theta_star).sum(axis=1) / 2


def test_differences_intervals_and_tests_against_scipy(tables: dict[str, PreferenceTable]) -> None:
    found = compare(tables, metrics=["total_variation", "brier"], bootstrap=40, rng=np.random.default_rng(5))
    weights = Resamples.draw(N, 40, rng=np.random.default_rng(5)).weights(0)
    tv = {name: _tv(table) for name, table in tables.items()}
    for first, second in itertools.combinations(tables, 2):
        pair = pair_of(found, "total_variation", first, second)
        difference = tv[first] - tv[second]
        assert pair.difference == pytest.approx(difference.mean(), rel=1e-12)
        assert pair.median_difference == pytest.approx(np.median(difference))
        assert (pair.n_zero, pair.n_tied) == (int((difference == 0).sum()), 0)
        assert pair.standardised == pytest.approx(difference.mean() / difference.std(ddof=1))
        expected = stats.wilcoxon(difference, method="asymptotic", correction=False)
        assert pair.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        assert pair.interval is not None
        low, high = np.percentile(weights @ difference / N, [2.5, 97.5])
        assert (pair.interval.low, pair.interval.high) == pytest.approx((low, high))
    adjusted = multipletests([pair.p_value for pair in found.pairs], method="holm")[1]
    assert [pair.adjusted_p_value for pair in found.pairs] == pytest.approx(adjusted.tolist())
    assert found.facts["n_tests"] == 6


def test_the_better_one_is_named_and_letters_say_who_is_not_told_apart(tables: dict[str, PreferenceTable]) -> None:
    found = compare(tables, metrics=["total_variation", "category_ndcg@3"], bootstrap=0)
    assert pair_of(found, "total_variation", "near", "far").better == "near"
    assert pair_of(found, "category_ndcg@3", "alike", "far").better == "alike"
    assert pair_of(found, "category_ndcg@3", "near", "alike").better is None
    assert found.letters["category_ndcg@3"]["far"] == "b"
    assert set(found.letters["category_ndcg@3"]["near"]) == {"a"}


def test_tables_are_matched_by_record_and_category(tables: dict[str, PreferenceTable]) -> None:
    near, far = tables["near"], tables["far"]
    turned = far.select(np.arange(N)[::-1][:50])
    turned = turned.replace(
        categories=tuple("edcba"),
        **{name: getattr(turned, name)[:, ::-1] for name in ("counts", "theta_star", "theta_s", "history_counts")},
        dg=np.tile([4, -1], (50, 1)),
        parents=("P", "P", "P", "P", "Q"),
    )
    found = compare({"near": near, "far": turned}, metrics=["total_variation"], common=True, bootstrap=0)
    with pytest.raises(
        InputError, match=r"far: 10 of 60 records of near are missing, the first in row 1 \(user 'u0'\)"
    ):
        compare({"near": near, "far": turned}, metrics=["total_variation"], bootstrap=0)
    with pytest.raises(InputError, match="near: 10 of 60 records of far are missing"):
        compare({"far": far, "near": near.select(slice(10, None))}, bootstrap=0)
    kept = np.arange(10, N)
    assert pair_of(found, "total_variation", "near", "far").difference == pytest.approx(
        (_tv(near) - _tv(far))[kept].mean()
    )
    assert (found.facts["n_users"], found.facts["n_records_of"]) == (50, {"near": N, "far": 50})


def test_records_of_a_user_count_as_one_in_the_test(tables: dict[str, PreferenceTable]) -> None:
    both = np.tile(np.arange(N), 2)
    twice = {
        name: PreferenceTable(
            users=table.users[both],
            categories=table.categories,
            counts=np.asarray(table.counts)[both],
            theta_s=np.asarray(table.theta_s)[both],
            horizon=["long"] * N + ["short"] * N,
        )
        for name, table in tables.items()
    }
    one, two = (compare(t, metrics=["brier"], bootstrap=30).pairs for t in (tables, twice))
    for mine, other in zip(one, two, strict=True):
        assert other.p_value == pytest.approx(mine.p_value)
        assert mine.interval is not None and other.interval is not None
        assert other.interval.low == pytest.approx(mine.interval.low)


def test_a_metric_without_users_has_an_interval_and_no_test(tables: dict[str, PreferenceTable]) -> None:
    pair = compare(tables, metrics=["soft_ece"], bootstrap=20).pairs[0]
    assert pair.interval is not None and pair.p_value is None and pair.better is None
    assert compare(tables, metrics=["soft_ece"], bootstrap=0).letters == {"soft_ece": {}}


def test_an_infinite_value_is_undefined_for_its_pairs_alone(tables: dict[str, PreferenceTable]) -> None:
    corner = tables["far"].replace(theta_s=np.eye(K)[np.zeros(N, dtype=int)])
    found = compare({**tables, "corner": corner}, metrics=["kl_divergence"], bootstrap=10)
    pair = pair_of(found, "kl_divergence", "near", "corner")
    assert (pair.status, pair.difference, pair.reason) == (
        "undefined", None, "corner has no finite value in this metric",
    )  # fmt: skip
    assert pair_of(found, "kl_divergence", "near", "far").status == "ok"
    assert "corner" not in found.letters["kl_divergence"]
    json.dumps(found.to_json(), allow_nan=False)


def test_baselines_stand_beside_the_tables(tables: dict[str, PreferenceTable]) -> None:
    found = compare({"near": tables["near"]}, baselines=["history", "oracle"], bootstrap=0)
    assert found.options["metrics"] == ["js_divergence", "total_variation", "category_ndcg@5"]
    assert pair_of(found, "js_divergence", "near", "oracle").better == "oracle"
    assert found.values["js_divergence"]["oracle"] == 0.0
    assert found.facts["see_the_window"] == ["oracle"]


def test_tables_for_a_paper(tables: dict[str, PreferenceTable]) -> None:
    found = compare({"a_b": tables["near"], "far": tables["far"]}, metrics=["js_divergence", "soft_ece"], bootstrap=20)
    text = found.to_latex()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert r"a\_b & " in text and r"js\_divergence [bit]" in text and r"$^{\mathrm{a}}$" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in rows} == {2, 6}
    pair = found.pairs[0]
    assert pair.detectable is not None and f"${pair.detectable:.4f}$" in text
    assert r"soft\_ece & a\_b $-$ far" in text and "-- & -- & --" in text  # no test for what is no mean


def test_the_detectable_difference_is_that_of_the_users(tables: dict[str, PreferenceTable]) -> None:
    pair = compare(tables, metrics=["total_variation"], bootstrap=0).pairs[0]
    differences = _tv(tables[pair.first]) - _tv(tables[pair.second])
    expected = (1.959963984540054 + 0.8416212335729143) * differences.std(ddof=1) / np.sqrt(N)
    assert pair.detectable == pytest.approx(expected, rel=1e-9)


def test_what_does_not_fit_is_refused(tables: dict[str, PreferenceTable]) -> None:
    near = tables["near"]
    other = near.replace(counts=np.asarray(near.counts)[::-1], theta_star=None, n_window=None)
    renamed = near.replace(categories=tuple("abcdx"))
    strangers = near.replace(users=[f"v{i}" for i in range(N)])
    cases: list[tuple[dict[str, PreferenceTable], dict[str, Any], str]] = [
        ({"a": near, "b": other}, {}, "b: user 'u0' has another window than in a"),
        ({"a": near, "b": renamed}, {}, "category 'e' is not in both"),
        ({"a": near, "b": strangers}, {}, "b: 60 of 60 records of a are missing"),
        ({"a": near, "b": strangers}, {"common": True}, "no record"),
        ({"a": near, "b": near.replace(theta_s=None)}, {}, "b: no column theta_s"),
        ({"a": near}, {}, "give two tables"),
        ({}, {"baselines": ["uniform", "history"]}, "no table"),
        ({"uniform": near}, {"baselines": ["uniform"]}, "two systems have one name"),
        ({"a": near, "b": near}, {"bootstrap": -1}, "-1 resamples"),
    ]
    for given, options, said in cases:
        with pytest.raises(InputError, match=said):
            compare(given, **options)
    with pytest.raises(UnknownNameError, match="no baseline"):
        compare({"a": near}, baselines=["fate"])


@pytest.mark.parametrize("seed", range(6))
def test_systems_share_a_letter_exactly_where_they_are_not_told_apart(seed: int) -> None:
    names = list("pqrstuv")
    every = list(itertools.combinations(names, 2))
    rng = np.random.default_rng(seed)
    different = [pair for pair in every if rng.random() < 0.4]
    found = letters(names, different)
    for pair in every:
        assert bool(set(found[pair[0]]) & set(found[pair[1]])) == (pair not in different)
    assert found[names[0]][0] == "a"


def test_more_groups_than_letters_are_numbered() -> None:
    names = [str(number) for number in range(54)]
    assert letters(names, itertools.combinations(names, 2))["53"] == "[53]"
