"""The share of users with an advantage over their lists that a finite window certifies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spectra_eval.certification._base import (
    CLAIMS,
    OF_RECORDS,
    Claim,
    ClaimKind,
    Mean,
    Options,
    UserBlock,
    against,
    independence,
    undefined,
    whom,
)
from spectra_eval.certification._bounds import lower_bound
from spectra_eval.tables import UNKNOWN, PreferenceTable
from spectra_eval.theory import routes
from spectra_eval.theory._base import Assumption

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


class _FractionLaw:
    def __init__(self, options: Options) -> None:
        self.options = options
        # Whether each interaction bears one category is one fact about the table, and known at its end only: until a
        # fractional count turns up, both forms are run.
        self.whole = True
        self.exact, self.loose = ({name: Mean(options) for name in options.routes} for _ in range(2))
        self.n_unseen = 0
        self.n_without_list = 0
        self.obstacle: str | None = None

    def add(self, block: UserBlock) -> None:
        table = block.table
        self.n_unseen += len(block.unseen)
        if self.obstacle is None:
            self.obstacle = _obstacle(block)
        if self.obstacle is not None:
            return
        self.whole = self.whole and _whole(table)
        lists = np.where(block.on_list, np.arange(table.n_categories), -1)
        for whole, means in ((True, self.exact), (False, self.loose)):
            if whole and not self.whole:
                continue
            for name, mean in means.items():
                certified = _ROUTES[name](
                    table.counts,
                    block.theta_s,
                    lists,
                    predicate_error=self.options.predicate_error,
                    whole=whole,
                    **({"support": table.support} if name == "K" else {}),
                )
                # A user without a list is no evidence: the predicate is False, and the user stays in N.
                values = (certified & block.listed).astype(float)
                mean.take(block, values, block.everyone)
                mean.take_zeros(block.unseen)
        self.n_without_list += int((~block.listed).sum())

    def claim(self) -> Claim:
        options = self.options
        if self.obstacle is not None:
            return undefined(KIND, options, reason=self.obstacle)
        eta = options.predicate_error
        best: tuple[float, str] | None = None
        shares, bounds, reason, method = {}, {}, None, options.bound
        certified = self.exact if self.whole else self.loose
        for name, mean in certified.items():
            bound = lower_bound(mean, options, parts=len(options.routes))
            if bound.value is None:
                reason = bound.reason
                continue
            method = bound.method
            shares[name] = mean.mean
            bounds[name] = max(0.0, (bound.value - eta) / (1.0 - eta))
            best = max(best or (-1.0, name), (bounds[name], name))
        if best is None:
            return undefined(KIND, options, reason=str(reason))
        value, route = best
        n, several = certified[route].n, certified[route].several
        return Claim(
            claim=KIND.name,
            status="ok",
            standing="printed" if method.startswith("printed") else "proven",
            statement=(
                (
                    f"The windows of {shares[route]:.1%} of the records of {n} users, each user's share of records "
                    "averaged over users, "
                    if several
                    else f"The windows of {shares[route]:.1%} of {n} users "
                )
                + f"certify, by Route {route} with error {eta:g} each, "
                f"that theta_s is closer in total variation to the law behind the window than every distribution on "
                f"the decoded top {options.k}; at level {options.level:g} this is so "
                f"{whom(certified[route], value)}."
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "certified_share": shares,
                "bounds": bounds,
                "route": route,
                "form": "exact" if self.whole else "hoeffding",
                "n_without_list": self.n_without_list,
                "n_without_window": self.n_unseen,
            },
            **against(options, KIND, value, default=0.0),
            licenses=f"{OF_RECORDS}; not which records"
            if several
            else "a share of users whose law theta_s is closer to; not which users",
            assumptions=(*independence(options), _IID),
            reference=KIND.reference,
            n_users=n,
            method=method,
        )


def _whole(table: PreferenceTable) -> bool:
    """Return whether each interaction may bear one category only: with weights 1/|labels| whole counts are chance."""
    counts = np.asarray(table.counts)
    return bool((counts == np.floor(counts)).all()) and table.metadata.get("weighting") != "fraction"


def _obstacle(block: UserBlock) -> str | None:
    table = block.table
    if table.counts is None or (table.n_window == UNKNOWN).any():
        return "the table does not say how many interactions each window holds: add the column n_window beside counts"
    totals = table.counts.sum(axis=1)
    if not np.allclose(totals, table.n_window, rtol=1e-9, atol=1e-9):
        return (
            "the counts do not add up to the interactions, so a window is no mean of independent vectors; "
            "prepare the table with --weighting fraction"
        )
    return None


KIND = CLAIMS.add(
    ClaimKind(
        name="fraction.law",
        summary="share of users with a certified finite-sample advantage (Route T, J or K)",
        reference="Route T, J and K of docs/theory.md; Clopper and Pearson (1934); Hoeffding (1963)",
        start=_FractionLaw,
    )
)
