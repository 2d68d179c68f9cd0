"""On how many users' windows the readout is closer than the decoded list."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.certification._base import (
    CLAIMS,
    OF_RECORDS,
    TIE,
    Claim,
    ClaimKind,
    Mean,
    Options,
    UserBlock,
    against,
    group_mean,
    independence,
    undefined,
)
from spectra_eval.certification._bounds import lower_bound, others
from spectra_eval.theory.concentration import dkw_radius

__all__ = ["KIND"]

_THRESHOLDS = np.round(np.linspace(-1.0, 1.0, 81), 3)
"""Where the margin curve is read."""


class _FractionWindow:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.own = Mean(options)
        self.any_list = Mean(options)
        self.above = np.zeros(len(_THRESHOLDS), dtype=np.int64)
        self.n_without = 0

    def add(self, block: UserBlock) -> None:
        self.own.take(block, (block.tv < block.tv_list - TIE).astype(float), block.listed)
        self.any_list.take(block, (block.tv < block.missed - TIE).astype(float), block.listed)
        margin, has = group_mean(block.missed - block.tv, block, block.listed)
        self.above += np.array([np.count_nonzero(margin > threshold + TIE) for threshold in _THRESHOLDS])
        self.n_without += int((~has).sum())

    def claim(self) -> Claim:
        options = self.options
        if self.own.n == 0:
            return undefined(KIND, options, reason="no user has a decoded list with a known category")
        bound, strict = (lower_bound(mean, options) for mean in (self.own, self.any_list))
        if bound.value is None or strict.value is None:
            return undefined(KIND, options, reason=str(bound.reason or strict.reason), n=self.own.n)
        several = self.own.several
        who = "users like these" if options.scope == "population" else "these users, over their possible windows"
        return Claim(
            claim=KIND.name,
            status="ok",
            standing=bound.standing,
            statement=(
                f"theta_s is closer in total variation than the uniform distribution on the decoded top {options.k} "
                + (
                    f"on {self.own.mean:.1%} of the records of {self.own.n} users with a list (each user's share of "
                    f"records, averaged over users); for {who}, this average is at least "
                    if several
                    else f"for {self.own.mean:.1%} of the {self.own.n} users with a list; of {who}, for at least "
                )
                + f"{bound.value:.1%} at level {options.level:g}. It is closer than every distribution on the list "
                f"{'on' if several else 'for'} {self.any_list.mean:.1%}, at least {strict.value:.1%}."
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "share": self.own.mean,
                "share_any_distribution": self.any_list.mean,
                "bound_any_distribution": strict.value,
                "n_without_list": self.n_without,
                "other_bounds": others(self.own, options),
                **self._curve(),
            },
            **against(options, KIND, bound.value, default=0.5),
            licenses="a statement about users' windows as they will be observed, not about the law behind them"
            + ("; " + OF_RECORDS if several else ""),
            assumptions=independence(options),
            reference=KIND.reference,
            n_users=self.own.n,
            method=bound.method,
        )

    def _curve(self) -> dict[str, Any]:
        """Bound the whole curve Pr[missed mass - TV > t] from below, all t at once, where that was declared."""
        if self.options.bound != "dkw":
            return {}
        radius = dkw_radius(self.own.n, error=self.options.error)
        share = self.above / self.own.n
        return {
            "margin_curve": {
                "thresholds": _THRESHOLDS.tolist(),
                "share": share.tolist(),
                "lower": np.maximum(0.0, share - radius).tolist(),
            }
        }


KIND = CLAIMS.add(
    ClaimKind(
        name="fraction.window",
        summary="share of users on whose window theta_s is closer in TV than the decoded list",
        reference="Clopper and Pearson (1934); Hoeffding (1963); no envelope needed: the window is observed",
        target="window",
        start=_FractionWindow,
        n_bounds=lambda options: 3 if options.bound == "dkw" else 2,
    )
)
