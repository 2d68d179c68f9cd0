"""The bound of one stake for all: valid for users who differ, and for rivals that are fitted as it goes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.theory._stakes import STAKES, bet_growth, lower_from_growth, stake_weights
from spectra_eval.theory.bounded_mean import empirical_bernstein_lower
from spectra_eval.theory.constant_bet import constant_bet_lower

ERROR = 0.1
RUNS = 600


def _two_points(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Rare large values and frequent small ones, different for each user; the mean of each is zero."""
    p = np.linspace(0.01, 0.5, n)
    values = np.where(rng.random(n) < p, 1.0 - p, -p)
    return values, -p, 1.0 - p, 0.0


def _ends_apart(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Users with means from -.5 to .5 and ranges from .02 to 1."""
    mean, half = np.linspace(-0.5, 0.5, n), np.linspace(0.01, 0.5, n)
    return mean + half * rng.choice([-1.0, 1.0], n), mean - half, mean + half, 0.0


def _fitted(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A martingale: after losses the next users have larger ranges and other means, as under a rival that is fitted."""
    values, lows, highs, means = [], [], [], []
    total = 0.0
    for _ in range(n):
        size = 0.9 if total < 0 else 0.1
        mean = -0.05 if total > 0 else 0.05
        values.append(mean + size * rng.choice([-1.0, 1.0]))
        lows.append(mean - size)
        highs.append(mean + size)
        means.append(mean)
        total += values[-1] - mean
    return np.array(values), np.array(lows), np.array(highs), float(np.mean(means))


@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("world", [_two_points, _ends_apart, _fitted])
def test_it_fails_at_most_as_often_as_declared(world: object, n: int) -> None:
    rng = np.random.default_rng(n)
    runs = RUNS if n == 20 else RUNS // 3
    failures = 0
    for _ in range(runs):
        values, low, high, mean = world(rng, n)  # type: ignore[operator]
        failures += constant_bet_lower(values, low=low, high=high if world is not _fitted else 1.0, error=ERROR) > mean
    assert failures / runs <= ERROR + 3 * math.sqrt(ERROR * (1 - ERROR) / runs)


def test_it_is_near_the_limit_of_the_variance_and_sharper_than_bernstein() -> None:
    rng = np.random.default_rng(0)
    x = 0.02 + 0.05 * rng.standard_normal(2000).clip(-3, 3)
    found = constant_bet_lower(x, low=-0.2, high=0.2, error=0.05)
    limit = x.mean() - math.sqrt(2 * math.log(20)) * x.std() / math.sqrt(2000)
    assert limit - 0.0006 < found < x.mean()
    wide = constant_bet_lower(x, low=-1.0, high=1.0, error=0.05)  # a bad guess of the spread costs, and is valid
    assert limit - 0.004 < wide < found
    assert wide > -1.0 + 2.0 * empirical_bernstein_lower((x + 1) / 2, error=0.05) + 0.004


def test_ones_have_the_exact_bound_but_for_the_weights() -> None:
    found = constant_bet_lower(np.ones(50), low=0.0, high=1.0, error=0.05)
    assert 0.90 < found <= 0.05 ** (1 / 50)


@given(
    values=st.lists(st.floats(-1, 1), min_size=1, max_size=30),
    error=st.floats(0.001, 0.999),
    low=st.sampled_from([-1.0, -3.0]),
)
def test_it_is_between_the_least_mean_and_the_observed_one(values: list[float], error: float, low: float) -> None:
    found = constant_bet_lower(values, low=low, high=1.0, error=error)
    assert low <= found <= np.mean(values) + 1e-12


@given(cut=st.integers(0, 40), seed=st.integers(0, 9))
def test_totals_of_parts_add_up(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, low = rng.random(40) - 0.5, -0.5 - rng.random(40)
    whole = bet_growth(x, low=low)
    parts = [bet_growth(x[:cut], low=low[:cut]), bet_growth(x[cut:], low=low[cut:])]
    assert sum(part.n for part in parts) == whole.n
    for name in ("n_kept", "log", "dropped"):
        np.testing.assert_allclose(sum(getattr(part, name) for part in parts), getattr(whole, name), atol=1e-9)


def test_the_capital_is_that_of_the_definition() -> None:
    x, low = np.array([0.5, -0.25, 0.1]), np.array([-0.5, -0.5, -2.0])
    found = bet_growth(x, low=low, stakes=[1.0])
    assert found.n_kept.tolist() == [2.0]
    assert found.log[0] == pytest.approx(math.log(1.5) + math.log(0.75), rel=1e-14)
    assert found.dropped.tolist() == [-2.0]


def test_one_stake_has_the_closed_form() -> None:
    x = np.array([0.3, -0.1, 0.2, 0.4])
    growth = bet_growth(x, low=-0.5, stakes=[1.5])
    found = lower_from_growth(growth, least=-0.5, most=float(x.mean()), weights=[1.0], error=0.2, stakes=[1.5])
    closed = (math.exp((np.log1p(1.5 * x).sum() - math.log(5)) / 4) - 1) / 1.5
    assert found == pytest.approx(closed, abs=1e-12)


def test_a_range_of_nothing_costs_nothing() -> None:
    assert constant_bet_lower(np.zeros(7), low=0.0, high=0.0, error=0.05) == 0.0


def test_weights_are_largest_at_the_best_stake() -> None:
    weights = stake_weights(0.32, 600, error=0.05)
    assert weights.sum() == pytest.approx(1.0)
    assert STAKES[weights.argmax()] == 1.0
    place = int(weights.argmax())
    assert weights[place + 2] == pytest.approx(weights[place] / 4, rel=0.2)
    assert stake_weights(0.0, 1, error=0.5).argmax() == len(STAKES) - 1


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="none given"):
        constant_bet_lower([], low=0.0, high=1.0, error=0.1)
    with pytest.raises(InputError, match="below the least"):
        constant_bet_lower([-0.5], low=0.0, high=1.0, error=0.1)
    with pytest.raises(ShapeError, match="low"):
        bet_growth([0.5, 0.5], low=[0.0, 0.0, 0.0])
    with pytest.raises(InputError, match="not positive"):
        bet_growth([0.5], low=0.0, stakes=[0.0])
    with pytest.raises(InputError, match="error"):
        constant_bet_lower([0.5], low=0.0, high=1.0, error=1.0)
