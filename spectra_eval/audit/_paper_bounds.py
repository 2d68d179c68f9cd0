"""The printed numbers of arXiv:2509.24189v4 that come from its bounds: envelopes, margins, certificates, costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from spectra_eval.audit import checks
from spectra_eval.audit._base import Finding, Printed, agrees, at_most, exact, printed
from spectra_eval.audit._paper_tables import (
    AGGREGATE_ML,
    AGGREGATE_YELP,
    JS_ML,
    JS_YELP,
    MISSED_ML,
    MISSED_YELP,
    at,
)
from spectra_eval.theory import js_ceiling, paper_phi, phi_star, printed_crossover, psi, tv_upper_from_js
from spectra_eval.theory.concentration import printed_theorem5_lower
from spectra_eval.theory.prompt_cost import prompt_count, token_ratio
from spectra_eval.units import LN2, Information

__all__ = ["bound_findings"]

ALPHA = 0.05
FORMS = {"ps": (".207", ".526"), "bh": (".287", ".652"), "th": (".586", ".744")}
"""Values printed for three envelopes at the aggregate JS of the two data sets."""

ARITHMETIC = {
    ("ps", 0): "sqrt(j ln 2)",
    ("ps", 1): "sqrt(j ln 2)",
    ("bh", 0): "sqrt(1 - 4^-j)",
    ("bh", 1): "sqrt(1 - 4^-j)",
    ("th", 0): "sqrt(8 ln2 j)",
    ("th", 1): "sqrt(2 ln2 j)",
}
"""What reproduces the printed values, from a JS in bits; not what the formulas say, and not one formula for phi_TH."""


def bound_findings() -> list[Finding]:
    """Check everything that comes from a bound."""
    return [*_envelopes(), *_margins(), *_ceilings(), *_certificates(), *_costs()]


def _envelopes() -> list[Finding]:
    out = []
    for name, values in FORMS.items():
        for number, (data, js) in enumerate((("MovieLens", AGGREGATE_ML), ("Yelp", AGGREGATE_YELP))):
            text = values[number]
            for unit in ("nats", "bits"):
                found = agrees(
                    "",
                    printed(text),
                    _over(js, name, unit),
                    says=f"{{claimed}} is printed, with {unit} it is {{computed}}",
                )
                out.append(at("F.6", f"{data}: phi_{name.upper()} as its formula says, in {unit}", found))
            reading = f"printed_{'ab'[number]}" if name == "th" else "printed"
            reproduced = agrees("", printed(text), _over(js, name, reading), says=_BOTH)
            out.append(at("F.6", f"{data}: phi_{name.upper()} by {ARITHMETIC[name, number]}", reproduced))
            covers = checks.envelope_covers(printed(text), js)
            out.append(at("F.6", f"{data}: phi_{name.upper()} is a bound at this JS", covers))
    root, crossing = printed_crossover()
    arithmetic = exact(root / (2 * LN2))
    return [
        *out,
        at("F.2", "root of the crossover", agrees("", printed("1.5936"), exact(root), says=_BOTH)),
        at("F.2, F.6", "JS of the crossover", agrees("", printed(".5523"), exact(crossing), says=_BOTH)),
        at(
            "F.6",
            "the crossover in the arithmetic of the printed values",
            at_most("", arithmetic, exact(1), says="the JS {left} at which they meet should not exceed {right} bit"),
        ),
        at(
            "F.6",
            "phi_TH by one formula at both anchors",
            agrees("", printed(".744"), _curve(AGGREGATE_YELP, lambda j: math.sqrt(8 * LN2 * j)), says=_BOTH),
        ),
        at(
            "F.3",
            "MovieLens: aggregate JS and total variation of the averages",
            at_most(
                "",
                _curve(printed(".24"), lambda v: float(psi(v).bits)),
                AGGREGATE_ML,
                says="the least JS at this total variation, {left}, should not exceed {right}",
            ),
        ),
    ]


def _margins() -> list[Finding]:
    holds = "the bound {left} should not exceed the missed mass {right}"
    out = [
        at("F.3", "MovieLens: headline margin", checks.difference(printed(".419"), MISSED_ML, printed(".207"))),
        at("F.3", "Yelp: headline margin", checks.difference(printed(".338"), MISSED_YELP, printed(".526"))),
    ]
    for data, js, missed in (("MovieLens", JS_ML, MISSED_ML), ("Yelp", JS_YELP, MISSED_YELP)):
        best = _curve(js, phi_star)
        root = _curve(js, lambda j: float(tv_upper_from_js(Information.from_bits(j), method="sqrt")))
        out.append(at("F.3", f"{data}: per-user mean, exact envelope", at_most("", best, missed, says=holds)))
        out.append(at("F.3", f"{data}: per-user mean, phi_JS", at_most("", root, missed, says=holds)))
    for unit in ("nats", "bits"):
        bound = _over(AGGREGATE_YELP, "th", unit)
        out.append(
            at("F.6, F.3", f"Yelp: condition with phi_TH in {unit}", at_most("", bound, MISSED_YELP, says=holds))
        )
    bits = _over(AGGREGATE_YELP, "js", "bits")
    out.append(at("F.6, F.3", "Yelp: condition with phi_JS in bits", at_most("", bits, MISSED_YELP, says=holds)))
    return out


def _ceilings() -> list[Finding]:
    out = []
    for data, js in (("MovieLens", JS_ML), ("Yelp", JS_YELP)):
        for k in (1, 5):
            found = at_most(
                "",
                js,
                exact(float(js_ceiling(k).bits)),
                says=f"the JS {{left}} should not exceed the ceiling {{right}} of k = {k}",
            )
            out.append(at("3.3, F.3", f"{data}: Theorem 1 through the mean JS, k = {k}", found))
    return out


def _certificates() -> list[Finding]:
    out = []
    for data, users, lower in (("MovieLens", 16_500, ".977"), ("Yelp", 10_000, ".970")):
        computed = exact(printed_theorem5_lower(1.0, n_users=users, error=ALPHA))
        out.append(at("F.5", f"{data}: eq. (11) at a share of 1", agrees("", printed(lower), computed, says=_BOTH)))
    slack = 2 * math.sqrt(math.log(4 / ALPHA) / (2 * 16_500))
    union = ALPHA / (2 * 16_500)
    return [
        *out,
        at("Table 14", "MovieLens: slack", agrees("", printed(".0231"), exact(slack), says=_BOTH)),
        at("Table 14", "MovieLens: 2 M beta", agrees("", printed("6.1e-6"), exact(union), says=_BOTH)),
        at("Table 14", "Yelp: 2 M beta", agrees("", printed("1.0e-5"), exact(ALPHA / 20_000), says=_BOTH)),
        at(
            "F.5, Table 14",
            "six orders of magnitude below the slack",
            agrees("", printed("6"), exact(math.log(slack / union) / math.log(10)), says=_BOTH),
        ),
    ]


def _costs() -> list[Finding]:
    flat = 1311
    full = prompt_count([50] * 25 + [61])  # 26 parents over 1,311 leaves; how they are spread does not matter
    return [
        at("B.6", "prompts of a full expansion", agrees("", exact(1337), exact(full), says=_BOTH)),
        at(
            "B.6",
            "a full expansion costs less than the flat probe",
            at_most("", exact(1337), exact(flat), says="{left} prompts should not exceed {right}"),
        ),
        at(
            "App. H",
            "saving at a prefix of 80",
            agrees("", printed("4.8"), exact(token_ratio(prefix=80, suffix=20, n_categories=20)), says=_BOTH),
        ),
        at(
            "App. H",
            "saving at a prefix of 300",
            agrees("", printed("1.9"), exact(token_ratio(prefix=300, suffix=20, n_categories=20)), says=_BOTH),
        ),
    ]


_BOTH = "{claimed} is printed, {computed} is what its formula gives"


def _over(js: Printed, name: str, reading: str) -> Printed:
    return _curve(js, lambda j: float(paper_phi(name, Information.from_bits(j), reading=reading).value))


def _curve(at_value: Printed, curve: Callable[[float], Any]) -> Printed:
    """Give an increasing curve with the larger of its two deviations over the rounding."""
    low, middle, high = (float(curve(max(0.0, x))) for x in (at_value.low, at_value.value, at_value.high))
    return Printed(middle, max(high - middle, middle - low))
