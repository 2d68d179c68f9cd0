"""Conversion of the subjects of checks, and the code that imports them in a counterexample."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.metrics._base import METRICS, Metric
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.units import Information, Unit

__all__ = ["as_metric", "registered", "source_of"]


def registered(function: Any) -> Metric | None:
    """Return the registered entry of a public function, or None."""
    name = getattr(function, "__name__", "")
    if name not in METRICS:
        return None
    entry = METRICS[name]
    # A function of somebody else that happens to bear the name is not that entry.
    return entry if getattr(entry.statistic, "__module__", None) == getattr(function, "__module__", "") else None


def as_metric(subject: Any, *, name: str) -> tuple[Metric, bool]:
    """Return a `Metric` from a `Metric` or an ordinary function of (theta_star, theta_s).

    Parameters
    ----------
    subject : Metric or function
        A function returns one number per user, shape (N,), plain or as `Information`; a registered one means its
        entry.
    name : str
        What to call a function in messages.

    Returns
    -------
    metric : Metric
        The entry, or one made of the function.
    declared : bool
        Whether the properties were declared; an ordinary function declares none, so that each is only
        reported as held or refuted.

    Raises
    ------
    InputError
        It is neither a metric nor a function of two arrays.

    Examples
    --------
    >>> metric, declared = as_metric(lambda theta_star, theta_s: abs(theta_star - theta_s).max(axis=-1), name="gap")
    >>> metric.name, declared
    ('gap', False)
    """
    if isinstance(subject, Metric):
        return subject, True
    entry = registered(subject)
    if entry is not None:
        return entry, True
    if not callable(subject) or isinstance(subject, type):
        raise InputError(f"{name}: neither a Metric nor a function of (theta_star, theta_s)")
    try:
        inspect.signature(subject).bind(np.ones((1, 1)), np.ones((1, 1)))
    except (TypeError, ValueError):
        raise InputError(f"{name}: a metric is a function of two arrays, (theta_star, theta_s)") from None

    def statistic(comparison: Comparison) -> np.ndarray:
        value = subject(comparison.theta_star, comparison.theta_s)
        column = np.asarray(value.nats if isinstance(value, Information) else value, dtype=np.float64)
        if column.shape != (comparison.n_users,):
            raise InputError(
                f"{name}: gave shape {column.shape} for {comparison.n_users} users; give one number a user, or a "
                "Metric with its statistic and value"
            )
        return column[:, None]

    made = Metric(
        name=name,
        statistic=statistic,
        unit=Unit.ONE,
        lower_is_better=None,
        summary=(subject.__doc__ or "").strip().split("\n")[0],
        reference="",
        limits=(-np.inf, np.inf),
    )
    return made, False


def source_of(subject: Any, source: str | None = None) -> str:
    """Return the line of Python that binds `subject`, for a runnable counterexample.

    Examples
    --------
    >>> source_of(METRICS["brier"])
    "from spectra_eval.metrics import METRICS; subject = METRICS['brier']"
    >>> source_of(print, "my_package.metrics:my_metric")
    'from my_package.metrics import my_metric as subject'
    """
    if source is not None and ":" in source:
        module, _, name = source.partition(":")
        module = module.removesuffix(".py").replace("\\", "/").rpartition("/")[2]
        return f"from {module} import {name} as subject"
    if isinstance(subject, Metric) and subject.name in METRICS and METRICS[subject.name] is subject:
        return f"from spectra_eval.metrics import METRICS; subject = METRICS[{subject.name!r}]"
    if isinstance(subject, Envelope) and subject.name in ENVELOPES and ENVELOPES[subject.name] is subject:
        return f"from spectra_eval.theory import ENVELOPES; subject = ENVELOPES[{subject.name!r}]"
    home, name = getattr(subject, "__module__", None), getattr(subject, "__qualname__", "")
    if home and name.isidentifier():
        return f"from {home} import {name} as subject"
    return "subject = ...  # put here what was checked: it has no name that can be imported"
