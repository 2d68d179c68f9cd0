"""How many users a claim would need, and how many interactions each, before anyone is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scipy import special

from spectra_eval.arrays import check_level
from spectra_eval.certification._base import Certificate, Options
from spectra_eval.errors import InputError
from spectra_eval.theory.binomial import clopper_pearson_lower
from spectra_eval.theory.concentration import hoeffding_radius
from spectra_eval.theory.truncation import truncated_js_lower

__all__ = ["Need", "guesses_from", "plan"]

_MOST = 10**12
"""Beyond so many users or interactions a plan says that none will do."""

GUESSES = ("share", "mean_margin", "mean_missed", "mean_js_bits", "tv")
_DEFAULT = {"fraction.window": 0.5, "mean.law": 0.0, "mean-js.law": 0.0, "truncation": 0.0, "fraction.law": 0.0}


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one claim would need: the smallest number at which its bound passes `threshold` if the guess is right.

    `n_users` or `n_interactions` (of one user's window) is None where the row does not speak of it, or where
    `reason` says that no number will do.
    """

    claim: str
    threshold: float
    given: Mapping[str, float]
    n_users: int | None
    n_interactions: int | None
    method: str
    reason: str | None = None


def plan(
    guesses: Mapping[str, float],
    *,
    level: float = 0.95,
    scope: str = "cohort",
    bound: str = "hoeffding",
    declared: int = 1,
    predicate_error: float = 0.01,
    require: Mapping[str, float] | None = None,
) -> list[Need]:
    """Say how many users, and how many interactions each, the claims would need.

    Parameters
    ----------
    guesses : mapping
        What is expected, by name: ``share`` (of users on whose window theta_s is closer), ``mean_margin`` (missed
        mass minus TV), ``mean_missed`` (missed mass), ``mean_js_bits``, ``tv`` (plug-in TV of a typical user). From
        a pilot table: `guesses_from`.
    level, scope, bound, declared, predicate_error
        As in `certify`; the numbers are for ``hoeffding``, and for ``clopper-pearson`` where the claim is a share.
    require : mapping, optional
        Threshold by claim, that its bound is to pass.

    Returns
    -------
    list of Need
        A row for each claim of which enough is given.

    Raises
    ------
    InputError
        A guess has no such name or lies outside its range, or none is given.

    Examples
    --------
    >>> [need] = plan({"mean_margin": 0.05})
    >>> need.claim, need.n_users
    ('mean.law', 2397)
    >>> plan({"tv": 0.2, "mean_missed": 0.626})[-1].n_interactions
    49
    """
    options = Options(
        level=level,
        scope=scope,
        bound=bound,
        declared=declared,
        predicate_error=predicate_error,
        require=dict(require or {}),
    )
    if bound not in ("hoeffding", "clopper-pearson"):
        raise InputError(f"bound: a plan is made for hoeffding or clopper-pearson, not for {bound}")
    _check(guesses, options)
    needs = []
    for claim, names, build in _PLANS:
        if all(name in guesses for name in names):
            given = {name: float(guesses[name]) for name in names}
            needs.append(build(claim, given, options.require.get(claim, _DEFAULT[claim]), options))
    if not needs:
        raise InputError(f"guesses: too few for any claim; give some of {', '.join(GUESSES)}")
    return needs


def guesses_from(certificate: Certificate) -> dict[str, float]:
    """Read the guesses of a plan off a certificate of a pilot table.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.certification import certify
    >>> from spectra_eval.tables import PreferenceTable
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> round(guesses_from(certify(table, k=1))["mean_margin"], 3)
    0.225
    """
    rows = {claim.claim: claim.inputs for claim in certificate.claims if claim.status == "ok"}
    places = {
        "share": ("fraction.window", "share"),
        "mean_margin": ("mean.law", "mean_margin"),
        "mean_missed": ("mean.law", "mean_missed_mass"),
        "mean_js_bits": ("mean-js.law", "mean_js_bits"),
        "tv": ("mean.law", "mean_tv"),
    }
    return {name: float(rows[claim][key]) for name, (claim, key) in places.items() if claim in rows}


