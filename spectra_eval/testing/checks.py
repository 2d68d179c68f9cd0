"""The checks of every family, in one place; usable as a parametrisation in any test suite.

::

    import pytest
    from spectra_eval.testing import checks
    from my_package import my_metric

    @pytest.mark.parametrize("check", checks.of(my_metric), ids=str)
    def test_my_metric(check):
        check()
"""

from __future__ import annotations

from typing import Any

from spectra_eval.errors import InputError
from spectra_eval.metrics._base import Metric
from spectra_eval.probing.readouts._base import Readout
from spectra_eval.testing._base import Check, Finding, run, run_all
from spectra_eval.testing.answer_checks import backend_checks, readout_checks, session_checks
from spectra_eval.testing.envelope_checks import envelope_checks
from spectra_eval.testing.metric_checks import metric_checks
from spectra_eval.theory._base import Envelope

__all__ = [
    "Check",
    "Finding",
    "backend_checks",
    "envelope_checks",
    "metric_checks",
    "of",
    "readout_checks",
    "run",
    "run_all",
    "session_checks",
]


def of(subject: Any, *, source: str | None = None) -> list[Check]:
    """Return the checks that apply to a metric, a bound or a readout, or to a function that is a metric.

    Parameters
    ----------
    subject : Metric, Envelope, Readout, or function of (theta_star, theta_s)
        An ordinary function must satisfy the axioms of every metric; its properties are reported, not required.
    source : str, optional
        ``MODULE:NAME`` where it can be imported from, for the counterexamples; found where possible.

    Returns
    -------
    list of Check
        Each is callable, and raises AssertionError with the smallest counterexample.

    Raises
    ------
    InputError
        There are no checks for such an object, or it declares a property that nobody knows.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> [check.name for check in of(METRICS["total_variation"])][:2]
    ['one row a user', 'users in any order']
    """
    if isinstance(subject, Envelope):
        return list(envelope_checks(subject, source=source))
    if isinstance(subject, Readout):
        return list(readout_checks(subject))
    if isinstance(subject, Metric) or (callable(subject) and not isinstance(subject, type)):
        return list(metric_checks(subject, source=source))
    raise InputError(
        f"no checks for an object of type {type(subject).__name__}; give a metric, an envelope, a readout or a function"
    )
