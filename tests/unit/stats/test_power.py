"""The minimum detectable effect: against statsmodels, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.stats import minimum_detectable


@pytest.mark.parametrize(("n", "level", "power"), [(400, 0.95, 0.8), (2000, 0.99, 0.9)])
def test_agrees_with_the_exact_power_of_the_t_test(n: int, level: float, power: float) -> None:
    differences = np.random.default_rng(0).normal(0.3, 2.0, size=n)
    found = minimum_detectable(differences, level=level, power=power) / differences.std(ddof=1)
    exact = TTestPower().solve_power(nobs=n, alpha=1 - level, power=power, alternative="two-sided")
    assert found == pytest.approx(exact, rel=0.01)


def test_the_signed_rank_test_finds_it_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    sample = rng.normal(size=200)
    effect = minimum_detectable(sample / sample.std(ddof=1))
    found = [stats.wilcoxon(rng.normal(effect, 1.0, size=200)).pvalue <= 0.05 for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)


def test_ends_and_errors() -> None:
    assert minimum_detectable([0.5]) == math.inf
    assert minimum_detectable([0.5, 0.5]) == 0.0
    with pytest.raises(ShapeError, match="at least one"):
        minimum_detectable([])
    with pytest.raises(InputError, match="row 1"):
        minimum_detectable([0.0, np.nan])
    with pytest.raises(InputError, match="power"):
        minimum_detectable([0.0, 1.0], power=1.0)
