"""Checks of options that are no arrays: numbers, levels, seeds, cut-offs and names."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from spectra_eval.errors import InputError

__all__ = [
    "as_names",
    "check_cutoff",
    "check_level",
    "check_number",
    "check_seed",
    "check_whole",
    "short_repr",
]


def check_level(name: str, value: Any) -> float:
    """Check that an argument is a number strictly between 0 and 1.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : object
        The argument's value.

    Returns
    -------
    float
        The number.

    Raises
    ------
    InputError
        Anything else, including Booleans.

    Examples
    --------
    >>> check_level("level", 0.95)
    0.95
    """
    number = _real(value)
    if number is None or not 0.0 < number < 1.0:
        raise InputError(f"{name}: {_shown(value)} is not strictly between 0 and 1")
    return number


def check_number(name: str, value: Any, *, low: float = -math.inf, high: float = math.inf) -> float:
    """Check that an argument is a finite number in [low, high].

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : object
        The argument's value.
    low, high : float
        The range; both ends belong to it.

    Returns
    -------
    float
        The number.

    Raises
    ------
    InputError
        Anything else, including Booleans.

    Examples
    --------
    >>> check_number("weight", 1, low=0.0)
    1.0
    """
    number = _real(value)
    if number is None or not math.isfinite(number):
        raise InputError(f"{name}: {_shown(value)} is not a finite number")
    if not low <= number <= high:
        raise InputError(f"{name}: {_shown(value)} is outside [{low:g}, {high:g}]")
    return number


def check_whole(name: str, value: Any, *, least: int = 0, most: int = 10**9, why: str = "") -> int:
    """Check that an argument is a whole number from `least` to `most`.

    Parameters
    ----------
    name : str
        The argument, for messages.
    value : object
        The argument's value.
    least, most : int
        The range; both ends belong to it.
    why : str
        What completes the message, for instance how to choose the number.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InputError
        Anything else, including Booleans and floats such as 2.0.

    Examples
    --------
    >>> check_whole("bins", np.int64(20), least=1)
    20
    """
    item = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(item, bool | np.bool_) or not isinstance(item, numbers.Integral):
        raise InputError(f"{name}: {_shown(value)} is not a whole number{why and f'; {why}'}")
    number = int(item)
    if number < least:
        raise InputError(f"{name}: {_shown(value)} is below {least}{why and f'; {why}'}")
    if number > most:
        raise InputError(f"{name}: {_shown(value)} is above {most:,}, the maximum")
    return number


def as_names(name: str, values: Any) -> tuple[str, ...]:
    """Convert a name, or a list of different names, to a tuple.

    Parameters
    ----------
    name : str
        The argument, for messages.
    values : str or iterable of str
        One name, or several.

    Returns
    -------
    tuple of str
        The names in the order given.

    Raises
    ------
    InputError
        Something other than names, or a name twice.

    Examples
    --------
    >>> as_names("metrics", "js_divergence"), as_names("metrics", ["recall", "ece"])
    (('js_divergence',), ('recall', 'ece'))
    """
    given = [values] if isinstance(values, str) else list(values) if isinstance(values, Iterable) else [None]
    if not all(isinstance(value, str) for value in given):
        raise InputError(f"{name}: {str(values)[:60]} is no list of names")
    for place, value in enumerate(given):
        if value in given[:place]:
            raise InputError(f"{name}: {value!r} is given twice; name each once")
    return tuple(given)


def check_seed(value: Any, *, name: str = "seed") -> int:
    """Check that a seed is a whole number from 0 to 2^64 - 1.

    Parameters
    ----------
    value : object
        The argument's value.
    name : str
        The argument, for messages.

    Returns
    -------
    int
        The seed.

    Raises
    ------
    InputError
        Anything else.

    Examples
    --------
    >>> check_seed(7)
    7
    """
    return check_whole(name, value, most=2**64 - 1)


def check_cutoff(k: Any, n_categories: int | None = None) -> int:
    """Check that a cut-off is a whole number from one to the number of categories.

    Parameters
    ----------
    k : object
        The cut-off.
    n_categories : int, optional
        K, where it is known.

    Returns
    -------
    int
        The cut-off.

    Raises
    ------
    InputError
        Anything else.

    Examples
    --------
    >>> check_cutoff(5, 18)
    5
    """
    number = check_whole("k", k, least=1, why="choose a cut-off of at least one category")
    if n_categories is not None and number > n_categories:
        raise InputError(f"k: {number} exceeds the {n_categories} categories; choose k <= {n_categories}")
    return number


def _real(value: Any) -> float | None:
    """Return a real number as a float, and None for everything else, including Booleans and texts."""
    item = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(item, bool | np.bool_) or not isinstance(item, numbers.Real):
        return None
    try:
        return float(item)
    except OverflowError:
        return math.inf if item > 0 else -math.inf  # type: ignore[operator]  # a whole number or a fraction


def _shown(value: Any) -> str:
    """Return a value as short text for a message; Python refuses to print an integer of thousands of digits."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    text = " ".join((str if isinstance(value, int | float | np.number) else repr)(value).split())
    return text if len(text) <= 60 else f"{text[:60]}…"


def short_repr(value: Any) -> str:
    """Return a one-line representation of a dataclass.

    Parameters
    ----------
    value : dataclass instance
        The object.

    Returns
    -------
    str
        Its class and fields; an array of more than six numbers is shown as its shape.

    Examples
    --------
    >>> short_repr(dataclasses.make_dataclass("Table", ["theta_s", "level"])(np.zeros((2, 4)), 0.95))
    'Table(theta_s=<array (2, 4)>, level=0.95)'
    """
    shown = ((item.name, getattr(value, item.name)) for item in dataclasses.fields(value) if item.repr)
    return f"{type(value).__name__}({', '.join(f'{name}={_brief(entry)}' for name, entry in shown)})"


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"<array {value.shape}>"
    return " ".join(repr(value).split())
