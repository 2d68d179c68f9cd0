"""Which interval a number of an evaluation gets: by what it is, and by how many users it is of."""

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
    """Return the interval of a value, or None where no resample was asked for or none holds a user who counts.

    `users` (N, 2) holds the sum and the number of the records of each user who counts, where these are fewer than
    `FEW`. A mean over so few gets Student's t, all else the percentiles of the replicates.
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
        method += f"; fewer than {FEW} users, so it covers less often than its level says"
    return dataclasses.replace(interval, method=method)
