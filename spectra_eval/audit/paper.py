"""The printed numbers of arXiv:2509.24189v4 that need no data, with their rounding, and which of them are consistent.

The numbers are data: `paper.json` holds one check a line. ``where`` and ``check`` name it, ``kind`` is the function
that makes it, ``given`` are the printed numbers that the function takes, and every other key is an option of the
function (``note`` is for the reader). A printed number is written as

- text, as printed: ``".316"``, ``"38 %"``; a JSON number is exact;
- ``{"value": v, "half": h}``: a number with its rounding;
- ``{"minus": [a, b]}``, ``{"over": [a, divisor]}``, ``{"nats": a}`` (an amount in nats, read in bits);
- ``{"curve": name, "at": a, ...}``: an increasing curve of `_CURVES` at a printed number;
- ``{"formula": name, ...}``: what a formula of `_FORMULAS` gives exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy import special

from spectra_eval import theory
from spectra_eval.audit import checks
from spectra_eval.audit._base import Finding, Printed, agrees, at_most, exact, printed
from spectra_eval.audit._list_ndcg import list_ndcg_from_captured
from spectra_eval.units import LN2, Information

__all__ = ["audit_paper"]

_ALPHA = 0.05

_KINDS: dict[str, Callable[..., Finding]] = {name: getattr(checks, name) for name in checks.__all__}
_KINDS["agrees"] = lambda *given, says: agrees("", *given, says=says)
_KINDS["at_most"] = lambda *given, says: at_most("", *given, says=says)
_KINDS["list_ndcg_from_captured"] = list_ndcg_from_captured


def _slack(n_users: int) -> float:
    return 2 * math.sqrt(math.log(4 / _ALPHA) / (2 * n_users))


def _union(n_users: int) -> float:
    return _ALPHA / (2 * n_users)


def _signed_rank_p(n: int, rank_sum: float) -> float:
    """Return the two-sided p-value of a signed-rank sum without ties, by the normal approximation."""
    z = (rank_sum - n * (n + 1) / 4) / math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return 2 * float(special.ndtr(z))


_FORMULAS: dict[str, Callable[..., float]] = {
    "crossover_as_computed": lambda: theory.printed_crossover()[0] / (2 * LN2),
    "crossover_js": lambda: theory.printed_crossover()[1],
    "crossover_root": lambda: theory.printed_crossover()[0],
    "full_expansion": lambda: theory.prompt_count([50] * 25 + [61]),
    "js_ceiling": lambda k: float(theory.js_ceiling(k).bits),
    "slack": _slack,
    "slack_over_union": lambda n_users: math.log(_slack(n_users) / _union(n_users)) / math.log(10),
    "theorem5": lambda share, n_users: theory.printed_theorem5_lower(share, n_users=n_users, error=_ALPHA),
    "token_ratio": theory.token_ratio,
    "uniform": lambda n_categories: 1 / n_categories,
    "union": _union,
    "wilcoxon": _signed_rank_p,
}

_CURVES: dict[str, Callable[..., Any]] = {
    "paper_phi": lambda j, **which: (
        theory.paper_phi(which["name"], Information.from_bits(j), reading=which["reading"]).value
    ),
    "phi_star": theory.phi_star,
    "psi": lambda v: theory.psi(v).bits,
    "sqrt(2 ln2 j)": lambda j: theory.tv_upper_from_js(Information.from_bits(j), method="sqrt"),
    "sqrt(8 ln2 j)": lambda j: math.sqrt(8 * LN2 * j),
}


def audit_paper() -> list[Finding]:
    """Check every printed number of the paper that can be checked without its data.

    Returns
    -------
    list of Finding
        Tables first, then bounds. ``fail``: no numbers that round to those printed satisfy the check. Checks named
        "were it in nats" ask whether another unit would save a table.

    References
    ----------
    .. [1] arXiv:2509.24189v4.

    Examples
    --------
    >>> findings = audit_paper()
    >>> next(f.status for f in findings if f.check == "Yelp: aggregate JS")
    'fail'
    """
    rows = json.loads(Path(__file__).with_name("paper.json").read_text(encoding="utf-8"))
    return [_finding(**row) for row in rows]


def _finding(where: str, check: str, kind: str, given: list[Any], note: str = "", **options: Any) -> Finding:
    return replace(_KINDS[kind](*map(_number, given), **options), where=where, check=check)


def _number(form: Any) -> Any:
    """Return the printed number, or the list of them, that a table entry means."""
    match form:
        case str():
            return printed(form)
        case int() | float():
            return exact(form)
        case list():
            return [_number(one) for one in form]
        case {"value": value, "half": half}:
            return Printed(value, half)
        case {"minus": [left, right]}:
            return _number(left) - _number(right)
        case {"over": [top, divisor]}:
            return _number(top).scaled(1 / divisor)
        case {"nats": amount}:
            return _number(amount).nats_in_bits()
        case {"curve": _, "at": place}:
            options = {name: value for name, value in form.items() if name not in ("curve", "at")}
            return _on_curve(_CURVES[form["curve"]], _number(place), options)
        case {"formula": _}:
            return exact(_FORMULAS[form["formula"]](**{name: form[name] for name in form if name != "formula"}))
    raise AssertionError(f"paper.json: {form!r} is no printed number")


def _on_curve(curve: Callable[..., Any], place: Printed, options: Mapping[str, Any]) -> Printed:
    """Return an increasing curve with the larger of its two deviations over the rounding."""
    low, middle, high = (float(curve(max(0.0, x), **options)) for x in (place.low, place.value, place.high))
    return Printed(middle, max(high - middle, middle - low))
