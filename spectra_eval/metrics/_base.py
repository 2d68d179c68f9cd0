"""What a metric is: a statistic of each user, and a value of the mean statistic.

From these two alone follow the point estimate, the bootstrap, paired differences, strata and
sharding; none of them needs to know which metric it serves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from spectra_eval.arrays import as_together, check_cutoff, whole_of
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.registry import Registry
from spectra_eval.units import Unit

__all__ = [
    "METRICS",
    "STRATA",
    "BoundMetric",
    "Metric",
    "check_lists",
    "check_pair",
    "check_support",
    "mean_over_users",
    "metric",
    "parse",
    "shaped_like",
]

STRATA = ("head", "mid", "tail")
"""The strata of categories, by the number that `Comparison.bucket` holds."""

F = TypeVar("F", bound=Callable[..., Any])


def mean_over_users(statistic: np.ndarray, **_options: Any) -> Any:
    """Take the value of a plain mean: the mean statistic, (..., 1) -> (...)."""
    return np.asarray(statistic)[..., 0]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of the family of metrics.

    Attributes
    ----------
    name : str
        The name in the registry.
    statistic : callable
        ``statistic(comparison, **options) -> (n, D)``, one row a user, computed from that user alone;
        a NaN row leaves the user out, and is counted.
    unit : Unit
        The unit of the value.
    lower_is_better : bool or None
        None where neither is.
    summary : str
        One line.
    reference : str
        Where it is defined.
    value : callable
        ``value(mean_statistic (..., D), **options) -> (...)`` in `unit`; NaN where the value is undefined.
        Where it is `mean_over_users`, the statistic holds the value of each user, in `unit` too.
    limits : tuple of two float
        The range of the value, in `unit`.
    properties : frozenset of str
        Declared properties; the kit checks each, and refutes each that is not declared.
    takes_cutoff : bool
        Whether the name carries a cut-off, as in ``category_ndcg@10``; the statistic takes it as ``k``.
    options : mapping
        Other keyword options of the statistic with their defaults.
    choices : mapping
        The values that an option of words may take.
    stage : str
        ``stable`` or ``emerging``.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> entry = METRICS["js_divergence"]
    >>> entry.unit.value, entry.lower_is_better, entry.is_mean
    ('bit', True, True)
    """

    name: str
    statistic: Callable[..., np.ndarray]
    unit: Unit
    lower_is_better: bool | None
    summary: str
    reference: str
    value: Callable[..., Any] = mean_over_users
    limits: tuple[float, float] = (0.0, 1.0)
    properties: frozenset[str] = frozenset()
    takes_cutoff: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stage: str = "stable"

    @property
    def is_mean(self) -> bool:
        """Whether the value is the plain mean of one number a user, as rank tests need."""
        return self.value is mean_over_users


@dataclass(frozen=True, kw_only=True)
class BoundMetric:
    """A metric with its cut-off and options: what an evaluation computes.

    Parameters
    ----------
    metric : Metric
        The entry of the family.
    options : mapping
        The cut-off ``k`` and the other options that are not at their defaults.

    Examples
    --------
    >>> bound = BoundMetric.parse("category_ndcg@10:ties=index")
    >>> bound.metric.name, bound.options
    ('category_ndcg', {'k': 10, 'ties': 'index'})
    >>> bound.name
    'category_ndcg@10:ties=index'
    """

    metric: Metric
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, name: str) -> BoundMetric:
        """Read a name as it is printed, ``NAME[@CUTOFF][:OPTION=VALUE]...``; see `parse`."""
        found, options = parse(name)
        return cls(metric=found, options=options)

    @property
    def name(self) -> str:
        """The name that `parse` reads back; options at their defaults are left out."""
        cutoff = f"@{self.options['k']}" if self.metric.takes_cutoff else ""
        stated = [
            f":{option}={self.options[option]}"
            for option, default in self.metric.options.items()
            if option in self.options and self.options[option] != default
        ]
        return self.metric.name + cutoff + "".join(stated)

    def check_categories(self, n_categories: int) -> None:
        """Refuse a cut-off above the number of categories."""
        if self.metric.takes_cutoff and self.options["k"] > n_categories:
            raise InputError(
                f"metric {self.name!r}: the cut-off exceeds the {n_categories} categories; "
                f"write {self.metric.name}@{n_categories} or less"
            )

    def statistic(self, comparison: Comparison) -> np.ndarray:
        """Compute the statistic of each user, (n, D)."""
        return self.metric.statistic(comparison, **self.options)

    def value(self, mean_statistic: np.ndarray) -> Any:
        """Compute the value from the mean statistic, (..., D) -> (...)."""
        return self.metric.value(mean_statistic, **self.options)


