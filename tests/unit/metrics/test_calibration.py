"""Calibration errors and reliability bins: golden numbers, hand-made cases, strata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval import metrics
from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.metrics import METRICS, Comparison

CASES = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]["calibration"]


def from_case(case: dict[str, Any]) -> Comparison:
    held, truth = np.array(case["P"], dtype=float), np.array(case["T"], dtype=float)
    bucket = metrics.category_buckets(np.array(case["freq"], dtype=float))
    for number, stratum in enumerate(("head", "mid", "tail")):
        assert np.flatnonzero(bucket == number).tolist() == case[stratum]
    return Comparison(theta_star=truth, theta_s=held, lists=None, bucket=bucket)


def value(name: str, comparison: Comparison, **options: Any) -> float:
    entry = METRICS[name]
    return float(entry.value(entry.statistic(comparison, **options).mean(axis=0), **options))


@pytest.mark.parametrize("case", CASES)
def test_golden(case: dict[str, Any]) -> None:
    comparison = from_case(case)
    expected = {"soft_ece": case["ece"], "top1_ece": case["top1_ece"]}
    pairs, weighted = 0, 0.0
    for stratum in ("head", "mid", "tail"):
        expected[f"soft_ece_{stratum}"] = case[f"ece_{stratum}"]
        expected[f"{stratum}_bias"] = case[f"mab_{stratum}"]
        pairs += case[f"n_{stratum}"]
        weighted += case[f"n_{stratum}"] * float(case[f"ece_{stratum}"])
    expected["tail_mass"], expected["true_tail_mass"] = case["mass_tail"], case["true_mass_tail"]
    for name, number in expected.items():
        assert value(name, comparison) == pytest.approx(float(number), rel=float(case["rtol"])), name
    assert pairs == case["n_pairs"]
    assert value("stratified_ece", comparison) == pytest.approx(weighted / pairs, rel=1e-11)
    gap = abs(float(case["mass_tail"]) - float(case["true_mass_tail"]))
    assert value("tail_mass_error", comparison) == pytest.approx(gap, rel=1e-11)


def drawn(n: int = 300, k: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.multinomial(8, np.full(k, 1 / k), n) / 8.0
    return truth, rng.dirichlet(np.full(k, 0.4), n), metrics.category_buckets(truth.sum(axis=0))


def test_the_functions_give_what_the_entries_give() -> None:
    truth, held, buckets = drawn()
    comparison = Comparison(theta_star=truth, theta_s=held, lists=None, bucket=buckets)
    assert metrics.soft_ece(truth, held) == pytest.approx(value("soft_ece", comparison), rel=1e-12)
    assert metrics.soft_ece(truth, held, bins=7) == pytest.approx(value("soft_ece", comparison, bins=7), rel=1e-12)
    assert metrics.top1_ece(truth, held) == pytest.approx(value("top1_ece", comparison), rel=1e-12)
    whole = metrics.stratified_ece(truth, held, buckets=buckets)
    assert whole == pytest.approx(value("stratified_ece", comparison), rel=1e-12)
    for number, stratum in enumerate(("head", "mid", "tail")):
        got = metrics.soft_ece(truth, held, weights=(buckets == number).astype(float))
        assert got == pytest.approx(value(f"soft_ece_{stratum}", comparison), rel=1e-12)


def test_soft_ece_by_hand() -> None:
    truth = np.array([[1.0, 0.0], [0.0, 1.0]])
    held = np.array([[0.9, 0.1], [0.7, 0.3]])
    # Four bins of 20 hold one pair each: .1, .1, .7 and .7 off.
    assert metrics.soft_ece(truth, held) == pytest.approx(0.4, rel=1e-12)
    # Two bins: in each the two pairs are off by -.1 and +.7 (or the reverse).
    assert metrics.soft_ece(truth, held, bins=2) == pytest.approx(0.3, rel=1e-12)
    assert metrics.soft_ece(truth, held, bins=1) == pytest.approx(0.0, abs=1e-15)


def test_the_last_bin_is_closed() -> None:
    made = metrics.reliability_bins(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))
    assert made.counts.tolist() == [1.0, *[0.0] * 18, 1.0]
    assert made.theta_s[-1] == 1.0
    assert np.isnan(made.theta_star[1:-1]).all()


def test_reliability_bins_add_up() -> None:
    truth, held, _ = drawn()
    made = metrics.reliability_bins(truth, held, bins=10)
    assert made.counts.sum() == held.size
    full = made.counts > 0
    assert (made.counts * made.theta_s)[full].sum() == pytest.approx(len(held), rel=1e-12)
    assert (made.counts * made.theta_star)[full].sum() == pytest.approx(len(held), rel=1e-12)
    edges = np.arange(11) / 10
    assert (made.theta_s[full] >= edges[:-1][full]).all()
    assert (made.theta_s[full] <= edges[1:][full]).all()
    gap = np.abs(made.counts * (made.theta_s - made.theta_star))[full].sum() / held.size
    assert gap == pytest.approx(metrics.soft_ece(truth, held, bins=10), rel=1e-12)


def test_weights_count_categories() -> None:
    truth, held, _ = drawn(k=3)
    twice = metrics.reliability_bins(truth, held, weights=np.array([2.0, 0.0, 2.0]))
    once = metrics.reliability_bins(truth, held, weights=np.array([1.0, 0.0, 1.0]))
    np.testing.assert_allclose(twice.counts, 2 * once.counts)
    assert once.counts.sum() == 2 * len(truth)
    with pytest.raises(ShapeError, match=r"weights: shape \(2,\)"):
        metrics.soft_ece(truth, held, weights=np.ones(2))
    with pytest.raises(InputError, match="weights: category 1 has -1"):
        metrics.soft_ece(truth, held, weights=np.array([1.0, -1.0, 1.0]))
    with pytest.raises(UndefinedMetricError, match="all zero"):
        metrics.soft_ece(truth, held, weights=np.zeros(3))


def test_a_stratum_without_categories_is_undefined() -> None:
    truth, held = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    comparison = Comparison(theta_star=truth, theta_s=held, lists=None, bucket=np.array([1, 2]))
    for name in ("soft_ece_head", "head_bias"):
        assert np.isnan(METRICS[name].statistic(comparison)).all()
        assert np.isnan(value(name, comparison))
    assert value("soft_ece_mid", comparison) == 0.25


def test_top1_takes_the_lowest_index_among_equals() -> None:
    assert metrics.top1_ece(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])) == 0.5
    assert metrics.top1_ece(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])) == 0.5
    both = metrics.top1_ece(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.5, 0.5], [0.5, 0.5]]))
    assert both == 0.0


def test_strata_keep_errors_apart_that_the_whole_lets_cancel() -> None:
    truth, held = np.array([[0.6, 0.4]]), np.array([[0.5, 0.5]])
    assert metrics.soft_ece(truth, held) == pytest.approx(0.0, abs=1e-15)
    assert metrics.stratified_ece(truth, held, buckets=[0, 2]) == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize("call", [metrics.soft_ece, metrics.top1_ece, metrics.reliability_bins])
def test_at_least_one_bin(call: Any) -> None:
    with pytest.raises(InputError, match="bins: 0 is below 1"):
        call(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]), bins=0)


def test_a_pair_that_pooling_makes_worse_shows_that_strata_in_bins_are_not_convex() -> None:
    """Two categories err in opposite directions and share a bin for each user, but not for the mean user."""
    held = np.array([[0.1015625, 0.1484375, 0.25, 0.5], [0.1640625, 0.1953125, 0.25, 0.390625]])
    truth = held + np.array([-0.0625, 0.0625, 0.0, 0.0])
    buckets = np.array([0, 0, 1, 2])
    assert metrics.stratified_ece(truth, held, buckets=buckets) == 0.0
    pooled = metrics.stratified_ece(truth.mean(axis=0), held.mean(axis=0), buckets=buckets)
    assert pooled == pytest.approx(2 * 0.0625 / 4)
