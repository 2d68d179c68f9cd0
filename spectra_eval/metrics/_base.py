"""The definition of a metric: a statistic per user, and a value of the mean statistic.

The point estimate, the bootstrap, paired differences, strata and sharding use only these two, so
their code is the same for all metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.registry import Registry, words_of
from spectra_eval.units import Unit

__all__ = [
    "METRICS",
    "STRATA",
    "BoundMetric",
    "Metric",
    "mean_over_users",
    "metric",
    "names_shown_in",
    "parse",
    "shown_in",
]

STRATA = ("head", "mid", "tail")
"""The strata of categories, by their number in `Comparison.bucket`."""

F = TypeVar("F", bound=Callable[..., Any])


def mean_over_users(statistic: np.ndarray, **_options: Any) -> Any:
    """Return the value of a plain mean: the mean statistic, (..., 1) -> (...)."""
    return np.asarray(statistic)[..., 0]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of the family of metrics.

    Attributes
    ----------
    name : str
        The name in the registry.
    statistic : callable
        ``statistic(comparison, **options) -> (n, D)``, one row per user, computed from that user only;
        users with a NaN row are left out and counted.
    unit : Unit
        The unit of the value.
    lower_is_better : bool or None
        None where neither is.
    summary : str
        One line.
    reference : str
        Where it is defined.
    caution : str
        A sentence that evaluations, comparisons and reports print beside the values; empty for most metrics.
    label, heading : str
        The name in words, and for a narrow column; derived from `name` and from `label` by default.
    definition, reading, pitfalls : str
        The formula in Markdown ($p$ the target, $q$ the prediction), the meaning of a value, and common mistakes; used
        in docs/metrics.md, listings and reports.
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
    shown_in : frozenset of str
        Where it is shown when no metrics are named: ``evaluate`` (and in the report), ``report``, ``compare``,
        ``headline`` (the first table of a report) and ``figures``.
    rank : int
        Its place among the metrics that are shown there; the lowest comes first.
    cutoffs : tuple of int
        The cut-offs that are computed when no metrics are named.

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
    caution: str = ""
    label: str = ""
    heading: str = ""
    definition: str = ""
    reading: str = ""
    pitfalls: str = ""
    value: Callable[..., Any] = mean_over_users
    limits: tuple[float, float] = (0.0, 1.0)
    properties: frozenset[str] = frozenset()
    takes_cutoff: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stage: str = "stable"
    shown_in: frozenset[str] = frozenset()
    rank: int = 1000
    cutoffs: tuple[int, ...] = (10,)

    def __post_init__(self) -> None:
        """Derive missing labels from the name."""
        object.__setattr__(self, "label", self.label or words_of(self.name))
        object.__setattr__(self, "heading", self.heading or self.label)

    @property
    def is_mean(self) -> bool:
        """Return whether the value is the plain mean of one number per user, as rank tests need."""
        return self.value is mean_over_users


@dataclass(frozen=True, kw_only=True)
class BoundMetric:
    """A metric with its cut-off and options, as computed by an evaluation.

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
        """Return the metric of a name, ``NAME[@CUTOFF][:OPTION=VALUE]...``; see `parse`."""
        found, options = parse(name)
        return cls(metric=found, options=options)

    @property
    def name(self) -> str:
        """Return the name that `parse` accepts, without options at their defaults."""
        cutoff = f"@{self.options['k']}" if self.metric.takes_cutoff else ""
        stated = [
            f":{option}={self.options[option]}"
            for option, default in self.metric.options.items()
            if option in self.options and self.options[option] != default
        ]
        return self.metric.name + cutoff + "".join(stated)

    def check_categories(self, n_categories: int) -> None:
        """Raise if the cut-off is above the number of categories."""
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


def shown_in(place: str) -> list[Metric]:
    """Return the default metrics of a place, in the order of their rank.

    Parameters
    ----------
    place : str
        ``evaluate``, ``report``, ``compare``, ``headline`` or ``figures``; see `Metric`.

    Returns
    -------
    list of Metric
        The lowest rank first; equal ranks by name.

    Examples
    --------
    >>> [entry.name for entry in shown_in("compare")]
    ['js_divergence', 'total_variation', 'category_ndcg']
    """
    return sorted((entry for entry in METRICS if place in entry.shown_in), key=lambda entry: (entry.rank, entry.name))


def names_shown_in(place: str, n_categories: int) -> list[str]:
    """Return the names of these metrics with their cut-offs, lowered to the number of categories.

    Examples
    --------
    >>> names_shown_in("compare", 6)
    ['js_divergence', 'total_variation', 'category_ndcg@5', 'category_ndcg@6']
    """
    names = []
    for entry in shown_in(place):
        cutoffs = dict.fromkeys(min(k, n_categories) for k in entry.cutoffs)
        names += [f"{entry.name}@{k}" for k in cutoffs] if entry.takes_cutoff else [entry.name]
    return names


def parse(name: str) -> tuple[Metric, dict[str, Any]]:
    """Parse the name of a metric with its cut-off and options, ``NAME[@CUTOFF][:OPTION=VALUE]...``.

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
            raise InputError(f"metric {name!r}: option {option!r} is repeated; leave one out")
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

    Users call the function, which checks its arrays; an evaluation calls `statistic` on checked data.

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
