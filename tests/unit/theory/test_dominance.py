from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.simplex import js_nats, tv
from spectra_eval.theory import dominance as dom
from spectra_eval.theory.js_envelope import phi_star
from spectra_eval.units import Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["fraction_from_means"])
def test_fraction_from_means(case: dict[str, Any]) -> None:
    js = Information.from_bits(float(case["d_bits"]))
    found = dom.fraction_from_means(float(case["m"]), js)
    assert found == pytest.approx(float(case["exact"]), rel=1e-10, abs=1e-12)
    simple = dom.certify_fraction(float(case["m"]), js).inputs["simple_form"]
    assert simple == pytest.approx(float(case["simple"]), rel=1e-10, abs=1e-12)
    assert found >= simple - 1e-15


def test_the_fraction_is_attained() -> None:
    """A cohort with exactly these two means, of which no larger share is closer."""
    m, d = 0.7, 0.25
    f = dom.fraction_from_means(m, Information.from_bits(d))
    # Share f: d = 0 and m = 1; the rest sit on the symmetric pair, where m = B = T.
    v = phi_star(d / (1 - f))
    assert f + (1 - f) * v == pytest.approx(m, abs=1e-12)
    star, held = np.array([(1 + v) / 2, (1 - v) / 2, 0]), np.array([(1 - v) / 2, (1 + v) / 2, 0])
    listed = np.array([(1 - v) / 2, (1 + v) / 2, 0])
    assert tv(star, held) == pytest.approx(tv(star, listed))


def test_anchors() -> None:
    anchors = GOLDEN["paper_anchors"]
    for data in anchors.values():
        if not isinstance(data, dict) or "readings" not in data:
            continue
        m = float(data["m_tau"])
        for name, reading in data["readings"].items():
            js = Information.from_bits(float(reading["delta_bits"]))
            if name == "aggregate":
                assert dom.certify_aggregate(m, js).licenses == "nothing"
                continue
            total = dom.certify_mean(m, js)
            assert total.margin == pytest.approx(float(reading["margin_phi_star"]), abs=1e-13)
            assert total.holds == reading["certifies_tv"]
            amount = dom.certify_mean(m, js, divergence="js")
            assert amount.margin == pytest.approx(float(reading["js_margin_bits"]), abs=1e-13)
            assert amount.holds == reading["certifies_js"]


def test_the_js_of_two_averages_licenses_nothing() -> None:
    star = np.array([[0.9, 0.0, 0.1], [0.0, 0.9, 0.1]])
    held = star[::-1]
    aggregate = js_nats(star.mean(axis=0), held.mean(axis=0))
    assert aggregate == 0.0
    statement = dom.certify_aggregate(0.1, Information(float(aggregate)))
    assert statement.margin is None and not statement.holds and statement.licenses == "nothing"
    listed = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    assert (tv(star, held) > tv(star, listed)).all()


def test_quantiles_and_medians() -> None:
    js = Information.from_bits(0.2)
    most = dom.certify_quantile(0.6, 0.9, js, 0.8)
    assert most.bound == pytest.approx(0.7) and most.holds and most.licenses == "a share of users"
    assert dom.certify_quantile(0.6, 0.5, js, 0.5).licenses == "nothing"
    assert not dom.certify_quantile(0.3, 0.9, js, 0.9).holds


def test_users() -> None:
    near, far = Information.from_bits(0.1), Information.from_bits(0.5)
    assert dom.certify_user(0.6, near).holds and dom.certify_user(0.6, near, target="law").target == "law"
    assert not dom.certify_user(0.6, far, divergence="js").holds
    with pytest.raises(InputError, match="divergence"):
        dom.certify_user(0.6, near, divergence="kl")
    with pytest.raises(AssumptionError, match="one number"):
        dom.certify_mean(0.6, Information.from_bits(np.array([0.1])))
    with pytest.raises(InputError, match="outside"):
        dom.certify_user(1.2, near)


def test_a_fraction_above_zero_licenses_a_share_of_users() -> None:
    some = dom.certify_fraction(0.864, Information.from_bits(0.298))
    assert some.holds and some.licenses == "a share of users"
    none = dom.certify_fraction(0.1, Information.from_bits(0.9))
    assert not none.holds and none.licenses == "nothing" and none.bound == 0.0
