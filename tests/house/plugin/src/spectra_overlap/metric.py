"""The share of two distributions that does not overlap."""

from __future__ import annotations

import numpy as np

from spectra_eval.metrics import Comparison, metric
from spectra_eval.units import Unit

__all__ = ["overlap_loss"]


def _overlap_loss(comparison: Comparison) -> np.ndarray:
    return 1.0 - np.minimum(comparison.theta_star, comparison.theta_s).sum(axis=1, keepdims=True)


@metric(
    statistic=_overlap_loss,
    unit=Unit.ONE,
    lower_is_better=True,
    reference="Weitzman (1970), Measures of overlap of income distributions",
    properties=frozenset(
        {"symmetric", "zero_on_equal", "bounded", "category_symmetric", "merging_never_increases", "jointly_convex"}
    ),
    stage="emerging",
)
def overlap_loss(theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    """One minus the mass that two distributions share."""
    return 1.0 - np.minimum(theta_star, theta_s).sum(axis=-1)
