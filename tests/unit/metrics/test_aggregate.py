"""The divergence of the means: golden numbers from SciPy, its interval, and what it does not license."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from spectra_eval.certification import certify
from spectra_eval.errors import ShapeError, UnknownNameError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.metrics import js_divergence
from spectra_eval.metrics.aggregate import js_of_means
from spectra_eval.tables import PreferenceTable

LICENCE = "licenses no statement about users"


def drawn(seed: int, n: int = 60, k: int = 9) -> PreferenceTable:
    rng = np.random.default_rng(seed)
    return PreferenceTable(
        users=[f"u{i}" for i in range(n)],
        categories=tuple(f"c{i}" for i in range(k)),
        theta_star=rng.dirichlet(np.full(k, 0.4), n),
        theta_s=rng.dirichlet(np.arange(1.0, k + 1), n),
        dg=np.tile([0, 1], (n, 1)),
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_against_scipy(seed: int) -> None:
    table = drawn(seed)
    expected = jensenshannon(table.theta_star.mean(axis=0), table.theta_s.mean(axis=0), base=2) ** 2
    assert js_of_means(table.theta_star, table.theta_s).bits == pytest.approx(expected, rel=1e-9)
    assert expected < js_divergence(table.theta_star, table.theta_s).bits.mean()


def test_the_counterexample_two_users_exchanged() -> None:
    theta_star = np.array([[0.9, 0.0, 0.1], [0.0, 0.9, 0.1]])
    assert js_of_means(theta_star, theta_star[::-1]).bits == 0.0
    assert js_divergence(theta_star, theta_star[::-1]).bits.min() == pytest.approx(0.9)
    assert js_of_means(np.eye(2)[:1], np.eye(2)[1:]).bits == 1.0


def test_the_interval_resamples_users() -> None:
    table = drawn(3)
    found = evaluate(table, metrics=["js_of_means"], systems=["theta_s"], bootstrap=200, rng=np.random.default_rng(5))
    row = found.results[0]
    assert row.unit == "bit" and row.value == pytest.approx(js_of_means(table.theta_star, table.theta_s).bits)
    assert row.interval is not None
    rng = np.random.default_rng(11)
    draws = []
    for _ in range(400):
        rows = rng.integers(0, table.n_users, table.n_users)
        means = table.theta_star[rows].mean(axis=0), table.theta_s[rows].mean(axis=0)
        draws.append(jensenshannon(*means, base=2) ** 2)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (row.interval.low, row.interval.high) == pytest.approx((low, high), rel=0.2)


def test_evaluate_and_compare_say_what_it_licenses_once() -> None:
    table = drawn(4)
    found = evaluate(table, metrics=["js_of_means", "js_divergence"], bootstrap=0)
    assert sum(LICENCE in line for line in found.warnings) == 1
    both = compare({"a": table, "b": drawn(4).replace(theta_s=table.theta_star)}, metrics=["js_of_means"], bootstrap=20)
    assert sum(LICENCE in line for line in both.warnings) == 1
    assert both.pairs[0].p_value is None  # one number for the cohort: no test of users
    assert not any(LICENCE in line for line in evaluate(table, metrics=["category_bias"], bootstrap=0).warnings)


@pytest.mark.parametrize("how", [{"claims": ["js_of_means"]}, {"require": {"js_of_means": 0.5}}])
def test_no_claim_is_made_from_it_and_certify_says_why(how: dict[str, object]) -> None:
    with pytest.raises(UnknownNameError, match=f"'js_of_means': it is a metric; .*{LICENCE}.*no claim is certified"):
        certify(drawn(5), k=1, **how)  # type: ignore[arg-type]


def test_other_metrics_are_no_claims_either() -> None:
    with pytest.raises(UnknownNameError, match=r"'category_ndcg@5': it is a metric; `evaluate --metrics` computes it"):
        certify(drawn(5), k=1, claims=["category_ndcg@5"])
    with pytest.raises(UnknownNameError, match="no claim named 'nothing'"):
        certify(drawn(5), k=1, claims=["nothing"])


def test_no_users_is_refused() -> None:
    with pytest.raises(ShapeError, match="no users"):
        js_of_means(np.zeros((0, 3)), np.zeros((0, 3)))
