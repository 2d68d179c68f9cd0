"""Divergences: against numbers from 50-digit arithmetic, against SciPy, and at the edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.spatial import distance

from spectra_eval import metrics, simplex
from spectra_eval.errors import SimplexError, UnitError
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.metrics._pairs import js_nats, kl_nats

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


def close(got: float, case: dict[str, Any], field: str) -> bool:
    expected = float(case[field])
    if not np.isfinite(expected):
        return got == expected
    return abs(got - expected) <= float(case.get("atol", 1e-300)) + float(case.get("rtol", 1e-9)) * abs(expected)


@pytest.mark.parametrize("case", GOLDEN["divergences"], ids=lambda case: case["name"])
def test_golden(case: dict[str, Any]) -> None:
    p, q = (np.array(case[side], dtype=float) for side in "pq")
    assert close(metrics.js_divergence(p, q).bits, case, "js_bits")
    assert close(metrics.js_divergence(p, q).nats, case, "js_nats")
    assert close(metrics.kl_divergence(p, q).nats, case, "kl_pq_nats")
    assert close(metrics.kl_divergence(q, p).nats, case, "kl_qp_nats")
    assert close(metrics.total_variation(p, q), case, "tv")
    assert close(metrics.linf_error(p, q), case, "linf")
    assert close(metrics.hellinger(p, q), case, "hellinger")
    assert close(metrics.chi_squared(p, q), case, "chi2_pq")
    assert close(metrics.chi_squared(q, p), case, "chi2_qp")


def test_no_rounding_passes_the_upper_limit() -> None:
    rng = np.random.default_rng(11)
    p, q = np.zeros((2, 4000, 12))
    p[:, :6], q[:, 6:] = rng.dirichlet(np.ones(6), (2, 4000))
    for got in (metrics.total_variation(p, q), metrics.hellinger(p, q), metrics.js_divergence(p, q).bits):
        assert np.max(got) <= 1.0
        np.testing.assert_allclose(got, 1.0, rtol=1e-15)


def of_pair(kernel: Callable[[Comparison], np.ndarray], p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return kernel(Comparison(theta_star=p, theta_s=q, lists=None, bucket=np.zeros(p.shape[1], dtype=int)))


def exact(p: np.ndarray, q: np.ndarray, *, js: bool) -> mpmath.mpf:
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for a, b in zip(map(mpmath.mpf, p.tolist()), map(mpmath.mpf, q.tolist()), strict=True):
            middle = (a + b) / 2
            if js:
                total += (a * mpmath.log(a / middle) if a else 0) + (b * mpmath.log(b / middle) if b else 0)
            else:
                total += (a * mpmath.log(a / b) if a else 0) + b - a
        return total / 2 if js else total


def pairs(kind: str, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    p = rng.dirichlet(np.ones(k), 60)
    if kind == "free":
        return p, rng.dirichlet(np.ones(k), 60)
    if kind == "sparse":
        return rng.dirichlet(np.full(k, 0.1), 60), rng.dirichlet(np.full(k, 0.1), 60)
    if kind == "near":
        return p, p * (1 + 10.0 ** rng.uniform(-12, -1, (60, 1)) * rng.standard_normal((60, k)))
    return p, p * (1 + 0.8 * rng.uniform(-1, 1, (60, k)))  # both sides of the border between series and logarithm


@pytest.mark.parametrize("k", [2, 26])
@pytest.mark.parametrize("kind", ["free", "sparse", "near", "mid"])
def test_the_fast_kernels_keep_relative_accuracy(kind: str, k: int) -> None:
    p, q = pairs(kind, k, np.random.default_rng(7))
    for kernel, js in ((js_nats, True), (kl_nats, False)):
        for got, a, b in zip(of_pair(kernel, p, q), p, q, strict=True):
            expected = exact(a, b, js=js)
            assert abs((mpmath.mpf(float(got)) - expected) / expected) < 2e-15


def test_the_fast_kernels_agree_with_the_plain_ones() -> None:
    rng = np.random.default_rng(3)
    p, q = rng.multinomial(7, np.full(9, 1 / 9), 400) / 7, rng.dirichlet(np.full(9, 0.2), 400)
    np.testing.assert_allclose(of_pair(js_nats, p, q), simplex.js_nats(p, q), rtol=1e-13)
    np.testing.assert_allclose(of_pair(kl_nats, p, q), simplex.kl_nats(p, q), rtol=1e-12)


def test_a_row_has_the_same_bits_however_the_rows_are_divided() -> None:
    rng = np.random.default_rng(5)
    p, q = rng.dirichlet(np.full(13, 0.3), (2, 2003))
    for kernel in (js_nats, kl_nats):
        whole = of_pair(kernel, p, q)
        for step in (1, 7, 630, 1999):
            parts = [
                of_pair(kernel, p[i : i + step], q[i : i + step]) for i in range(0, 100 * step, step) if i < len(p)
            ]
            got = np.concatenate(parts)
            assert np.array_equal(got, whole[: len(got)])


def test_more_categories_than_a_block_holds() -> None:
    p, q = np.random.default_rng(1).dirichlet(np.ones(20_000), (2, 3))
    np.testing.assert_allclose(of_pair(js_nats, p, q), simplex.js_nats(p, q), rtol=1e-13)


def test_js_is_the_square_of_scipys_distance() -> None:
    p, q = np.random.default_rng(2).dirichlet(np.ones(6), (2, 50))
    theirs = distance.jensenshannon(p, q, axis=1)  # the point is to compare with it
    np.testing.assert_allclose(metrics.js_divergence(p, q).nats, theirs**2, rtol=1e-10)


def test_js_reaches_one_bit_on_disjoint_support_and_is_symmetric_to_the_last_bit() -> None:
    assert metrics.js_divergence(np.eye(2), np.eye(2)[::-1]).bits.tolist() == [1.0, 1.0]
    p, q = np.random.default_rng(4).dirichlet(np.full(8, 0.1), (2, 200))
    assert np.array_equal(metrics.js_divergence(p, q).nats, metrics.js_divergence(q, p).nats)
    assert not metrics.js_divergence(p, p).nats.any()


def test_kl_where_the_ratio_overflows_or_vanishes() -> None:
    p, q = np.array([[0.5, 0.5]]), np.array([[1.0, 5e-324]])
    expected = 0.5 * np.log(0.5) + 0.5 * (np.log(0.5) - np.log(5e-324))
    assert of_pair(kl_nats, p, q)[0] == pytest.approx(expected, rel=1e-12)
    assert of_pair(kl_nats, q, p)[0] == pytest.approx(np.log(2.0), rel=1e-12)
    assert of_pair(kl_nats, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))[0] == np.inf


def test_axes_are_free() -> None:
    p, q = np.random.default_rng(6).dirichlet(np.ones(4), (2, 3, 5))
    assert metrics.js_divergence(p, q).shape == (3, 5)
    assert np.shape(metrics.total_variation(p, q)) == (3, 5)
    assert isinstance(metrics.total_variation(p[0, 0], q[0, 0]), float)
    assert metrics.kl_divergence(p[0, 0], q[0, 0]).nats == metrics.kl_divergence(p, q).nats[0, 0]


def test_information_does_not_pass_for_a_number() -> None:
    with pytest.raises(UnitError):
        float(metrics.js_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([0.6, 0.6], "sums to 1.2"),
        ([1.2, -0.2], "category 1 is negative"),
        ([np.nan, 1.0], "category 0 is nan"),
        ([np.inf, 0.0], "category 0 is inf"),
    ],
)
@pytest.mark.parametrize("name", ["js_divergence", "kl_divergence", "total_variation", "hellinger", "chi_squared"])
def test_refuses_a_row_that_is_no_distribution(name: str, row: list[float], said: str) -> None:
    good = np.array([[0.5, 0.5], [0.5, 0.5]])
    bad = np.array([[0.5, 0.5], row])
    with pytest.raises(SimplexError, match=f"theta_s: row 1: .*{said}|theta_s: row 1: {said}"):
        getattr(metrics, name)(good, bad)
    with pytest.raises(SimplexError, match="theta_star"):
        getattr(metrics, name)(bad, good)
