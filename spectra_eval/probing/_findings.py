"""One finding of a diagnosis, and the correlation of two orders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Finding", "correlation", "rank_correlation"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check of `diagnose`.

    Attributes
    ----------
    name : str
        The check.
    status : str
        ``ok``, ``warn``, ``fail``, or ``unseen`` if the check is not possible.
    found : str
        What was found, in one line.

    Examples
    --------
    >>> Finding(name="labels", status="ok", found="24 of 24 are one token").status
    'ok'
    """

    name: str
    status: Literal["ok", "warn", "fail", "unseen"]
    found: str


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two rows; NaN if one of them is constant."""
    if one.std() < 1e-12 or other.std() < 1e-12:
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of the ranks of two rows."""
    from scipy.stats import rankdata

    return correlation(rankdata(one.round(9)), rankdata(other.round(9)))
