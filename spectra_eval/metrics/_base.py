"""What a metric is: a statistic of each user, and a value of the mean statistic.

From these two alone follow the point estimate, the bootstrap, paired differences, strata and
sharding; none of them needs to know which metric it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from spectra_eval.registry import Registry
from spectra_eval.units import Unit

__all__ = ["METRICS", "Comparison", "Metric", "mean_over_users", "metric"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """One system held against the truth for the same n users; what a statistic is computed from.

    Attributes
    ----------
    theta_star : (n, K) float array
        Observed frequencies; rows on the simplex.
    theta_s : (n, K) float array
        What the system holds; rows on the simplex.
    lists : (n, L) int array or None
        The lists the system named itself (negative entries are no category); None where its list
        is the order of `theta_s`.
    bucket : (K,) int array
        0 head, 1 mid, 2 tail: the stratum of each category.
    """

    theta_star: np.ndarray
    theta_s: np.ndarray
    lists: np.ndarray | None
    bucket: np.ndarray


def mean_over_users(statistic: np.ndarray) -> np.ndarray:
    """Take the value of a plain mean: the mean statistic, (..., 1) -> (...)."""
    return np.asarray(statistic)[..., 0]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of the family.

    Attributes
    ----------
    name : str
        The name it is asked for by.
    statistic : callable
        ``statistic(comparison, **options) -> (n, D)``; a NaN row leaves the user out, and is counted.
    value : callable
        ``value(mean_statistic (..., D), **options) -> (...)``; NaN where the value is undefined.
    unit : Unit
        The unit the value is reported in (information is computed in nats and converted last).
    lower_is_better : bool or None
        None where neither is.
    summary : str
        One line.
    reference : str
        Where it is defined.
    limits : tuple of two float
        The range of the value, in the reported unit.
    properties : frozenset of str
        Declared properties; the kit holds each, and refutes each that is not declared.
    takes_cutoff : bool
        Whether the name carries a cut-off, as in ``category_ndcg@10``.
    options : mapping
        Other keyword options with their defaults.
    stage : str
        ``stable`` or ``emerging``.
    """

    name: str
    statistic: Callable[..., np.ndarray]
    unit: Unit
    lower_is_better: bool | None
    summary: str
    reference: str
    value: Callable[..., np.ndarray] = mean_over_users
    limits: tuple[float, float] = (0.0, 1.0)
    properties: frozenset[str] = frozenset()
    takes_cutoff: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    stage: str = "stable"

    @property
    def is_mean(self) -> bool:
        """Whether the value is the plain mean of one number a user, as rank tests need."""
        return self.value is mean_over_users


METRICS: Registry[Metric] = Registry("metric", package="spectra_eval.metrics", group="spectra_eval.metrics")

F = TypeVar("F", bound=Callable[..., Any])


def metric(
    *,
    statistic: Callable[..., np.ndarray],
    unit: Unit,
    lower_is_better: bool | None,
    reference: str,
    **fields: Any,
) -> Callable[[F], F]:
    """Register a public function as a metric, under its own name; the function is returned unchanged.

    The function is what users call (it checks its arrays); `statistic` is the kernel that an
    evaluation calls on checked data.
    """

    def register(function: F) -> F:
        summary = (function.__doc__ or "").strip().splitlines()[0]
        METRICS.add(
            Metric(
                name=function.__name__,
                statistic=statistic,
                unit=unit,
                lower_is_better=lower_is_better,
                summary=summary,
                reference=reference,
                **fields,
            )
        )
        return function

    return register
