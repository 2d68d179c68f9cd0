"""The check of the paper as printed: three readings of the JS, four envelopes, each with what it licenses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spectra_eval import simplex
from spectra_eval.certification._base import CLAIMS, ClaimKind, Finding
from spectra_eval.certification._block import UserBlock, group_mean
from spectra_eval.certification._bounds import NO_LIST
from spectra_eval.certification._columns import JS, MISSED
from spectra_eval.certification._options import Options
from spectra_eval.certification._totals import NoClaim, Rows, Tally, Totals
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


def _histogram(block: UserBlock) -> np.ndarray:
    js, _ = group_mean(block.js_bits, block, block.listed)
    return np.bincount(np.minimum((js * _BINS).astype(np.int64), _BINS - 1), minlength=_BINS)


def _of_users(theta: Callable[[UserBlock], np.ndarray]) -> Rows:
    """Return the distribution of each user, the mean over the user's records with a list."""

    def of(block: UserBlock) -> np.ndarray:
        number = np.add.reduceat(block.listed.astype(np.float64), block.starts)
        has = number > 0
        rows = np.add.reduceat(np.where(block.listed[:, None], theta(block), 0.0), block.starts, axis=0)
        return np.asarray(rows[has] / number[has][:, None])

    return of


_HISTOGRAM = Tally(_histogram)
_STAR = Tally(_of_users(lambda block: block.theta_star), rows=True)
_READOUT = Tally(_of_users(lambda block: block.theta_s), rows=True)


def _bound(totals: Totals, options: Options) -> Finding:
    js = totals[JS]
    if js.n == 0:
        raise NoClaim(NO_LIST)
    missed = totals[MISSED].mean
    readings = {"aggregate": _aggregate(totals), "mean": js.mean, "median": _median(totals)}
    cells = [
        _cell(name, value, envelope, arithmetic, missed)
        for name, value in readings.items()
        for envelope, arithmetic in _ENVELOPES.items()
    ]
    positive = sum(cell["margin"] > 0 for cell in cells)
    exact = missed - float(phi_star(readings["mean"]))
    return Finding(
        of=js,
        by=None,
        inputs={
            "missed_mass": missed,
            "js_bits": readings,
            "cells": cells,
            "n_positive": positive,
            "exact_margin_mean": exact,
            "exact_share_mean": fraction_from_means(
                min(1.0, missed), Information.from_bits(min(1.0, readings["mean"]))
            ),
        },
        margin=exact,
        holds=positive == len(cells),
    )


def _text(found: Finding, options: Options) -> str:
    inputs = found.inputs
    sound = [cell for cell in inputs["cells"] if cell["margin"] > 0 and cell["valid"] and cell["reading"] == "mean"]
    exact = inputs["exact_margin_mean"]
    return (
        f"The check of the paper comes out positive in {inputs['n_positive']} of 12 combinations; {len(sound)} of them "
        f"use a valid envelope and a reading that licenses a statement. With the exact envelope and the mean JS "
        f"the margin is {exact:+.4f}: {_verdict(exact, inputs['exact_share_mean'], several=found.several)}"
    )


def _aggregate(totals: Totals) -> float:
    star, readout = (mean / mean.sum() for mean in map(totals.sum, (_STAR, _READOUT)))
    return float(simplex.js_nats(star, readout) / LN2)


def _median(totals: Totals) -> float:
    """Return the lower median, to half a bin of 2^-20 bit: it needs no memory that grows with the users."""
    place = int(np.searchsorted(np.cumsum(totals.sum(_HISTOGRAM)), (totals[JS].n + 1) // 2))
    return (place + 0.5) / _BINS


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
        label="The paper's check as printed",
        statement="The paper's own check: 3 readings x 4 printed envelopes, each with what it licenses.",
        reading=("How many of the 12 combinations of the paper's check are positive."),
        pitfalls="It proves nothing by itself: only the mean JS with a valid envelope supports a statement.",
        reference="arXiv:2509.24189 F.3 and F.6",
        columns=lambda options: (JS, MISSED, _HISTOGRAM, _STAR, _READOUT),
        bound=_bound,
        text=_text,
        licenses="nothing by itself: shown beside the proven claims, to reproduce the paper",
        target="window",
        least=None,
        n_bounds=lambda options: 0,
    )
)
