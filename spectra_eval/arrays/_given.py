"""An array as it was passed by the caller, and its conversion to numbers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np

from spectra_eval.errors import InputError, ShapeError, one_line

__all__ = [
    "EPS",
    "FLOAT32_ATOL",
    "Given",
    "Labels",
    "as_numbers",
    "is_default",
    "no_array",
    "plain_array",
    "refuse_masked",
    "tolerance_of",
]

Labels: TypeAlias = tuple[Hashable, ...] | None

EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}


def tolerance_of(eps: float) -> float:
    """Return the tolerance of row sums: 256 machine epsilons, at most the square root of one."""
    return min(math.sqrt(eps), 256 * eps)


FLOAT32_ATOL = tolerance_of(EPS["float32"])
"""Tolerance of the sum of a float32 row, 3e-5; for float16 .03, for bfloat16 .09."""


@dataclass(frozen=True)
class Given:
    """An array from the caller with its labels.

    Attributes
    ----------
    values : array
        The numbers.
    eps : float
        The machine epsilon of their type before conversion; 0 for float64 and whole numbers.
    labels : tuple of (tuple of hashable, or None)
        The labels of each axis; empty for an array without labels.
    dims : tuple of str, optional
        The names of the axes.

    Examples
    --------
    >>> given = Given(np.array([[0.5, 0.5]], dtype=np.float32), eps=2.0**-23, labels=(None, ("Noir", "War")))
    >>> given.of_axis(1), given.taken([1, 0], 1).labels, round(given.atol, 6)
    (('Noir', 'War'), (None, ('War', 'Noir')), 3.1e-05)
    """

    values: np.ndarray
    eps: float = 0.0
    labels: tuple[Labels, ...] = ()
    dims: tuple[str, ...] | None = None

    @property
    def atol(self) -> float:
        """Return the tolerance of row sums for the type of the array; 0 for float64."""
        return tolerance_of(self.eps)

    def of_axis(self, axis: int, *, default: bool = True) -> Labels:
        """Return the labels of an axis.

        Parameters
        ----------
        axis : int
            The axis; negative numbers count from the last one.
        default : bool
            Whether default labels 0, 1, 2 and so on count as labels.

        Returns
        -------
        tuple of hashable, or None
            None without labels.
        """
        if not self.labels or not -len(self.labels) <= axis < len(self.labels):
            return None
        labels = self.labels[axis]
        return None if labels is not None and not default and is_default(labels) else labels

    def taken(self, places: Sequence[int], axis: int) -> Given:
        """Return the array with the entries of an axis in the order of `places`.

        Parameters
        ----------
        places : sequence of int
            Indices along the axis.
        axis : int
            The axis.

        Returns
        -------
        Given
            The entries with their labels.
        """
        labels = list(self.labels)
        axis_labels = labels[axis]
        labels[axis] = None if axis_labels is None else tuple(axis_labels[p] for p in places)
        return replace(self, values=np.take(self.values, places, axis=axis), labels=tuple(labels))


def is_default(labels: Sequence[Hashable]) -> bool:
    """Return whether labels are the default range index of pandas.

    Parameters
    ----------
    labels : sequence of hashable
        The labels of an axis.

    Returns
    -------
    bool
        True for 0, 1, 2 and so on.

    Examples
    --------
    >>> is_default((0, 1, 2)), is_default((1, 2))
    (True, False)
    """
    return all(type(label) is int and label == place for place, label in enumerate(labels))


def as_numbers(name: str, given: Given, *, boolean: bool) -> Given:
    values = given.values
    if values.dtype.name == "bfloat16":  # from ml_dtypes, used by JAX
        return replace(given, values=values.astype(np.float32), eps=EPS["bfloat16"])
    kind = values.dtype.kind
    if (kind == "b" and boolean) or kind in "iu":
        return given
    if kind == "f":
        with np.errstate(over="ignore"):  # numbers beyond the range of float64
            floats = values.astype(np.float64) if values.dtype.itemsize > 8 else values
        return replace(given, values=floats, eps=given.eps or EPS.get(values.dtype.name, 0.0))
    if values.size == 0:
        return replace(given, values=np.empty(values.shape))
    if kind == "O" and all(isinstance(x, numbers.Real | Decimal) and not isinstance(x, bool) for x in values.flat):
        try:
            return replace(given, values=values.astype(np.float64))
        except (OverflowError, ValueError) as error:
            raise InputError(f"{name}: holds a number that float64 cannot hold") from error
    if kind == "O" and values.ndim == 0:
        fix = "call .collect() first" if hasattr(values.item(), "collect") else "give an array or a list of numbers"
        raise InputError(f"{name}: {type(values.item()).__name__} is no array; {fix}")
    what, advice = {
        "b": ("Booleans", "give numbers"),
        "c": ("complex numbers", "give their real part or magnitude"),
        "U": ("text", "give numbers; leave columns of text out, or make them the index"),
        "S": ("text", "give numbers; leave columns of text out, or make them the index"),
        "O": ("objects that are not plain numbers", "give an array of numbers, such as .astype(float)"),
    }.get(kind, (f"{values.dtype}", "give real numbers"))
    raise InputError(f"{name}: holds {what}; {advice}")


def plain_array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{name}: its rows have different lengths; give an array with one length") from error


def no_array(name: str, value: Any, error: Exception) -> InputError:
    """Return the error for an object that could not be converted."""
    reason = one_line(error)[:100]
    return InputError(f"{name}: {type(value).__name__} cannot become an array ({reason}); give numbers")


def refuse_masked(name: str, value: Any) -> None:
    parts = value if isinstance(value, list | tuple) else (value,)
    for part in parts:
        if isinstance(part, np.ma.MaskedArray) and np.ma.getmaskarray(part).any():
            raise InputError(
                f"{name}: {int(np.ma.getmaskarray(part).sum())} entries are masked, and the mask would be lost; "
                "fill them (.filled(0)) or leave those rows out"
            )
        if isinstance(part, list | tuple):
            refuse_masked(name, part)
