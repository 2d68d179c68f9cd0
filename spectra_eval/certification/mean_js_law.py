"""The mean advantage in Jensen-Shannon divergence, against the law behind the windows."""

from __future__ import annotations

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
from spectra_eval.theory.dominance import fraction_from_means
from spectra_eval.theory.truncation import truncated_js_lower
from spectra_eval.units import Information

__all__ = ["KIND"]


class _MeanJsLaw:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.agreement = Mean(options)
        self.missed = Mean(options)

    def add(self, block: UserBlock) -> None:
        self.agreement.take(block, 1.0 - np.minimum(block.js_bits, 1.0), block.listed)
        self.missed.take(block, block.missed, block.listed)

    def claim(self) -> Claim:
        options = self.options
        if self.missed.n == 0:
            return undefined(KIND, options, reason="no user has a decoded list with a known category")
        # Two bounds share the error; the JS is bounded from above through 1 - JS.
        missed = lower_bound(self.missed, options, parts=2)
        agreement = lower_bound(self.agreement, options, parts=2)
        if missed.value is None or agreement.value is None:
            return undefined(KIND, options, reason=str(missed.reason or agreement.reason), n=self.missed.n)
        floor = float(truncated_js_lower(max(0.0, missed.value)).bits)
        js_upper = 1.0 - agreement.value
        bound = floor - js_upper
        # The same two bounds promise a share of users in total variation, and no larger one follows from them.
        share = fraction_from_means(missed.value, Information.from_bits(js_upper))
        return Claim(
            claim=KIND.name,
            status="ok",
            standing=missed.standing,
            statement=(
                f"Against the law behind the windows, the mean JS of theta_s is at most {js_upper:.4f} bit, that of "
                f"every distribution on the decoded top {options.k} at least {floor:.4f} bit, at level "
                f"{options.level:g}: an advantage of at least {bound:+.4f} bit over {self.missed.n} users"
                + ("" if bound > 0 else "; none is certified")
                + (f". In total variation theta_s is closer {whom(self.missed, share)}." if share > 0 else ".")
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "mean_js_bits": 1.0 - self.agreement.mean,
                "js_upper_bits": js_upper,
                "mean_missed_mass": self.missed.mean,
                "missed_mass_lower": missed.value,
                "js_floor_bits": floor,
                "implied_share": share,
            },
            **against(options, KIND, bound, default=0.0),
            licenses="E[JS(any distribution on the list)] - E[JS(theta_s)], in bits; and "
            + (f"in TV {OF_RECORDS}" if self.missed.several else "a share of users in TV"),
            assumptions=independence(options),
            reference=KIND.reference,
            n_users=self.missed.n,
            method=missed.method,
        )


KIND = CLAIMS.add(
    ClaimKind(
        name="mean-js.law",
        summary="E[JS(dg)] - E[JS(theta_s)] against the law behind the windows, for every distribution on the list",
        reference="convexity of JS and of the floor of Lemma 1-JS with Hoeffding (1963)",
        start=_MeanJsLaw,
        least=-1.0,
    )
)
