"""Amounts of information with their unit.

An `Information` is an array (or one number) of nats or bits that can only be read by naming the
unit. It keeps the numbers in the unit in which they were computed and converts at most once, so
``Information.from_bits(x).bits`` is ``x`` to the last bit.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import UnitError

__all__ = ["LN2", "Information", "Unit", "check_information"]

LN2 = 0.6931471805599453
"""ln 2 = nats in a bit, rounded to float64."""


class Unit(enum.StrEnum):
    """The unit of a number, as artifacts record it.

    Examples
    --------
    >>> Unit("bit") is Unit.BIT, [unit.value for unit in Unit]
    (True, ['nat', 'bit', '1'])
    """

    NAT = "nat"
    BIT = "bit"
    ONE = "1"


class Information:
    """An amount of information, stored in the unit in which it was given.

    Parameters
    ----------
    nats : float or float array
        The amount in nats.

    Raises
    ------
    UnitError
        The amount is an `Information` already.
    InputError
        The amount is not a number or an array of numbers.

    Notes
    -----
    ``float()``, ``numpy.asarray()`` and ``numpy.mean()`` of an `Information` raise `UnitError`:
    use ``.nats`` or ``.bits``. Two amounts can be compared, added and subtracted; an amount can be
    scaled by a number.

    Examples
    --------
    >>> one = Information.from_bits(1.0)
    >>> one.bits, round(one.nats, 4)
    (1.0, 0.6931)
    >>> one > Information(0.5)
    True
    >>> float(one)
    Traceback (most recent call last):
    ...
    spectra_eval.errors.UnitError: an amount of information is not a bare number: read .nats or .bits
    """

    __slots__ = ("_unit", "_value")
    __hash__ = None  # type: ignore[assignment]  # it may hold an array

    def __init__(self, nats: Any) -> None:
        self._value = _plain(nats)
        self._unit = Unit.NAT

    @classmethod
    def from_bits(cls, bits: Any) -> Information:
        """Return an amount given in bits; its `bits` are exactly those.

        Parameters
        ----------
        bits : float or array
            The amount in bits.

        Returns
        -------
        Information
            The amount; its `bits` are exactly those.
        """
        made = cls(bits)
        made._unit = Unit.BIT
        return made

    @property
    def nats(self) -> Any:
        """Return the amount in nats: a float, or a float array."""
        return self._value if self._unit is Unit.NAT else self._value * LN2

    @property
    def bits(self) -> Any:
        """Return the amount in bits: a float, or a float array."""
        return self._value if self._unit is Unit.BIT else self._value / LN2

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the array; ``()`` for one number."""
        return np.shape(self._value)

    def mean(self, axis: int | None = None) -> Information:
        """Return the mean over an axis, or over all entries.

        Parameters
        ----------
        axis : int, optional
            The axis; all entries when not given.

        Returns
        -------
        Information
            The mean, in the same unit inside.
        """
        return self._like(np.mean(self._value, axis=axis))

    def _like(self, value: Any) -> Information:
        made = Information(value)
        made._unit = self._unit
        return made

    def _other(self, other: object) -> Any:
        if not isinstance(other, Information):
            raise UnitError(
                "an amount of information is combined with a bare number: give it a unit with Information(...)"
            )
        return other.nats if self._unit is Unit.NAT else other.bits

    def __getitem__(self, index: Any) -> Information:
        return self._like(self._value[index])

    def __len__(self) -> int:
        return len(self._value)

    def __add__(self, other: Information) -> Information:
        return self._like(self._value + self._other(other))

    def __sub__(self, other: Information) -> Information:
        return self._like(self._value - self._other(other))

    def __mul__(self, factor: float) -> Information:
        if isinstance(factor, Information):
            raise UnitError("a product of two amounts of information has no meaning here")
        return self._like(self._value * factor)

    __rmul__ = __mul__

    def __lt__(self, other: Information) -> Any:
        return self._value < self._other(other)

    def __le__(self, other: Information) -> Any:
        return self._value <= self._other(other)

    def __gt__(self, other: Information) -> Any:
        return self._value > self._other(other)

    def __ge__(self, other: Information) -> Any:
        return self._value >= self._other(other)

    def __eq__(self, other: object) -> Any:
        return self._value == self._other(other) if isinstance(other, Information) else NotImplemented

    def __repr__(self) -> str:
        if np.size(self._value) > 6:
            return f"<Information: shape {self.shape}, mean {np.mean(self._value):.4g} {self._unit}>"
        maker = "Information" if self._unit is Unit.NAT else "Information.from_bits"
        return f"{maker}({' '.join(repr(self._value).split())})"

    def __float__(self) -> NoReturn:
        _refuse()

    if not TYPE_CHECKING:  # hidden from mypy, so that it refuses np.asarray(information) too

        def __array__(self, dtype=None, copy=None):
            _refuse()


def check_information(**named: Any) -> None:
    """Check that values are amounts of information.

    Parameters
    ----------
    **named : any
        The values by parameter name.

    Raises
    ------
    UnitError
        A value is a bare number.

    Examples
    --------
    >>> check_information(js=0.5)
    Traceback (most recent call last):
    ...
    spectra_eval.errors.UnitError: js: float carries no unit; give Information(nats) or Information.from_bits(bits)
    """
    for name, value in named.items():
        if not isinstance(value, Information):
            what = f"{name}: {type(value).__name__} carries no unit"
            raise UnitError(f"{what}; give Information(nats) or Information.from_bits(bits)")


def _plain(value: Any) -> Any:
    if isinstance(value, Information):
        raise UnitError("this amount of information already has a unit")
    array = as_array("amount", value)
    return float(array) if array.ndim == 0 else array


def _refuse() -> NoReturn:
    raise UnitError("an amount of information is not a bare number: read .nats or .bits")
