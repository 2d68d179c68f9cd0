"""Gains over a rival: ranges that are attained and never exceeded, and bounds that fail as rarely as they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from spectra_eval.errors import InputError, ShapeError, SimplexError
from spectra_eval.simplex import js_nats, tv
from spectra_eval.theory import Gain, brier_gain, gain_lower, gain_radius, js_gain, log_gain, tv_gain

GAINS = (brier_gain, log_gain, tv_gain, js_gain)


def _pairs(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    theta, p, q = (rng.dirichlet(np.full(k, a), n) for a in (0.3, 0.6, 0.8))
    return theta, p + 1e-9, q + 1e-9


def _rows(rows: np.ndarray) -> np.ndarray:
    shares: np.ndarray = rows / rows.sum(axis=1, keepdims=True)
    return shares


@pytest.mark.parametrize("k", [2, 3, 7])
def test_each_gain_is_the_difference_of_its_scores(k: int) -> None:
    theta, p, q = (_rows(rows) for rows in _pairs(1, 40, k))
    unit = np.eye(k)
    brier = [sum(t[c] * (((q_ - unit[c]) ** 2).sum() - ((p_ - unit[c]) ** 2).sum()) for c in range(k))
             for t, p_, q_ in zip(theta, p, q, strict=True)]  # fmt: skip
    np.testing.assert_allclose(brier_gain(theta, p, q).value, brier, atol=1e-14)
    kl = np.sum(theta * (np.log(p) - np.log(q)), axis=1)
    np.testing.assert_allclose(log_gain(theta, p, q).value, kl, atol=1e-13)
    np.testing.assert_allclose(tv_gain(theta, p, q).value, tv(theta, q) - tv(theta, p), atol=1e-15)
    js = (js_nats(theta, q) - js_nats(theta, p)) / math.log(2)
    np.testing.assert_allclose(js_gain(theta, p, q).value, js, atol=1e-15)


@pytest.mark.parametrize("gain_of", GAINS)
@pytest.mark.parametrize("k", [2, 3, 7])
def test_no_window_is_outside_the_range(gain_of: Any, k: int) -> None:
    _, p, q = (_rows(rows) for rows in _pairs(2, 30, k))
    windows = [np.eye(k)[c] for c in range(k)] + list(np.random.default_rng(3).dirichlet(np.full(k, 0.3), 200))
    for theta in windows:
        gain = gain_of(np.tile(theta, (30, 1)), p, q)
        assert (gain.low - 1e-12 <= gain.value).all() and (gain.value <= gain.high + 1e-12).all()


@pytest.mark.parametrize("gain_of", [brier_gain, log_gain])
def test_a_linear_range_is_attained_by_windows_of_one_category(gain_of: Any) -> None:
    _, p, q = (_rows(rows) for rows in _pairs(4, 20, 5))
    corners = np.stack([gain_of(np.tile(np.eye(5)[c], (20, 1)), p, q).value for c in range(5)])
    gain = gain_of(np.tile(np.full(5, 0.2), (20, 1)), p, q)
    np.testing.assert_allclose(gain.low, corners.min(axis=0), atol=1e-14)
    np.testing.assert_allclose(gain.high, corners.max(axis=0), atol=1e-14)


@pytest.mark.parametrize("seed", range(8))
def test_the_range_of_js_is_what_a_search_over_windows_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 6))
    p, q = rng.dirichlet(np.full(k, 0.4), 2)
    if seed % 2:
        q[0] = 0.0
        q /= q.sum()

    def gain(z: np.ndarray) -> float:
        theta = np.exp(z - z.max())
        theta /= theta.sum()
        return float(js_nats(theta[None], q[None])[0] - js_nats(theta[None], p[None])[0]) / math.log(2)

    starts = np.log(rng.dirichlet(np.full(k, 0.3), 300) + 1e-9)
    options = {"maxiter": 4000, "xatol": 1e-10, "fatol": 1e-14}

    def least(sign: float) -> float:
        best = sorted(starts, key=lambda z: sign * gain(z))[:3]
        return float(
            min(minimize(lambda z: sign * gain(z), z, method="Nelder-Mead", options=options).fun for z in best)
        )

    claimed = js_gain([np.full(k, 1 / k)], [p], [q])
    for sign, end in ((-1.0, claimed.high[0]), (1.0, claimed.low[0])):
        found = least(sign)
        assert sign * found == pytest.approx(end, abs=1e-9)
        assert sign * end <= found + 1e-12


def test_the_range_of_js_is_shorter_than_the_triangle_inequality_says() -> None:
    theta, p, q = (_rows(rows) for rows in _pairs(5, 200, 6))
    gain = js_gain(theta, p, q)
    triangle = np.minimum(2.0, 4.0 * np.sqrt(js_nats(p, q) / math.log(2)))
    assert ((gain.high - gain.low) <= triangle + 1e-12).all() and (gain.high - gain.low).mean() < 0.6 * triangle.mean()


@pytest.mark.parametrize("gain_of", GAINS)
def test_a_rival_that_is_the_same_costs_nothing(gain_of: Any) -> None:
    theta, p, _ = (_rows(rows) for rows in _pairs(6, 5, 4))
    gain = gain_of(theta, p, p)
    assert not gain.value.any() and not gain.low.any() and not gain.high.any()
    assert gain_lower(gain, error=0.05) == 0.0 == gain_radius(gain, error=0.05)


@pytest.mark.parametrize(("independent", "n"), [(False, 3), (True, 3), (True, 20)])
def test_the_bound_fails_no_more_often_than_it_says(independent: bool, n: int) -> None:
    """Users who are not alike, windows of independent interactions or of one repeated interaction."""
    rng = np.random.default_rng(7)
    users, k, error, repetitions = 40, 5, 0.1, 400
    law = rng.dirichlet(np.full(k, 0.5), users)
    p, q = _rows(law + 0.05), _rows(rng.dirichlet(np.full(k, 1.0), users) + 0.02)
    truth = float(brier_gain(law, p, q).value.mean())
    failed = 0
    for _ in range(repetitions):
        drawn = np.stack([rng.multinomial(n, row) for row in law]) / n
        if not independent:
            drawn = np.stack([rng.multinomial(1, row) for row in law]).astype(float)
        gain = brier_gain(drawn, p, q)
        bound = gain_lower(gain, error=error, n=np.full(users, n) if independent else None)
        failed += bound > truth
    assert failed / repetitions <= error + 3 * math.sqrt(error * (1 - error) / repetitions)


def test_bad_input_is_refused() -> None:
    two = [[0.5, 0.5]]
    with pytest.raises(InputError, match="a prediction of 1 users has a zero"):
        log_gain(two, [[1.0, 0.0]], two)
    with pytest.raises(ShapeError, match="do not fit together"):
        brier_gain(two * 2, two * 3, two * 3)
    with pytest.raises(SimplexError):
        tv_gain(two, [[0.9, 0.2]], two)
    gain = brier_gain(two, [[0.9, 0.1]], two)
    with pytest.raises(InputError, match="error"):
        gain_lower(gain, error=1.0)
    with pytest.raises(ShapeError, match="one number for each"):
        gain_radius(gain, error=0.1, n=[1, 2])
    with pytest.raises(InputError, match="less than one interaction"):
        gain_radius(gain, error=0.1, n=[0.5])
    nobody = Gain(np.zeros(0), np.zeros(0), np.zeros(0))
    with pytest.raises(InputError, match="no users"):
        gain_lower(nobody, error=0.1)
