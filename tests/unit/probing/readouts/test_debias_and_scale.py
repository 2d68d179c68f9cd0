from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from spectra_eval.errors import InputError, ProbeError, ShapeError
from spectra_eval.probing.readouts._base import Reading
from spectra_eval.probing.readouts._debias import debiased
from spectra_eval.probing.readouts._scale import HIGHEST, LOWEST, cross_scaled, fit_temperature

RNG = np.random.default_rng(11)
THETA = RNG.dirichlet(np.ones(5), size=40)
SCORES = 1.7 * np.log(THETA) + RNG.normal(0, 0.4, size=(40, 5)) + RNG.normal(0, 3, size=(40, 1))
USERS = [f"user {n}" for n in range(40)]


def test_the_scores_of_nobody_are_taken_off() -> None:
    reading = Reading(scores=SCORES[0], theta_s=THETA[0], answer_mass=np.full(5, 0.4), details={"a": 1})
    got = debiased(reading, SCORES[1], temperature=2.0)
    np.testing.assert_allclose(got.scores, SCORES[0] - SCORES[1])
    weights = np.exp((SCORES[0] - SCORES[1]) / 2.0)
    np.testing.assert_allclose(got.theta_s, weights / weights.sum(), rtol=1e-12)
    assert got.answer_mass.tolist() == [0.4] * 5 and got.details == {"a": 1}


def test_an_offset_that_all_users_share_disappears() -> None:
    offset = np.array([3.0, -1.0, 0.0, 2.0, -4.0])
    readings = [Reading(scores=np.log(t) + offset, theta_s=t, answer_mass=np.ones(5)) for t in THETA]
    for reading, theta in zip(readings, THETA, strict=True):
        np.testing.assert_allclose(debiased(reading, offset).theta_s, theta, rtol=1e-12)


def test_what_cannot_be_debiased_is_refused() -> None:
    reading = Reading(scores=SCORES[0], theta_s=THETA[0], answer_mass=np.ones(5))
    with pytest.raises(ShapeError, match=r"\(4,\)"):
        debiased(reading, np.zeros(4))
    with pytest.raises(ProbeError, match="not finite"):
        debiased(reading, np.full(5, np.nan))
    with pytest.raises(InputError, match="temperature"):
        debiased(reading, np.zeros(5), temperature=-1.0)


def _cross_entropy(temperature: float) -> float:
    scaled = SCORES / temperature
    log_theta = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    return float(-(THETA * log_theta).sum(axis=1).mean())


def test_the_fit_is_the_minimum_of_the_cross_entropy() -> None:
    best = minimize_scalar(lambda x: _cross_entropy(np.exp(x)), bounds=(-3, 3), options={"xatol": 1e-9})
    got = fit_temperature(SCORES, THETA)
    assert got == pytest.approx(float(np.exp(best.x)), rel=1e-5)
    assert _cross_entropy(got) <= min(_cross_entropy(got * 1.001), _cross_entropy(got / 1.001))


def test_scores_without_signal_end_at_a_bound() -> None:
    assert fit_temperature(-SCORES, THETA) == HIGHEST
    corner = np.eye(3)
    assert fit_temperature(corner, corner) == LOWEST


def test_no_user_has_a_part_in_their_own_temperature() -> None:
    observed = np.ones(40, dtype=bool)
    scaled = cross_scaled(SCORES, THETA, USERS, observed=observed)
    changed = THETA.copy()
    changed[7] = THETA[7][::-1]
    again = cross_scaled(SCORES, changed, USERS, observed=observed)
    same_fold = scaled.fold == scaled.fold[7]
    np.testing.assert_array_equal(again.theta_s[same_fold], scaled.theta_s[same_fold])
    assert (again.theta_s[~same_fold] != scaled.theta_s[~same_fold]).any()
    for place in range(5):
        others = scaled.fold != place
        assert scaled.temperature[place] == fit_temperature(SCORES[others], THETA[others])
        mine = SCORES[scaled.fold == place] / scaled.temperature[place]
        weights = np.exp(mine - mine.max(axis=1, keepdims=True))
        expected = weights / weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(scaled.theta_s[scaled.fold == place], expected, rtol=1e-9)


def test_an_empty_window_is_not_fitted_on() -> None:
    theta, observed = THETA.copy(), np.ones(40, dtype=bool)
    theta[3], observed[3] = np.nan, False
    scaled = cross_scaled(SCORES, theta, USERS, observed=observed)
    assert np.isfinite(scaled.theta_s).all() and np.isfinite(scaled.temperature).all()


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ShapeError, match="one row a user"):
        fit_temperature(SCORES, THETA[:3])
    with pytest.raises(ProbeError, match="not finite"):
        fit_temperature(np.full((2, 2), np.nan), np.full((2, 2), 0.5))
    with pytest.raises(InputError, match="no other user"):
        cross_scaled(SCORES[:2], THETA[:2], ["ann", "ann"], observed=np.ones(2, dtype=bool))
