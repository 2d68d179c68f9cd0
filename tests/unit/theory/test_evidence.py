"""E-processes: against a plain loop, and rarely large where the hypothesis is true, however one stops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.theory import eprocess


def _loop(x: np.ndarray, mean: float, population: int | None, cap: float) -> list[float]:
    """Compute the product value by value, as the definition says."""
    out, capital, impossible = [], 0.0, False
    running: list[float] = []
    for t in range(1, len(x) + 1):
        past = x[: t - 1]
        null = mean if population is None else (population * mean - past.sum()) / (population - t + 1)
        centre = (0.5 + past.sum()) / t
        variance = (0.25 + sum((value - m) ** 2 for value, m in zip(past, running, strict=True))) / t
        impossible = impossible or null < 0
        bet = max(0.0, centre - null) / (variance + max(0.0, centre - null) ** 2)
        bet = min(bet, cap / null) if null > 0 else bet
        capital += 0.0 if impossible else math.log1p(bet * (x[t - 1] - null))
        out.append(math.inf if impossible else capital)
        running.append((0.5 + x[:t].sum()) / (t + 1))
    return out


@pytest.mark.parametrize("population", [None, 60, 200])
@pytest.mark.parametrize("mean", [0.0, 0.2, 0.5, 0.9])
def test_it_is_the_product_of_the_definition(population: int | None, mean: float) -> None:
    x = np.random.default_rng(1).beta(2, 1, 60)
    np.testing.assert_allclose(
        eprocess(x, mean=mean, population=population), _loop(x, mean, population, 0.75), rtol=1e-10
    )


@pytest.mark.parametrize("chance", [0.05, 0.5, 0.95])
def test_at_the_hypothesis_it_is_rarely_ever_large(chance: float) -> None:
    rng = np.random.default_rng(2)
    crossed = [eprocess((rng.random(500) < chance) * 1.0, mean=chance).max() >= math.log(20) for _ in range(400)]
    assert np.mean(crossed) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_without_replacement_too() -> None:
    rng = np.random.default_rng(3)
    everyone = rng.beta(1, 2, 150)
    crossed = [
        eprocess(rng.permutation(everyone), mean=float(everyone.mean()) + 1e-12, population=150).max() >= math.log(20)
        for _ in range(400)
    ]
    assert np.mean(crossed) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_a_false_hypothesis_is_left_soon_and_an_impossible_one_at_once() -> None:
    x = (np.random.default_rng(4).random(300) < 0.6) * 1.0
    assert eprocess(x, mean=0.3).max() > math.log(1e6)
    assert eprocess([1.0, 1.0, 1.0], mean=0.4, population=4).tolist()[-1] == math.inf


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
        eprocess([1.5], mean=0.5)
    with pytest.raises(InputError, match="population"):
        eprocess([0.5, 0.5], mean=0.5, population=1)
    with pytest.raises(InputError, match="cap"):
        eprocess([0.5], mean=0.5, cap=1.0)
    with pytest.raises(InputError, match="mean"):
        eprocess([0.5], mean=1.5)
