"""Decoding of a batch: the most probable token again and again, or one that is drawn, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from spectra_eval.backends._base import sampling_seed
from spectra_eval.tables import Sampling

__all__ = ["decoded"]


def decoded(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    stop: Collection[int],
    sampling: Sampling | None = None,
) -> list[tuple[list[int], bool]]:
    """Continue every prompt with its most probable tokens, or with tokens that are drawn.

    The model library's own loop would add whatever sampling, penalties or length rules the folder of the
    model asks for; this one cannot.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In evaluation mode.
    prompts : sequence of token lists
        Of any lengths; shorter ones are filled up on the left and the filling is masked.
    max_tokens : int
        Most tokens that are added.
    stop : collection of int
        Tokens that end a reply; they are not part of it.
    sampling : Sampling, optional
        Draw from the whole softmax at its temperature; each prompt has random numbers of its own.

    Returns
    -------
    list of (tokens, truncated)
        `truncated`: the reply had not ended after `max_tokens`.
    """
    import torch
    from transformers import DynamicCache

    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    held = np.arange(width)[None, :] >= np.array([[width - len(prompt)] for prompt in prompts])
    mask = torch.from_numpy(held.astype(np.int64)).to(model.device)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    draws = None if sampling is None else [np.random.default_rng(sampling_seed(sampling, list(p))) for p in prompts]
    cache = DynamicCache(config=model.config)
    replies: list[list[int]] = [[] for _ in prompts]
    open_rows = set(range(len(prompts)))
    with torch.inference_mode():
        for _ in range(max_tokens):
            out = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            logits = out.logits[:, -1]
            if sampling is not None and draws is not None:
                # The largest of logits with Gumbel noise is a draw from their softmax.
                noise = np.stack([draw.gumbel(size=logits.shape[1]) for draw in draws])
                logits = logits.double() / sampling.temperature + torch.from_numpy(noise).to(logits.device)
            chosen = logits.argmax(dim=-1)
            for row, token in enumerate(chosen.tolist()):
                if row in open_rows:
                    if token in stop:
                        open_rows.discard(row)
                    else:
                        replies[row].append(token)
            if not open_rows:
                break
            ids = chosen[:, None]
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
            positions = positions[:, -1:] + 1
    return [(reply, row in open_rows) for row, reply in enumerate(replies)]
