"""How many users a claim would need, and how many interactions each, before anyone is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scipy import special

from spectra_eval.arrays import Number, Thresholds, Whole, check_level, check_number
from spectra_eval.certification._base import CLAIMS
from spectra_eval.certification._options import Options
from spectra_eval.certification._pilot import GUESSES, MEANS
from spectra_eval.errors import InputError
from spectra_eval.theory.concentration import hoeffding_radius
from spectra_eval.theory.truncation import truncated_js_lower
from spectra_eval.units import LN2

__all__ = ["Need", "plan"]

_MOST = 10**12
"""Beyond so many users or interactions a plan says that none will do."""

_DEFAULT = {"fraction.window": 0.5, "mean.law": 0.0, "mean-js.law": 0.0, "truncation": 0.0, "fraction.law": 0.0}


@dataclass(frozen=True, kw_only=True)
class Need:
    """The sample size that one claim needs: the smallest at which its bound passes the threshold with the given power.

    Attributes
    ----------
    claim : str
        Name of the claim.
    threshold : float
        What the bound must pass.
    given : mapping of str to float
        The guesses that the number depends on, the spreads included.
    n_users : int or None
        Number of users; None where the row is not about it, or no number suffices.
    n_interactions : int or None
        Interactions of one user's window; None where the row is not about it, or no number suffices.
    method : str
        How the number was computed.
    power : float
        Probability with which the claim holds if the guesses are right.
    reason : str or None
        Why no number suffices.

    Examples
    --------
    >>> from spectra_eval.certification import plan
    >>> plan({"mean_margin": 0.05, "margin_sd": 0.2})[0].n_users
    2925
    """

    claim: str
    threshold: float
    given: Mapping[str, float]
    n_users: int | None
    n_interactions: int | None
    method: str
    power: float
    reason: str | None = None


def plan(
    guesses: Mapping[str, Number],
    *,
    power: Number = 0.9,
    level: Number = 0.95,
    scope: str = "cohort",
    bound: str = "hoeffding",
    declared: Whole = 1,
    predicate_error: Number = 0.01,
    require: Thresholds | None = None,
) -> list[Need]:
    """Return how many users, and how many interactions each, the claims need to hold with a given power.

    Parameters
    ----------
    guesses : mapping
        What is expected, by name: ``share`` (of users on whose window theta_s is closer), ``mean_margin`` (missed
        mass minus TV), ``mean_missed`` (missed mass), ``mean_js_bits``, ``tv`` (plug-in TV of a typical user); and how
        far users spread, as standard deviations: ``margin_sd``, ``missed_sd``, ``js_sd``, with
        ``missed_js_correlation``. From a pilot table: `guesses_from`. A spread that is not given is taken as large as
        the mean allows.
    power : float
        Probability with which a claim holds if the guesses are right. With 0.5 the expected bound just passes: half of
        all such studies would fail.
    level : float
        As in `certify`.
    scope : {"cohort", "population"}
        As in `certify`.
    bound : {"hoeffding", "clopper-pearson"}
        As in `certify`; ``clopper-pearson`` serves claims about a proportion of users.
    declared : int
        As in `certify`.
    predicate_error : float
        As in `certify`.
    require : mapping, optional
        Threshold by claim, that its bound is to pass.

    Returns
    -------
    list of Need
        A row for each claim of which enough is given.

    Raises
    ------
    InputError
        A guess has no such name or is outside its range, none is given, or a threshold is required of a claim of
        which too little is given.

    Notes
    -----
    Shares are binomial, means nearly normal at these numbers of users; a mean of unknown spread is taken as that of a
    variable with two values at the ends, the largest spread. The window of ``fraction.law`` takes the largest spread of
    the plug-in TV, 1/(2 sqrt(n)), and the worst correlation with the missed mass, so that its power is above `power`.

    Examples
    --------
    >>> [need] = plan({"mean_margin": 0.05, "margin_sd": 0.2})
    >>> need.claim, need.n_users
    ('mean.law', 2925)
    >>> plan({"mean_margin": 0.05, "margin_sd": 0.2}, power=0.5)[0].n_users
    2397
    """
    options = Options(
        level=level,
        scope=scope,
        bound=bound,
        declared=declared,
        predicate_error=predicate_error,
        require={} if require is None else require,
    )
    if bound not in ("hoeffding", "clopper-pearson"):
        raise InputError(f"bound: a plan is made for hoeffding or clopper-pearson, not for {bound}")
    known = _checked(guesses)
    wanted = _Wanted(options=options, power=check_level("power", power), guesses=known)
    needs = []
    for claim, (names, build) in _PLANS.items():
        if all(name in known for name in names):
            needs.append(build(wanted, claim, options.require.get(claim, _DEFAULT[claim])))
        elif claim in options.require:
            lacking = ", ".join(name for name in names if name not in known)
            raise InputError(f"require: {claim} cannot be planned without a guess of {lacking}")
    for claim, threshold in options.require.items():
        if claim not in _PLANS:
            raise InputError(f"require: no plan is made for the claim {claim!r}; there are {', '.join(_PLANS)}")
        least = CLAIMS[claim].least
        if least is None or not least <= threshold <= 1.0:
            raise InputError(f"require: {claim} = {threshold:g} is outside [{least:g}, 1], where its bound lies")
    if not needs:
        raise InputError(f"guesses: too few for any claim; give some of {', '.join(MEANS)}")
    return needs


def _checked(guesses: Mapping[str, Number]) -> dict[str, float]:
    known = {}
    for name, value in guesses.items():
        if name not in GUESSES:
            raise InputError(f"guesses: {name!r} is none of {', '.join(GUESSES)}")
        low, high = GUESSES[name]
        known[name] = check_number(name, value, low=low, high=high)
    return known


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    options: Options
    power: float
    guesses: Mapping[str, float]

    @property
    def z(self) -> float:
        """The normal quantile of the power."""
        return float(special.ndtri(self.power))

    def spread(self, name: str, mean: float, *, low: float = 0.0) -> float:
        """Return a standard deviation: as guessed, but no larger than the mean allows."""
        return min(self.guesses.get(name, math.inf), math.sqrt(max(0.0, (1.0 - mean) * (mean - low))))

    def need(self, claim: str, threshold: float, passes: Callable[[int], bool], method: str, *names: str) -> Need:
        """Search for the number of users."""
        n = _smallest(passes)
        reason = "the expected value does not pass the threshold, however many users there are"
        return Need(
            claim=claim,
            threshold=threshold,
            given={name: self.guesses[name] for name in names if name in self.guesses},
            n_users=n,
            n_interactions=None,
            method=method,
            power=self.power,
            reason=None if n is not None else reason,
        )


def _smallest(passes: Callable[[int], bool]) -> int | None:
    """Return the smallest number that passes, when passing is monotone up to rounding; None beyond the most."""
    high = 1
    while not passes(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _at_least(n: int, share: float, count: float) -> float:
    """Bound Pr[Bin(n, share) >= count] from below, smoothly in n and count: a plan is not to jump with them."""
    if count <= 0 or (share >= 1.0 and count <= n):
        return 1.0
    return float(special.betainc(count + 1, n - count, share)) if count < n else 0.0


def _count(n: int, threshold: float, options: Options) -> float:
    """Return the count of n from which on the bound of a share passes the threshold."""
    if options.bound == "hoeffding":
        return n * (threshold + hoeffding_radius(n, error=options.error))
    if threshold**n > options.error:
        return math.inf  # not even n of n are enough
    low, high = 0.0, float(n)
    for _ in range(60):
        middle = (low + high) / 2
        tail = special.betainc(middle, n - middle + 1, threshold) if middle > 0 else 1.0
        low, high = (middle, high) if tail > options.error else (low, middle)
    return high


def _share(wanted: _Wanted, claim: str, threshold: float) -> Need:
    share = wanted.guesses["share"]

    def passes(n: int) -> bool:
        return _at_least(n, share, _count(n, threshold, wanted.options)) >= wanted.power

    return wanted.need(claim, threshold, passes, wanted.options.bound, "share")


def _mean(name: str, spread: str, low: float) -> Callable[[_Wanted, str, float], Need]:
    def build(wanted: _Wanted, claim: str, threshold: float) -> Need:
        mean, width = wanted.guesses[name], 1.0 - low

        def passes(n: int) -> bool:
            radius = hoeffding_radius(n, error=wanted.options.error, width=width)
            if spread in wanted.guesses:
                return mean - radius - wanted.z * wanted.spread(spread, mean, low=low) / math.sqrt(n) > threshold
            return _at_least(n, (mean - low) / width, n * (threshold + radius - low) / width) >= wanted.power

        how = "hoeffding" if spread in wanted.guesses else "hoeffding, users spread as widely as they can"
        return wanted.need(claim, threshold, passes, how, name, spread)

    return build


def _mean_js(wanted: _Wanted, claim: str, threshold: float) -> Need:
    missed, js = wanted.guesses["mean_missed"], wanted.guesses["mean_js_bits"]
    sd_missed, sd_js = wanted.spread("missed_sd", missed), wanted.spread("js_sd", js)
    known = "missed_sd" in wanted.guesses and "js_sd" in wanted.guesses
    correlation = wanted.guesses.get("missed_js_correlation", -1.0)

    def passes(n: int) -> bool:
        radius = hoeffding_radius(n, error=wanted.options.error / 2)
        lower = max(0.0, missed - radius)
        # The floor is convex: its tangent is below it, so that the spread along the tangent is on the safe side.
        slope = (math.log(2.0 - lower) - math.log1p(-lower)) / (2 * LN2) if lower < 1.0 else 1.0
        variance = (slope * sd_missed) ** 2 + sd_js**2 - 2 * correlation * slope * sd_missed * sd_js
        spread = wanted.z * math.sqrt(max(0.0, variance) / n)
        return float(truncated_js_lower(lower).bits) - (js + radius) - spread > threshold

    how = "hoeffding" if known else "hoeffding, users spread as widely as they can"
    names = ("mean_missed", "mean_js_bits", "missed_sd", "js_sd", "missed_js_correlation")
    return wanted.need(claim, threshold, passes, how, *names)


def _window(wanted: _Wanted, claim: str, threshold: float) -> Need:
    """Plan users and their windows: Route T with one category an interaction, both bounds at half the error."""
    options, missed, tv = wanted.options, wanted.guesses["mean_missed"], wanted.guesses["tv"]
    half, error = options.predicate_error / 2, options.predicate_error
    needed = threshold * (1.0 - error) + error
    # The share of typical users to be certified: well above the share that the bound must pass.
    share = wanted.power if needed <= wanted.power / 2 else max(wanted.power, (1.0 + needed) / 2)
    quantile = float(special.ndtri(share))
    spread = math.sqrt(missed * (1.0 - missed)) + 0.5

    def certifies(n: int) -> bool:
        off = n * missed - quantile * math.sqrt(n) * spread  # not rounded, so that the plan does not jump
        lower = float(special.betaincinv(off, n - off + 1, half)) if off > 0 else 0.0
        return tv + hoeffding_radius(n, error=half) < lower

    def passes(n: int) -> bool:
        return _at_least(n, share, _count(n, needed, options)) >= wanted.power

    length, users = (_smallest(certifies), _smallest(passes)) if needed < 1.0 and share < 1.0 else (None, None)
    reason = None if length is not None else "the expected TV is not below the missed mass: no window certifies a user"
    return Need(
        claim=claim,
        threshold=threshold,
        given={"tv": tv, "mean_missed": missed},
        n_users=None if length is None else users,
        n_interactions=length,
        method=f"Route T, which certifies {share:.0%} of such users (Hoeffding's form; the exact form needs fewer)",
        power=wanted.power,
        reason=reason,
    )


_Build = Callable[[_Wanted, str, float], Need]
_PLANS: dict[str, tuple[tuple[str, ...], _Build]] = {
    "fraction.window": (("share",), _share),
    "mean.law": (("mean_margin",), _mean("mean_margin", "margin_sd", -1.0)),
    "mean-js.law": (("mean_missed", "mean_js_bits"), _mean_js),
    "truncation": (("mean_missed",), _mean("mean_missed", "missed_sd", 0.0)),
    "fraction.law": (("tv", "mean_missed"), _window),
}
