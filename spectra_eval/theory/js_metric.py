"""The square root of the Jensen-Shannon divergence, which is a metric."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectra_eval.arrays import as_simplex
from spectra_eval.simplex import js_nats, psi_nats
from spectra_eval.units import LN2

__all__ = ["root_js"]

_TINY = 1e-280
"""Below this JS in nats the terms of its sum may have underflowed."""


def root_js(theta_star: Any, theta_s: Any) -> Any:
    """Return the square root of the JS in bits, a metric.

    Symmetric, zero for equal rows only, with a triangle inequality. It is a plain number, not an amount of
    information: roots of amounts do not average to amounts. `metrics.js_divergence` takes no root.

    Parameters
    ----------
    theta_star, theta_s : (..., K) float arrays
        Rows on the simplex.

    Returns
    -------
    float or (...) float array
        In [0, 1]. Exact also where the divergence itself underflows.

    Raises
    ------
    SimplexError
        A row is negative, not finite, or does not sum to one within `arrays.ATOL`.
    ShapeError
        The shapes differ.

    References
    ----------
    .. [1] D. M. Endres and J. E. Schindelin, IEEE Trans. Inf. Theory 49 (2003) 1858-1860.

    Examples
    --------
    >>> root_js([1.0, 0.0], [0.0, 1.0])
    1.0
    """
    star, predicted = as_simplex(theta_star=theta_star, theta_s=theta_s)
    js = np.asarray(js_nats(star, predicted))
    total = star + predicted
    ratio = np.where(total > 0, np.abs(star - predicted) / np.where(total > 0, total, 1.0), 0.0)
    # The root of each term, without squaring a small ratio first: psi(r) is r²/2 there.
    parts = np.sqrt(total) * np.where(ratio < 1e-100, ratio / 2, np.sqrt(psi_nats(ratio) / 2))
    largest = parts.max(axis=-1, keepdims=True)
    scaled = np.where(largest > 0, parts / np.where(largest > 0, largest, 1.0), 0.0)
    small = largest[..., 0] * np.sqrt(np.sum(scaled * scaled, axis=-1))
    root = np.where(js > _TINY, np.sqrt(js), small) / np.sqrt(LN2)
    return float(root) if root.ndim == 0 else root
