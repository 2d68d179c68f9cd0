"""The proportion of users with a certified advantage over their lists from a finite window."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from spectra_eval.certification._base import CLAIMS, OF_RECORDS, ClaimKind, Finding, covered_users
from spectra_eval.certification._block import UserBlock
from spectra_eval.certification._bounds import LowerBound, lower_bound
from spectra_eval.certification._needs import Need, Plan, Wanted, at_least, count_needed, smallest
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import Column, NoClaim, Tally, Totals, everyone
from spectra_eval.tables import UNKNOWN, PreferenceTable
from spectra_eval.theory import routes
from spectra_eval.theory._base import Assumption
from spectra_eval.theory.concentration import hoeffding_radius

__all__ = ["KIND"]

_ROUTES: dict[str, Callable[..., np.ndarray]] = {
    "T": routes.route_t_certifies,
    "J": lambda *window, **options: routes.route_j(*window, **options).certified,
    "K": lambda *window, **options: routes.route_k(*window, **options).certified,
}
_IID = Assumption(
    name="iid-interactions",
    text="given the history and their number, the interactions of one window are drawn independently from one law",
)
_WITHOUT_LIST = Tally(lambda block: np.array(np.count_nonzero(~block.listed)))
_WITHOUT_WINDOW = Tally(lambda block: np.array(len(block.unseen)))


def _windows(block: UserBlock) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, readouts and lists; raise `NoClaim` if a window is not a mean of independent vectors."""
    table = block.table
    if table.counts is None or (table.n_window == UNKNOWN).any():
        raise NoClaim(
            "the table does not say how many interactions each window holds: add the column n_window beside counts"
        )
    if not np.allclose(table.counts.sum(axis=1), table.n_window, rtol=1e-9, atol=1e-9):
        raise NoClaim(
            "the counts do not add up to the interactions, so a window is no mean of independent vectors; "
            "prepare the table with --weighting fraction",
            rank=1,
        )
    return table.counts, block.theta_s, np.where(block.on_list, np.arange(table.n_categories), -1)


def _whole(table: PreferenceTable) -> bool:
    """Return whether each interaction has one category: with weights 1/|labels| whole counts occur only by chance."""
    counts = np.asarray(table.counts)
    return bool((counts == np.floor(counts)).all()) and table.metadata.get("weighting") != "fraction"


@dataclass(frozen=True)
class _Certified:
    """Whether a route certifies a record; equal ones are one column."""

    route: str
    error: float
    whole: bool

    def __call__(self, block: UserBlock) -> np.ndarray:
        windows = block.cached(_windows)
        if self.whole and not _whole(block.table):
            raise NoClaim("an interaction has several categories")
        support = {"support": block.table.support} if self.route == "K" else {}
        certified = _ROUTES[self.route](*windows, predicate_error=self.error, whole=self.whole, **support)
        # For a user without a list the predicate is False, and the user stays in N.
        return (certified & block.listed).astype(float)


def _forms(options: Options) -> tuple[dict[str, Column], dict[str, Column]]:
    """Return the columns of each route: in the exact form, for whole counts, and in the form of Hoeffding.

    Whether each interaction has one category is a property of the whole table, known only at its end.
    """
    exact, loose = (
        {
            route: Column(
                _Certified(route, options.predicate_error, whole), everyone, bounded=True, unseen=True, share=True
            )
            for route in options.routes
        }
        for whole in (True, False)
    )
    return exact, loose


def _columns(options: Options) -> tuple[Column | Tally, ...]:
    exact, loose = _forms(options)
    return (*exact.values(), *loose.values(), _WITHOUT_LIST, _WITHOUT_WINDOW)


def _bound(totals: Totals, options: Options) -> Finding:
    exact, loose = _forms(options)
    whole = not any(totals.refused(column) for column in exact.values())
    eta = options.predicate_error
    bounds: dict[str, LowerBound] = {}
    reason = NoClaim("")
    means = {name: totals[column] for name, column in (exact if whole else loose).items()}
    for name, mean in means.items():
        try:
            bound = lower_bound(mean, options, parts=len(options.routes))
        except NoClaim as why:
            reason = NoClaim(str(why))
            continue
        bounds[name] = dataclasses.replace(bound, value=max(0.0, (bound.value - eta) / (1.0 - eta)))
    if not bounds:
        raise reason
    route = max(bounds, key=lambda name: (bounds[name].value, name))
    return Finding(
        of=means[route],
        by=bounds[route],
        inputs={
            "certified_share": {name: means[name].mean for name in bounds},
            "bounds": {name: bound.value for name, bound in bounds.items()},
            "route": route,
            "form": "exact" if whole else "hoeffding",
            "n_without_list": int(totals.sum(_WITHOUT_LIST)),
            "n_without_window": int(totals.sum(_WITHOUT_WINDOW)),
        },
    )


def _text(found: Finding, options: Options) -> str:
    route = found.inputs["route"]
    share = found.inputs["certified_share"][route]
    return (
        (
            f"The windows of {share:.1%} of the records of {found.n} users, each user's share of records "
            "averaged over users, "
            if found.several
            else f"The windows of {share:.1%} of {found.n} users "
        )
        + f"certify, by Route {route} with error {options.predicate_error:g} each, "
        f"that theta_s is closer in total variation to the law behind the window than every distribution on "
        f"the decoded top {options.k}; at level {options.level:g} this is so {covered_users(found, found.bound)}."
    )


def _need(wanted: Wanted, claim: str, threshold: float) -> Need:
    """Return the required users and windows: Route T with one category per interaction, half the error per bound."""
    options, missed, tv = wanted.options, wanted.guesses["mean_missed"], wanted.guesses["tv"]
    half, error = options.predicate_error / 2, options.predicate_error
    needed = threshold * (1.0 - error) + error
    # The proportion of typical users to be certified, well above the threshold of the bound.
    share = wanted.power if needed <= wanted.power / 2 else max(wanted.power, (1.0 + needed) / 2)
    quantile = float(special.ndtri(share))
    spread = math.sqrt(missed * (1.0 - missed)) + 0.5

    def certifies(n: int) -> bool:
        off = n * missed - quantile * math.sqrt(n) * spread  # not rounded, so that the plan does not jump
        lower = float(special.betaincinv(off, n - off + 1, half)) if off > 0 else 0.0
        return tv + hoeffding_radius(n, error=half) < lower

    def passes(n: int) -> bool:
        return at_least(n, share, count_needed(n, needed, options)) >= wanted.power

    length, users = (smallest(certifies), smallest(passes)) if needed < 1.0 and share < 1.0 else (None, None)
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


KIND = CLAIMS.add(
    ClaimKind(
        name="fraction.law",
        label="Proportion of users with a certified advantage",
        statement="Proportion of users with a certified finite-sample advantage (Route T, J or K).",
        reading=(
            "At least this proportion of users has a true distribution to which the readout is closer than every "
            "distribution on the decoded list."
        ),
        pitfalls="It needs long windows: near 0, the windows may just be too short. It does not say which users.",
        reference="Route T, J and K of docs/theory.md; Clopper and Pearson (1934); Hoeffding (1963)",
        columns=_columns,
        bound=_bound,
        text=_text,
        licenses="a share of users whose law theta_s is closer to; not which users",
        licenses_of_records=f"{OF_RECORDS}; not which records",
        assumptions=(_IID,),
        plan=Plan(guesses=("tv", "mean_missed"), need=_need),
    )
)
