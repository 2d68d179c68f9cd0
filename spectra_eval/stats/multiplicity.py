"""Multiple testing: p-values adjusted for the number of tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.errors import InputError, ShapeError

__all__ = ["holm"]


def holm(p_values: Any) -> np.ndarray:
    """Adjust p-values by Holm's step-down procedure, which controls the family-wise error rate.

    Parameters
    ----------
    p_values : (M,) array-like
        One p-value per test; NaN for a test without one, which is not counted.

    Returns
    -------
    (M,) float array
        Adjusted p-values, in the order given: reject where at most the level. NaN stays NaN.

    Raises
    ------
    ShapeError
        The p-values do not form one axis.
    InputError
        A p-value is outside of 0 to 1.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
       (1979) 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    given = as_array("p_values", p_values)
    if given.ndim != 1:
        raise ShapeError(f"p_values: shape {given.shape}; give one a test")
    bad = (given < 0) | (given > 1)
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise InputError(f"p_values: entry {place} is {given[place]}; a p-value is between 0 and 1")
    adjusted = np.full(given.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(given))
    order = tests[np.argsort(given[tests], kind="stable")]
    remaining = np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, remaining * given[order]))
    return adjusted
