"""Lower confidence bounds of streamed means, by the declared bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Mean, NoClaim
from spectra_eval.theory import binomial, bounded_mean, concentration
from spectra_eval.theory._base import Standing

__all__ = ["NO_LIST", "LowerBound", "lower_bound", "others"]


NO_LIST = "no user has a decoded list with a known category"


@dataclass(frozen=True, kw_only=True)
class LowerBound:
    """A lower confidence bound of the expectation of a value per user, and its method."""

    value: float
    method: str
    standing: Standing = "proven"


def lower_bound(
    mean: Mean, options: Options, *, low: float = 0.0, high: float = 1.0, method: str = "", parts: int = 1
) -> LowerBound:
    """Bound the expectation of users' values in [low, high] from below, with one of `parts` equal parts of the error.

    `NoClaim` where there is no user, or the bound is not proven for such numbers.
    """
    if mean.n == 0:
        raise NoClaim(NO_LIST)
    method = method or options.bound
    error = options.error / parts
    width = high - low
    if method == "hoeffding":
        radius = concentration.hoeffding_radius(mean.n, error=error)
        return LowerBound(value=max(low, mean.mean - width * radius), method=method)
    if method == "dkw":
        if error > 0.5:
            why = f"the one-sided DKW bound is proven for an error up to 1/2, not for {error:g}; raise the level"
            raise NoClaim(why, mean.n)
        # The mean is the area under the curve of the DKW bound, which lowers it by at most the radius.
        radius = concentration.dkw_radius(mean.n, error=error)
        return LowerBound(value=max(low, mean.mean - width * radius), method=method)
    if method == "clopper-pearson":
        if width != 1.0 or not mean.binary:
            why = "Clopper-Pearson bounds shares of users with one 0/1 outcome each; take hoeffding or betting"
            raise NoClaim(why, mean.n)
        value = binomial.clopper_pearson_lower(round(mean.total), mean.n, error=error)
        return LowerBound(value=float(value), method=method)
    if method == "betting":
        # The result depends on the order of the bets, so it must not depend on the order of the rows.
        scaled = np.clip((mean.ordered - low) / width, 0.0, 1.0)
        value = low + width * bounded_mean.betting_lower(scaled, error=error)
        return LowerBound(value=float(value), method=f"betting (order by seed {options.seed})")
    if method == "printed" and width == 1.0:
        value = concentration.printed_theorem5_lower(mean.mean, mean.n, error=error, n_routes=1)
        return LowerBound(value=max(0.0, float(value)), method="printed (eq. 11)", standing="printed")
    raise NoClaim(f"the bound {method} speaks of shares of users, not of a mean", mean.n)


def others(mean: Mean, options: Options) -> dict[str, float]:
    """Return, for a proportion, the other valid bounds and the printed one, for comparison."""
    methods = ["hoeffding", "printed"]
    if options.scope == "population" and mean.binary:
        methods += ["clopper-pearson"]
    return {name: lower_bound(mean, options, method=name).value for name in methods if name != options.bound}
