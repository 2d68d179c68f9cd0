"""On how many users' windows the readout is closer than the decoded list."""

from __future__ import annotations

from spectra_eval.certification._base import (
    CLAIMS,
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
from spectra_eval.certification._bounds import keeps_values, lower_bound, others

__all__ = ["KIND"]


class _FractionWindow:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.own = Mean(keep=keeps_values(options))
        self.any_list = Mean(keep=keeps_values(options))
        self.n_without = 0

    def add(self, block: UserBlock) -> None:
        own, has = group_mean((block.tv < block.tv_list).astype(float), block, block.listed)
        anyone, _ = group_mean((block.tv < block.missed).astype(float), block, block.listed)
        self.own.add(own)
        self.any_list.add(anyone)
        self.n_without += int((~has).sum())

    def claim(self) -> Claim:
        options = self.options
        if self.own.n == 0:
            return undefined(KIND, options, reason="no user has a decoded list with a known category")
        bound, strict = (lower_bound(mean, options) for mean in (self.own, self.any_list))
        if bound.value is None:
            return undefined(KIND, options, reason=str(bound.reason), n=self.own.n)
        who = "users like these" if options.scope == "population" else "these users, over their possible windows"
        return Claim(
            claim=KIND.name,
            status="ok",
            standing=bound.standing,
            statement=(
                f"theta_s is closer in total variation than the uniform distribution on the decoded top {options.k} "
                f"for {self.own.mean:.1%} of the {self.own.n} users with a list; of {who}, for at least "
                f"{bound.value:.1%} at level {options.level:g}. It is closer than every distribution on the list for "
                f"{self.any_list.mean:.1%}, at least {strict.value:.1%}."
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "share": self.own.mean,
                "share_any_distribution": self.any_list.mean,
                "bound_any_distribution": strict.value,
                "n_without_list": self.n_without,
                "other_bounds": others(self.own, options),
            },
            **against(options, KIND, bound.value, default=0.5),
            licenses="a statement about users' windows as they will be observed, not about the law behind them",
            assumptions=independence(options),
            reference=KIND.reference,
            n_users=self.own.n,
            method=bound.method,
        )


KIND = CLAIMS.add(
    ClaimKind(
        name="fraction.window",
        summary="share of users on whose window theta_s is closer in TV than the decoded list",
        reference="Clopper and Pearson (1934); Hoeffding (1963); no envelope needed: the window is observed",
        target="window",
        start=_FractionWindow,
    )
)
