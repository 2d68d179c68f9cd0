"""The shared part of sessions that send whole prompts, as token ids, to an engine.

Such an engine finds the common openings by itself. The ids are those that the backend ``hf`` reads, for both
ask the same `spectra_eval.probing.backends._hf_tokens.Prompter`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends._base import LABELS, PromptView
from spectra_eval.probing.backends._hf_tokens import Prompter, answer_steps
from spectra_eval.probing.backends._model_files import load_part
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest, Sampling

__all__ = ["PromptedSession", "Question", "check_mass", "load_tokenizer", "stop_tokens"]

_SLACK = 1e-3
"""By how much the probabilities of some tokens may sum above one, for numbers that were rounded."""

Question = tuple[list[int], list[int]]
"""The token ids of one prompt, and the ids of the answers to score."""


class PromptedSession(ABC):
    """A `Session` over an engine that takes whole prompts.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        As `load_tokenizer` returns it.
    context_limit : int or None
        Maximum number of tokens of a prompt and its response together.
    stop : set of int
        Tokens that end a response.
    description : mapping
        Metadata for the manifest.
    """

    def __init__(
        self, tokenizer: Any, *, context_limit: int | None, stop: frozenset[int], description: Mapping[str, Any]
    ) -> None:
        self._tokenizer = tokenizer
        self._prompter = Prompter(tokenizer)
        self._prompter.warn_of_template(str(description.get("model", "the model")))
        self._stop = stop
        self._description = {**description, "chat_template_digest": self._prompter.digest}
        self.context_limit = context_limit

    @property
    def description(self) -> Mapping[str, Any]:
        """The metadata for the manifest."""
        return dict(self._description)

    def count_tokens(self, request: ProbeRequest) -> int:
        """Count the tokens of the longest prompt of a request."""
        return max((len(prompt) for prompt in self._prompter.prompts(request)), default=0)

    def labels(self, count: int) -> tuple[str, ...]:
        """Return labels that are single, distinct tokens right after a prompt; fewer if there are no more."""
        return self._prompter.labels(LABELS, count)

    def view(self, request: ProbeRequest) -> PromptView:
        """Return a request as the engine sees it."""
        return self._prompter.view(request)

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return the log-probability of every answer to every prompt, request by request.

        Raises
        ------
        ProbeError
            An answer is not distinct from the prompt or another answer, a prompt exceeds the context, or the
            engine does not answer.
        """
        questions: list[Question] = []
        for request in requests:
            if not request.answers:
                raise ProbeError("a request without answers cannot be scored; name the answers")
            steps = answer_steps(self._prompter.answer_tokens(request.answers))
            for prompt in self._prompter.prompts(request):
                self._check_length(len(prompt), 1 + max(map(len, steps)))
                questions += [([*prompt, *opening], ids) for opening, ids in steps.items()]
        read = iter(zip(questions, self._read(questions) if questions else [], strict=True))
        return [self._scores(request, read) for request in requests]

    def generate(
        self, requests: Sequence[ProbeRequest], *, max_tokens: int, sampling: Sampling | None = None
    ) -> list[list[Generation]]:
        """Generate the response to every prompt, request by request: greedy or sampled.

        Raises
        ------
        ProbeError
            A prompt leaves no room for the response, or the engine does not answer.
        """
        if max_tokens < 1:
            raise InputError(f"max_tokens: {max_tokens} is below 1")
        tokens = [self._prompter.prompts(request) for request in requests]
        flat = [prompt for prompts in tokens for prompt in prompts]
        for prompt in flat:
            self._check_length(len(prompt), max_tokens)
        written = iter(zip(flat, self._write(flat, max_tokens, sampling) if flat else [], strict=True))
        return [[self._generation(*next(written)) for _ in prompts] for prompts in tokens]

    @abstractmethod
    def _read(self, questions: Sequence[Question]) -> list[list[float]]:
        """Return the log-probabilities, nats, of the answers to each question, in their order."""

    @abstractmethod
    def _write(self, prompts: Sequence[list[int]], max_tokens: int, sampling: Sampling | None) -> list[list[int]]:
        """Return the tokens of the response to each prompt, with the token that ended it where one did."""

    def _scores(self, request: ProbeRequest, read: Iterator[tuple[Question, list[float]]]) -> AnswerScores:
        """Combine the values of one request; an answer of several tokens has the sum over its tokens."""
        answers = self._prompter.answer_tokens(request.answers)
        steps = answer_steps(answers)
        log_probs = np.empty((len(request.suffixes), len(answers)))
        lengths = np.empty(len(request.suffixes), dtype=np.int64)
        for row in range(len(request.suffixes)):
            found: dict[tuple[int, ...], float] = {}
            for opening in steps:
                (tokens, ids), values = next(read)
                check_mass(values)
                lengths[row] = len(tokens) - len(opening)
                found |= {(*opening, token): value for token, value in zip(ids, values, strict=True)}
            log_probs[row] = [sum(found[tuple(some[: k + 1])] for k in range(len(some))) for some in answers]
        if not np.isfinite(log_probs).all():
            raise ProbeError(f"the engine gives log-probabilities that are not finite for {request.prefix[:60]!r}")
        counts = np.array([len(tokens) for tokens in answers], dtype=np.int64) if request.many_tokens else None
        return AnswerScores(log_probs=log_probs, n_prompt_tokens=lengths, n_answer_tokens=counts)

    def _generation(self, prompt: list[int], tokens: list[int]) -> Generation:
        ended = bool(tokens) and tokens[-1] in self._stop
        text = self._tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=True)
        return Generation(text=text, truncated=not ended, n_prompt_tokens=len(prompt))

    def _check_length(self, length: int, room: int) -> None:
        if self.context_limit is not None and length + room > self.context_limit:
            raise ProbeError(
                f"a prompt of {length} tokens and {room} for the response; the context of the engine is "
                f"{self.context_limit}; show fewer titles"
            )


def check_mass(log_probs: Sequence[float]) -> None:
    """Refuse log-probabilities of different tokens after one prompt whose probabilities sum above one.

    Raises
    ------
    ProbeError
        They do.
    """
    highest = max(log_probs, default=-math.inf)
    mass = math.inf if highest > 1 else math.fsum(map(math.exp, log_probs))
    if mass > 1 + _SLACK:
        raise ProbeError(
            f"the probabilities of {len(log_probs)} different tokens sum to {mass:.6g}: "
            "the engine gives no log-probabilities; let it use raw_logprobs"
        )


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder; no code of the folder is run.

    Raises
    ------
    BackendUnavailable
        The library ``transformers`` is not installed.
    ModelLoadError
        The folder holds no tokenizer that can be read.
    """
    return load_part("tokenizer", folder)


def stop_tokens(folder: Path, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a response, as the model library would: the generation settings, or the model's."""
    if (folder / "generation_config.json").is_file():
        found = load_part("generation", folder).eos_token_id
    elif (folder / "config.json").is_file():
        found = getattr(load_part("config", folder), "eos_token_id", None)
    else:
        found = None
    listed = [*(found if isinstance(found, list) else [found]), tokenizer.eos_token_id]
    if bad := [i for i in listed if i is not None and (isinstance(i, bool) or not isinstance(i, int))]:
        raise ModelLoadError(f"{folder.name}: eos_token_id is {bad[0]!r}; write a token id or a list of them")
    return frozenset(i for i in listed if i is not None)
