from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.theory import concentration as con

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]
FIELDS = {
    "beta": "beta",
    "rho": "rho",
    "paper_rhs": "printed",
    "union_sound": "rho_once",
    "union_one_sided_hoeffding": "union_hoeffding",
    "union_clopper_pearson": "union_clopper_pearson",
    "hoeffding_one_sided": "hoeffding",
    "dkw_one_sided": "dkw",
    "clopper_pearson": "clopper_pearson",
    "mixture_clopper_pearson": "mixture",
}


@pytest.mark.parametrize("case", GOLDEN["radii_bernoulli"])
def test_radii(case: dict[str, Any]) -> None:
    n, error = case["N"], float(case["alpha"])
    found = {
        "hoeffding_one_sided": con.hoeffding_radius(n, error=error),
        "hoeffding_two_sided": con.hoeffding_radius(n, error=error / 2),
        "dkw_two_sided_half_alpha": con.dkw_radius(n, error=error / 4),
        "eq10_fmax1": con.hoeffding_radius(n, error=error / 2, width=2.0),
    }
    for key, value in found.items():
        assert value == pytest.approx(float(case[key]), rel=1e-14)


@pytest.mark.parametrize("case", GOLDEN["theorem5"])
def test_theorem_5(case: dict[str, Any]) -> None:
    found = con.theorem5(
        case["x"], case["N"], error=float(case["alpha"]), n_routes=case["M"], predicate_error=float(case["eta"])
    )
    for key, field in FIELDS.items():
        assert getattr(found, field) == pytest.approx(float(case[key]), rel=1e-10), key


def test_the_printed_bound_is_below_what_its_own_steps_give() -> None:
    for successes in (0, 500, 900, 1000):
        found = con.theorem5(successes, 1000, error=0.05)
        assert found.printed <= found.rho_once <= found.union_hoeffding <= found.hoeffding


def test_the_margin_curve_holds_for_all_thresholds_at_once() -> None:
    rng = np.random.default_rng(5)
    error, n, trials = 0.1, 40, 2000
    grid = np.linspace(0, 1, 201)
    broken = 0
    for _ in range(trials):
        curve = con.dkw_lower(rng.random(n), error=error, thresholds=grid)
        broken += bool((curve.lower > 1 - grid + 1e-12).any())
    # Three standard errors of the simulation above the nominal error.
    assert broken / trials <= error + 3 * np.sqrt(error * (1 - error) / trials)


def test_the_curve_reads_at_each_margin_by_default() -> None:
    curve = con.dkw_lower([0.3, 0.1, 0.3], error=0.5)
    assert curve.thresholds.tolist() == [0.1, 0.3] and curve.share.tolist() == pytest.approx([2 / 3, 0.0])


def test_refuses() -> None:
    with pytest.raises(AssumptionError, match="1/2"):
        con.dkw_radius(10, error=0.6)
    with pytest.raises(InputError, match="at least one user"):
        con.hoeffding_radius(0, error=0.1)
    with pytest.raises(InputError, match="must lie in"):
        con.hoeffding_lower([1.2], error=0.1)
    with pytest.raises(InputError, match="NaN"):
        con.dkw_lower([np.nan], error=0.1)
    with pytest.raises(InputError, match="successes"):
        con.theorem5(5, 4, error=0.1)


def test_no_values_are_refused_in_one_line() -> None:
    for bound in (con.hoeffding_lower, con.hoeffding_upper):
        with pytest.raises(InputError, match="values: none given"):
            bound([], error=0.05)
