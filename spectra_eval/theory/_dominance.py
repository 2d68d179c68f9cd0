"""Statements that compare a readout with a list, and their decision rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from spectra_eval.arrays import check_number
from spectra_eval.errors import AssumptionError, InputError
from spectra_eval.theory._base import Assumption, Standing
from spectra_eval.theory._js_curve import _unit_interval, phi_star
from spectra_eval.theory.truncation import truncated_js_lower
from spectra_eval.units import Information

__all__ = [
    "Dominance",
]


_NO_PEEK = Assumption(name="no-peek", text="theta_s and the list depend on the history only")


_USERS = Assumption(name="same-users", text="both numbers are means over the same users")


_QUANTILE = Assumption(name="joint-users", text="both shares are of the same users")


@dataclass(frozen=True, kw_only=True)
class Dominance:
    """One statement about a readout and a list, with its margin and what follows from it.

    Attributes
    ----------
    statement : str
        The statement in one sentence.
    target : {"window", "law"}
        Whether theta_star is the window's distribution or the user's true distribution.
    inputs : mapping of str to float
        The numbers that the statement was derived from.
    bound : float or None
        The number that `holds` was decided against; None where the input allows no statement.
    margin : float or None
        Positive where the statement holds; None where the input allows no statement.
    holds : bool
        Whether the statement holds.
    licenses : str
        What may be concluded, ``nothing`` otherwise.
    assumptions : tuple of Assumption
        The hypotheses.
    standing : {"proven", "printed"}
        Whether the bound is derived and tested here, or stated by a source.

    Examples
    --------
    >>> from spectra_eval.theory import certify_user
    >>> certify_user(0.626, Information.from_bits(0.2)).licenses
    'a comparison in tv for this user'
    """

    statement: str
    target: Literal["window", "law"]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    bound: float | None
    margin: float | None
    holds: bool
    licenses: str
    assumptions: tuple[Assumption, ...]
    standing: Standing = "proven"


def _pair(missed: float, js: Information) -> tuple[float, float]:
    if not isinstance(js, Information):
        raise InputError("js: give an Information, for instance Information.from_bits(0.3)")
    if js.shape != ():
        raise AssumptionError("js: one number at a time; loop over users, or pass their mean to certify_mean")
    check_number("js", float(js.bits))
    check_number("missed", missed)
    phi_star(js.bits)
    return float(_unit_interval("missed", missed)), float(min(max(js.bits, 0.0), 1.0))


def _compare(m: float, d: float, divergence: str) -> tuple[float, float, str]:
    if divergence == "tv":
        bound = phi_star(d, round_up=True)
        return bound, m - bound, f"the total variation of theta_s, at most {bound:.4f}, is"
    if divergence == "js":
        floor = float(truncated_js_lower(m).bits)
        return floor, floor - d, f"the JS of theta_s, {d:.4f} bit, is"
    raise InputError(f"divergence: {divergence!r} is neither 'tv' nor 'js'")
