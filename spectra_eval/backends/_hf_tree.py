"""Next-token log-probabilities after many prompts with one opening: three ways, one answer.

``naive`` reads every prompt whole and alone: the oracle. ``shared`` reads the longest common opening
once and packs what remains into one row, in which a mask lets each ending see the opening and itself
alone. ``repeated`` reads the opening once and copies its keys and values to a batch of endings, for
architectures in which a mask of one's own does not reach every layer.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Ask", "Prompts", "chunks_of", "common_opening", "log_probs", "naive", "repeated", "shared"]

Prompts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Ask:
    """One request, as token ids.

    Attributes
    ----------
    prompts : sequence of R token lists
        Each with at least one token.
    answers : sequence of V int
        Token ids that may come next.
    lead : int
        Tokens at the start that other requests share too, such as those of the template.
    """

    prompts: Prompts
    answers: Sequence[int]
    lead: int = 0


def common_opening(prompts: Prompts) -> int:
    """Count the leading tokens that all prompts share, leaving each at least one of its own.

    Examples
    --------
    >>> common_opening([[1, 2, 3, 4], [1, 2, 5]]), common_opening([[1, 2], [1, 2]])
    (2, 1)
    """
    shortest = min(len(prompt) for prompt in prompts)
    size = 0
    while size < shortest - 1 and all(prompt[size] == prompts[0][size] for prompt in prompts):
        size += 1
    return size


def chunks_of(lengths: Sequence[int], limit: int) -> Iterator[range]:
    """Cut a sequence into runs whose lengths sum to `limit` at most; one that is longer stands alone.

    Examples
    --------
    >>> [list(part) for part in chunks_of([3, 3, 9, 1], 6)]
    [[0, 1], [2], [3]]
    """
    start, total = 0, 0
    for place, length in enumerate(lengths):
        if place > start and total + length > limit:
            yield range(start, place)
            start, total = place, 0
        total += length
    if start < len(lengths):
        yield range(start, len(lengths))


def naive(model: Any, prompts: Prompts, answers: Sequence[int]) -> np.ndarray:
    """Read every prompt whole and alone.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In evaluation mode.
    prompts : sequence of R token lists
        Each with at least one token.
    answers : sequence of V int
        Token ids that may come next.

    Returns
    -------
    (R, V) float64 array
        Log-probabilities, nats.
    """
    import torch

    rows = []
    with torch.inference_mode():
        for prompt in prompts:
            ids = torch.tensor([list(prompt)], device=model.device)
            rows.append(log_probs(model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0], answers))
    return np.concatenate(rows)


def shared(model: Any, prompts: Prompts, answers: Sequence[int], *, chunk: int) -> np.ndarray:
    """Read the common opening once, and the endings packed side by side under a tree mask.

    Parameters
    ----------
    model, prompts, answers
        As for `naive`; the model uses scaled dot product attention (``sdpa``) in every layer, without a window.
    chunk : int
        Most tokens of endings in one pass.

    Returns
    -------
    (R, V) float64 array
        Log-probabilities, nats.
    """
    import torch
    from transformers import DynamicCache

    opening = common_opening(prompts)
    endings = [list(prompt[opening:]) for prompt in prompts]
    parts = list(chunks_of([len(ending) for ending in endings], chunk))
    cache = DynamicCache(config=model.config) if len(parts) > 1 else None
    rows = []
    with torch.inference_mode():
        for number, part in enumerate(parts):
            lead = opening if number == 0 else 0  # the first pass reads the opening too
            tokens = [*prompts[0][:lead], *(token for i in part for token in endings[i])]
            sizes = [len(endings[i]) for i in part]
            branch = np.repeat(np.arange(-1, len(sizes)), [lead, *sizes])
            depth = np.concatenate([np.arange(lead), *(opening + np.arange(size) for size in sizes)])
            out = model(
                input_ids=torch.tensor([tokens], device=model.device),
                attention_mask=torch.from_numpy(_tree_mask(branch, opening - lead)).to(model.device),
                position_ids=torch.from_numpy(depth)[None].to(model.device),
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=torch.from_numpy(lead + np.cumsum(sizes) - 1).to(model.device),
            )
            rows.append(log_probs(out.logits[0], answers))
            if cache is not None:
                cache.crop(-sum(sizes))
    return np.concatenate(rows)


def repeated(model: Any, prompts: Prompts, answers: Sequence[int], *, chunk: int) -> np.ndarray:
    """Read the common opening once, and the endings as a batch of rows that each hold a copy of it.

    Parameters and result are those of `shared`; any attention that a cache supports will do.
    """
    import torch
    from transformers import DynamicCache

    opening = common_opening(prompts)
    if opening == 0:
        return naive(model, prompts, answers)
    endings = [list(prompt[opening:]) for prompt in prompts]
    cache = DynamicCache(config=model.config)
    rows = []
    with torch.inference_mode():
        first = torch.tensor([list(prompts[0][:opening])], device=model.device)
        model(input_ids=first, past_key_values=cache, use_cache=True, logits_to_keep=1)
        for part in chunks_of([len(ending) for ending in endings], chunk):
            sizes = np.array([len(endings[i]) for i in part])
            width = int(sizes.max())
            # Rows are filled up at their end, where nothing that is read can see it.
            ids = [endings[i] + [0] * (width - len(endings[i])) for i in part]
            copied = copy.deepcopy(cache)
            copied.batch_repeat_interleave(len(sizes))
            mask = np.arange(opening + width)[None, :] < (opening + sizes)[:, None]
            positions = np.broadcast_to(opening + np.arange(width), (len(sizes), width))
            out = model(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.from_numpy(mask.astype(np.int64)).to(model.device),
                position_ids=torch.from_numpy(positions.copy()).to(model.device),
                past_key_values=copied,
                use_cache=True,
                logits_to_keep=torch.from_numpy(sizes[:, None] - 1).to(model.device),
            )
            rows.append(log_probs(out.logits[:, 0], answers))
    return np.concatenate(rows)


def _tree_mask(branch: np.ndarray, before: int) -> np.ndarray:
    """Say which token sees which: (1, 1, q, before + q) bool; `before` tokens of the opening are cached."""
    seen = np.tril(branch[:, None] == branch[None, :]) | (branch == -1)[None, :]
    seen &= np.tri(len(branch), dtype=bool)
    return np.concatenate([np.ones((len(branch), before), dtype=bool), seen], axis=1)[None, None]


def log_probs(logits: Any, answers: Sequence[int]) -> np.ndarray:
    """Normalise rows of logits over the whole vocabulary, in float64, and read the answers."""
    values = logits.double()
    read = values[:, list(answers)] - values.logsumexp(dim=-1, keepdim=True)
    return np.asarray(read.cpu().numpy(), dtype=np.float64)
