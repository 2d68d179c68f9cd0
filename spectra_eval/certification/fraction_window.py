"""The proportion of windows on which the readout is closer than the decoded list."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.certification._base import CLAIMS, OF_RECORDS, ClaimKind, Finding
from spectra_eval.certification._block import TIE, UserBlock, group_mean
from spectra_eval.certification._bounds import lower_bound, others
from spectra_eval.certification._needs import Plan, need_share
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, Tally, Totals
from spectra_eval.theory.concentration import dkw_radius

__all__ = ["KIND"]

_THRESHOLDS = np.round(np.linspace(-1.0, 1.0, 81), 3)
"""The points of the margin curve."""


def _count_above(block: UserBlock) -> np.ndarray:
    margin, _ = group_mean(block.missed - block.tv, block, block.listed)
    return np.array([np.count_nonzero(margin > threshold + TIE) for threshold in _THRESHOLDS])


def _count_without(block: UserBlock) -> np.ndarray:
    return np.array(np.count_nonzero(~np.logical_or.reduceat(block.listed, block.starts)))


_UNIFORM = Column(lambda block: (block.tv < block.tv_list - TIE).astype(float), bounded=True, share=True)
_ANY = Column(lambda block: (block.tv < block.missed - TIE).astype(float), bounded=True, share=True)
_ABOVE = Tally(_count_above)
_WITHOUT = Tally(_count_without)


def _bound(totals: Totals, options: Options) -> Finding:
    uniform = totals[_UNIFORM]
    bound, strict = (lower_bound(totals[column], options) for column in (_UNIFORM, _ANY))
    return Finding(
        of=uniform,
        by=bound,
        inputs={
            "share": uniform.mean,
            "share_any_distribution": totals[_ANY].mean,
            "bound_any_distribution": strict.value,
            "n_without_list": int(totals.sum(_WITHOUT)),
            "other_bounds": others(uniform, options),
            **(_curve(totals, options) if options.bound == "dkw" else {}),
        },
    )


def _curve(totals: Totals, options: Options) -> dict[str, Any]:
    """Bound the curve Pr[missed mass - TV > t] from below, simultaneously for all t."""
    n = totals[_UNIFORM].n
    radius = dkw_radius(n, error=options.error)
    share = totals.sum(_ABOVE) / n
    return {
        "margin_curve": {
            "thresholds": _THRESHOLDS.tolist(),
            "share": share.tolist(),
            "lower": np.maximum(0.0, share - radius).tolist(),
        }
    }


def _text(found: Finding, options: Options) -> str:
    inputs, several = found.inputs, found.several
    who = "users like these" if options.scope == "population" else "these users, over their possible windows"
    return (
        f"theta_s is closer in total variation than the uniform distribution on the decoded top {options.k} "
        + (
            f"on {inputs['share']:.1%} of the records of {found.n} users with a list (each user's share of "
            f"records, averaged over users); for {who}, this average is at least "
            if several
            else f"for {inputs['share']:.1%} of the {found.n} users with a list; of {who}, for at least "
        )
        + f"{found.bound:.1%} at level {options.level:g}. It is closer than every distribution on the list "
        f"{'on' if several else 'for'} {inputs['share_any_distribution']:.1%}, at least "
        f"{inputs['bound_any_distribution']:.1%}."
    )


_LICENSES = "a statement about users' windows as they will be observed, not about the law behind them"

KIND = CLAIMS.add(
    ClaimKind(
        name="fraction.window",
        label="Proportion of windows on which the readout is closer",
        statement="Proportion of users on whose window theta_s is closer in TV than the decoded list.",
        reading=(
            "Above 0.5, the readout is closer to the observed window than the uniform distribution on the decoded "
            "list for more than half of the users."
        ),
        pitfalls="Short windows are noisy: it says nothing about the users' true distributions.",
        reference="Clopper and Pearson (1934); Hoeffding (1963); no envelope needed: the window is observed",
        columns=lambda options: (_UNIFORM, _ANY, _WITHOUT, *((_ABOVE,) if options.bound == "dkw" else ())),
        bound=_bound,
        text=_text,
        licenses=_LICENSES,
        licenses_of_records=f"{_LICENSES}; {OF_RECORDS}",
        target="window",
        threshold=0.5,
        plan=Plan(guesses=("share",), need=need_share),
        n_bounds=lambda options: 3 if options.bound == "dkw" else 2,
    )
)
