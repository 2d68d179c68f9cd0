from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spectra_eval.errors import InputError
from spectra_eval.theory.binomial import clopper_pearson_lower, clopper_pearson_upper

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["clopper_pearson"])
def test_golden(case: dict[str, Any]) -> None:
    error = float(case["alpha"])
    assert clopper_pearson_lower(case["x"], case["n"], error=error) == pytest.approx(float(case["lower"]), rel=1e-10)
    assert clopper_pearson_upper(case["x"], case["n"], error=error) == pytest.approx(float(case["upper"]), rel=1e-10)


@pytest.mark.parametrize("n", [1, 2, 7, 25])
@pytest.mark.parametrize("error", [0.2, 0.05, 0.001])
def test_exact_coverage(n: int, error: float) -> None:
    x = np.arange(n + 1)
    lower = clopper_pearson_lower(x, n, error=error)
    assert (np.diff(lower) > 0).all()
    for p in np.concatenate([np.linspace(0, 1, 101), lower, np.nextafter(lower, 0)]):
        missed = stats.binom.pmf(x, n, p)[lower > p].sum()
        assert missed <= error * (1 + 1e-9)


def test_not_for_independent_users_with_unequal_chances() -> None:
    """Two users with chances (2q, 0): the bound for their mean q fails with probability above its error."""
    q, error = 0.02532, 0.05
    lower = clopper_pearson_lower(np.arange(3), 2, error=error)
    chance = {0: 1 - 2 * q, 1: 2 * q, 2: 0.0}
    assert sum(p for x, p in chance.items() if lower[x] > q) == pytest.approx(0.0506, abs=1e-4)


@pytest.mark.parametrize(("x", "n"), [(-1, 3), (4, 3), (1.5, 3)])
def test_refuses_counts_that_are_none(x: float, n: int) -> None:
    with pytest.raises(InputError, match="whole number"):
        clopper_pearson_lower(x, n, error=0.05)


@pytest.mark.parametrize("trials", [10**7, 10**7 + 1, 10**9, 10**12, 10**15, 4 * 10**18])
@pytest.mark.parametrize("error", [0.05, 0.0025])
def test_any_number_of_trials_gets_a_bound_below_the_share_and_close_to_it(trials: int, error: float) -> None:
    n = float(trials)
    for x in (1.0, 1000.0, np.floor(n / 3), np.floor(0.95 * n), n - 1.0, n):
        found, share = clopper_pearson_lower(x, n, error=error), x / n
        spread = np.sqrt(max(share * (1 - share), 1 / n) / n)
        assert 0 <= found <= share, (x, found)
        assert found >= share - 12 * spread - 1e-15, (x, found)
    assert clopper_pearson_lower(0, n, error=error) == 0.0
    assert clopper_pearson_lower(n, n, error=error) == pytest.approx(error ** (1 / n), rel=1e-12)


def test_the_bound_for_very_many_trials_is_a_little_below_the_exact_one() -> None:
    exact = clopper_pearson_lower(3_000_000, 10_000_000, error=0.01)
    loose = clopper_pearson_lower(3_000_001, 10_000_001, error=0.01)
    assert exact - 2e-4 < loose < exact


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    for bound in (clopper_pearson_lower, clopper_pearson_upper):
        with pytest.raises(InputError, match="arrays of them that fit together"):
            bound([1, 2], [3, 4, 5], error=0.05)
