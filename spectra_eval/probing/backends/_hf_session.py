"""A loaded model of the library ``transformers`` that answers questions, by the fastest reading that is right."""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, ProbeError, first_line
from spectra_eval.probing.backends._base import LABELS, PromptView
from spectra_eval.probing.backends._hf_decode import Way, decoded, drift, found_way, group_of
from spectra_eval.probing.backends._hf_load import check_sizes
from spectra_eval.probing.backends._hf_split import split
from spectra_eval.probing.backends._hf_tokens import Prompter, answer_steps
from spectra_eval.probing.backends._hf_tree import TokenRequest, common_opening, naive, repeated, switch_length
from spectra_eval.probing.backends._hf_weights import arithmetic
from spectra_eval.tables import AnswerScores, Generation, ProbeRequest, Sampling

__all__ = ["STRATEGIES", "HFSession"]

_Reading = Callable[..., list[np.ndarray]]


def _each(read: Callable[..., np.ndarray]) -> _Reading:
    """Let a reading of one request read some, one after the other."""

    def readings(model: Any, token_requests: Sequence[TokenRequest], *, chunk: int) -> list[np.ndarray]:
        return [read(model, item.prompts, item.answers, chunk=chunk) for item in token_requests]

    return readings


_FAST: dict[str, _Reading] = {
    "split": split,
    "repeated": _each(repeated),
    "stepped": _each(partial(repeated, stepped=True)),
}
"""From the fastest to the one that suits most models; each steps back to the next, the last to ``naive``."""
STRATEGIES = (*_FAST, "naive")
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.5}
_CHECK = ProbeRequest(
    prefix="A user chose these items, oldest first:\n- one\n- two\nWill this user choose",
    suffixes=(" three?", " something else, much longer?", " four?"),
    answers=("Yes", "No"),
)
_SMALLEST_CHUNK = 8


@dataclass(frozen=True)
class _Plan:
    """What is read of one request: all its prompts at once, or each alone where answers have many tokens.

    Then every opening of an answer is one more ending of the prompt, and `words` holds the tokens of each answer.
    """

    token_requests: list[TokenRequest]
    words: Sequence[Sequence[int]] | None = None


