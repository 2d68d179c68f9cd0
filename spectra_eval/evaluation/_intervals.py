"""Selection of the interval of a result, by the metric and the number of users."""

from __future__ import annotations

import dataclasses

import numpy as np

from spectra_eval.metrics import BoundMetric
from spectra_eval.stats.bootstrap import percentile_interval
from spectra_eval.stats.student import FEW, student_interval
from spectra_eval.tables import Interval

__all__ = ["interval_of"]


def interval_of(
    bound_metric: BoundMetric,
    replicates: np.ndarray | None,
    users: np.ndarray | None,
    *,
    level: float,
    limits: tuple[float, float],
) -> Interval | None:
    """Return the interval of a value, or None without resamples, or if no resample has a valid user.

    `users` (N, 2) has the sum and the number of the valid records of each user, for fewer than `FEW` users. A mean
    over so few users gets Student's t interval; all other values get the percentiles of the replicates.
    """
    if replicates is None:
        return None
    if users is not None and len(users) > 1 and bound_metric.metric.is_mean:
        return student_interval(users[:, 0], counts=users[:, 1], level=level, limits=limits)
    if not np.isfinite(replicates).any():
        return None
    interval = percentile_interval(replicates, level=level, n_users=FEW if users is None else len(users))
    if bound_metric.metric.is_mean:
        return interval
    method = f"{interval.method}, not corrected for bias"
    if users is not None:
        method += f"; fewer than {FEW} users, so its coverage is below its level"
    return dataclasses.replace(interval, method=method)
