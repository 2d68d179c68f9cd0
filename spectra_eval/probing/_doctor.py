"""Diagnosis of a probe: answer tokens and mass, template, injected titles, noise, parity, position and speed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing._findings import Finding, correlation
from spectra_eval.probing._injection import injection, titles_stay_text
from spectra_eval.probing._runners import ListDecoder, ReadoutRunner
from spectra_eval.probing.backends._base import (
    LABELS,
    LabelledSession,
    NaiveSession,
    PromptView,
    Session,
    ViewedSession,
    opens_thought,
)
from spectra_eval.probing.readouts import likelihood, reranker
from spectra_eval.probing.readouts._base import Reading
from spectra_eval.probing.readouts._debias import CONTENT_FREE
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, AnswerScores, PreferenceTable, ProbeRequest

__all__ = ["Diagnosis", "diagnose"]

LOW_MASS, SOME_MASS = 0.05, 0.5
"""Thresholds of the mean answer mass: a failure below the first, a warning below the second."""
_EXACT = 1e-3
_MOST_CATEGORIES = 24
_HISTORIES = (
    ("Heat (1995)", "The Godfather (1972)", "Taxi Driver (1976)"),
    ("Toy Story (1995)", "Mulan (1998)", "Finding Nemo (2003)"),
    ("Alien (1979)", "Blade Runner (1982)", "The Matrix (1999)"),
)
_CATEGORIES = ("Animation", "Comedy", "Crime", "Documentary", "Musical", "Science fiction", "War", "Western")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The result of `diagnose`.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the checks.

    Examples
    --------
    >>> found = Diagnosis(findings=(Finding(name="noise", status="fail", found="0.3 nats"),))
    >>> found.measures, found.verdict
    (False, 'this probe measures nothing that can be relied on: noise')
    """

    findings: tuple[Finding, ...]

    @property
    def measures(self) -> bool:
        """Return whether no check failed."""
        return all(finding.status != "fail" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        failed = [f.name for f in self.findings if f.status == "fail"]
        if failed:
            return f"this probe measures nothing that can be relied on: {', '.join(failed)}"
        warned = [f.name for f in self.findings if f.status == "warn"]
        return "this probe measures something" + (f"; look at: {', '.join(warned)}" if warned else "")


def diagnose(
    session: Session,
    *,
    table: PreferenceTable | None = None,
    compare: Session | None = None,
    users: int = 3,
    titles: int = 20,
) -> Diagnosis:
    """Check an open model with the readouts ``likelihood`` and ``generative``.

    Parameters
    ----------
    session : Session
        The model. A check that it does not support has the status ``unseen``.
    table : PreferenceTable, optional
        With `history`. The checks use its users and categories, and the run time is estimated.
        Without a table, three built-in users and eight built-in categories are used.
    compare : Session, optional
        A second session of the same model; its scores should agree.
    users, titles : int
        Number of users of the table to use, and number of titles of each in the prompt.

    Returns
    -------
    Diagnosis
        One finding for each check that applies.

    Raises
    ------
    InputError
        The table has no history, or fewer than two users have one.
    BackendError
        The model fails.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> with open("mocked", model="random") as session:
    ...     diagnose(session).measures
    True
    >>> with open("mocked", model="uniform") as session:
    ...     diagnose(session).verdict
    'this probe measures nothing that can be relied on: categories tell apart, history matters'
    """
    histories, categories = _inputs(table, users, titles)
    findings = list(_token_findings(session, histories[0], categories))
    if not any(finding.status == "fail" for finding in findings):
        size = None if table is None else (table.n_users, table.n_categories)
        findings += _answer_findings(session, histories, categories, size, compare)
    return Diagnosis(findings=tuple(findings))


def _inputs(table: PreferenceTable | None, users: int, titles: int) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    if users < 2 or titles < 1:
        raise InputError(f"users={users}, titles={titles}: give at least 2 users, to compare them, and 1 title")
    if table is None:
        return list(_HISTORIES), _CATEGORIES
    if table.history is None:
        raise InputError("column history: missing; the prompt shows the titles that each user chose; see `prepare`")
    distinct = dict.fromkeys(tuple(h[-titles:]) for h in table.history if h)
    if len(distinct) < 2:
        raise InputError("column history: fewer than two users have one that differs; there is nothing to compare")
    step = max(1, math.ceil(table.n_categories / _MOST_CATEGORIES))
    return list(distinct)[:users], table.categories[::step]


def _token_findings(session: Session, history: Sequence[str], categories: Sequence[str]) -> Iterator[Finding]:
    """Check what needs no model output: answer tokens, labels, the template, control tokens in a title."""
    if not isinstance(session, ViewedSession):
        for name in ("answer tokens", "template tail", "template answer", "template clock", "title stays text"):
            yield Finding(name=name, status="unseen", found="this backend does not show its prompts")
        return
    request = likelihood.ask(history, categories)
    try:
        view = session.view(request)
    except ProbeError as error:
        yield Finding(name="answer tokens", status="fail", found=str(error))
        return
    yield _answer_tokens(view, request.answers)
    try:
        also = _answer_tokens(session.view(reranker.ask(history, categories)), reranker.ANSWERS)
        status: Any = "ok" if also.status == "ok" else "warn"
        yield Finding(name="answer tokens of reranker", status=status, found=also.found)
    except ProbeError as error:
        yield Finding(name="answer tokens of reranker", status="warn", found=f"{error}; do not use that readout")
    if isinstance(session, LabelledSession):
        labels = session.labels(len(LABELS))
        yield Finding(
            name="labels",
            status="ok" if len(labels) >= len(categories) else "warn",
            found=f"{len(labels)} of {len(LABELS)} are one token: up to {len(labels)} options in one prompt",
        )
    yield _template_tail(view)
    yield _answer_start(view)
    yield _template_clock(view)
    yield titles_stay_text(session, history, categories, view)


def _answer_tokens(view: PromptView, answers: Sequence[str]) -> Finding:
    several = [answer for answer, tokens in zip(answers, view.answers, strict=True) if len(tokens) != 1]
    shown = " ".join(token for tokens in view.answers for token in tokens)
    how = "with a space before" if view.spaced else "without a space before"
    if several or len(set(view.answers)) < len(answers):
        what = f"{', '.join(several)} take several tokens" if several else "two answers are the same token"
        return Finding(name="answer tokens", status="fail", found=f"{what}: {shown}")
    return Finding(name="answer tokens", status="ok", found=f"single and distinct, {how}: {shown}")


def _template_tail(view: PromptView) -> Finding:
    shown = repr(view.tail[-60:])
    if opens_thought(view.tail):
        return Finding(name="template tail", status="fail", found=f"opens a thought, so no answer comes next: {shown}")
    if view.tail.endswith(" "):
        return Finding(name="template tail", status="fail", found=f"ends in a blank, which merges with words: {shown}")
    return Finding(name="template tail", status="ok", found=shown)


def _answer_start(view: PromptView) -> Finding:
    """Return whether the template shows how an answer begins."""
    if view.assumed:
        return Finding(name="template answer", status="warn", found=view.assumed)
    return Finding(name="template answer", status="ok", found="an answer directly continues the prompt")


def _template_clock(view: PromptView) -> Finding:
    if view.dated:
        found = "the chat template reads the clock: prompts change with the date; write a fixed date into a copy of it"
        return Finding(name="template clock", status="warn", found=found)
    return Finding(name="template clock", status="ok", found="the chat template does not read the clock")


def _answer_findings(
    session: Session,
    histories: list[tuple[str, ...]],
    categories: tuple[str, ...],
    size: tuple[int, int] | None,
    compare: Session | None,
) -> Iterator[Finding]:
    requests = [likelihood.ask(history, categories) for history in histories]
    session.score(requests[:1])  # the first call includes one-time costs
    began = time.perf_counter()
    answers = session.score(requests)
    seconds = (time.perf_counter() - began) / len(requests)
    readings = [likelihood.read(some) for some in answers]
    scores = np.stack([reading.scores for reading in readings])
    yield _answer_mass(readings, histories)
    yield _first_words(session, requests[0])
    separate = [session.score([request])[0] for request in requests[::-1]][::-1]
    noise = max(_largest_difference(session.score(requests), answers), _largest_difference(separate, answers))
    spread = float(scores.std(axis=1).mean())
    yield _category_spread(spread, noise)
    yield _history_effect(scores, session, categories, noise)
    status: Any = "ok" if noise <= _EXACT else "warn" if noise < spread else "fail"
    yield Finding(
        name="noise", status=status, found=f"repeated and scored alone, a log-probability changes by {noise:.2g} nats"
    )
    if isinstance(session, NaiveSession):
        yield _parity("shared and naive", answers, session.score_naively(requests), spread)
    if compare is not None:
        yield _parity("the two backends", answers, compare.score(requests), spread)
    yield _position_bias(session, histories, categories)
    yield injection(session, histories[0], categories)
    began = time.perf_counter()
    yield _decoded_lists(session, histories, categories)
    listing = (time.perf_counter() - began) / len(histories)
    yield _speed(seconds, listing, len(categories), size)


def _answer_mass(readings: Sequence[Reading], histories: Sequence[Sequence[str]]) -> Finding:
    masses = np.concatenate([reading.answer_mass for reading in readings])
    mean, least = float(masses.mean()), float(masses.min())
    status: Any = "ok" if mean >= SOME_MASS else "warn" if mean >= LOW_MASS else "fail"
    low = int((masses < LOW_MASS).sum())
    if status == "ok" and low > len(masses) / 10:
        status = "warn"
    found = f"the answers have {mean:.3f} of the probability on average, at least {least:.3f}, in {len(masses)} prompts"
    found += f"; {low} are below {LOW_MASS}" if low else ""
    return Finding(name="answer mass", status=status, found=found)


def _first_words(session: Session, request: ProbeRequest) -> Finding:
    """Generate a few tokens: a response that begins with no answer shows which tokens take the probability."""
    one = ProbeRequest(
        prefix=request.prefix, suffixes=request.suffixes[:1], answers=request.answers, system=request.system
    )
    text = session.generate([one], max_tokens=4)[0][0].text
    begins = any(text.lstrip(" \n\"'*").startswith(answer) for answer in request.answers)
    return Finding(
        name="first words", status="ok" if begins else "warn", found=f"unconstrained, the model writes {text!r}"
    )


def _category_spread(spread: float, noise: float) -> Finding:
    status: Any = "fail" if spread <= max(10 * noise, 1e-6) else "ok"
    return Finding(
        name="categories tell apart",
        status=status,
        found=f"the scores of one user have a standard deviation of {spread:.3g} nats",
    )


def _history_effect(scores: np.ndarray, session: Session, categories: tuple[str, ...], noise: float) -> Finding:
    """Compare the variation of the scores between users with the part that all users share."""
    shape = scores - scores.mean(axis=1, keepdims=True)
    moved = float((shape - shape.mean(axis=0)).std())
    common = float(shape.mean(axis=0).std())
    empty = likelihood.read(session.score([likelihood.ask(CONTENT_FREE, categories)])[0]).scores
    agreement = correlation(shape.mean(axis=0), empty)
    status: Any = "fail" if moved <= max(10 * noise, 1e-6) else "warn" if moved < common / 4 else "ok"
    found = f"{moved:.3g} nats vary with the user, {common:.3g} are common to all"
    if not math.isnan(agreement):
        found += f" (correlation with a content-free prompt: {agreement:.2f})"
    return Finding(name="history matters", status=status, found=found)


def _parity(name: str, one: Sequence[AnswerScores], other: Sequence[AnswerScores], spread: float) -> Finding:
    gap = max(
        float(np.abs(likelihood.read(a).scores - likelihood.read(b).scores).max())
        for a, b in zip(one, other, strict=True)
    )
    status: Any = "ok" if gap <= _EXACT else "warn" if gap < spread else "fail"
    return Finding(
        name=name,
        status=status,
        found=f"a score differs by at most {gap:.2g} nats; the standard deviation is {spread:.2g}",
    )


def _position_bias(session: Session, histories: list[tuple[str, ...]], categories: tuple[str, ...]) -> Finding:
    try:
        runner = ReadoutRunner(session, readout="generative", categories=categories)
        readings = runner.read(histories)
    except ProbeError as error:
        return Finding(name="position bias", status="unseen", found=str(error))
    bias = float(np.mean([reading.details["position_bias"] for reading in readings]))
    spread = float(np.mean([reading.scores.std() for reading in readings]))
    found = f"standard deviation over positions {bias:.3g} nats, over options {spread:.3g} (readout generative)"
    return Finding(name="position bias", status="ok" if bias <= spread else "warn", found=found)


def _decoded_lists(session: Session, histories: list[tuple[str, ...]], categories: tuple[str, ...]) -> Finding:
    """Decode lists, and count the entries that are not categories."""
    length = min(5, len(categories))
    try:
        found, _ = ListDecoder(session, categories=categories, list_length=length).read(histories)
    except ProbeError as error:
        return Finding(name="decoded lists", status="unseen", found=str(error))
    lists = np.array(found)
    named, bad = int((lists != PAD).sum()), int((lists == OUT_OF_VOCABULARY).sum())
    found_text = f"{named} of {lists.size} entries are written, {bad} of them are not categories"
    good = named - bad
    status: Any = "ok" if good > lists.size / 2 else "warn"
    return Finding(name="decoded lists", status=status, found=found_text + ("" if good else "; use --constrained"))


def _speed(seconds: float, listing: float, n_asked: int, size: tuple[int, int] | None) -> Finding:
    found = f"{seconds:.2f} s per user with {n_asked} categories, {listing:.2f} s more for a list"
    if size is not None:
        n_users, n_categories = size
        whole = seconds * n_users * n_categories / n_asked
        found += f"; {n_users} users with {n_categories} take about {_duration(whole)}, with lists "
        found += _duration(whole + listing * n_users)
    return Finding(name="speed", status="ok", found=found)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _largest_difference(one: Sequence[AnswerScores], other: Sequence[AnswerScores]) -> float:
    return max(float(np.abs(a.log_probs - b.log_probs).max()) for a, b in zip(one, other, strict=True))
