"""What no decoder of these lists can get below, whatever weights it puts on them."""

from __future__ import annotations

import numpy as np

from spectra_eval.certification._base import (
    CLAIMS,
    Claim,
    ClaimKind,
    Mean,
    Options,
    UserBlock,
    against,
    independence,
    undefined,
)
from spectra_eval.certification._bounds import lower_bound
from spectra_eval.theory.truncation import truncated_js_lower

__all__ = ["KIND"]


class _Truncation:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.missed = Mean(options)
        self.floor = Mean()
        self.tv_list = Mean()
        self.js_list = Mean()
        self.js = Mean()

    def add(self, block: UserBlock) -> None:
        floor = np.asarray(truncated_js_lower(np.clip(block.missed, 0.0, 1.0)).bits)
        for mean, values in (
            (self.missed, block.missed),
            (self.floor, floor),
            (self.tv_list, block.tv_list),
            (self.js_list, block.js_list_bits),
            (self.js, block.js_bits),
        ):
            mean.take(block, values, block.listed)

    def claim(self) -> Claim:
        options = self.options
        if self.missed.n == 0:
            return undefined(KIND, options, reason="no user has a decoded list with a known category")
        bound = lower_bound(self.missed, options)
        if bound.value is None:
            return undefined(KIND, options, reason=str(bound.reason), n=self.missed.n)
        js_law = float(truncated_js_lower(bound.value).bits)
        return Claim(
            claim=KIND.name,
            status="ok",
            standing=bound.standing,
            statement=(
                f"On these windows the top {options.k} misses {self.missed.mean:.4f} of the mass on average: no "
                f"distribution on the lists has a mean total variation below that, nor a mean JS below "
                f"{self.floor.mean:.4f} bit (the uniform one has {self.js_list.mean:.4f}, theta_s {self.js.mean:.4f}). "
                f"Against the law, with level {options.level:g}: TV at least {bound.value:.4f}, JS at least "
                f"{js_law:.4f} bit."
            ),
            target=KIND.target,
            scope=options.scope,
            inputs={
                "mean_missed_mass": self.missed.mean,
                "mean_js_floor_bits": self.floor.mean,
                "mean_tv_list": self.tv_list.mean,
                "mean_js_list_bits": self.js_list.mean,
                "mean_js_theta_s_bits": self.js.mean,
                "js_floor_law_bits": js_law,
            },
            **against(options, KIND, bound.value, default=0.0),
            licenses="a floor under every distribution on the lists; nothing about theta_s",
            assumptions=independence(options),
            reference=KIND.reference,
            n_users=self.missed.n,
            method=bound.method,
        )


KIND = CLAIMS.add(
    ClaimKind(
        name="truncation",
        summary="Lemma 1 and Lemma 1-JS: the floor under every distribution on the decoded lists",
        reference="arXiv:2509.24189 Lemma 1; Lemma 1-JS of docs/theory.md",
        start=_Truncation,
        about="lists",
    )
)
