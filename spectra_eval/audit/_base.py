"""Printed numbers with their rounding, and findings about their consistency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from spectra_eval.errors import InputError
from spectra_eval.units import LN2

__all__ = ["Finding", "Printed", "Status", "agrees", "at_most", "exact", "printed"]

Status = Literal["pass", "fail", "undetermined"]

_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?")
_SLACK = 1e-12
"""Machine rounding, which is small relative to the rounding of printed numbers."""


@dataclass(frozen=True)
class Printed:
    """A number as printed: the exact number is within `half` of `value`.

    Attributes
    ----------
    value : float
        The printed value.
    half : float
        Half a unit of the last printed digit; 0 for a count.

    Examples
    --------
    >>> number = Printed(0.316, 0.0005)
    >>> round(number.low, 4), round(number.high, 4)
    (0.3155, 0.3165)
    """

    value: float
    half: float = 0.0

    @property
    def low(self) -> float:
        """Return the smallest possible exact number."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """Return the largest possible exact number."""
        return self.value + self.half

    def scaled(self, factor: float) -> Printed:
        """Return the number in another unit.

        Parameters
        ----------
        factor : float
            The other unit per unit.

        Returns
        -------
        Printed
            The number with its rounding, both scaled.
        """
        return Printed(self.value * factor, self.half * abs(factor))

    def nats_in_bits(self) -> Printed:
        """Return the number in bits, read as nats.

        Returns
        -------
        Printed
            The number divided by ln 2.

        Examples
        --------
        >>> round(printed(".530").nats_in_bits().value, 3)
        0.765
        """
        return self.scaled(1 / LN2)

    def __add__(self, other: Printed) -> Printed:
        return Printed(self.value + other.value, self.half + other.half)

    def __sub__(self, other: Printed) -> Printed:
        return Printed(self.value - other.value, self.half + other.half)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    check : str
        Name of the check.
    status : str
        ``pass``: the numbers are consistent. ``fail``: no numbers that round to those printed do. ``undetermined``:
        only others than those printed, that round to them, do; or something is not printed.
    reason : str
        One sentence.
    where : str
        Place in the text.

    Examples
    --------
    >>> Finding(check="range", status="pass", reason="0.2 should be in [0, 1], and it is.").status
    'pass'
    """

    check: str
    status: Status
    reason: str
    where: str = ""


def printed(text: str) -> Printed:
    """Parse a number; its digits give the rounding.

    Parameters
    ----------
    text : str
        Such as ``".316"``, ``"-0.28"``, ``"38 %"``, ``"9,755"``, ``"7.62e-56"``. Per cent become proportions. A number
        without a decimal point is rounded to a whole; say `exact` for a count.

    Returns
    -------
    Printed
        The number with half a unit of its last digit.

    Raises
    ------
    InputError
        It is no number.

    Examples
    --------
    >>> printed(".316")
    Printed(value=0.316, half=0.0005)
    >>> printed("38 %")
    Printed(value=0.38, half=0.005)
    """
    digits = text.replace(",", "").replace("%", "").strip()
    match = _NUMBER.fullmatch(digits)
    if match is None or not (match[2] or match[3]):
        raise InputError(f"text: {text!r} is no printed number")
    exponent = int(match[4] or 0) - len(match[3] or "") - (2 if "%" in text else 0)
    shifted = f"{match[1]}{match[2]}{match[3] or ''}e{exponent}"
    return Printed(float(shifted), float(f"0.5e{exponent}"))


def exact(value: float | int) -> Printed:
    """Return a count, or a number that is not rounded, as `Printed`.

    Parameters
    ----------
    value : float or int
        The number.

    Returns
    -------
    Printed
        With `half` 0.

    Examples
    --------
    >>> exact(19293).half
    0.0
    """
    return Printed(float(value))


def at_most(check: str, left: Printed, right: Printed, *, says: str) -> Finding:
    """Check that one printed number does not exceed another.

    Parameters
    ----------
    check : str
        Name of the check.
    left, right : Printed
        What should be smaller, and larger.
    says : str
        What the two are, with ``{left}`` and ``{right}`` in it; completed to a sentence.

    Returns
    -------
    Finding
        ``undetermined`` where the order depends on the rounding.

    Examples
    --------
    >>> at_most("order", printed(".33"), printed(".31"), says="{left} should not exceed {right}").status
    'fail'
    """
    named = says.format(left=f"{left.value:.5g}", right=f"{right.value:.5g}")
    if left.value <= right.value + _SLACK * max(1.0, abs(right.value)):
        return Finding(check=check, status="pass", reason=f"{named}, and it does not.")
    if left.low <= right.high + _SLACK * max(1.0, abs(right.value)):
        return Finding(
            check=check, status="undetermined", reason=f"{named}: as printed it does, within rounding it need not."
        )
    return Finding(check=check, status="fail", reason=f"{named}, but it does, whatever the rounding.")


def agrees(check: str, claimed: Printed, computed: Printed, *, says: str) -> Finding:
    """Check that a printed number is consistent with a value computed from other printed numbers.

    Parameters
    ----------
    check : str
        Name of the check.
    claimed : Printed
        The number in question.
    computed : Printed
        What the others give, with the range that their rounding leaves.
    says : str
        What the two are, with ``{claimed}`` and ``{computed}`` in it.

    Returns
    -------
    Finding
        ``undetermined`` where a number is NaN, because something is not printed.

    Examples
    --------
    >>> agrees("sum", printed(".3"), printed(".34"), says="{claimed} is printed, {computed} is the sum").status
    'pass'
    """
    named = says.format(claimed=f"{claimed.value:.6g}", computed=f"{computed.value:.6g}")
    if computed.value != computed.value or claimed.value != claimed.value:
        return Finding(check=check, status="undetermined", reason=f"{named}: something is not printed.")
    slack = _SLACK * abs(claimed.value)
    if claimed.low <= computed.high + slack and computed.low <= claimed.high + slack:
        return Finding(check=check, status="pass", reason=f"{named}: they agree within rounding.")
    return Finding(check=check, status="fail", reason=f"{named}: they differ by more than rounding.")
