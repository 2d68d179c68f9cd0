"""What a model says, by a loop that shares nothing with the package: every prompt whole, no cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def after(model: Any, prompt: Sequence[int]) -> np.ndarray:
    """Return the log-probabilities of the whole vocabulary after a prompt."""
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([list(prompt)]), use_cache=False).logits
    return np.asarray(logits[0, -1].double().log_softmax(dim=-1).numpy())


def scores(model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the log-probability of every answer, of one token or several, after every prompt."""
    rows = np.zeros((len(prompts), len(answers)))
    for i, prompt in enumerate(prompts):
        for j, answer in enumerate(answers):
            rows[i, j] = sum(after(model, [*prompt, *answer[:k]])[token] for k, token in enumerate(answer))
    return rows


def reply(model: Any, prompt: Sequence[int], *, tokens: int, stop: int) -> list[int]:
    """Return the greedy reply to a prompt."""
    written: list[int] = []
    while len(written) < tokens:
        token = int(after(model, [*prompt, *written]).argmax())
        if token == stop:
            break
        written.append(token)
    return written