class HFSession:
    """A model that is loaded; made by `open_hf`.

    Parameters
    ----------
    model, tokenizer : PreTrainedModel, PreTrainedTokenizerBase
        As `spectra_eval.probing.backends._hf_load.load` returns them.
    strategy : str
        One of `STRATEGIES`.
    chunk : int
        Most tokens of endings, and of an opening, in one pass.
    batch : int
        Maximum number of responses that are decoded together.
    together : int
        Most requests in one pass of `split`.
    description : mapping
        What is known of the model already.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        strategy: str,
        chunk: int,
        batch: int,
        description: Mapping[str, Any],
        together: int = 1,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._prompter = Prompter(tokenizer)
        self._strategy = strategy
        self._chunk = chunk
        self._batch = batch
        self._together = together
        self._description = dict(description)
        computed = arithmetic(model)
        self._widened = {} if computed == model.dtype else {"arithmetic": str(computed).removeprefix("torch.")}
        self._halving_reported = False
        self._way: Way = "whole"
        self._cached = self._seen = 0

    @property
    def description(self) -> Mapping[str, Any]:
        """The metadata for the manifest: backend, model, digests, dtype, strategy, versions.

        With ``arithmetic`` where `split` computes in another type than the weights have.
        """
        widened = self._widened if self._strategy == "split" else {}
        return {
            **self._description,
            **widened,
            "strategy": self._strategy,
            "chat_template_digest": self._prompter.digest,
        }

    @property
    def context_limit(self) -> int | None:
        """Most tokens that the model was made for, prompt and response together; None if unknown."""
        config = self._open_model().config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return int(limit) if limit else None

    def count_tokens(self, request: ProbeRequest) -> int:
        """Count the tokens of the longest prompt of a request."""
        self._open_model()
        return max((len(prompt) for prompt in self._prompter.prompts(request)), default=0)

    @property
    def cached_share(self) -> float:
        """Proportion of the prompts' tokens that were in the cache in a prompt of the same request; NaN before any."""
        return self._cached / self._seen if self._seen else math.nan

    @property
    def counted(self) -> tuple[int, int]:
        """Tokens of prompts that had been read before in a prompt of the same request, and tokens of all prompts."""
        return self._cached, self._seen

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return the log-probability of every answer to every prompt, request by request.

        Raises
        ------
        ProbeError
            An answer is not one token, a prompt is longer than the context, or the model fails.
        """
        found: list[AnswerScores] = []
        while len(found) < len(requests):  # no more prompts are held at once than are read together
            found += self._score_together(requests[len(found) : len(found) + self._together])
        return found

    def labels(self, count: int) -> tuple[str, ...]:
        """Return labels that are single, distinct tokens right after a prompt; fewer if there are no more."""
        self._open_model()
        return self._prompter.labels(LABELS, count)

    def view(self, request: ProbeRequest) -> PromptView:
        """Return a request as the model sees it."""
        self._open_model()
        return self._prompter.view(request)

    def score_naively(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Return what `score` returns, with every prompt read in a pass of its own."""
        strategy, self._strategy = self._strategy, "naive"
        try:
            return self.score(requests)
        finally:
            self._strategy = strategy

    def generate(
        self, requests: Sequence[ProbeRequest], *, max_tokens: int, sampling: Sampling | None = None
    ) -> list[list[Generation]]:
        """Generate the response to every prompt, request by request: greedy or sampled.

        Raises
        ------
        ProbeError
            A prompt leaves no room for the response, or the model fails.
        """
        if max_tokens < 1:
            raise InputError(f"max_tokens: {max_tokens} is below 1")
        self._open_model()
        encoded = [self._prompter.prompts(request) for request in requests]
        flat = [prompt for prompts in encoded for prompt in prompts]
        for prompt in flat:
            self._check_length(len(prompt), max_tokens)
        order = sorted(range(len(flat)), key=lambda i: len(flat[i]))  # those of like length need the least filling
        asked_for: dict[str, Any] = {"max_tokens": max_tokens, "stop": self._stop_tokens(), "sampling": sampling}
        asked_for["remember"] = self._way != "whole"
        done: dict[int, tuple[list[int], bool]] = {}
        while len(done) < len(flat):
            places = order[len(done) : len(done) + self._batch]
            group = partial(group_of, way=self._way, max_tokens=max_tokens, switch=switch_length(self._model.config))
            places = [i for i in places if group(len(flat[i])) == group(len(flat[places[0]]))]
            some = [flat[i] for i in places]
            try:
                replies = self._guarded(lambda some=some: decoded(self._model, some, **asked_for))
                done |= dict(zip(places, replies, strict=True))
            except MemoryError as error:
                self._batch = self._halved("batch", self._batch, 1, error)
        written = (self._generation(prompt, done[i]) for i, prompt in enumerate(flat))
        return [[next(written) for _ in prompts] for prompts in encoded]

    def _generation(self, prompt: list[int], reply: tuple[list[int], bool]) -> Generation:
        tokens, cut = reply
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return Generation(text=text, truncated=cut, n_prompt_tokens=len(prompt))

    def settle(self, dtype: str) -> None:
        """Compare scoring and decoding with whole prompts on one small request, and step back if one is wrong.

        Parameters
        ----------
        dtype : str
            The type of the weights, which decides the tolerance.

        Raises
        ------
        ProbeError
            The model cannot answer the request at all.
        """
        self._open_model()
        check_sizes(self._model, self._tokenizer, self._prompter.prompts(_CHECK)[0])
        self._stop_tokens()
        self._prompter.warn_of_template(str(self._description["model"]))
        self._settle_reading(dtype)
        self._settle_writing(dtype)

    def _settle_reading(self, dtype: str) -> None:
        prompts, answers = self._prompter.prompts(_CHECK), self._prompter.answer_ids(_CHECK.answers)
        token_requests = [TokenRequest(prompts, answers, self._prompter.lead(_CHECK, prompts[0]))] * min(
            2, self._together
        )
        while self._strategy != "naive":
            oracle = self._guarded(lambda: naive(self._model, prompts, answers))
            try:
                got = self._guarded(lambda: self._fast(token_requests))
            except ProbeError as error:
                self._step_back(str(error))
                continue
            gap = max(float(np.abs(one - oracle).max()) for one in got)
            if gap <= _TOLERANCE[dtype]:
                return
            self._step_back(f"it differs from the naive reading by {gap:.2g} nats")

    def _settle_writing(self, dtype: str) -> None:
        first, second, *_ = self._prompter.prompts(_CHECK)

        def gap(prompts: Sequence[Sequence[int]]) -> float:
            return self._guarded(partial(drift, self._model, prompts))

        self._way, why = found_way(self._model, [first, second], gap, tolerance=_TOLERANCE[dtype])
        if why:
            warnings.warn(f"{self._description['model']}: {why}", stacklevel=3)

    def close(self) -> None:
        """Free the model; further calls raise an error."""
        self._model = None
        gc.collect()

    def _score_together(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        self._open_model()
        plans = [self._plan(request) for request in requests]
        read = iter(self._read([item for plan in plans for item in plan.token_requests]))
        return [
            self._scores(request, plan, [next(read) for _ in plan.token_requests])
            for request, plan in zip(requests, plans, strict=True)
        ]

    def _plan(self, request: ProbeRequest) -> _Plan:
        if not request.answers:
            raise ProbeError("a request without answers cannot be scored; name the answers")
        words = self._prompter.answer_tokens(request.answers) if request.many_tokens else None
        answers = self._prompter.answer_ids(request.answers) if words is None else []
        prompts = self._prompter.prompts(request)
        if not prompts:
            return _Plan([], words)
        lead = self._prompter.lead(request, prompts[0])
        self._check_length(max(map(len, prompts)), 0 if words is None else max(map(len, words)))
        if words is None:
            return _Plan([TokenRequest(prompts, answers, lead)])
        # Each prompt on its own: it is read once for all openings, which are many where the prompts are few.
        steps = answer_steps(words)
        tokens = sorted({token for following in steps.values() for token in following})
        return _Plan([TokenRequest([[*prompt, *o] for o in sorted(steps)], tokens, lead) for prompt in prompts], words)

    def _scores(self, request: ProbeRequest, plan: _Plan, read: Sequence[np.ndarray]) -> AnswerScores:
        counts = None
        if plan.words is None:
            lengths = [len(prompt) for item in plan.token_requests for prompt in item.prompts]
            log_probs = read[0] if read else np.empty((0, len(request.answers)))
        else:
            counts = np.array([len(word) for word in plan.words], dtype=np.int64)
            lengths = [len(item.prompts[0]) for item in plan.token_requests]  # the empty opening comes first
            log_probs = _summed(plan, read)
        if not np.isfinite(log_probs).all():
            raise ProbeError(f"the model gives log-probabilities that are not finite for {request.prefix[:60]!r}")
        n_prompt_tokens = np.array(lengths, dtype=np.int64)
        return AnswerScores(log_probs=log_probs, n_prompt_tokens=n_prompt_tokens, n_answer_tokens=counts)

    def _read(self, token_requests: Sequence[TokenRequest]) -> list[np.ndarray]:
        for item in token_requests:
            self._seen += sum(map(len, item.prompts))
            if self._strategy != "naive":
                self._cached += (len(item.prompts) - 1) * common_opening(item.prompts)
        found: list[np.ndarray] = []
        while len(found) < len(token_requests):
            some = token_requests[len(found) : len(found) + self._together]
            try:
                found += self._guarded(lambda some=some: self._fast(some))
            except MemoryError as error:
                if self._strategy == "naive":
                    raise ProbeError("out of memory on a single prompt; show fewer titles, or use bfloat16") from error
                if len(some) > 1:
                    self._together = self._halved("number of requests a pass", len(some), 1, error)
                else:
                    self._chunk = self._halved("chunk", self._chunk, _SMALLEST_CHUNK, error)
        return found

    def _fast(self, token_requests: Sequence[TokenRequest]) -> list[np.ndarray]:
        if self._strategy == "naive":
            return [naive(self._model, item.prompts, item.answers) for item in token_requests]
        return _FAST[self._strategy](self._model, token_requests, chunk=self._chunk)

    def _guarded(self, call: Any) -> Any:
        """Run a pass of the model; out of memory is a `MemoryError`, whatever else fails is a `ProbeError`."""
        try:
            return call()
        except ProbeError:
            raise
        except RuntimeError as error:
            words = str(error).lower()
            if type(error).__name__ == "OutOfMemoryError" or "can't allocate" in words or "not enough memory" in words:
                raise MemoryError(words) from error
            raise ProbeError(f"the model fails: {(words.splitlines() or ['no reason given'])[0]}") from error
        except (ValueError, TypeError, IndexError, AttributeError, NotImplementedError) as error:
            why = first_line(error)
            raise ProbeError(f"the model fails: {type(error).__name__}: {why}") from error

    def _halved(self, what: str, size: int, smallest: int, error: MemoryError) -> int:
        if size <= smallest:
            raise ProbeError(
                f"out of memory even with a {what} of {size}; show fewer titles, or use bfloat16"
            ) from error
        gc.collect()
        if not self._halving_reported:
            self._halving_reported = True
            warnings.warn(f"out of memory: the {what} is halved from {size} on; results are the same", stacklevel=2)
        return max(size // 2, smallest)

    def _step_back(self, why: str) -> None:
        following = STRATEGIES[STRATEGIES.index(self._strategy) + 1]
        model = self._description["model"]
        warnings.warn(f"{model}: strategy {self._strategy!r} is not used ({why}); trying {following!r}", stacklevel=3)
        self._strategy = following

    def _check_length(self, length: int, room: int) -> None:
        limit = self.context_limit
        if limit is not None and length + room > limit:
            reply = f" and {room} for the response" if room else ""
            raise ProbeError(
                f"a prompt of {length} tokens{reply}; the context of the model is {limit}; show fewer titles"
            )

    def _stop_tokens(self) -> frozenset[int]:
        found = getattr(self._model.generation_config, "eos_token_id", None)
        listed = [*(found if isinstance(found, list) else [found]), self._tokenizer.eos_token_id]
        if bad := [i for i in listed if i is not None and type(i) is not int]:
            raise ProbeError(f"eos_token_id is {bad[0]!r:.60}; write a token id or a list of them")
        return frozenset(i for i in listed if i is not None)

    def _open_model(self) -> Any:
        if self._model is None:
            raise ProbeError("hf: the session is closed; ask inside its with block")
        return self._model


def _summed(plan: _Plan, read: Sequence[np.ndarray]) -> np.ndarray:
    """Sum the log-probabilities of the tokens of each word, prompt by prompt: (prompts, words)."""
    words = plan.words or ()
    total = np.zeros((len(plan.token_requests), len(words)))
    if not plan.token_requests:
        return total
    row = {opening: place for place, opening in enumerate(sorted(answer_steps(words)))}
    column = {token: place for place, token in enumerate(plan.token_requests[0].answers)}
    steps = np.stack(read)
    for place, word in enumerate(words):
        for size, token in enumerate(word):
            total[:, place] += steps[:, row[tuple(word[:size])], column[token]]
    return total
