"""Runners: the requests of a readout sent to a session, round by round, and the responses parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing.backends._base import Session, labels_of, sampling_seed
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts import dg as lists
from spectra_eval.probing.readouts._base import Reading, check_temperature, stacked
from spectra_eval.probing.readouts._debias import CONTENT_FREE, debiased
from spectra_eval.probing.templates import PLAIN, History, Template
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest, Sampling

__all__ = ["FACTS", "ListDecoder", "ReadoutRunner", "added", "sums"]

FACTS = ("categories", "parents", "labels")
"""Keywords of a readout that come from the table and the model; all others are options of the user."""


class ReadoutRunner:
    """One readout, one session, one set of categories.

    Parameters
    ----------
    session : Session
        An open model.
    readout : str
        Name of the readout.
    categories : sequence of K str
        The categories.
    parents : sequence of K str, optional
        The parent of each category.
    temperature : float
        Temperature of the softmax, for a readout that has one.
    debias : bool
        Subtract the scores of a content-free prompt from those of every user.
    options : mapping, optional
        Options of the readout by name, such as ``{"orders": 6}``.
    template : Template
        The prompt template; a `History` has its own.

    Raises
    ------
    InputError
        The readout has no such option, or cannot be scaled or debiased.
    UnknownNameError
        There is no such readout.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> with open("mocked", theta={"Heat": [0.75, 0.25]}) as session:
    ...     (reading,) = ReadoutRunner(session, readout="generative", categories=("Noir", "War")).read([("Heat",)])
    >>> reading.theta_s.round(9).tolist()
    [0.75, 0.25]
    """

    def __init__(
        self,
        session: Session,
        *,
        readout: str = "likelihood",
        categories: Sequence[str],
        parents: Sequence[str] | None = None,
        temperature: float = 1.0,
        debias: bool = False,
        options: Mapping[str, Any] | None = None,
        template: Template = PLAIN,
    ) -> None:
        check_temperature(temperature)
        self.session = session
        self.readout = READOUTS[readout]
        self.categories = tuple(categories)
        self.temperature = temperature
        self.debias = debias
        self.template = template
        self.choices = dict(options or {})
        self._check()
        given: dict[str, Any] = {"categories": self.categories, "parents": parents, **self.choices}
        if "temperature" in self.readout.options:
            given["temperature"] = temperature
        if "labels" in self.readout.asked_with:
            given["labels"] = labels_of(session, len(self.categories))
        self._given = given
        self._content_free: np.ndarray | None = None
        if self.readout.form != "text":
            self.request(self._content_free_history)  # invalid options fail before the first user

    def request(self, history: Sequence[str]) -> ProbeRequest:
        """Return the prompts of one user; of a readout with two rounds, those of the first."""
        return self.readout.ask(self._as_history(history), self.categories, **self._keywords(self.readout.asked_with))

    def longest(self, history: Sequence[str], count_tokens: Callable[[ProbeRequest], int]) -> int:
        """Count the tokens of the longest prompt of one user, including a generated response."""
        history = self._as_history(history)
        request = self.request(history)
        longest = count_tokens(request)
        if self.readout.follow is not None:
            shape = (len(request.suffixes), len(request.answers))
            any_answers = AnswerScores(log_probs=np.full(shape, -9.0), n_prompt_tokens=np.zeros(shape[0], np.int64))
            given = {
                name: None if name == "budget" else v for name, v in self._keywords(self.readout.followed_with).items()
            }
            more = self.readout.follow(history, self.categories, any_answers, **given)
            longest = max(longest, 0 if more is None else count_tokens(more))
        return longest + self.reply_tokens

    @property
    def reply_tokens(self) -> int:
        """Maximum number of tokens of a generated response; 0 if none is generated."""
        return self.readout.reply_tokens(len(self.categories)) if self.readout.reply_tokens else 0

    def read(self, histories: Sequence[Sequence[str]]) -> list[Reading]:
        """Return the reading of each user.

        Raises
        ------
        BackendError
            The model fails, or an answer cannot be read; the message counts the users from 1.
        """
        readings = self._raw_readings(histories)
        if not self.debias:
            return readings
        if self._content_free is None:
            self._content_free = self._raw_readings([self._content_free_history])[0].scores
        return [debiased(reading, self._content_free, temperature=self.temperature) for reading in readings]

    def _as_history(self, history: Sequence[str]) -> History:
        return history if isinstance(history, History) else self.template.history(history)

    @property
    def _content_free_history(self) -> History:
        return self.template.history(CONTENT_FREE)

    @property
    def content_free(self) -> np.ndarray | None:
        """(K,) raw scores of the content-free prompt, nats; None before the first debiased reading."""
        return self._content_free

    def _raw_readings(self, histories: Sequence[Sequence[str]]) -> list[Reading]:
        histories = list(map(self._as_history, histories))
        requests = [self.request(history) for history in histories]
        replies: Sequence[AnswerScores | Generation]
        if self.readout.form == "text":
            replies = [reply for (reply,) in self.session.generate(requests, max_tokens=self.reply_tokens)]
        else:
            replies = self._second_round(histories, self.session.score(requests))
        given = self._keywords(self.readout.options)
        readings = []
        for number, (history, reply) in enumerate(zip(histories, replies, strict=True), start=1):
            try:
                readings.append(self.readout.read(reply, **given))
            except ProbeError as error:
                last = repr(history[-1][:40]) if history else "without history"
                raise ProbeError(f"user {number} of {len(histories)} ({last}): {error}") from error
        return readings

    def _second_round(self, histories: Sequence[Sequence[str]], first: Sequence[AnswerScores]) -> list[AnswerScores]:
        """Score the second round of a readout that has one, and append its rows to those of the first."""
        follow = self.readout.follow
        if follow is None:
            return list(first)
        given = self._keywords(self.readout.followed_with)
        more = [follow(h, self.categories, a, **given) for h, a in zip(histories, first, strict=True)]
        scored = iter(self.session.score([request for request in more if request is not None]))
        return [stacked(a, None if request is None else next(scored)) for a, request in zip(first, more, strict=True)]

    def _keywords(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: self._given[name] for name in names if name in self._given}

    def _check(self) -> None:
        entry = self.readout
        known = [n for n in dict.fromkeys((*entry.asked_with, *entry.options)) if n not in (*FACTS, "temperature")]
        for name in self.choices:
            if name not in known:
                listed = f"it has {', '.join(known)}" if known else "it has none"
                raise InputError(f"option {name!r}: readout {entry.name!r} has no such option; {listed}")
        if self.temperature != 1.0 and "temperature" not in entry.options:
            raise InputError(f"temperature: readout {entry.name!r} has none; leave it at 1")
        if self.debias and not entry.softmax:
            raise InputError(f"debias: theta of readout {entry.name!r} is no softmax of scores; probe without it")
        if self.choices.get("residual") == "coarse":
            raise InputError(
                "residual: 'coarse' gives each user other categories; a table needs renormalise or uniform"
            )


class ListDecoder:
    """Decode a list from a session: greedy or sampled, unconstrained or constrained to category names.

    Parameters
    ----------
    session : Session
        An open model.
    categories : sequence of K str
        The categories.
    list_length : int
        Number of entries.
    temperature : float, optional
        Sampling temperature; None for greedy decoding.
    seed : int
        Seed of the sampling.
    constrained : bool
        Choose each entry by the probabilities of the remaining names. Otherwise decoding is unconstrained and the
        response is parsed strictly.

    Raises
    ------
    InputError
        The length or the temperature is out of range, or two categories read alike.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> with open("mocked", theta={"Heat": [0.1, 0.6, 0.3]}) as session:
    ...     one = ListDecoder(session, categories=("Noir", "War", "Drama"), list_length=2, constrained=True)
    ...     [found.tolist() for found in one.read([("Heat",)])[0]]
    [[1, 2]]
    """

    def __init__(
        self,
        session: Session,
        *,
        categories: Sequence[str],
        list_length: int = 5,
        temperature: float | None = None,
        seed: int = 0,
        constrained: bool = False,
    ) -> None:
        self.session = session
        self.categories = tuple(categories)
        self.list_length = list_length
        self.constrained = constrained
        if temperature is not None:
            check_temperature(temperature)
        self.sampling = None if temperature is None else Sampling(temperature=temperature, seed=seed)
        self.request(())  # invalid options fail before the first user

    @property
    def description(self) -> dict[str, Any]:
        """The metadata for the manifest."""
        drawn = self.sampling
        return {
            "list_length": self.list_length,
            "list_decoding": "greedy" if drawn is None else "sampled",
            "list_temperature": None if drawn is None else drawn.temperature,
            "list_constrained": self.constrained,
        }

    @staticmethod
    def nothing() -> dict[str, Any]:
        """Return the same keys for a run without lists."""
        return dict.fromkeys(("list_length", "list_decoding", "list_temperature", "list_constrained"))

    def request(self, history: Sequence[str], named: Sequence[int] = ()) -> ProbeRequest:
        """Return the prompt of one user; of a constrained list, the prompt after the names in `named`."""
        if self.constrained:
            return lists.ask_next(history, self.categories, named, list_length=self.list_length)
        return lists.ask(history, self.categories, list_length=self.list_length)

    def longest(self, history: Sequence[str], count_tokens: Callable[[ProbeRequest], int]) -> int:
        """Count the tokens of the longest prompt of one user, including the response."""
        if not self.constrained:
            return count_tokens(self.request(history)) + lists.max_tokens(self.categories, self.list_length)
        longest = sorted(range(len(self.categories)), key=lambda i: -len(self.categories[i]))[: self.list_length - 1]
        return count_tokens(self.request(history, longest)) + lists.max_tokens(self.categories, 1)

    def read(self, histories: Sequence[Sequence[str]]) -> tuple[list[np.ndarray], list[float]]:
        """Return the list of each user, (L,) int32, and for constrained lists the probability of the names.

        It is the probability that an unconstrained response begins with a category name.
        """
        if self.constrained:
            return self._constrained_lists(histories)
        requests = [self.request(history) for history in histories]
        size = lists.max_tokens(self.categories, self.list_length)
        drawn: dict[str, Any] = {} if self.sampling is None else {"sampling": self.sampling}
        replies = self.session.generate(requests, max_tokens=size, **drawn)
        found = [
            lists.read(r.text, self.categories, list_length=self.list_length, truncated=r.truncated) for (r,) in replies
        ]
        return found, []

    def _constrained_lists(self, histories: Sequence[Sequence[str]]) -> tuple[list[np.ndarray], list[float]]:
        named: list[list[int]] = [[] for _ in histories]
        mass: list[float] = []
        for turn in range(self.list_length):
            requests = [self.request(h, n) for h, n in zip(histories, named, strict=True)]
            for indices, request, answers in zip(named, requests, self.session.score(requests), strict=True):
                log_probs = lists.alone(answers.log_probs[0], self.categories)
                if turn == 0:
                    mass.append(min(float(np.exp(log_probs).sum()), 1.0))
                if self.sampling is not None:
                    prompt = f"{request.prefix}{request.suffixes[0]}"
                    draw = np.random.default_rng(sampling_seed(self.sampling, prompt))
                    log_probs = log_probs / self.sampling.temperature + draw.gumbel(size=len(log_probs))
                log_probs[indices] = -np.inf
                indices.append(int(ties.order(log_probs, scale=ties.magnitude(log_probs))[0]))
        return [np.array(indices, dtype=np.int32) for indices in named], mass


def sums(readings: Sequence[Reading]) -> dict[str, float]:
    """Sum the numeric details of readings, such as the position bias.

    Examples
    --------
    >>> one = Reading(scores=np.zeros(2), theta_s=np.full(2, 0.5), answer_mass=np.ones(2), details={"residual": 0.25})
    >>> sums([one, one])
    {'residual': 0.5}
    """
    found: dict[str, float] = {}
    for reading in readings:
        found = added(found, {k: float(v) for k, v in reading.details.items() if isinstance(v, bool | int | float)})
    return found


def added(totals: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add numbers by name.

    Examples
    --------
    >>> added({"a": 1}, {"a": 2, "b": 3})
    {'a': 3, 'b': 3}
    """
    return {**totals, **{name: totals.get(name, 0) + value for name, value in more.items()}}
