"""Lower confidence bounds of streamed means, by the declared bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Mean, NoClaim
from spectra_eval.theory import binomial, bounded_mean, concentration
from spectra_eval.theory._base import Standing
from spectra_eval.theory._running import bernstein_radius
from spectra_eval.theory._stakes import lower_from_growth, stake_weights

__all__ = ["NO_LIST", "LowerBound", "lower_bound", "others"]


_NO_ENDS = "users drawn from a population have no known least and largest gain; take the scope cohort"
NO_LIST = "no user has a decoded list with a known category"


@dataclass(frozen=True, kw_only=True)
class LowerBound:
    """A lower confidence bound of the expectation of a value per user, and its method."""

    value: float
    method: str
    standing: Standing = "proven"


def lower_bound(mean: Mean, options: Options, *, method: str = "", parts: int = 1) -> LowerBound:
    """Bound the expectation of users' values from below, with one of `parts` equal parts of the error.

    `NoClaim` where there is no user, or the bound is not proven for such numbers.
    """
    if mean.n == 0:
        raise NoClaim(NO_LIST)
    method = method or options.bound
    error = options.error / parts
    if method == "hoeffding":
        return LowerBound(value=max(mean.least, _hoeffding(mean, error, options)), method=method)
    if method == "adaptive":
        if mean.column.share and not mean.several:
            value = binomial.poisson_binomial_lower(round(mean.total), mean.n, error=error)
            return LowerBound(value=float(value), method="adaptive (Clopper-Pearson for shares that differ)")
        return LowerBound(value=max(mean.least, _constant_bet(mean, error)), method="adaptive (constant bet)")
    if mean.column.guess is not None and mean.own_ends:
        why = f"the bound {method} needs independent users, and the rival was fitted on the windows of earlier ones"
        raise NoClaim(f"{why}; take adaptive or hoeffding", mean.n)
    low, high = mean.ends
    width = high - low
    if method == "empirical-bernstein":
        if width == 0:
            return LowerBound(value=mean.mean, method=method)
        value = mean.mean - bernstein_radius(mean.variance, mean.n, width=width, error=error)
        return LowerBound(value=max(mean.least, value), method=method)
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
        value = float(binomial.clopper_pearson_lower(round(mean.total), mean.n, error=error))
        return LowerBound(value=value, method=method)
    if method == "betting":
        if not np.isfinite(width):
            raise NoClaim(_NO_ENDS, mean.n)
        # The result depends on the order of the bets, so it must not depend on the order of the rows.
        scaled = np.clip((mean.ordered - low) / width, 0.0, 1.0)
        value = low + width * bounded_mean.betting_lower(scaled, error=error)
        return LowerBound(value=float(value), method=f"betting (order by seed {options.seed})")
    if method == "printed" and (low, high) == (0.0, 1.0):
        value = concentration.printed_theorem5_lower(mean.mean, mean.n, error=error, n_routes=1)
        return LowerBound(value=max(0.0, float(value)), method="printed (eq. 11)", standing="printed")
    raise NoClaim(f"the bound {method} speaks of shares of users, not of a mean", mean.n)


def _hoeffding(mean: Mean, error: float, options: Options) -> float:
    low, high = mean.column.ends
    if not mean.own_ends:
        if not math.isfinite(high - low):
            raise NoClaim(_NO_ENDS, mean.n)
        return mean.mean - (high - low) * concentration.hoeffding_radius(mean.n, error=error)
    squares = mean.sum("square")
    if "iid-interactions" in options.assume and mean.column.interactions is not None:
        squares = mean.sum("square_of_one")
    if mean.column.guess is None:
        return mean.mean - math.sqrt(-math.log(error) / 2 * squares) / mean.n
    # A martingale: the multiplier is fixed before the windows are seen.
    guess = mean.sum("guess")
    if guess == 0:
        return mean.mean if squares == 0 else -math.inf
    multiplier = math.sqrt(8.0 * -math.log(error) / guess)
    return mean.mean - (-math.log(error) / multiplier + multiplier / 8.0 * squares) / mean.n


def _constant_bet(mean: Mean, error: float) -> float:
    low, high = mean.column.ends
    square = mean.sum("guess") / mean.n if mean.own_ends else (high - low) ** 2
    if not math.isfinite(square):
        raise NoClaim(_NO_ENDS, mean.n)
    weights = stake_weights(square, mean.n, error=error)
    return lower_from_growth(mean.growth, least=mean.least, most=mean.mean, weights=weights, error=error)


def others(mean: Mean, options: Options) -> dict[str, float]:
    """Return, for a proportion, the other valid bounds and the printed one, for comparison."""
    methods = ["hoeffding", "printed"]
    if options.scope == "population" and mean.binary:
        methods += ["clopper-pearson"]
    return {name: lower_bound(mean, options, method=name).value for name in methods if name != options.bound}
