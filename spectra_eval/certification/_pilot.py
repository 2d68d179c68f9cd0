"""The guesses of a plan from a pilot study."""

from __future__ import annotations

import numpy as np

from spectra_eval.arrays import Whole
from spectra_eval.certification._block import UserBlock, group_mean
from spectra_eval.certification._certificate import Certificate
from spectra_eval.certification._stream import certify
from spectra_eval.tables import PreferenceTable

__all__ = ["GUESSES", "MEANS", "guesses_from"]

MEANS = ("share", "mean_margin", "mean_missed", "mean_js_bits", "tv")
GUESSES = {
    **dict.fromkeys(MEANS, (0.0, 1.0)),
    "mean_margin": (-1.0, 1.0),
    **dict.fromkeys(("margin_sd", "missed_sd", "js_sd"), (0.0, 1.0)),
    "missed_js_correlation": (-1.0, 1.0),
}
"""The ranges of the guesses."""

_PLACES = {
    "share": ("fraction.window", "share"),
    "mean_margin": ("mean.law", "mean_margin"),
    "mean_missed": ("mean.law", "mean_missed_mass"),
    "mean_js_bits": ("mean-js.law", "mean_js_bits"),
    "tv": ("mean.law", "mean_tv"),
}


def guesses_from(pilot: PreferenceTable | Certificate, *, k: Whole = 5) -> dict[str, float]:
    """Return the guesses of a plan from a pilot.

    Parameters
    ----------
    pilot : PreferenceTable or Certificate
        A table gives means and spreads. A certificate has the means only; `plan` then uses the largest spreads.
    k : int
        With a table: the first k decoded entries.

    Returns
    -------
    dict of str to float
        The guesses that the pilot supports.

    Raises
    ------
    InputError
        The table has no readout or no list, no user has a window, or k is not below K.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann", "bob"], categories=("a", "b", "c"), counts=[[3, 1, 0], [0, 2, 2]],
    ...     theta_s=[[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]], dg=[[0], [2]],
    ... )
    >>> found = guesses_from(table, k=1)
    >>> round(found["mean_margin"], 3), round(found["margin_sd"], 3)
    (0.225, 0.247)
    """
    certificate = pilot if isinstance(pilot, Certificate) else certify(pilot, k=k)
    rows = {claim.claim: claim.inputs for claim in certificate.claims if claim.status == "ok"}
    found = {name: float(rows[claim][key]) for name, (claim, key) in _PLACES.items() if claim in rows}
    return found if isinstance(pilot, Certificate) else found | _spreads(pilot, k)


def _spreads(table: PreferenceTable, k: int) -> dict[str, float]:
    block = UserBlock(table, k)
    records = {"margin_sd": block.missed - block.tv, "missed_sd": block.missed, "js_sd": block.js_bits}
    users = {name: group_mean(values, block, block.listed)[0] for name, values in records.items()}
    if len(users["js_sd"]) < 2:
        return {}  # one user shows no spread
    found = {name: float(np.std(values, ddof=1)) for name, values in users.items()}
    product = found["missed_sd"] * found["js_sd"]
    if product > 0:
        both = float(np.cov(users["missed_sd"], users["js_sd"])[0, 1])
        found["missed_js_correlation"] = max(-1.0, min(1.0, both / product))
    return found
