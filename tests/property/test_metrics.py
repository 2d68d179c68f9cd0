"""Properties of the metrics: item 17 of the theory, and what each entry declares."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import metrics, simplex
from spectra_eval._ties import settled
from spectra_eval.metrics import METRICS, Comparison, Metric

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # rows with entries down to 5e-324


@st.composite
def rows(draw: Any, k: int) -> np.ndarray:
    """Draw one distribution: smooth, with zeros and ties, at a corner, or over hundreds of magnitudes."""
    kind = draw(st.sampled_from(["smooth", "counts", "corner", "magnitudes"]))
    if kind == "smooth":
        weights = np.array(draw(st.lists(st.floats(1e-3, 1.0), min_size=k, max_size=k)))
    elif kind == "counts":
        weights = np.array(draw(st.lists(st.integers(0, 3), min_size=k, max_size=k)), dtype=float)
        weights[draw(st.integers(0, k - 1))] += 1
    elif kind == "corner":
        weights = np.eye(k)[draw(st.integers(0, k - 1))]
    else:
        exponents = draw(st.lists(st.integers(-1074, 0), min_size=k, max_size=k))
        exponents[draw(st.integers(0, k - 1))] = 0
        weights = np.ldexp(1.0, exponents)
    return weights / weights.sum()


@st.composite
def cohorts(draw: Any, max_k: int = 8, max_n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    k, n = draw(st.integers(1, max_k)), draw(st.integers(1, max_n))
    return np.array([draw(rows(k)) for _ in range(n)]), np.array([draw(rows(k)) for _ in range(n)])


def comparison(theta_star: np.ndarray, theta_s: np.ndarray, bucket: np.ndarray | None = None) -> Comparison:
    bucket = metrics.category_buckets(theta_star.sum(axis=0)) if bucket is None else bucket
    return Comparison(theta_star=theta_star, theta_s=theta_s, lists=None, bucket=bucket)


def value(entry: Metric, drawn: Comparison) -> float:
    options = {"k": 2} if entry.takes_cutoff else {}
    with np.errstate(invalid="ignore"):
        return float(entry.value(entry.statistic(drawn, **options).mean(axis=0), **options))


def dcg(order: Any, gains: np.ndarray, k: int) -> float:
    return sum(gains[c] / (np.log(place + 2) / np.log(2)) for place, c in enumerate(list(order)[:k]))


@given(st.data(), st.integers(1, 5), st.integers(1, 6), st.sampled_from(["linear", "exp2"]))
def test_average_ties_are_the_mean_over_all_permutations_of_ties(data: Any, n: int, k: int, gain: str) -> None:
    truth, held = data.draw(rows(n)), data.draw(rows(n))
    gains = truth if gain == "linear" else 2.0**truth - 1
    same = settled(held)
    orders = [o for o in itertools.permutations(range(n)) if all(same[a] >= same[b] for a, b in itertools.pairwise(o))]
    expected = np.mean([dcg(order, gains, k) for order in orders]) / dcg(np.argsort(-truth), gains, k)
    got = metrics.category_ndcg(truth, held, k=k, ties="average", gain=gain)
    assert got == pytest.approx(expected, rel=1e-9)
    first = min(orders, key=lambda order: [order.index(c) for c in range(n)])
    assert orders.count(first) == 1
    index = sorted(range(n), key=lambda c: (-same[c], c))
    got = metrics.category_ndcg(truth, held, k=k, ties="index", gain=gain)
    assert got == pytest.approx(dcg(index, gains, k) / dcg(np.argsort(-truth), gains, k), rel=1e-9)


@given(cohorts(), st.randoms(use_true_random=False))
def test_relabelling_leaves_what_is_declared_to_be_symmetric(drawn: tuple[np.ndarray, np.ndarray], rng: Any) -> None:
    truth, held = drawn
    order = list(range(truth.shape[1]))
    rng.shuffle(order)
    one, other = comparison(truth, held), comparison(truth[:, order], held[:, order])
    for entry in METRICS:
        if "category_symmetric" in entry.properties:
            assert value(entry, other) == pytest.approx(value(entry, one), rel=1e-9, abs=1e-12, nan_ok=True), entry.name


@given(cohorts(), st.integers(1, 10))
def test_exposure_lies_between_the_logarithms(drawn: tuple[np.ndarray, np.ndarray], k: int) -> None:
    _, held = drawn
    n_categories = held.shape[1]
    bits = metrics.exposure_entropy(held, k=k).bits
    assert np.log(min(k, n_categories)) / np.log(2) - 1e-12 <= bits <= np.log(n_categories) / np.log(2) + 1e-12
    shares = METRICS["exposure_entropy"].statistic(comparison(held, held), k=k)
    np.testing.assert_allclose(shares.sum(axis=1), min(k, n_categories), rtol=1e-12)
    assert shares.min() >= 0
    assert shares.max() <= 1 + 1e-12


@given(cohorts())
def test_biases_sum_to_zero(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    biases = metrics.category_biases(*drawn)
    assert biases.sum() == pytest.approx(0.0, abs=1e-14)
    assert metrics.category_bias(*drawn) <= np.mean(metrics.total_variation(*drawn)) + 1e-14


@given(cohorts(), st.integers(1, 25))
def test_calibration_identities(drawn: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    truth, held = drawn
    bucket = metrics.category_buckets(truth.sum(axis=0))
    whole = metrics.soft_ece(truth, held, bins=bins)
    strata = metrics.stratified_ece(truth, held, buckets=bucket, bins=bins)
    assert -1e-15 <= whole <= strata + 1e-14
    assert strata <= np.abs(held - truth).mean() + 1e-14
    for stratum in range(3):
        weights = (bucket == stratum).astype(float)
        if not weights.any():
            continue
        error = metrics.soft_ece(truth, held, bins=bins, weights=weights)
        chosen = (held - truth)[:, bucket == stratum]
        assert error >= abs(chosen.mean()) - 1e-14
        made = metrics.reliability_bins(truth, held, bins=bins, weights=weights)
        signs = np.sign(made.theta_s - made.theta_star)[made.counts > 0]
        if abs(signs.sum()) == len(signs):
            assert error == pytest.approx(abs(chosen.mean()), abs=1e-14)
    assert metrics.top1_ece(truth, held, bins=bins) <= 1.0


@given(cohorts(), st.integers(0, 10))
def test_every_metric_on_a_drawn_cohort(drawn: tuple[np.ndarray, np.ndarray], cut: int) -> None:
    """Values within their limits, none better than the truth's own, and blocks that sum to the whole."""
    truth, held = drawn
    bucket = metrics.category_buckets(truth.sum(axis=0))
    ours, best_of_all = comparison(truth, held, bucket), comparison(truth, truth, bucket)
    cut = min(cut, len(truth))
    halves = (slice(0, cut), slice(cut, None))
    parts = [comparison(truth[part], held[part], bucket) for part in halves if len(truth[part])]
    for entry in METRICS:
        options = {"k": 2} if entry.takes_cutoff else {}
        whole = entry.statistic(ours, **options)
        in_parts = np.concatenate([entry.statistic(part, **options) for part in parts])
        assert np.array_equal(in_parts, whole, equal_nan=True), entry.name
        with np.errstate(invalid="ignore"):
            got = float(entry.value(whole.mean(axis=0), **options))
        low, high = entry.limits
        assert np.isnan(got) or low - 1e-12 <= got <= high + 1e-12, entry.name
        best = value(entry, best_of_all)
        if entry.lower_is_better is None or np.isnan(best):  # a stratum without categories
            continue
        assert (best <= got + 1e-12) if entry.lower_is_better else (best >= got - 1e-12), entry.name
        if entry.lower_is_better is False and entry.name != "mass_captured":
            assert best == pytest.approx(1.0, rel=1e-12), entry.name


