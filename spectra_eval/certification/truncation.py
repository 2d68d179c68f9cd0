"""What no decoder of these lists can get below, whatever weights it puts on them."""

from __future__ import annotations

import numpy as np

from spectra_eval.certification._base import CLAIMS, ClaimKind, Finding
from spectra_eval.certification._bounds import lower_bound
from spectra_eval.certification._columns import JS, MISSED
from spectra_eval.certification._needs import Plan, need_mean
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, Totals
from spectra_eval.theory.truncation import truncated_js_lower

__all__ = ["KIND"]

_FLOOR = Column(lambda block: np.asarray(truncated_js_lower(np.clip(block.missed, 0.0, 1.0)).bits))
_TV_LIST = Column(lambda block: block.tv_list)
_JS_LIST = Column(lambda block: block.js_list_bits)


def _bound(totals: Totals, options: Options) -> Finding:
    bound = lower_bound(totals[MISSED], options)
    return Finding(
        of=totals[MISSED],
        by=bound,
        inputs={
            "mean_missed_mass": totals[MISSED].mean,
            "mean_js_floor_bits": totals[_FLOOR].mean,
            "mean_tv_list": totals[_TV_LIST].mean,
            "mean_js_list_bits": totals[_JS_LIST].mean,
            "mean_js_theta_s_bits": totals[JS].mean,
            "js_floor_law_bits": float(truncated_js_lower(bound.value).bits),
        },
    )


def _text(found: Finding, options: Options) -> str:
    inputs = found.inputs
    return (
        f"On these windows the top {options.k} misses {inputs['mean_missed_mass']:.4f} of the mass on average: no "
        f"distribution on the lists has a mean total variation below that, nor a mean JS below "
        f"{inputs['mean_js_floor_bits']:.4f} bit (the uniform one has {inputs['mean_js_list_bits']:.4f}, theta_s "
        f"{inputs['mean_js_theta_s_bits']:.4f}). Against the law, with level {options.level:g}: TV at least "
        f"{found.bound:.4f}, JS at least {inputs['js_floor_law_bits']:.4f} bit."
    )


KIND = CLAIMS.add(
    ClaimKind(
        name="truncation",
        label="Floor under the decoded lists",
        statement="Lower bound of TV and JS for every distribution on the decoded lists (Lemma 1, Lemma 1-JS).",
        reading=(
            "The mass of the users' true distributions that the lists miss: no weighting of the lists has a smaller "
            "mean total variation."
        ),
        pitfalls="It says nothing about the readout.",
        reference="arXiv:2509.24189 Lemma 1; Lemma 1-JS of docs/theory.md",
        columns=lambda options: (MISSED, _FLOOR, _TV_LIST, _JS_LIST, JS),
        bound=_bound,
        text=_text,
        licenses="a floor under every distribution on the lists; nothing about theta_s",
        about="lists",
        plan=Plan(guesses=("mean_missed",), need=need_mean("mean_missed", "missed_sd", 0.0)),
    )
)
