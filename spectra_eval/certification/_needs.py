"""Sample sizes of claims: the searches shared by their plans."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scipy import special

from spectra_eval.certification._options import Options
from spectra_eval.theory.concentration import hoeffding_radius

__all__ = ["Need", "Plan", "Wanted", "at_least", "count_needed", "need_mean", "need_share", "smallest"]

_MOST = 10**12
"""The largest number of users or interactions that a plan considers."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """The sample size of one claim: the smallest at which its bound passes the threshold with the given power.

    Attributes
    ----------
    claim : str
        Name of the claim.
    threshold : float
        The threshold of the bound.
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The computation of the sample size of one claim.

    Attributes
    ----------
    guesses : tuple of str
        The guesses that the plan requires.
    need : callable
        From what is wanted, the name of the claim and its threshold to the sample size.
    """

    guesses: tuple[str, ...]
    need: Callable[[Wanted, str, float], Need]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    options: Options
    power: float
    guesses: Mapping[str, float]

    @property
    def z(self) -> float:
        """Return the normal quantile of the power."""
        return float(special.ndtri(self.power))

    def spread(self, name: str, mean: float, *, low: float = 0.0) -> float:
        """Return the guessed standard deviation, at most the largest possible one for the mean."""
        return min(self.guesses.get(name, math.inf), math.sqrt(max(0.0, (1.0 - mean) * (mean - low))))

    def need(self, claim: str, threshold: float, passes: Callable[[int], bool], method: str, *names: str) -> Need:
        """Return the required number of users."""
        n = smallest(passes)
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


def smallest(passes: Callable[[int], bool]) -> int | None:
    """Return the smallest number that passes, if passing is monotone up to rounding; None beyond the maximum."""
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


def at_least(n: int, share: float, count: float) -> float:
    """Bound Pr[Bin(n, share) >= count] from below, smoothly in n and count, so that plans do not jump."""
    if count <= 0 or (share >= 1.0 and count <= n):
        return 1.0
    return float(special.betainc(count + 1, n - count, share)) if count < n else 0.0


def count_needed(n: int, threshold: float, options: Options) -> float:
    """Return the smallest count of n for which the bound of a proportion passes the threshold."""
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


def need_share(wanted: Wanted, claim: str, threshold: float) -> Need:
    share = wanted.guesses["share"]

    def passes(n: int) -> bool:
        return at_least(n, share, count_needed(n, threshold, wanted.options)) >= wanted.power

    return wanted.need(claim, threshold, passes, wanted.options.bound, "share")


def need_mean(name: str, spread: str, low: float) -> Callable[[Wanted, str, float], Need]:
    def build(wanted: Wanted, claim: str, threshold: float) -> Need:
        mean, width = wanted.guesses[name], 1.0 - low

        def passes(n: int) -> bool:
            radius = hoeffding_radius(n, error=wanted.options.error, width=width)
            if spread in wanted.guesses:
                return mean - radius - wanted.z * wanted.spread(spread, mean, low=low) / math.sqrt(n) > threshold
            return at_least(n, (mean - low) / width, n * (threshold + radius - low) / width) >= wanted.power

        how = "hoeffding" if spread in wanted.guesses else "hoeffding, users spread as widely as they can"
        return wanted.need(claim, threshold, passes, how, name, spread)

    return build
