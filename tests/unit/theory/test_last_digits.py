"""How many units in the last place the curves are off, against mpmath: subnormal numbers, both ends, seams."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.audit.conformance import conform

EDGES = json.loads((Path(__file__).parents[2] / "golden/theory_edges.json").read_text())["groups"]


def units_off(computed: Any, expected: str) -> float:
    """Count the units in the last place of the expected number between the two; a subnormal one has few places."""
    exact = Fraction(expected)
    return float(abs(Fraction(float(computed)) - exact) / Fraction(math.ulp(float(exact))))


@pytest.mark.parametrize(
    ("group", "field", "allowed"),
    [
        ("psi", "js_bits", 4),
        ("psi", "js_nats", 4),
        ("phi_star", "v", 4),
        ("phi_star", "one_minus_v", 4),
        ("phi_star", "dv_dj", 4),
        ("phi_star_gap", "gap", 4),
        ("js_trunc", "g_bits", 4),
        ("js_trunc", "dg_dm", 4),
        ("js_trunc_inv", "m", 4),
        ("kl_to_tv", "tv", 8),  # 1.3e-15 relative
        ("tv_to_kl", "kl_nats", 40),  # dKL/dTV is up to twenty times KL/TV before the end is taken over exactly
        ("chi2_to_tv", "tv_exact", 4),
        ("hellinger_to_tv", "tv_upper", 4),
    ],
)
def test_within_units_in_the_last_place(group: str, field: str, allowed: float) -> None:
    [result] = conform({"groups": {group: EDGES[group]}})
    finite = [
        (case["computed"][field], given)
        for case, given in zip(result.cases, EDGES[group], strict=True)
        if given[field] not in ("inf", "nan")
    ]
    assert len(finite) > 30
    worst = max(finite, key=lambda pair: units_off(pair[0], pair[1][field]))
    assert units_off(worst[0], worst[1][field]) <= allowed, worst


def test_js_of_a_near_pair_keeps_its_digits() -> None:
    """Sums of K terms of a few units each: rows that agree to the last bits lose none of them."""
    [result] = conform({"groups": {"divergences": EDGES["divergences"]}})
    for case, given in zip(result.cases, EDGES["divergences"], strict=True):
        if given["name"].startswith("near"):
            assert units_off(case["computed"]["js_nats"], given["js_nats"]) <= 8, given["name"]
