"""Checks for readouts and for backends."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spectra_eval.errors import BackendError
from spectra_eval.probing.backends._base import Backend, Session
from spectra_eval.probing.readouts._base import Readout
from spectra_eval.tables import AnswerScores, ProbeRequest
from spectra_eval.testing._base import Check, python_of
from spectra_eval.testing.strategies import answer_scores

__all__ = ["backend_checks", "readout_checks", "session_checks"]


def readout_checks(readout: Readout, *, categories: Sequence[str] = ("a", "b", "c", "d")) -> Iterator[Check]:
    """Yield the checks that apply to one readout over named categories.

    Of a readout with two levels, each category is a parent with one child: all prompts are in the first round.

    Parameters
    ----------
    readout : Readout
        The readout; nothing is yielded for one that reads words.
    categories : sequence of K str
        The names in its prompts.

    Returns
    -------
    iterator of Check
        Its predictions are distributions; they depend neither on a shift of all log-probabilities nor on the order of
        the categories.

    Raises
    ------
    InputError, ProbeError
        As the readout raises them for these categories.

    Examples
    --------
    >>> from spectra_eval.probing.readouts import READOUTS
    >>> [check.name for check in readout_checks(READOUTS["likelihood"])][0]
    'a distribution over the categories'
    """
    if readout.form == "text":
        return
    facts = {"categories": tuple(categories), "parents": tuple(f"over {name}" for name in categories)}
    given = {name: facts[name] for name in readout.options if name in facts}
    context = {name: facts[name] for name in readout.asked_with if name in facts}
    request = readout.ask(("A title", "Another"), tuple(categories), **context)
    scores = answer_scores(answers=len(request.answers), questions=len(request.suffixes))

    def theta(answers: AnswerScores) -> np.ndarray:
        return np.asarray(readout.read(answers, **given).theta_s)

    def off_simplex(answers: AnswerScores) -> bool:
        got = theta(answers)
        return got.shape != (len(categories),) or bool((got < 0).any()) or bool(abs(got.sum() - 1) > 1e-9)

    def shifted(answers: AnswerScores) -> bool:
        moved = AnswerScores(log_probs=answers.log_probs - 1.5, n_prompt_tokens=answers.n_prompt_tokens)
        return not np.allclose(theta(moved), theta(answers), rtol=1e-9, atol=1e-12)

    def order(answers: AnswerScores) -> bool:
        if readout.form == "whole":
            return False  # one question for all categories: their order is part of it
        turned = AnswerScores(log_probs=answers.log_probs[::-1], n_prompt_tokens=answers.n_prompt_tokens)
        return not np.allclose(theta(turned), theta(answers)[::-1], rtol=1e-9, atol=1e-12)

    for name, violated in (
        ("a distribution over the categories", off_simplex),
        ("a shift of all log-probabilities changes nothing", shifted),
        ("categories in any order", order),
    ):
        yield Check(
            subject=readout.name,
            name=name,
            expected="holds",
            examples=scores,
            violated=violated,
            show=lambda answers: f"import numpy as np\nlog_probs = {python_of(answers.log_probs)}",
        )


def backend_checks(
    backend: Backend,
    requests: Sequence[ProbeRequest],
    *,
    model: str,
    refused: Sequence[ProbeRequest] = (),
    **options: Any,
) -> Iterator[Check]:
    """Yield the checks that apply to a backend: those of a session, and those of errors and closing.

    Parameters
    ----------
    backend : Backend
        It is opened before the first check and closed after the last.
    requests : sequence of ProbeRequest
        Requests that it must answer.
    model : str
        The model to open.
    refused : sequence of ProbeRequest
        Requests that it must refuse with a `BackendError`, each one.
    **options : object
        Further options of `Backend.open`.

    Returns
    -------
    iterator of Check
        Run each one before the next is taken, since the session is closed before the last.

    Raises
    ------
    BackendError
        The backend cannot be opened, or refuses one of `requests`.

    Examples
    --------
    >>> from spectra_eval.probing.backends import BACKENDS
    >>> from spectra_eval.probing.prompts import yes_no_request
    >>> from spectra_eval.testing.checks import run
    >>> request = yes_no_request(["Heat"], ["Noir", "War"], answers=("Yes", "No"))
    >>> {run(check, max_examples=5).outcome for check in backend_checks(BACKENDS["mocked"], [request], model="uniform")}
    {'held'}
    """

    def accepted(session: Session, bad: ProbeRequest) -> bool:
        try:
            session.score([bad])
        except BackendError:
            return False
        return True

    def check(name: str, violated: Any) -> Check:
        return Check(
            subject=backend.name,
            name=name,
            expected="holds",
            examples=st.just(None),
            violated=violated,
            show=lambda _: f"# backend {backend.name!r}, model {model!r}",
        )

    with backend.open(model=model, **options) as session:
        for found in session_checks(session, requests):
            yield dataclasses.replace(found, subject=backend.name)
        for place, bad in enumerate(refused):
            yield check(f"request {place} of those to refuse is refused", lambda _, bad=bad: accepted(session, bad))
        yield check("it says what it is", lambda _: not {"backend", "model"} <= set(session.description))
    yield check("closed after use", lambda _: accepted(session, requests[0]))


def session_checks(session: Session, requests: Sequence[ProbeRequest], *, tolerance: float = 1e-4) -> Iterator[Check]:
    """Yield the checks that apply to an open session.

    Parameters
    ----------
    session : Session
        The session.
    requests : sequence of ProbeRequest
        Requests of the caller's choice, which it must answer; they are scored once before the first check.
    tolerance : float
        The largest difference of a log-probability between batches, in nats.

    Returns
    -------
    iterator of Check
        Signs, shapes and types of the log-probabilities; the same ones in any batch and order.

    Raises
    ------
    BackendError
        The session refuses one of the requests.

    Examples
    --------
    >>> from spectra_eval.probing.backends import BACKENDS
    >>> from spectra_eval.probing.prompts import yes_no_request
    >>> from spectra_eval.testing.checks import run
    >>> requests = [yes_no_request([title], ["Noir", "War"], answers=("Yes", "No")) for title in ("Heat", "Ran")]
    >>> with BACKENDS["mocked"].open(model="uniform") as session:
    ...     [run(check, max_examples=10).outcome for check in session_checks(session, requests)]
    ['held', 'held', 'held']
    """
    whole = session.score(requests)

    def scores(chosen: Sequence[int]) -> list[AnswerScores]:
        return session.score([requests[i] for i in chosen])

    def positive(_: Any) -> bool:
        return any((answers.log_probs > 1e-9).any() for answers in whole)

    def shape(_: Any) -> bool:
        return any(
            answers.log_probs.shape != (len(request.suffixes), len(request.answers))
            or answers.log_probs.dtype != np.float64
            for request, answers in zip(requests, whole, strict=True)
        )

    def batch(chosen: list[int]) -> bool:
        return any(
            not np.allclose(got.log_probs, whole[i].log_probs, rtol=0, atol=tolerance)
            for i, got in zip(chosen, scores(chosen), strict=True)
        )

    subsets = st.lists(st.integers(0, len(requests) - 1), min_size=1, max_size=len(requests), unique=True)
    for name, examples, violated in (
        ("log-probabilities are not positive", st.just(None), positive),
        ("one row a question, one column an answer, float64", st.just(None), shape),
        ("the same answer in any batch and order", subsets, batch),
    ):
        yield Check(
            subject=str(session.description.get("backend", "session")),
            name=name,
            expected="holds",
            examples=examples,
            violated=violated,
            show=lambda chosen: f"# requests {chosen} of the {len(requests)} given",
        )
