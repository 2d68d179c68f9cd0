"""The verdict of a certificate on its rivals, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["verdict"]

_FIRST = ("rival.brier.law", "rival.tv.window", "rival.js.window", "rival.log.law", "rival.fraction.window")
"""The claim that decides: the first of these that the certificate has."""

_NEARER = {
    "rival.brier.law": "nearer to the users' true distributions (squared distance)",
    "rival.log.law": "nearer to the users' true distributions (KL divergence)",
    "rival.tv.window": "nearer to the users' windows (total variation)",
    "rival.js.window": "nearer to the users' windows (JS)",
    "rival.fraction.window": "nearer to the windows of most users (total variation)",
}


def verdict(document: Mapping[str, Any]) -> list[str]:
    """Return what theta_s is shown to be better than, by how much, and what it is not shown to be better than.

    Parameters
    ----------
    document : mapping
        A certificate as `Certificate.to_json` returns it.

    Returns
    -------
    list of str
        Sentences; none for a certificate without rivals.

    Examples
    --------
    >>> claim = {"claim": "rival.brier.law:history", "status": "ok", "bound": 0.01, "inputs": {"mean_gain": 0.02}}
    >>> verdict({"options": {"against": ["history"], "level": 0.95}, "claims": [claim]})[0][:49]
    'At level 0.95, theta_s is on average nearer to th'
    """
    against = document["options"].get("against", ())
    rows = {claim["claim"]: claim for claim in document["claims"]}
    base = next((name for name in _FIRST if any(f"{name}:{rival}" in rows for rival in against)), None)
    if base is None:
        return []
    found = {rival: rows[f"{base}:{rival}"] for rival in against if f"{base}:{rival}" in rows}
    zero = 0.5 if base == "rival.fraction.window" else 0.0
    shown = {rival: row for rival, row in found.items() if row["status"] == "ok" and row["bound"] > zero}
    worse = [rival for rival, row in found.items() if row["status"] == "ok" and row["inputs"]["mean_gain"] < zero]
    rest = [rival for rival in found if rival not in shown]
    where = "" if base == "rival.fraction.window" else "on average "
    lines = []
    if shown:
        lines.append(
            f"At level {document['options']['level']:g}, theta_s is {where}{_NEARER[base]} than "
            + _listed(f"{rival} (by at least {row['bound']:.4f})" for rival, row in shown.items())
            + ("." if len(shown) == 1 else ", each on its own.")
        )
    if rest:
        parts = [f"{rival} ({_why(found[rival], worse=rival in worse)})" for rival in rest]
        first = "" if shown else f"theta_s is not shown to be {_NEARER[base]} than any rival. "
        lines.append(f"{first}No gain is shown over {_listed(parts)}.")
    if "uniform" in rest:
        lines.append("A readout that is not shown to be nearer than the uniform distribution is flat.")
    return lines


def _why(row: Mapping[str, Any], *, worse: bool) -> str:
    if row["status"] != "ok":
        return "undefined"
    measured = f"measured {row['inputs']['mean_gain']:+.4f}, bound {row['bound']:+.4f}"
    return f"{measured}: theta_s was farther" if worse else measured


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
