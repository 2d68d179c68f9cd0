"""Checks for readouts and backends: what is right passes, and each way of being wrong is caught."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import BackendError, ProbeError
from spectra_eval.probing.backends._base import Backend
from spectra_eval.probing.readouts._base import Reading, Readout
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest
from spectra_eval.testing import checks

REQUESTS = [ProbeRequest(prefix=f"user {i}: ", suffixes=("a?", "b?"), answers=(" yes", " no")) for i in range(4)]
REFUSED = ProbeRequest(prefix="", suffixes=("a?",), answers=())


class Toy:
    """Scores by the length of texts; each flaw that is named makes it wrong in one way."""

    def __init__(self, flaw: str) -> None:
        self.flaw, self.open = flaw, True

    @property
    def description(self) -> Mapping[str, Any]:
        return {} if self.flaw == "nameless" else {"backend": "toy", "model": "toy"}

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        if not self.open and self.flaw != "open":
            raise BackendError("the session is closed")
        return [self._one(request, place) for place, request in enumerate(requests)]

    def _one(self, request: ProbeRequest, place: int) -> AnswerScores:
        if not request.answers and self.flaw != "lenient":
            raise ProbeError("no answers")
        rows, columns = len(request.suffixes), max(len(request.answers), 1)
        logits = np.outer(np.arange(1.0, rows + 1), np.arange(columns)) - len(request.prefix)
        log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True) - 0.1
        if self.flaw == "positive":
            log_probs = log_probs + 3.0
        if self.flaw == "batch":
            log_probs = log_probs - 0.01 * place
        if self.flaw == "shape":
            log_probs = log_probs[:1]
        return AnswerScores(log_probs=log_probs, n_prompt_tokens=np.full(rows, 5))

    def generate(self, requests: Sequence[ProbeRequest], *, max_tokens: int) -> list[list[Generation]]:
        return [[Generation(text="", truncated=False, n_prompt_tokens=5)] * len(r.suffixes) for r in requests]


def backend(flaw: str) -> Backend:
    @contextmanager
    def opened(*, model: str) -> Iterator[Toy]:
        session = Toy(flaw)
        try:
            yield session
        finally:
            session.open = False

    return Backend(name="toy", open=opened, summary="", reference="")


def failures(flaw: str) -> list[str]:
    # Each check is run when it is yielded: the session is open then, and closed for the last one.
    made = checks.backend_checks(backend(flaw), REQUESTS, model="toy", refused=[REFUSED])
    return [check.name for check in made if checks.run(check, max_examples=30, shrink=False).outcome == "failed"]


@pytest.mark.parametrize(
    ("flaw", "name"),
    [
        ("positive", "log-probabilities are not positive"),
        ("batch", "the same answer in any batch and order"),
        ("shape", "one row a question, one column an answer, float64"),
        ("lenient", "request 0 of those to refuse is refused"),
        ("nameless", "it says what it is"),
        ("open", "closed after use"),
    ],
)
def test_each_flaw_of_a_backend_is_caught(flaw: str, name: str) -> None:
    assert failures(flaw) == [name]


def test_a_right_backend_passes() -> None:
    assert failures("none") == []


def ask(history: Sequence[str], categories: Sequence[str]) -> ProbeRequest:
    return ProbeRequest(prefix=" ".join(history), suffixes=tuple(f"{c}?" for c in categories), answers=(" yes", " no"))


def share(answers: AnswerScores) -> Reading:
    gap = answers.log_probs[:, 0] - answers.log_probs[:, 1]
    scores = 1.0 / (1.0 + np.exp(-gap)) + 1e-12
    mass = np.exp(answers.log_probs).sum(axis=1)
    return Reading(scores=scores, theta_s=scores / scores.sum(), answer_mass=mass)


def unnormalised(answers: AnswerScores) -> Reading:
    right = share(answers)
    return Reading(scores=right.scores, theta_s=right.scores, answer_mass=right.answer_mass)


def absolute(answers: AnswerScores) -> Reading:
    scores = np.exp(answers.log_probs[:, 0]) + 1e-3
    return Reading(scores=scores, theta_s=scores / scores.sum(), answer_mass=scores)


def favours_the_first(answers: AnswerScores) -> Reading:
    right = share(answers)
    scores = right.scores * np.arange(len(right.scores), 0, -1)
    return Reading(scores=scores, theta_s=scores / scores.sum(), answer_mass=right.answer_mass)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (share, set()),
        (unnormalised, {"a distribution over the categories"}),
        (absolute, {"a shift of all log-probabilities changes nothing"}),
        (favours_the_first, {"categories in any order"}),
    ],
)
def test_each_flaw_of_a_readout_is_caught(read: Any, expected: set[str]) -> None:
    readout = Readout(name=read.__name__, ask=ask, read=read, summary="", reference="")
    findings = checks.run_all(checks.of(readout), max_examples=80, shrink=False)
    assert {finding.check for finding in findings if finding.outcome == "failed"} == expected
