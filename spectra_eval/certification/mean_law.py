"""The mean advantage of the readout over every distribution on the list, against users' true distributions."""

from __future__ import annotations

from spectra_eval.certification._base import CLAIMS, OF_RECORDS, ClaimKind, Finding, covered_users
from spectra_eval.certification._bounds import lower_bound
from spectra_eval.certification._columns import MARGIN, MISSED, TV
from spectra_eval.certification._needs import Plan, need_mean
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Totals

__all__ = ["KIND"]


def _bound(totals: Totals, options: Options) -> Finding:
    margin = totals[MARGIN]
    bound = lower_bound(margin, options)
    return Finding(
        of=margin,
        by=bound,
        inputs={
            "mean_margin": margin.mean,
            "mean_missed_mass": totals[MISSED].mean,
            "mean_tv": totals[TV].mean,
            "implied_share": max(0.0, bound.value),
        },
    )


def _text(found: Finding, options: Options) -> str:
    share = found.inputs["implied_share"]
    return (
        f"Against the law behind the windows, the mean total variation of every distribution on the decoded "
        f"top {options.k} exceeds that of theta_s by at least {found.bound:+.4f} at level {options.level:g} "
        f"(measured: {found.inputs['mean_margin']:+.4f} over {found.n} users)"
        + (f", so theta_s is closer {covered_users(found, share)}." if share > 0 else "; nothing follows.")
    )


KIND = CLAIMS.add(
    ClaimKind(
        name="mean.law",
        label="Mean advantage in total variation",
        statement="E[TV(dg) - TV(theta_s)] to the true distributions, for every distribution on the decoded list.",
        reading=(
            "Above 0, the readout is closer to the users' true distributions on average than any distribution on the "
            "decoded lists; at least that proportion of users gains."
        ),
        pitfalls="It does not say which users gain, and an average may hide users who lose.",
        reference="convexity of TV (the plug-in margin never overstates) with Hoeffding (1963)",
        columns=lambda options: (MARGIN, MISSED, TV),
        bound=_bound,
        text=_text,
        licenses="E[TV(any distribution on the list) - TV(theta_s)] and, since it is at most one, a share of users",
        licenses_of_records=(
            f"E[TV(any distribution on the list) - TV(theta_s)] and, since it is at most one, {OF_RECORDS}"
        ),
        least=-1.0,
        plan=Plan(guesses=("mean_margin",), need=need_mean("mean_margin", "margin_sd", -1.0)),
    )
)
