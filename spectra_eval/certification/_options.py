"""Options that are declared before the outcomes are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spectra_eval.arrays import (
    Names,
    Number,
    Thresholds,
    Whole,
    as_names,
    check_cutoff,
    check_level,
    check_number,
    check_seed,
    check_whole,
)
from spectra_eval.errors import AssumptionError, InputError

__all__ = ["BOUNDS", "Options"]

BOUNDS = ("hoeffding", "adaptive", "empirical-bernstein", "clopper-pearson", "betting", "dkw", "printed")
"""How a number measured on N users becomes a statement about more than these N windows."""

_POPULATION_ONLY = ("clopper-pearson", "betting", "dkw")
_ROUTES = ("T", "J", "K")
_ASSUMABLE = ("iid-interactions",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options declared before the outcomes are known; they are part of the certificate.

    Attributes
    ----------
    k : int
        Length of the decoded list in the claims: its first k entries.
    level : float
        Each claim holds with this probability on its own; several together do not.
    scope : str
        ``cohort`` (these users; windows independent) or ``population`` (users drawn i.i.d., predictor
        fixed without them).
    bound : str
        One of `BOUNDS`.
    declared : int
        How many cut-offs, tables or routes were declared together; the error is divided among them.
    predicate_error : float
        For ``fraction.law``: the error allowed to the finite-sample predicate of one user.
    routes : tuple of str
        For ``fraction.law``: the routes declared (T, J, K); each is tried at its part of the error.
    require : mapping
        Threshold by claim; the claim holds where its bound reaches it.
    seed : int or None
        For ``betting``: with it, a hash of the user's name fixes the order of the bets; 0 unless given. None for every
        other bound, which knows no order.
    claims : tuple of str or None
        The requested claims; None before they are looked up.
    against : tuple of str
        Names of the rivals.
    floor : float
        Both predictions p of a claim in the logarithmic score become (1 - floor) p + floor / K.
    assume : tuple of str
        What is assumed besides: ``iid-interactions``, the independence of the interactions of a window.

    Raises
    ------
    InputError
        An option is out of range or unknown, or a seed is given without the bound ``betting``.
    AssumptionError
        The bound is proven for ``scope="population"`` only.

    Examples
    --------
    >>> round(Options(level=0.95, declared=5).error, 6)
    0.01
    """

    k: Whole = 5
    level: Number = 0.95
    scope: str = "cohort"
    bound: str = "adaptive"
    declared: Whole = 1
    predicate_error: Number = 0.01
    routes: Names = ("T",)
    require: Thresholds = field(default_factory=dict)
    seed: Whole | None = None
    claims: Names | None = None
    against: Names = ()
    floor: Number = 0.0
    assume: Names = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "k", check_cutoff(self.k))
        put(self, "level", check_level("level", self.level))
        put(self, "predicate_error", check_level("predicate_error", self.predicate_error))
        why = "count the analyses declared in advance"
        put(self, "declared", check_whole("declared", self.declared, least=1, why=why))
        put(self, "routes", as_names("routes", self.routes))
        if not self.routes or not set(self.routes) <= set(_ROUTES):
            raise InputError(f"routes: {', '.join(self.routes) or 'none'} given; choose each of T, J, K at most once")
        put(self, "routes", tuple(route for route in _ROUTES if route in self.routes))
        if self.scope not in ("cohort", "population"):
            raise InputError(f"scope: {self.scope!r} is neither 'cohort' nor 'population'")
        if self.bound not in BOUNDS:
            raise InputError(f"bound: {self.bound!r} is none of {', '.join(BOUNDS)}")
        if self.scope == "cohort" and self.bound in _POPULATION_ONLY:
            raise AssumptionError(
                f"bound: {self.bound} is proven for users drawn i.i.d. only; assert that with scope='population', or "
                "take the bound hoeffding"
            )
        put(self, "require", _thresholds(self.require))
        put(self, "against", as_names("against", self.against))
        put(self, "seed", self._checked_seed())
        if self.claims is not None:
            put(self, "claims", as_names("claims", self.claims))
            if not self.claims:
                raise InputError("claims: none given; leave it out for all of them")
        put(self, "floor", check_number("floor", self.floor, low=0.0, high=0.5))
        put(self, "assume", as_names("assume", self.assume))
        for name in self.assume:
            if name not in _ASSUMABLE:
                raise InputError(f"assume: {name!r} is none of {', '.join(_ASSUMABLE)}")

    def _checked_seed(self) -> int | None:
        if self.bound == "betting" or self.against:
            return check_seed(0 if self.seed is None else self.seed)
        if self.seed is not None:
            raise InputError(
                f"seed: the bound {self.bound} ignores the order of users; only betting has a seed, and rivals"
            )
        return None

    @property
    def error(self) -> float:
        """Return the error probability of one claim."""
        return (1.0 - self.level) / self.declared


def _thresholds(require: Any) -> dict[str, float]:
    if not isinstance(require, Mapping) or not all(isinstance(name, str) for name in require):
        raise InputError(f"require: {str(require)[:60]!r} is not a mapping of claims to thresholds")
    return {name: check_number(f"require {name}", value) for name, value in require.items()}
