"""The definition of a check: a search for a counterexample, and its result."""

from __future__ import annotations

import copy
import functools
import random
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["Check", "Finding", "python_of", "run", "run_all", "sample", "search"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One property of one entry.

    Attributes
    ----------
    subject : str
        The entry that is checked.
    name : str
        The property.
    expected : str
        ``holds`` for a property that must hold; ``fails`` for one that is not declared, and must then be
        refuted by an example; ``either`` where nothing was declared.
    examples : Strategy
        What is drawn. Checks that share the very same strategy share one set of draws in `run_all`.
    violated : callable
        ``violated(example) -> bool``; whatever it raises is a failure.
    show : callable
        ``show(example) -> str``: runnable Python that ends in an assertion which the example breaks.
    known : tuple
        Examples that are tried beside the drawn ones: the rare ones that drawing would miss.

    Examples
    --------
    >>> from hypothesis import strategies as st
    >>> small = Check(
    ...     subject="absolute", name="at most 9", expected="holds", examples=st.integers(),
    ...     violated=lambda x: abs(x) > 9, show=lambda x: f"assert abs({x}) <= 9",
    ... )
    >>> print(small)
    absolute: at most 9
    >>> run(small).counterexample
    'assert abs(10) <= 9'
    """

    subject: str
    name: str
    expected: Literal["holds", "fails", "either"]
    examples: Any
    violated: Callable[[Any], bool]
    show: Callable[[Any], str]
    known: tuple[Any, ...] = ()

    def __call__(self) -> None:
        """Run as a test: raise AssertionError with the counterexample when the check fails."""
        finding = run(self)
        if finding.outcome == "failed":
            raise AssertionError(f"{self}: {finding.message}\n{finding.counterexample or ''}")

    def __str__(self) -> str:
        """Return the name of the check for a test runner."""
        return f"{self.subject}: {self.name}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of a check.

    `declared` tells whether anything was declared: what is refuted was then declared to be refutable.

    Attributes
    ----------
    subject, check : str
        The entry and the property.
    outcome : str
        ``held``, ``refuted`` or ``failed``, as `run` explains.
    declared : bool
        Whether anything was declared; what is refuted was then declared to be refutable.
    message : str
        The reason, in one line.
    counterexample : str, optional
        The smallest that was found, as runnable Python.

    Examples
    --------
    >>> found = Finding(subject="brier", check="bounded", outcome="held", declared=True, message="none in 300 examples")
    >>> found.counterexample is None
    True
    """

    subject: str
    check: str
    outcome: Literal["held", "refuted", "failed"]
    declared: bool
    message: str
    counterexample: str | None = None


def sample(examples: Any, *, max_examples: int, seed: int) -> list[Any]:
    """Draw from a strategy; the same seed draws the same."""
    return list(_drawn(examples, max_examples, seed))


@functools.lru_cache(maxsize=8)
def _drawn(examples: Any, max_examples: int, seed: int) -> tuple[Any, ...]:
    """Draw once for all checks that share a strategy."""
    drawn: list[Any] = []

    def keep(example: Any) -> bool:
        drawn.append(example)
        return False

    _find(examples, keep, max_examples=max_examples, seed=seed)
    return tuple(drawn)


def search(check: Check, *, max_examples: int, seed: int, shrink: bool = True) -> tuple[Any, Exception | None] | None:
    """Search for the smallest example that violates, or that raises; None if there is none.

    Returns
    -------
    tuple of the example and the error it raised (None where it plainly violates), or None
    """
    for example in [*sample(check.examples, max_examples=max_examples, seed=seed), *check.known]:
        verdict = _verdict(check, example)
        if verdict is False:
            continue
        condition = functools.partial(_judged_alike, check, type(verdict))
        smallest = _find(check.examples, condition, max_examples=max_examples, seed=seed) if shrink else None
        best = example if smallest is None else smallest[0]
        return best, verdict if isinstance(verdict, Exception) else None
    return None


def _judged_alike(check: Check, kind: type, example: Any) -> bool:
    verdict = _verdict(check, example)
    return verdict is not False and type(verdict) is kind


def _verdict(check: Check, example: Any) -> bool | Exception:
    """Evaluate a copy, so that a function that changes its input affects only that call."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return bool(check.violated(copy.deepcopy(example)))
        except Exception as error:  # whatever a foreign function raises is a finding, not the end of the run
            return error


def _find(examples: Any, condition: Callable[[Any], bool], *, max_examples: int, seed: int) -> tuple[Any] | None:
    from hypothesis import HealthCheck, find, settings
    from hypothesis.errors import NoSuchExample, Unsatisfiable

    options = settings(max_examples=max_examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return (find(examples, condition, settings=options, random=random.Random(seed)),)
        except (NoSuchExample, Unsatisfiable):
            return None


def run(check: Check, *, max_examples: int = 300, seed: int = 0, shrink: bool = True) -> Finding:
    """Run one check.

    Parameters
    ----------
    check : Check
        The check.
    max_examples : int
        Examples drawn.
    seed : int
        The same seed draws the same examples.
    shrink : bool
        Whether the counterexample is made as small as possible.

    Returns
    -------
    Finding
        ``held``: no counterexample among those drawn, as expected; ``refuted``: one was found, where one was
        expected or nothing was declared; ``failed``: the opposite of what was declared, or an error.

    Examples
    --------
    >>> from hypothesis import strategies as st
    >>> check = Check(
    ...     subject="sum", name="positive", expected="fails", examples=st.integers(), violated=lambda x: x <= 0,
    ...     show=lambda x: f"assert {x} > 0",
    ... )
    >>> run(check).outcome
    'refuted'
    """
    found = search(check, max_examples=max_examples, seed=seed, shrink=shrink)
    declared = check.expected != "either"
    outcome: Literal["held", "refuted", "failed"] = "failed"
    counterexample = None
    if found is None:
        message = f"no counterexample in {max_examples} examples"
        if check.expected == "fails":
            message += ": declare the property, or draw more examples"
        else:
            outcome = "held"
    else:
        example, error = found
        counterexample, message = check.show(example), "a counterexample was found"
        if error is not None:
            message = " ".join(f"raised {type(error).__name__}: {error}".split())
        elif check.expected != "holds":
            outcome = "refuted"
            message += ", as declared" if declared else "; nothing was declared"
    return Finding(
        subject=check.subject,
        check=check.name,
        outcome=outcome,
        declared=declared,
        message=message,
        counterexample=counterexample,
    )


def run_all(checks: Iterable[Check], *, max_examples: int = 300, seed: int = 0, shrink: bool = True) -> list[Finding]:
    """Run checks one after the other; those with the same strategy use the same draws.

    Parameters
    ----------
    checks : iterable of Check
        The checks.
    max_examples : int
        Examples drawn for each.
    seed : int
        The same seed draws the same examples.
    shrink : bool
        Whether a counterexample is made as small as possible; without, it is returned as drawn, which is faster.

    Returns
    -------
    list of Finding
        One for each check, in their order.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> from spectra_eval.testing import checks
    >>> {finding.outcome for finding in run_all(checks.of(METRICS["brier"])[:3], max_examples=20)}
    {'held'}
    """
    return [run(check, max_examples=max_examples, seed=seed, shrink=shrink) for check in checks]


def python_of(value: Any) -> str:
    """Return Python code that reproduces a value.

    Examples
    --------
    >>> python_of(np.array([[0.5, 0.5]]))
    'np.array([[0.5, 0.5]])'
    """
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r})"
    return repr(value)
