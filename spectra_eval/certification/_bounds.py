"""From a streamed mean to a lower confidence bound, by the bound that was declared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectra_eval.certification._base import Mean, Options
from spectra_eval.theory import binomial, bounded_mean, concentration
from spectra_eval.theory._base import Standing

__all__ = ["LowerBound", "keeps_values", "lower_bound", "others"]


BETTING_SEED = 20250924
"""Seed of the order in which the betting bound sees the users; it stands in the record of the bound."""


@dataclass(frozen=True, kw_only=True)
class LowerBound:
    """A lower confidence bound, or the reason why there is none."""

    value: float | None
    method: str
    standing: Standing = "proven"
    reason: str | None = None


def keeps_values(options: Options) -> bool:
    """Tell whether the declared bound needs every user's number (8 bytes a user)."""
    return options.bound == "betting"


def lower_bound(mean: Mean, options: Options, *, low: float = 0.0, high: float = 1.0, method: str = "") -> LowerBound:
    """Bound the expectation of a mean of users' numbers in [low, high] from below."""
    method = method or options.bound
    width = high - low
    share = width == 1.0 and mean.binary
    if method in ("hoeffding", "dkw"):
        # The mean is the area under the curve that DKW bounds, which lowers it by no more than the radius.
        radius = concentration.hoeffding_radius if method == "hoeffding" else concentration.dkw_radius
        return LowerBound(value=max(low, mean.mean - width * radius(mean.n, error=options.error)), method=method)
    if method == "clopper-pearson":
        if not share:
            why = "Clopper-Pearson bounds shares of users with one 0/1 outcome each; take hoeffding or betting"
            return LowerBound(value=None, method=method, reason=why)
        value = binomial.clopper_pearson_lower(round(mean.total), mean.n, error=options.error)
        return LowerBound(value=float(value), method=method)
    if method == "betting":
        # The order of the bets must not follow the outcomes, and a file may be sorted by them: a shuffle that
        # is fixed in advance leaves i.i.d. numbers i.i.d.
        order = np.random.default_rng(BETTING_SEED).permutation(mean.n)
        scaled = (mean.values[order] - low) / width
        value = low + width * bounded_mean.betting_lower(np.clip(scaled, 0.0, 1.0), error=options.error)
        return LowerBound(value=float(value), method=f"betting (order by seed {BETTING_SEED})")
    if method == "printed" and width == 1.0:
        value = concentration.printed_theorem5_lower(mean.mean, mean.n, error=options.error, n_routes=1)
        return LowerBound(value=max(0.0, float(value)), method="printed (eq. 11)", standing="printed")
    return LowerBound(value=None, method=method, reason=f"the bound {method} speaks of shares of users, not of a mean")


def others(mean: Mean, options: Options) -> dict[str, float]:
    """Give, for a share, the bounds that were not declared but are valid here, and the printed one: to compare."""
    methods = ["hoeffding", "printed"]
    if options.scope == "population" and mean.binary:
        methods += ["clopper-pearson"]
    values = {name: lower_bound(mean, options, method=name).value for name in methods if name != options.bound}
    return {name: value for name, value in values.items() if value is not None}
