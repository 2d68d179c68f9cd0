"""Numbers in [0, 1], and their mean and variance before each of them: what sequential bets depend on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError

__all__ = ["bernstein_radius", "in_unit_interval", "running_moments"]


def in_unit_interval(values: Any) -> np.ndarray:
    """Return values as an array (n,); raise if there is none, or one is outside [0, 1]."""
    x = as_array("values", values).ravel()
    if len(x) == 0:
        raise InputError("values: none given; a mean needs at least one")
    if not ((x >= 0) & (x <= 1)).all():
        raise InputError("values: all must lie in [0, 1]; scale them first")
    return x


def running_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of the values before each one, started at 1/2 and 1/4, (n,) each."""
    number = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (number + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (number + 1)
    return np.concatenate(([0.5], mean[:-1])), np.concatenate(([0.25], variance[:-1]))


def bernstein_radius(variance: float, n: int, *, error: float, width: float = 1.0) -> float:
    """Return the radius of Maurer and Pontil (2009) for n numbers in an interval of this width, by their variance."""
    if n < 2:
        return math.inf
    term = math.log(2.0 / error)
    return math.sqrt(2.0 * variance * term / n) + width * 7.0 * term / (3.0 * (n - 1))
