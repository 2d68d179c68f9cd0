from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.simplex import js_nats, kl_nats, tv
from spectra_eval.theory import kl_envelope as env
from spectra_eval.units import LN2, Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["kl_to_tv"])
def test_kl_to_tv(case: dict[str, Any]) -> None:
    kl = Information(float(case["kl_nats"]))
    assert env.tv_upper_from_kl(kl) == pytest.approx(float(case["tv"]), rel=1.3e-15, abs=0)
    assert env.tv_gap_from_kl(kl) == pytest.approx(float(case["one_minus_tv"]), rel=1e-13, abs=0)
    pinsker = env.tv_upper_from_kl(kl, method="pinsker")
    assert pinsker == pytest.approx(min(1.0, float(case["pinsker"])), rel=1e-15, abs=0)
    huber = env.tv_upper_from_kl(kl, method="bretagnolle_huber")
    assert huber == pytest.approx(float(case["bretagnolle_huber"]), rel=1e-15, abs=0)
    assert env.linf_upper_from_kl(kl) == env.tv_upper_from_kl(kl)


@pytest.mark.parametrize("case", GOLDEN["tv_to_kl"])
def test_tv_to_kl(case: dict[str, Any]) -> None:
    found = env.kl_lower_from_tv(float(case["tv"])).nats
    assert found == pytest.approx(float(case["kl_nats"]), rel=1.3e-15, abs=0)
    for weaker in ("pinsker", "bretagnolle_huber", "vajda", "gilardoni"):
        assert found >= float(case[weaker]) * (1 - 1e-15)


def true_tv(kappa: float) -> mpmath.mpf:
    """Solve kappa(t) = kappa at fifty digits and give v(t)."""
    m = mpmath

    def excess(t: mpmath.mpf) -> mpmath.mpf:
        return m.log(t / m.sinh(t)) + t * m.coth(t) - (t / m.sinh(t)) ** 2 - m.mpf(kappa)

    t = m.findroot(excess, (m.sqrt(kappa), m.exp(kappa)), solver="anderson", tol=1e-80, maxsteps=500)
    return t / 2 * (1 - (m.coth(t) - 1 / t) ** 2)


@pytest.mark.parametrize(
    "kappa", [1e-3, 3.9999e-3, 4e-3, 4.0001e-3, 0.02, 0.05, 0.11, 0.19, 0.7, 1.9, 3.5, 3.99999, 4.00001]
)
def test_against_a_root_at_fifty_digits(kappa: float) -> None:
    with mpmath.workdps(60):
        true = true_tv(kappa)
        assert abs(env.tv_upper_from_kl(Information(kappa)) - true) <= 1.3e-15 * true


def test_the_two_directions_are_inverse_and_monotone() -> None:
    v = np.concatenate([np.logspace(-9, -1.1, 60), np.linspace(0.1, 0.9999, 300), [0.00999999, 0.01, 0.98, 0.9800001]])
    v = np.unique(v)
    kl = env.kl_lower_from_tv(v)
    assert env.tv_upper_from_kl(kl) == pytest.approx(v, rel=1e-14, abs=0)
    assert (np.diff(kl.nats) > 0).all()


@pytest.mark.parametrize("kappa", [0.0, 1e-9, 1e-3, 0.004, 0.3, 2.0, 3.999, 4.0, 20.0, 800.0])
def test_the_witness_attains_it(kappa: float) -> None:
    star, held = env.binary_kl_pair(Information(kappa))
    assert tv(star, held)[0] == pytest.approx(env.tv_upper_from_kl(Information(kappa)), rel=1e-9)
    if kappa < 745:  # the smaller share of the pair underflows beyond
        assert kl_nats(star, held)[0] == pytest.approx(kappa, rel=1e-5 if kappa < 1e-6 else 1e-9, abs=0)
    registered = env.TV_UPPER_FROM_KL.witness
    assert registered is not None and np.array_equal(registered(kappa)[0], star)


def test_shapes_infinity_and_nan() -> None:
    found = env.tv_upper_from_kl(Information(np.array([[0.0, np.inf], [np.nan, 1.0]])))
    assert found.shape == (2, 2) and found[0].tolist() == [0.0, 1.0] and np.isnan(found[1, 0])
    assert env.kl_lower_from_tv(1.0).nats == np.inf
    assert env.tv_upper_from_kl(Information(5e-324)) > 1e-162


def test_what_is_no_divergence_is_refused() -> None:
    with pytest.raises(InputError, match="negative"):
        env.tv_upper_from_kl(Information(-0.1))
    with pytest.raises(InputError, match="method"):
        env.tv_upper_from_kl(Information(0.1), method="topsoe")
    with pytest.raises(InputError, match="outside"):
        env.kl_lower_from_tv(1.5)


def test_kl_and_js_with_the_best_constant() -> None:
    assert env.kl_lower_from_js(Information(LN2)).nats == pytest.approx(2.0)
    assert env.js_upper_from_kl(Information(np.array([1.0, 9.0]))).bits.tolist() == [0.5, 1.0]
    d = 1e-6  # the constant is approached here
    star, held = np.array([[1.0, 0.0]]), np.array([[1.0 - d, d]])
    assert kl_nats(star, held)[0] == pytest.approx(
        env.kl_lower_from_js(Information(js_nats(star, held)[0])).nats, rel=1e-5
    )


def test_the_inequality_of_the_paper_is_the_other_one() -> None:
    star, held = np.array([[0.5, 0.5]]), np.array([[0.6, 0.4]])
    least = env.kl_lower_from_js(Information(js_nats(star, held)[0])).nats
    assert kl_nats(star, held)[0] == pytest.approx(0.020411, abs=1e-6) and least == pytest.approx(0.014598, abs=1e-6)
