"""The interface between the toolkit and any model.

A backend turns requests into numbers or texts and knows nothing of users, categories or readouts.
The same request gets the same answer in any batch and in any order, up to a stated tolerance.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Protocol, runtime_checkable

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.registry import Registry
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest, Sampling

__all__ = [
    "BACKENDS",
    "LABELS",
    "Backend",
    "CachedSession",
    "LabelledSession",
    "NaiveSession",
    "PromptView",
    "Session",
    "ViewedSession",
    "labels_of",
    "open_session",
    "opens_thought",
    "sampling_seed",
]

LABELS: tuple[str, ...] = (*ascii_uppercase, *ascii_lowercase, *map("".join, product(ascii_uppercase, repeat=2)))
"""Labels of the options of a multiple-choice prompt, in order of preference."""


@runtime_checkable
class Session(Protocol):
    """A loaded model that scores prompts."""

    @property
    def description(self) -> Mapping[str, Any]:
        """The metadata for the manifest: backend, model, model digest, dtype, versions."""

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return the log-probability of every answer to every prompt, request by request.

        Parameters
        ----------
        requests : sequence of ProbeRequest
            The prompts and answers of each.

        Returns
        -------
        list of AnswerScores
            One per request: R prompts by V answers, in nats.

        Raises
        ------
        ProbeError
            A request cannot be given to this model.
        """

    def generate(
        self, requests: Sequence[ProbeRequest], *, max_tokens: int, sampling: Sampling | None = None
    ) -> list[list[Generation]]:
        """Generate the response to every prompt, request by request: greedy or sampled.

        Parameters
        ----------
        requests : sequence of ProbeRequest
            The prompts.
        max_tokens : int
            The maximum length of a response.
        sampling : Sampling, optional
            Temperature and seed; greedy decoding when not given.

        Returns
        -------
        list of list of Generation
            One response per prompt, request by request.

        Raises
        ------
        ProbeError
            A request cannot be given to this model.
        """


@runtime_checkable
class LabelledSession(Session, Protocol):
    """A session that knows which labels are one token each."""

    def labels(self, count: int) -> tuple[str, ...]:
        """Return labels that are single, distinct tokens right after a prompt.

        Parameters
        ----------
        count : int
            The number wanted.

        Returns
        -------
        tuple of str
            The first ones of `LABELS`, at most `count`.
        """


@runtime_checkable
class CachedSession(Session, Protocol):
    """A session that reports its cache hits."""

    @property
    def cached_share(self) -> float:
        """Proportion of the prompts' tokens that were in the cache, so far; NaN before the first question."""


@dataclass(frozen=True, kw_only=True)
class PromptView:
    """One request as the model sees it.

    Attributes
    ----------
    prompts : tuple of token tuples
        The ids of every question, template included.
    control : tuple of str tuples
        The control tokens in each of them, in order.
    answers : tuple of str tuples
        The tokens of each answer right after a prompt, as the tokenizer writes them.
    tail : str
        What the template puts after the text of the user.
    spaced : bool
        An answer begins with a space.
    dated : bool
        The template reads the clock, so that the same request is another prompt at another time.
    assumed : str
        Why it is not known how an answer begins, and what is assumed; empty where the template shows it.
    """

    prompts: tuple[tuple[int, ...], ...]
    control: tuple[tuple[str, ...], ...]
    answers: tuple[tuple[str, ...], ...]
    tail: str
    spaced: bool
    dated: bool = False
    assumed: str = ""


@runtime_checkable
class ViewedSession(Session, Protocol):
    """A session that shows its prompts."""

    def view(self, request: ProbeRequest) -> PromptView:
        """Return a request as the model sees it; runs nothing.

        Parameters
        ----------
        request : ProbeRequest
            The request.

        Returns
        -------
        PromptView
            Its tokens and its end.
        """


@runtime_checkable
class NaiveSession(Session, Protocol):
    """A session that can also read every prompt whole and alone."""

    def score_naively(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return what `score` returns, without sharing anything between prompts.

        Parameters
        ----------
        requests : sequence of ProbeRequest
            The prompts and answers of each.

        Returns
        -------
        list of AnswerScores
            As `score` returns them.
        """


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One entry of the family.

    Attributes
    ----------
    name : str
        The name of the backend.
    open : callable
        ``open(model=…, **options)`` is a context manager that yields a `Session` and frees it at the end.
    summary : str
        What it is, in one line.
    reference : str
        Where the engine is described.
    extra : str, optional
        The extra of the package that it needs.
    """

    name: str
    open: Callable[..., AbstractContextManager[Session]]
    summary: str
    reference: str
    extra: str | None = None


BACKENDS: Registry[Backend] = Registry(
    "backend", package="spectra_eval.probing.backends", group="spectra_eval.backends"
)


def open_session(backend: str, /, **options: Any) -> AbstractContextManager[Session]:
    """Open a model through the backend of a name; use the result in a ``with`` block.

    Parameters
    ----------
    backend : str
        The name of a backend.
    **options : object
        The options of that backend.

    Returns
    -------
    context manager of Session
        The model is closed at the end of the block.

    Raises
    ------
    UnknownNameError
        No backend has that name.
    BackendUnavailable, ModelLoadError
        The backend is not installed, or cannot load the model.
    InputError
        An option is out of range.

    Examples
    --------
    >>> with open_session("mocked", model="uniform") as session:
    ...     session.description["backend"]
    'mocked'
    """
    return BACKENDS[backend].open(**options)


def opens_thought(tail: str) -> bool:
    """Return whether the end of a prompt opens a thought and does not close it.

    Examples
    --------
    >>> opens_thought("<|assistant|><think>"), opens_thought("[THINK]"), opens_thought("<think></think>")
    (True, True, False)
    """
    word = r"(think|thinking|thought|reasoning)"
    return re.search(rf"[<\[]{word}[>\]](?!.*[<\[]/{word}[>\]])", tail, re.DOTALL | re.IGNORECASE) is not None


def sampling_seed(sampling: Sampling, prompt: Sequence[int] | str) -> int:
    """Return the seed of one response, below 2^63, from the seed of the sampling and the prompt.

    Raises
    ------
    InputError
        The temperature is no positive finite number.

    Examples
    --------
    >>> one, two = (sampling_seed(Sampling(seed=7), prompt) for prompt in ([1, 2], [1, 3]))
    >>> one != two, one == sampling_seed(Sampling(seed=7), [1, 2])
    (True, True)
    """
    if not 0 < sampling.temperature < math.inf:
        raise InputError(f"temperature: {sampling.temperature} is not a positive number; use 0 for greedy decoding")
    text = json.dumps([sampling.seed, prompt if isinstance(prompt, str) else list(prompt)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def labels_of(session: Session, count: int) -> tuple[str, ...]:
    """Return labels that are one token each in a session.

    Raises
    ------
    ProbeError
        The session cannot tell, or knows fewer than two.

    Examples
    --------
    >>> with open_session("mocked") as session:
    ...     labels_of(session, 3)
    ('A', 'B', 'C')
    """
    if not isinstance(session, LabelledSession):
        raise ProbeError("labels: this backend cannot tell which labels are one token; choose another readout")
    found = session.labels(count)
    if len(found) < min(count, 2):
        raise ProbeError(f"labels: {len(found)} of {len(LABELS)} are one token of this model; choose another readout")
    return found
