from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.simplex import js_nats, linf, tv
from spectra_eval.theory import js_envelope as env
from spectra_eval.theory.binary_js import binary_js_interval
from spectra_eval.units import LN2, Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]
ULP = 2.0**-52


@pytest.mark.parametrize("case", GOLDEN["psi"])
def test_psi(case: dict[str, Any]) -> None:
    found = env.psi(float(case["v"]))
    assert found.bits == pytest.approx(float(case["js_bits"]), rel=4 * ULP, abs=0)
    assert found.nats == pytest.approx(float(case["js_nats"]), rel=5 * ULP, abs=0)


@pytest.mark.parametrize("case", GOLDEN["phi_star"])
def test_phi_star(case: dict[str, Any]) -> None:
    j = float(case["j"])
    true = float(case["v"])
    assert env.phi_star(j) == pytest.approx(true, rel=4 * ULP, abs=0)
    assert env.phi_star(j, round_up=True) >= true
    assert env.phi_star_gap(1.0 - j) == pytest.approx(float(case["one_minus_v"]), rel=1e-13 if j > 1e-10 else 1e-9)


@pytest.mark.parametrize("case", [c for c in GOLDEN["phi_star"] if float(c["j"]) > 1e-50 or float(c["j"]) == 0])
def test_slope(case: dict[str, Any]) -> None:
    assert env.phi_star_slope(float(case["j"])) == pytest.approx(float(case["dv_dj"]), rel=1e-12)


def test_slope_near_zero_where_the_golden_file_is_off_by_two() -> None:
    """phi* is sqrt(2 ln2 j) there, so that its slope is v/(2j); the file of golden numbers says v/j."""
    for case in GOLDEN["phi_star"]:
        j = float(case["j"])
        if 0 < j < 1e-50:
            with mpmath.workdps(400):
                v = mpmath.sqrt(2 * mpmath.log(2) * mpmath.mpf(j))
                true = float(mpmath.log(2) / mpmath.atanh(v))
            assert env.phi_star_slope(j) == pytest.approx(true, rel=1e-14)
            assert float(case["dv_dj"]) == pytest.approx(2 * true, rel=1e-14)


@pytest.mark.parametrize("case", GOLDEN["phi_star_gap"])
def test_gap(case: dict[str, Any]) -> None:
    assert env.phi_star_gap(float(case["c"])) == pytest.approx(float(case["gap"]), rel=1e-14, abs=0)


@pytest.mark.parametrize("case", GOLDEN["binary_js_interval"])
def test_interval(case: dict[str, Any]) -> None:
    low, high = binary_js_interval(float(case["q"]), Information.from_bits(float(case["delta_bits"])))
    assert low == pytest.approx(float(case["lo"]), rel=1e-10, abs=1e-12)
    assert high == pytest.approx(float(case["hi"]), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("j", [5e-324, 1e-310, 1e-200, 1e-20, 0.0199, 0.0201, 0.3, 0.69999, 0.70001, 0.999, 1 - 2**-53])
def test_phi_star_against_a_root_at_sixty_digits(j: float) -> None:
    with mpmath.workdps(60):
        if j < 1e-15:  # the next term of the series is below the working precision of a float
            true = mpmath.sqrt(2 * mpmath.log(2) * mpmath.mpf(j))
        else:

            def excess(v: mpmath.mpf) -> mpmath.mpf:
                return ((1 + v) * mpmath.log(1 + v) + (1 - v) * mpmath.log(1 - v)) / 2 - mpmath.mpf(j) * mpmath.log(2)

            true = mpmath.findroot(excess, (mpmath.mpf("1e-9"), 1 - mpmath.mpf("1e-40")), solver="anderson", tol=1e-55)
        found = env.phi_star(j)
        assert abs(found - true) <= 4 * ULP * true
        assert env.phi_star(j, round_up=True) >= true


def test_takes_arrays_and_nan() -> None:
    found = env.phi_star(np.array([[0.0, 0.25], [np.nan, 1.0]]))
    assert found.shape == (2, 2) and np.isnan(found[1, 0]) and found[1, 1] == 1.0


@pytest.mark.parametrize("j", [5e-324, 2.2250738585e-313, 1e-308, 1e-291, 1e-290, 1e-289, 1e-200])
def test_no_closed_form_falls_below_the_envelope_at_a_tiny_js(j: float) -> None:
    """`make prove` found it at 2.2e-313: the power form lost digits that the envelope kept."""
    js = Information.from_bits(j)
    for method in ("topsoe", "sqrt", "quadratic"):
        assert env.tv_upper_from_js(js, method=method) >= env.phi_star(j) * (1 - 4 * ULP), method


def test_minus_zero_and_nan() -> None:
    assert env.phi_star_slope(-0.0) == np.inf and not np.signbit(env.phi_star(-0.0))
    nan = Information.from_bits(float("nan"))
    assert np.isnan(binary_js_interval(0.3, nan)).all()
    assert np.isnan(binary_js_interval(float("nan"), Information.from_bits(0.1))).all()


def test_rounding_outside_is_taken_and_more_is_refused() -> None:
    assert env.phi_star(-1e-13) == 0.0 and env.phi_star(1 + 1e-13) == 1.0
    for wrong in (-1e-6, 1.01):
        with pytest.raises(InputError, match="outside"):
            env.phi_star(wrong)
    with pytest.raises(InputError, match="method"):
        env.tv_upper_from_js(Information.from_bits(0.1), method="fedotov")


def test_the_closed_forms_lie_above_by_no_more_than_they_say() -> None:
    js = Information.from_bits(np.linspace(0, 1, 20001))
    exact = env.tv_upper_from_js(js)
    topsoe = env.tv_upper_from_js(js, method="topsoe") - exact
    root = env.tv_upper_from_js(js, method="sqrt") - exact
    assert topsoe.min() >= -1e-15 and topsoe.max() == pytest.approx(0.00737, abs=1e-5)
    assert root.min() >= -1e-15 and root.max() == pytest.approx(0.0964, abs=1e-4)


@pytest.mark.parametrize("j", [1e-12, 0.01, 0.3, 0.9, 1.0])
def test_the_witness_attains_it(j: float) -> None:
    witness = env.TV_UPPER_FROM_JS.witness
    assert witness is not None
    star, held = witness(j)
    assert js_nats(star, held)[0] / LN2 == pytest.approx(j, rel=1e-12)
    assert tv(star, held)[0] == pytest.approx(env.phi_star(j), rel=1e-12)
    assert linf(star, held)[0] == pytest.approx(env.phi_star(j), rel=1e-12)


def test_the_other_direction() -> None:
    assert env.js_lower_from_tv(0.24).bits == pytest.approx(0.042, abs=5e-4)
    assert env.js_upper_from_tv(0.4).bits == 0.4
    assert env.tv_lower_from_js(Information.from_bits(np.array([0.2, 0.6]))).tolist() == [0.2, 0.6]
    assert math.isclose(env.linf_upper_from_js(Information.from_bits(0.5)), env.phi_star(0.5))
    with pytest.raises(InputError, match="outside"):
        env.psi(1.5)
