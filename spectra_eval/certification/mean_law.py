"""How much closer the readout is than any distribution on the list, on average, to the law behind the windows."""

from __future__ import annotations

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

__all__ = ["KIND"]


class _MeanLaw:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.margin = Mean(options)
        self.missed = Mean()
        self.tv = Mean()

    def add(self, block: UserBlock) -> None:
        for mean, values in (
            (self.margin, block.missed - block.tv),
            (self.missed, block.missed),
            (self.tv, block.tv),
        ):
            mean.take(block, values, block.listed)

    def claim(self) -> Claim:
        options = self.options
        if self.margin.n == 0:
            return undefined(KIND, options, reason="no user has a decoded list with a known category")
        bound = lower_bound(self.margin, options, low=-1.0, high=1.0)
        if bound.value is None:
            return undefined(KIND, options, reason=str(bound.reason), n=self.margin.n)
        share = max(0.0, bound.value)
        return Claim(
            claim=KIND.name,
            status="ok",
            standing=bound.standing,
            statement=(
                f"Against the law behind the windows, the mean total variation of every distribution on the decoded "
                f"top {options.k} exceeds that of theta_s by at least {bound.value:+.4f} at level {options.level:g} "
                f"(measured: {self.margin.mean:+.4f} over {self.margin.n} users)"
                + (f", so theta_s is closer {whom(self.margin, share)}." if share > 0 else "; nothing follows.")
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "mean_margin": self.margin.mean,
                "mean_missed_mass": self.missed.mean,
                "mean_tv": self.tv.mean,
                "implied_share": share,
            },
            **against(options, KIND, bound.value, default=0.0),
            licenses="E[TV(any distribution on the list) - TV(theta_s)] and, since it is at most one, "
            + (OF_RECORDS if self.margin.several else "a share of users"),
            assumptions=independence(options),
            reference=KIND.reference,
            n_users=self.margin.n,
            method=bound.method,
        )


KIND = CLAIMS.add(
    ClaimKind(
        name="mean.law",
        summary="E[TV(dg) - TV(theta_s)] against the law behind the windows, for every distribution on the list",
        reference="convexity of TV (the plug-in margin never overstates) with Hoeffding (1963)",
        start=_MeanLaw,
        least=-1.0,
    )
)
