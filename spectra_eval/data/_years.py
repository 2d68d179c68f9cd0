"""The years that the times of a log may have: times outside them have most likely another unit."""

from __future__ import annotations

import numpy as np

from spectra_eval.errors import SchemaError

__all__ = ["EARLIEST", "LATEST", "check_moments", "far"]

EARLIEST, LATEST = -2208988800, 4102444800
"""The starts of 1900 and 2100, in seconds since 1970."""


def far(seconds: np.ndarray) -> np.ndarray:
    """Return which times are not in the years 1900 to 2099, (M,) bool."""
    return np.asarray((seconds < EARLIEST) | (seconds >= LATEST))


def check_moments(source: object, seconds: np.ndarray, *, fix: str = "times are whole seconds") -> None:
    """Raise if a time is not in the years 1900 to 2099.

    Examples
    --------
    >>> check_moments("log", np.array([0, 1_600_000_000]))
    """
    if (outside := far(seconds)).any():
        row = int(np.flatnonzero(outside)[0])
        what = f"time: {seconds[row]} seconds since 1970 are not in the years 1900 to 2099"
        raise SchemaError(f"{source}: entry {row + 1}, {what}; {fix}")
