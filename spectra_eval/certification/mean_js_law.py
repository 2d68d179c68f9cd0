"""The mean advantage in Jensen-Shannon divergence, against users' true distributions."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from spectra_eval.certification._base import CLAIMS, OF_RECORDS, ClaimKind, Finding, covered_users
from spectra_eval.certification._bounds import lower_bound
from spectra_eval.certification._columns import MISSED
from spectra_eval.certification._needs import Need, Plan, Wanted
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, Totals
from spectra_eval.theory.concentration import hoeffding_radius
from spectra_eval.theory.dominance import fraction_from_means
from spectra_eval.theory.truncation import truncated_js_lower
from spectra_eval.units import LN2, Information

__all__ = ["KIND"]

_AGREEMENT = Column(lambda block: 1.0 - np.minimum(block.js_bits, 1.0), bounded=True)


def _bound(totals: Totals, options: Options) -> Finding:
    # Two bounds share the error; the JS is bounded from above through 1 - JS.
    missed = lower_bound(totals[MISSED], options, parts=2)
    agreement = lower_bound(totals[_AGREEMENT], options, parts=2)
    floor = float(truncated_js_lower(max(0.0, missed.value)).bits)
    js_upper = 1.0 - agreement.value
    return Finding(
        of=totals[MISSED],
        by=dataclasses.replace(missed, value=floor - js_upper),
        inputs={
            "mean_js_bits": 1.0 - totals[_AGREEMENT].mean,
            "js_upper_bits": js_upper,
            "mean_missed_mass": totals[MISSED].mean,
            "missed_mass_lower": missed.value,
            "js_floor_bits": floor,
            # The same two bounds imply a proportion of users in total variation, the largest that follows from them.
            "implied_share": fraction_from_means(missed.value, Information.from_bits(js_upper)),
        },
    )


def _text(found: Finding, options: Options) -> str:
    js_upper, floor, share = (found.inputs[name] for name in ("js_upper_bits", "js_floor_bits", "implied_share"))
    return (
        f"Against the law behind the windows, the mean JS of theta_s is at most {js_upper:.4f} bit, that of "
        f"every distribution on the decoded top {options.k} at least {floor:.4f} bit, at level "
        f"{options.level:g}: an advantage of at least {found.bound:+.4f} bit over {found.n} users"
        + ("" if found.bound > 0 else "; none is certified")
        + (f". In total variation theta_s is closer {covered_users(found, share)}." if share > 0 else ".")
    )


def _need(wanted: Wanted, claim: str, threshold: float) -> Need:
    missed, js = wanted.guesses["mean_missed"], wanted.guesses["mean_js_bits"]
    sd_missed, sd_js = wanted.spread("missed_sd", missed), wanted.spread("js_sd", js)
    known = "missed_sd" in wanted.guesses and "js_sd" in wanted.guesses
    correlation = wanted.guesses.get("missed_js_correlation", -1.0)

    def passes(n: int) -> bool:
        radius = hoeffding_radius(n, error=wanted.options.error / 2)
        lower = max(0.0, missed - radius)
        # The floor is convex and above its tangent, so the spread along the tangent is conservative.
        slope = (math.log(2.0 - lower) - math.log1p(-lower)) / (2 * LN2) if lower < 1.0 else 1.0
        variance = (slope * sd_missed) ** 2 + sd_js**2 - 2 * correlation * slope * sd_missed * sd_js
        spread = wanted.z * math.sqrt(max(0.0, variance) / n)
        return float(truncated_js_lower(lower).bits) - (js + radius) - spread > threshold

    how = "hoeffding" if known else "hoeffding, users spread as widely as they can"
    names = ("mean_missed", "mean_js_bits", "missed_sd", "js_sd", "missed_js_correlation")
    return wanted.need(claim, threshold, passes, how, *names)


KIND = CLAIMS.add(
    ClaimKind(
        name="mean-js.law",
        label="Mean advantage in Jensen-Shannon divergence",
        statement="E[JS(dg)] - E[JS(theta_s)] to the true distributions, for every distribution on the decoded list.",
        reading=(
            "Above 0, the mean divergence of the readout from the users' true distributions is smaller than the "
            "smallest that any distribution on the decoded lists can have."
        ),
        pitfalls="It does not say which users gain; short windows raise the divergence, so it understates the gain.",
        reference="convexity of JS and of the floor of Lemma 1-JS with Hoeffding (1963)",
        columns=lambda options: (MISSED, _AGREEMENT),
        bound=_bound,
        text=_text,
        licenses="E[JS(any distribution on the list)] - E[JS(theta_s)], in bits; and a share of users in TV",
        licenses_of_records=(f"E[JS(any distribution on the list)] - E[JS(theta_s)], in bits; and in TV {OF_RECORDS}"),
        plan=Plan(guesses=("mean_missed", "mean_js_bits"), need=_need),
        least=-1.0,
    )
)