@given(cohorts())
def test_the_divergences_keep_their_order(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    tv = np.asarray(metrics.total_variation(*drawn))
    js = metrics.js_divergence(*drawn)
    swapped = metrics.js_divergence(*drawn[::-1])
    assert np.array_equal(js.nats, swapped.nats)
    assert np.all(js.bits <= tv + 1e-12)
    assert np.all(js.nats >= simplex.psi_nats(tv) * (1 - 1e-12) - 1e-300)
    assert np.all(np.asarray(metrics.linf_error(*drawn)) <= tv + 1e-15)
    assert np.all(np.asarray(metrics.hellinger(*drawn)) ** 2 <= tv + 1e-12)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.all(metrics.kl_divergence(*drawn).nats >= 2 * tv**2 * (1 - 1e-12))


@given(st.integers(2, 8), st.data())
def test_near_pairs_keep_relative_accuracy(k: int, data: Any) -> None:
    """A step of 2^-s between two dyadic shares: JS is twice the closed form of one category."""
    base = np.zeros(k)
    base[:2] = 0.5
    step = 2.0 ** -data.draw(st.integers(10, 50))
    other = base.copy()
    other[0] += step
    other[1] -= step
    js = metrics.js_divergence(base, other).nats
    # psi(z) = z²/2 + z⁴/12 + ..., with z = step/(1 ± step): the two terms of order step³ cancel in the sum.
    up, down = step / (1 + step), step / (1 - step)
    expected = sum((1 + s * step) / 2 * (z**2 / 2 + z**4 / 12 + z**6 / 30) for s, z in ((1, up), (-1, down)))
    assert js == pytest.approx(expected, rel=1e-14)
    assert js > 0