METRICS: Registry[Metric] = Registry("metric", package="spectra_eval.metrics", group="spectra_eval.metrics")


def parse(name: str) -> tuple[Metric, dict[str, Any]]:
    """Read the name of a metric with its cut-off and options, ``NAME[@CUTOFF][:OPTION=VALUE]...``.

    Parameters
    ----------
    name : str
        For instance ``js_divergence``, ``category_ndcg@10`` or ``category_ndcg@10:ties=index``.

    Returns
    -------
    tuple of Metric and dict
        The entry, and the keyword options of its statistic.

    Raises
    ------
    UnknownNameError
        No metric has this name.
    InputError
        A cut-off is missing, not a whole number above 0 or not taken; an option is unknown or has no such value.

    Examples
    --------
    >>> metric, options = parse("category_ndcg@5")
    >>> metric.name, options
    ('category_ndcg', {'k': 5})
    >>> parse("category_ndcg")
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: metric 'category_ndcg': needs a cut-off; write category_ndcg@10
    """
    head, *stated = name.strip().split(":")
    plain, at, cutoff = head.partition("@")
    found = METRICS[plain]
    options: dict[str, Any] = {}
    if found.takes_cutoff and not at:
        raise InputError(f"metric {name!r}: needs a cut-off; write {plain}@10")
    if at and not found.takes_cutoff:
        raise InputError(f"metric {name!r}: {plain} takes no cut-off; leave out @{cutoff}")
    if at:
        if not (cutoff.isascii() and cutoff.isdigit() and int(cutoff) >= 1):
            raise InputError(
                f"metric {name!r}: {cutoff!r} is no cut-off; write a whole number above 0, as in {plain}@10"
            )
        options["k"] = int(cutoff)
    for text in stated:
        option, _, value = text.partition("=")
        if option not in found.options:
            known = ", ".join(found.options) or "none"
            raise InputError(f"metric {name!r}: no option {option!r}; {plain} has: {known}")
        if option in options:
            raise InputError(f"metric {name!r}: option {option!r} is given twice; leave one out")
        options[option] = _option_value(name, found, option, value)
    return found, options


def _option_value(name: str, found: Metric, option: str, text: str) -> Any:
    if option in found.choices:
        if text not in found.choices[option]:
            raise InputError(
                f"metric {name!r}: option {option} cannot be {text!r}; choose {' or '.join(found.choices[option])}"
            )
        return text
    kind = type(found.options[option])
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"metric {name!r}: option {option} cannot be {text!r}; give a {kind.__name__}") from None


def metric(
    *,
    statistic: Callable[..., np.ndarray],
    unit: Unit,
    lower_is_better: bool | None,
    reference: str,
    **fields: Any,
) -> Callable[[F], F]:
    """Register a public function as a metric, under its own name.

    The function is what users call (it checks its arrays); `statistic` is the kernel that an evaluation calls
    on checked data.

    Parameters
    ----------
    statistic : callable
        ``statistic(comparison, **options) -> (n, D)``, one row a user.
    unit : Unit
        The unit of the value.
    lower_is_better : bool or None
        None where neither direction is better.
    reference : str
        Where the metric is defined.
    **fields : any
        Further fields of `Metric`: ``value``, ``limits``, ``properties``, ``takes_cutoff``, ``options``,
        ``stage``.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Raises
    ------
    DuplicateNameError
        The decorated function has the name of another metric.

    Examples
    --------
    >>> import numpy as np
    >>> from spectra_eval.units import Unit
    >>> decorate = metric(
    ...     statistic=lambda comparison: np.ones((comparison.n_users, 1)),
    ...     unit=Unit.ONE,
    ...     lower_is_better=None,
    ...     reference="example",
    ... )
    >>> callable(decorate)
    True
    """

    def register(function: F) -> F:
        first = (function.__doc__ or "").strip().split("\n")[0]  # empty under python -OO
        summary = first.removeprefix("Return the ").removeprefix("Return ")
        METRICS.add(
            Metric(
                name=function.__name__,
                statistic=statistic,
                unit=unit,
                lower_is_better=lower_is_better,
                summary=summary[:1].upper() + summary[1:],
                reference=reference,
                **fields,
            )
        )
        return function

    return register


