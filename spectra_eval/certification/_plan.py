"""Planning of the numbers of users and interactions before any model is queried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spectra_eval.arrays import Number, Thresholds, Whole, check_level, check_number
from spectra_eval.certification._base import CLAIMS
from spectra_eval.certification._needs import Need, Wanted
from spectra_eval.certification._options import Options
from spectra_eval.certification._pilot import GUESSES, MEANS
from spectra_eval.errors import InputError

__all__ = ["Need", "plan"]


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
    """Return the numbers of users and of interactions per user that the claims need for a given power.

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
    wanted = Wanted(options=options, power=check_level("power", power), guesses=known)
    needs = []
    planned = {kind.name: kind for kind in CLAIMS if kind.plan is not None}
    for claim, kind in planned.items():
        assert kind.plan is not None
        missing = [name for name in kind.plan.guesses if name not in known]
        if not missing:
            needs.append(kind.plan.need(wanted, claim, options.require.get(claim, kind.threshold)))
        elif claim in options.require:
            raise InputError(f"require: {claim} cannot be planned without a guess, {_numbers(missing)}")
    for claim, threshold in options.require.items():
        if claim not in planned:
            raise InputError(f"require: no plan is made for the claim {claim!r}; there are {', '.join(planned)}")
        planned[claim].check_threshold(threshold)
    if not needs:
        raise InputError(f"guesses: too few for any claim; give some of {_numbers(MEANS)}")
    return needs


def _numbers(names: Iterable[str]) -> str:
    return ", ".join(f"{name}=NUMBER" for name in names)


def _checked(guesses: Mapping[str, Number]) -> dict[str, float]:
    known = {}
    for name, value in guesses.items():
        if name not in GUESSES:
            raise InputError(f"guesses: {name!r} is none of {', '.join(GUESSES)}")
        low, high = GUESSES[name]
        known[name] = check_number(name, value, low=low, high=high)
    return known
