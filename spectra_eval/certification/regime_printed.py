"""The check of the paper as printed: three readings of the JS, four envelopes, each with what it licenses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spectra_eval import simplex
from spectra_eval.certification._base import CLAIMS, Claim, ClaimKind, Mean, Options, UserBlock, group_mean, undefined
from spectra_eval.theory.dominance import fraction_from_means
from spectra_eval.theory.js_envelope import phi_star
from spectra_eval.theory.printed import paper_phi
from spectra_eval.units import LN2, Information

__all__ = ["KIND"]

_BINS = 1 << 20
_ENVELOPES = {"ps": "printed", "bh": "printed", "js": "printed", "th": "printed_a"}
_LICENSES = {
    "aggregate": "nothing: the JS of two averages bounds no user, no mean and no share",
    "mean": "a statement about means (Jensen), where the envelope is valid",
    "median": "nothing: two medians may be attained by different halves of the users",
}


class _RegimePrinted:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.js = Mean()
        self.missed = Mean()
        self.histogram = np.zeros(_BINS, dtype=np.int64)
        self.star: list[np.ndarray] = []
        self.held: list[np.ndarray] = []

    def add(self, block: UserBlock) -> None:
        js, has = group_mean(block.js_bits, block, block.listed)
        self.js.take(block, block.js_bits, block.listed)
        self.missed.take(block, block.missed, block.listed)
        places = np.minimum((js * _BINS).astype(np.int64), _BINS - 1)
        self.histogram += np.bincount(places, minlength=_BINS)
        for sums, theta in ((self.star, block.theta_star), (self.held, block.theta_s)):
            kept = np.where(block.listed[:, None], theta, 0.0)
            number = np.add.reduceat(block.listed.astype(np.float64), block.starts)[has]
            sums.append(np.sum(np.add.reduceat(kept, block.starts, axis=0)[has] / number[:, None], axis=0))

    def claim(self) -> Claim:
        options = self.options
        if self.js.n == 0:
            return undefined(KIND, options, reason="no user has a decoded list with a known category")
        readings = {"aggregate": self._aggregate(), "mean": self.js.mean, "median": self._median()}
        missed = self.missed.mean
        cells = [
            self._cell(name, js, envelope, arithmetic, missed)
            for name, js in readings.items()
            for envelope, arithmetic in _ENVELOPES.items()
        ]
        positive = sum(cell["margin"] > 0 for cell in cells)
        sound = [cell for cell in cells if cell["margin"] > 0 and cell["valid"] and cell["reading"] == "mean"]
        exact = missed - float(phi_star(readings["mean"]))
        share = fraction_from_means(min(1.0, missed), Information.from_bits(min(1.0, readings["mean"])))
        return Claim(
            claim=KIND.name,
            status="ok",
            standing="printed",
            statement=(
                f"The check of the paper comes out positive in {positive} of 12 combinations; {len(sound)} of them use "
                f"a valid envelope and a reading that licenses a statement. With the exact envelope and the mean JS "
                f"the margin is {exact:+.4f}: {_verdict(exact, share, several=self.js.several)}"
            ),
            target=KIND.target,
            scope="these windows",
            inputs={
                "missed_mass": missed,
                "js_bits": readings,
                "cells": cells,
                "n_positive": positive,
                "exact_margin_mean": exact,
                "exact_share_mean": share,
            },
            bound=None,
            threshold=None,
            margin=exact,
            holds=positive == len(cells),
            licenses="nothing by itself: shown beside the proven claims, to reproduce the paper",
            assumptions=(),
            reference=KIND.reference,
            n_users=self.js.n,
            method="printed",
        )

    def _aggregate(self) -> float:
        means = [np.array([math.fsum(column) for column in np.array(sums).T]) for sums in (self.star, self.held)]
        star, held = (mean / mean.sum() for mean in means)
        return float(simplex.js_nats(star, held) / LN2)

    def _median(self) -> float:
        """Return the lower median, to half a bin of 2^-20 bit: it needs no memory that grows with the users."""
        place = int(np.searchsorted(np.cumsum(self.histogram), (self.js.n + 1) // 2))
        return (place + 0.5) / _BINS

    @staticmethod
    def _cell(reading: str, js: float, envelope: str, arithmetic: str, missed: float) -> dict[str, Any]:
        amount = Information.from_bits(min(1.0, js))
        printed = paper_phi(envelope, amount, reading=arithmetic)
        forms = {unit: paper_phi(envelope, amount, reading=unit) for unit in ("nats", "bits")}
        return {
            "reading": reading,
            "envelope": envelope,
            "value": float(printed.value),
            "valid": bool(printed.valid),
            "margin": missed - float(printed.value),
            "licenses": _LICENSES[reading] if printed.valid else "nothing: this envelope is no bound at this JS",
            **{f"value_{unit}": float(form.value) for unit, form in forms.items()},
            **{f"valid_{unit}": bool(form.valid) for unit, form in forms.items()},
        }


def _verdict(margin: float, share: float, *, several: bool) -> str:
    if margin > 0:
        users = "records of a user, averaged over users" if several else "users"
        return (
            "on these windows the mean TV of theta_s is below that of every distribution on the lists, and its TV for "
            f"at least {share:.1%} of the {users}, the largest share that follows from two means."
        )
    return "no statement about the means follows."


KIND = CLAIMS.add(
    ClaimKind(
        name="regime.printed",
        summary="the paper's own check: 3 readings x 4 printed envelopes, each with what it licenses",
        reference="arXiv:2509.24189 F.3 and F.6",
        target="window",
        start=_RegimePrinted,
        least=None,
        n_bounds=lambda options: 0,
    )
)
