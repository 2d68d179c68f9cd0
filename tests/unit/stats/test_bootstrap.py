"""The bootstrap: golden vectors, the distribution of the draws, and what they do not depend on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spectra_eval.errors import InputError, ShapeError, UndefinedMetricError
from spectra_eval.stats.bootstrap import PART, Resamples, bootstrap, percentile_interval

GROUPS = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


def _first(mean: np.ndarray) -> Any:
    return mean[..., 0]


@pytest.mark.parametrize("case", GROUPS["bootstrap"])
def test_golden(case: dict[str, Any]) -> None:
    x = np.array([float(value) for value in case["x"]])
    index = np.array(case["idx"])
    weights = np.array([np.bincount(row, minlength=len(x)) for row in index], dtype=float)
    means = weights @ x / len(x)
    rtol = float(case["rtol"])
    assert means == pytest.approx([float(mean) for mean in case["means"]], rel=rtol)
    interval = percentile_interval(means)
    assert (interval.low, interval.high) == pytest.approx((float(case["lo"]), float(case["hi"])), rel=rtol)
    assert percentile_interval(means, level=1e-12).low == pytest.approx(float(case["median"]), rel=1e-9)


@pytest.mark.parametrize("case", GROUPS["ci_width"])
def test_no_interval_is_wider_than_values_between_0_and_1_allow(case: dict[str, Any]) -> None:
    """Bhatia and Davis: users at 0 or 1 alone have the largest deviation that a mean allows."""
    mean, n, z = float(case["mean"]), int(case["n"]), float(case["z"])
    values = (np.arange(n) < round(mean * n)).astype(float)
    assert values.std() == pytest.approx(float(case["max_sd"]), abs=1e-4)  # a whole number of users
    implied = float(case["half_width"]) * np.sqrt(n) / z
    assert implied == pytest.approx(float(case["implied_sd"]), rel=float(case["rtol"]))
    assert implied / float(case["max_sd"]) == pytest.approx(float(case["ratio"]), rel=float(case["rtol"]))
    interval = bootstrap(values[:, None], value=_first, rng=np.random.default_rng(0), n_resamples=400)
    assert (interval.high - interval.low) / 2 == pytest.approx(z * values.std() / np.sqrt(n), rel=0.15)


@pytest.mark.parametrize("n", [1, 2, 7, PART, PART + 1, 2 * PART + 3])
def test_every_resample_holds_as_many_users_as_there_are(n: int) -> None:
    resamples = Resamples.draw(n, 5, rng=np.random.default_rng(3))
    weights = np.hstack([resamples.weights(part) for part in range(resamples.n_parts)])
    assert weights.shape == (5, n)
    assert weights.sum(axis=1).tolist() == [n] * 5
    assert (weights >= 0).all()


def test_the_draws_are_multinomial_across_the_border_of_two_parts() -> None:
    n = PART + 500
    resamples = Resamples.draw(n, 2000, rng=np.random.default_rng(4))
    first, second = resamples.weights(0), resamples.weights(1)
    share = PART / n
    assert first.sum(axis=1).mean() == pytest.approx(n * share, abs=4 * np.sqrt(n * share * (1 - share) / 2000))
    for weights in (first[:, :300], second[:, :300]):
        seen = np.bincount(weights.ravel().astype(int), minlength=8)[:8]
        expected = stats.binom.pmf(np.arange(8), n, 1 / n) * weights.size
        assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-4
    together = np.corrcoef(first[:, 0], first[:, 1:200].sum(axis=1))[0, 1]
    assert abs(together) < 0.1


def test_the_draws_depend_on_the_seed_and_on_nothing_else() -> None:
    made = [Resamples.draw(PART + 9, 4, rng=np.random.default_rng(seed)) for seed in (5, 5, 6)]
    later = made[0].weights(1)  # a part asked for out of order
    assert np.array_equal(later, made[1].weights(1))
    assert np.array_equal(made[0].weights(0), made[1].weights(0))
    assert not np.array_equal(made[0].weights(0), made[2].weights(0))
    assert not np.array_equal(made[0].weights(0)[:, :9], later)


def test_the_interval_agrees_with_scipy() -> None:
    x = np.random.default_rng(7).gamma(2.0, size=300)
    mine = bootstrap(x[:, None], value=_first, rng=np.random.default_rng(8), n_resamples=4000)
    theirs = stats.bootstrap(
        (x,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_a_value_of_several_columns_is_taken_of_their_means() -> None:
    rows = np.random.default_rng(1).random((200, 3))
    interval = bootstrap(rows, value=lambda mean: mean.max(axis=-1), rng=np.random.default_rng(0), level=0.9)
    assert interval.low <= rows.mean(axis=0).max() <= interval.high
    assert interval.level == 0.9


def test_one_user_is_flagged() -> None:
    interval = bootstrap(np.array([[0.25]]), value=_first, rng=np.random.default_rng(0))
    assert (interval.low, interval.high) == (0.25, 0.25)
    assert "one user" in interval.method


def test_replicates_without_a_value_are_left_out() -> None:
    assert percentile_interval([np.nan, 1.0, np.nan, 1.0]).low == 1.0
    for nothing in ([np.nan], [], [1.0, np.inf]):
        with pytest.raises(UndefinedMetricError):
            percentile_interval(np.array(nothing))


def test_bad_arguments_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="level"):
        percentile_interval([1.0], level=1.0)
    with pytest.raises(ShapeError, match="replicates"):
        percentile_interval([[1.0]])
    with pytest.raises(ShapeError, match="statistic"):
        bootstrap(np.ones(3), value=_first, rng=rng)
    with pytest.raises(UndefinedMetricError, match="not finite"):
        bootstrap(np.array([[np.nan]]), value=_first, rng=rng)
    with pytest.raises(UndefinedMetricError, match="no users"):
        bootstrap(np.ones((0, 1)), value=_first, rng=rng)
    with pytest.raises(InputError, match="0 resamples"):
        bootstrap(np.ones((2, 1)), value=_first, rng=rng, n_resamples=0)