def check_pair(
    theta_star: Any,
    theta_s: Any,
    *,
    buckets: Any = None,
    k: int | None = None,
    support: Any = None,
    lists: Any = None,
) -> tuple[Comparison, tuple[int, ...]]:
    """Check the arrays of a public function; give them as one comparison, and the shape of the users' axes."""
    if k is not None:
        check_cutoff(k)
    with_them: dict[str, tuple[Any, tuple[str, ...]]] = {
        "buckets": (buckets, ("categories",)),
        "support": (support, ("users", "categories")),
        "lists": (lists, ("users", "ranks")),
    }
    thetas, others = as_together(with_them, theta_star=theta_star, theta_s=theta_s)
    truth, held = np.broadcast_arrays(*thetas)
    users, n_categories = truth.shape[:-1], truth.shape[-1]
    if 0 in users:
        raise ShapeError(f"theta_star: no users in shape {truth.shape}; give at least one row")
    comparison = Comparison(
        theta_star=np.ascontiguousarray(truth.reshape(-1, n_categories)),
        theta_s=np.ascontiguousarray(held.reshape(-1, n_categories)),
        lists=None if lists is None else check_lists(others["lists"], users),
        bucket=np.zeros(n_categories, dtype=np.int64)
        if buckets is None
        else _check_buckets(others["buckets"], n_categories),
        support=check_support(others.get("support"), theta_star=truth, theta_s=held),
    )
    return comparison, users


def check_support(array: np.ndarray | None, **thetas: np.ndarray) -> np.ndarray | None:
    """Check the options of each user against distributions (..., K) of one shape; return them as (n, K)."""
    if array is None:
        return None
    shape = next(iter(thetas.values())).shape
    if array.dtype != np.bool_:
        raise InputError(f"support: entries of type {array.dtype}; give True where a category is an option of the user")
    if array.shape != shape:
        raise ShapeError(f"support: shape {array.shape}, but the users have {shape}; give one row a user")
    for name, theta in thetas.items():
        off = (theta > 0) & ~array
        if off.any():
            place = tuple(int(i) for i in np.argwhere(off)[0])
            raise InputError(f"{name}: entry {place} is {theta[place]:.6g}, outside the support; it must be 0")
    return array.reshape(-1, shape[-1])


def shaped_like(users: tuple[int, ...], column: np.ndarray) -> Any:
    """Return one number a user in the shape of the users' axes; a plain float for a single user without an axis."""
    return column.reshape(users) if users else float(column.reshape(()))


def check_lists(array: np.ndarray, users: tuple[int, ...]) -> np.ndarray:
    """Check that there is one list of whole numbers a user; give them as (n, L)."""
    if array.ndim == 0 or array.shape[:-1] != users:
        raise ShapeError(f"lists: shape {array.shape}, but the users have shape {users}; give one list a user")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"lists: entries of type {array.dtype}; give indices of categories, negative for none")
    return whole_of("lists", array).reshape(math.prod(users), array.shape[-1])


def _check_buckets(array: np.ndarray, n_categories: int) -> np.ndarray:
    if array.shape != (n_categories,):
        raise ShapeError(f"buckets: shape {array.shape}, but there are {n_categories} categories; give one a category")
    if not np.isin(array, (0, 1, 2)).all():
        column = int(np.flatnonzero(~np.isin(array, (0, 1, 2)))[0])
        raise InputError(
            f"buckets: category {column} is in {array[column]}; write 0 for head, 1 for mid and 2 for tail"
        )
    return array.astype(np.int64)
