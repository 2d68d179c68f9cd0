"""Decoding of a batch: the most probable token again and again, or one that is drawn, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np

from spectra_eval.errors import ProbeError
from spectra_eval.probing.backends._base import sampling_seed
from spectra_eval.probing.backends._hf_tree import last_logits, switch_length
from spectra_eval.tables import Sampling

__all__ = ["Way", "decoded", "drift", "found_way", "group_of"]


def decoded(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    stop: Collection[int],
    sampling: Sampling | None = None,
    remember: bool = True,
) -> list[tuple[list[int], bool]]:
    """Continue every prompt with its most probable tokens, or with tokens that are drawn.

    The model library's own loop would add whatever sampling, penalties or length rules the folder of the
    model asks for; this one cannot.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In evaluation mode.
    prompts : sequence of token lists
        Of any lengths; shorter ones are filled up on the left and the filling is masked. All of one
        group (`group_of`).
    max_tokens : int
        Most tokens that are added.
    stop : collection of int
        Tokens that end a response; they are not part of it.
    sampling : Sampling, optional
        Draw from the whole softmax at its temperature; each prompt has random numbers of its own.
    remember : bool
        Use the cache of the model; otherwise the whole text is read again for every token.

    Returns
    -------
    list of (tokens, truncated)
        `truncated`: the response had not ended after `max_tokens`.
    """
    import torch

    draws = None if sampling is None else [np.random.default_rng(sampling_seed(sampling, list(p))) for p in prompts]
    rows = _Rows(model, prompts, remember=remember)
    replies: list[list[int]] = [[] for _ in prompts]
    open_rows = set(range(len(prompts)))
    with torch.inference_mode():
        for _ in range(max_tokens):
            logits = rows.read()
            if sampling is not None and draws is not None:
                # The largest of logits with Gumbel noise is a draw from their softmax.
                noise = np.stack([draw.gumbel(size=logits.shape[1]) for draw in draws])
                logits = logits.double() / sampling.temperature + torch.from_numpy(noise).to(logits.device)
            chosen = logits.argmax(dim=-1).tolist()
            for row, token in enumerate(chosen):
                if row in open_rows:
                    if token in stop:
                        open_rows.discard(row)
                    else:
                        replies[row].append(token)
            if not open_rows:
                break
            rows.write(chosen)
    return [(reply, row in open_rows) for row, reply in enumerate(replies)]


def drift(model: Any, prompts: Sequence[Sequence[int]], *, steps: int = 3) -> float:
    """Return how far reading on from what the model remembers leads from reading everything again, in nats.

    The largest difference between the log-probabilities of the likeliest tokens, in some steps of greedy decoding.
    """
    import torch

    with torch.inference_mode():
        going_on, again = _Rows(model, prompts, remember=True), _Rows(model, prompts, remember=False)
        gaps = []
        for _ in range(steps):
            found, oracle = (rows.read().double().log_softmax(dim=-1) for rows in (going_on, again))
            likely = oracle.topk(min(5, oracle.shape[1]), dim=-1).indices
            gaps.append(float((found - oracle).abs().gather(1, likely).max()))
            for rows in (going_on, again):
                rows.write(likely[:, 0].tolist())
    return max(gaps) if np.isfinite(gaps).all() else np.inf


def found_way(
    model: Any, prompts: Sequence[Sequence[int]], gap: Callable[[list[Sequence[int]]], float], *, tolerance: float
) -> tuple[Way, str]:
    """Find the fastest way of decoding that is right, and what is to be said of it.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In evaluation mode.
    prompts : sequence of token lists
        What it is tried on.
    gap : callable
        Returns the `drift` of some prompts, or raises `ProbeError`.
    tolerance : float
        The drift that rounding explains.

    Returns
    -------
    (way, why)
        ``together`` with others of any length, ``even``: with others of the same length, or ``whole``: everything is
        read again for every token; `why` is empty where there is nothing to be said.
    """
    mixed = [prompts[0], prompts[-1][: len(prompts[-1]) // 3 + 1]]
    even = [prompts[-1], prompts[-1][::-1]]
    why = ""
    apart = getattr(model, "_is_stateful", False)  # filling would enter the state of a recurrent layer
    for way, tried in _WAYS[1:] if apart else _WAYS:
        try:
            found = gap(mixed if tried == "mixed" else even)
        except ProbeError as error:
            why = str(error)
            continue
        if found <= tolerance:
            return way, why and f"only prompts of one length are decoded together ({why})"
        why = f"what it remembers differs from reading again by {found:.2g} nats"
    return "whole", f"lists are decoded slowly, everything read again for every token ({why}); --no-dg leaves them out"


def group_of(size: int, *, way: Way, max_tokens: int, switch: int | None) -> tuple[str, int]:
    """Name the group of prompts with which one may be decoded.

    Where the model changes at a length (`switch_length`), those that stay below it go together, those that are beyond
    it too, and those whose response may pass it with others of the same length.

    Examples
    --------
    >>> [group_of(size, way="together", max_tokens=9, switch=72)[0] for size in (63, 64, 72, 73)]
    ['below', 'even', 'even', 'beyond']
    """
    if way == "even":
        return "even", size
    if switch is None or size + max_tokens <= switch:
        return "below", 0
    return ("beyond", 0) if size > switch else ("even", size)


Way = Literal["together", "even", "whole"]
_WAYS: tuple[tuple[Way, str], ...] = (("together", "mixed"), ("even", "even"))


class _Rows:
    """Texts that grow together, and what the model remembers of them; used in inference mode.

    Texts of several lengths are filled up on the left and the filling is masked.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], *, remember: bool) -> None:
        self._model = model
        self._texts = [list(prompt) for prompt in prompts]
        self._remember = remember
        self._memory: Any = None
        self._switch = switch_length(model.config)

    def read(self) -> Any:
        """Return the logits of what comes next: (R, vocabulary)."""
        import torch

        if not self._remember:
            return torch.cat([last_logits(self._model, [text])[0] for text in self._texts])
        sizes = np.array([len(text) for text in self._texts])
        width = int(sizes.max())
        if self._switch is not None and (sizes == self._switch + 1).any():
            self._memory = None  # from here on the model turns every position in another way
        seen = np.arange(width) >= (width - sizes)[:, None]
        ids = [[0] * (width - len(text)) + text for text in self._texts]
        if self._memory is not None:
            ids = [row[-1:] for row in ids]
        logits, self._memory = last_logits(self._model, ids, memory=self._memory, seen=seen, remember=True)
        return logits

    def write(self, tokens: Sequence[int]) -> None:
        """Append one token to every text."""
        for text, token in zip(self._texts, tokens, strict=True):
            text.append(token)
