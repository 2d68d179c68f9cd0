from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.simplex import chi_squared, kl_nats, linf, tv
from spectra_eval.theory import chi_squared_envelope as env
from spectra_eval.theory.kl_envelope import tv_upper_from_kl

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["chi2_to_tv"])
def test_chi_squared_to_tv(case: dict[str, Any]) -> None:
    x = float(case["chi2"])
    exact = env.tv_upper_from_chi_squared(x)
    assert exact == pytest.approx(float(case["tv_exact"]), rel=1e-15, abs=0)
    cauchy = env.tv_upper_from_chi_squared(x, method="cauchy_schwarz")
    assert cauchy == pytest.approx(min(1.0, float(case["cauchy_schwarz"])), rel=1e-15, abs=0)
    via_kl = env.tv_upper_from_chi_squared(x, method="via_kl")
    assert via_kl == pytest.approx(float(case["via_kl"]), rel=1e-12, abs=0)
    assert via_kl == tv_upper_from_kl(env.kl_upper_from_chi_squared(x))
    assert exact <= cauchy and exact <= via_kl * (1 + 1e-15) and exact <= float(case["paper"])


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.3, 1.0, 1.0001, 7.0, 1e6])
def test_the_witnesses_attain_their_bounds(x: float) -> None:
    star, held = env.chi_squared_pair(x)
    assert chi_squared(star, held)[0] == pytest.approx(x, rel=1e-6, abs=0)
    assert tv(star, held)[0] == pytest.approx(env.tv_upper_from_chi_squared(x), rel=1e-12)
    assert linf(star, held)[0] == pytest.approx(env.tv_upper_from_chi_squared(x), rel=1e-12)
    witness = env.KL_UPPER_FROM_CHI_SQUARED.witness
    assert witness is not None
    star, held = witness(x)
    assert kl_nats(star, held)[0] == pytest.approx(env.kl_upper_from_chi_squared(x).nats, rel=1e-6)


def test_the_two_directions_are_inverse() -> None:
    v = np.linspace(0, 0.999, 1000)
    assert env.tv_upper_from_chi_squared(env.chi_squared_lower_from_tv(v)) == pytest.approx(v, rel=1e-14, abs=0)
    assert env.chi_squared_lower_from_tv(1.0) == np.inf


def test_no_pair_of_bernoullis_goes_below() -> None:
    a, b = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0.005, 0.995, 100))
    x = (a - b) ** 2 / (b * (1 - b))
    found = np.asarray(env.tv_upper_from_chi_squared(x))
    assert (found >= np.abs(a - b) - 1e-12).all()


def test_what_is_no_divergence_is_refused() -> None:
    with pytest.raises(InputError, match="negative"):
        env.tv_upper_from_chi_squared([0.1, -0.1])
    with pytest.raises(InputError, match="method"):
        env.tv_upper_from_chi_squared(0.1, method="pinsker")