def _check(guesses: Mapping[str, float], options: Options) -> None:
    check_level("level", options.level)
    for name, value in guesses.items():
        if name not in GUESSES:
            raise InputError(f"guesses: {name!r} is none of {', '.join(GUESSES)}")
        low = -1.0 if name == "mean_margin" else 0.0
        if not low <= value <= 1.0:
            raise InputError(f"{name}: {value} is outside [{low:g}, 1]")
    for claim in options.require:
        if claim not in _DEFAULT:
            raise InputError(f"require: no plan is made for the claim {claim!r}; there are {', '.join(_DEFAULT)}")


def _smallest(passes: Callable[[int], bool]) -> int | None:
    """Give the smallest number that passes, when passing is monotone up to rounding; None beyond the most."""
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


def _users(claim: str, given: dict[str, float], threshold: float, passes: Callable[[int], bool], method: str) -> Need:
    n = _smallest(passes)
    reason = None if n is not None else "the expected value does not pass the threshold, however many users there are"
    return Need(
        claim=claim, threshold=threshold, given=given, n_users=n, n_interactions=None, method=method, reason=reason
    )


def _share(claim: str, given: dict[str, float], threshold: float, options: Options) -> Need:
    share = given["share"]
    exact = options.bound == "clopper-pearson"

    def passes(n: int) -> bool:
        if exact:
            return bool(clopper_pearson_lower(math.floor(share * n + 1e-9), n, error=options.error) >= threshold)
        return share - hoeffding_radius(n, error=options.error) >= threshold

    return _users(claim, given, threshold, passes, "clopper-pearson" if exact else "hoeffding")


def _mean(name: str, width: float) -> Callable[[str, dict[str, float], float, Options], Need]:
    def build(claim: str, given: dict[str, float], threshold: float, options: Options) -> Need:
        def passes(n: int) -> bool:
            return given[name] - hoeffding_radius(n, error=options.error, width=width) > threshold

        return _users(claim, given, threshold, passes, "hoeffding")

    return build


def _mean_js(claim: str, given: dict[str, float], threshold: float, options: Options) -> Need:
    def passes(n: int) -> bool:
        radius = hoeffding_radius(n, error=options.error / 2)
        floor = float(truncated_js_lower(max(0.0, given["mean_missed"] - radius)).bits)
        return floor - (given["mean_js_bits"] + radius) > threshold

    return _users(claim, given, threshold, passes, "hoeffding")


def _window(claim: str, given: dict[str, float], threshold: float, options: Options) -> Need:
    """Plan one user's window: Route T with one category an interaction, both bounds at half the error."""
    half = options.predicate_error / 2

    def passes(n: int) -> bool:
        off = given["mean_missed"] * n  # a typical count: not rounded, so that the plan does not jump
        lower = float(special.betaincinv(off, n - off + 1, half)) if off > 0 else 0.0
        return given["tv"] + hoeffding_radius(n, error=half) < lower

    n = _smallest(passes)
    reason = None if n is not None else "the expected TV is not below the missed mass: no window certifies such a user"
    return Need(
        claim=claim,
        threshold=threshold,
        given=given,
        n_users=None,
        n_interactions=n,
        method="Route T (Hoeffding's form; the exact form needs fewer)",
        reason=reason,
    )


_Build = Callable[[str, dict[str, float], float, Options], Need]
_PLANS: tuple[tuple[str, tuple[str, ...], _Build], ...] = (
    ("fraction.window", ("share",), _share),
    ("mean.law", ("mean_margin",), _mean("mean_margin", 2.0)),
    ("mean-js.law", ("mean_missed", "mean_js_bits"), _mean_js),
    ("truncation", ("mean_missed",), _mean("mean_missed", 1.0)),
    ("fraction.law", ("tv", "mean_missed"), _window),
)
