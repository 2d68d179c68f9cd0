"""Next-token log-probabilities after many prompts with one opening, by the model's own pass: two ways, one answer.

``naive`` reads every prompt whole and alone: the oracle. ``repeated`` reads the longest common opening once, and each
ending from a copy of what the model then remembers: keys and values, or the state of a recurrent layer.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

from spectra_eval.errors import ProbeError

__all__ = [
    "Prompts",
    "TokenRequest",
    "chunks_of",
    "common_opening",
    "last_logits",
    "log_probs",
    "naive",
    "repeated",
    "switch_length",
]

Prompts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class TokenRequest:
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
    """Cut a sequence into runs whose lengths sum to `limit` at most; a longer one is a run of its own.

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

    with torch.inference_mode():
        rows = [log_probs(last_logits(model, [prompt])[0], answers) for prompt in prompts]
    return np.concatenate(rows)


def repeated(model: Any, prompts: Prompts, answers: Sequence[int], *, chunk: int, stepped: bool = False) -> np.ndarray:
    """Read the common opening once, and the endings as rows that each hold a copy of what the model remembers of it.

    Only endings of one length go together, so that nothing is filled up and nothing has to be masked. Prompts on
    both sides of a length at which the model changes share nothing.

    Parameters
    ----------
    model, prompts, answers
        As for `naive`.
    chunk : int
        Most tokens of endings in one pass.
    stepped : bool
        Read the endings token by token, for models whose state is right only then.

    Raises
    ------
    ProbeError
        The model remembers nothing, or nothing that can be copied.
    """
    import torch

    rows = np.empty((len(prompts), len(answers)))
    with torch.inference_mode():
        for side in _sides(prompts, switch_length(model.config)):
            some = [prompts[i] for i in side]
            opening = _opening_of_side(some, switch_length(model.config))
            if opening == 0:
                rows[side] = naive(model, some, answers)
                continue
            _, memory = last_logits(model, [some[0][:opening]], remember=True)
            side.sort(key=lambda i: len(prompts[i]))
            for _, same in groupby(side, key=lambda i: len(prompts[i])):
                places = list(same)
                for part in chunks_of([len(prompts[i]) - opening for i in places], chunk):
                    here = [places[j] for j in part]
                    endings = [prompts[i][opening:] for i in here]
                    rows[here] = log_probs(_after(model, memory, opening, endings, stepped=stepped), answers)
    return rows


def last_logits(
    model: Any, rows: Prompts, *, memory: Any = None, seen: Any = None, remember: bool = False
) -> tuple[Any, Any]:
    """Read rows of one length, and return the logits after the last token of each, and what the model remembers.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        In evaluation mode; called in inference mode.
    rows : sequence of R token lists
        Of one length.
    memory : object, optional
        The cache of the preceding text; it is changed.
    seen : (R, width) bool array, optional
        What of all that was read, `rows` included, is text and not padding; needed to continue from a memory.
    remember : bool
        Let the model keep what it read.

    Returns
    -------
    ((R, vocabulary) tensor, object or None)

    Raises
    ------
    ProbeError
        The model remembers nothing.
    """
    import torch

    known = _parameters(type(model).forward)
    ids = torch.tensor([list(row) for row in rows], device=model.device)
    settings: dict[str, Any] = {"logits_to_keep": 1}
    name = next((name for name in _MEMORIES if name in known), "")
    if name == _MEMORIES[0] and remember:
        # Said outright: some models count what they have seen in a layer that keeps no count. Those that have states
        # alone know no positions, and want no mask.
        text = np.ones(ids.shape, dtype=bool) if seen is None else seen
        positions = (text.cumsum(axis=1) - 1).clip(min=0)[:, -ids.shape[1] :]
        for key, value in {"attention_mask": text.astype(np.int64), "position_ids": positions}.items():
            settings[key] = torch.from_numpy(np.ascontiguousarray(value)).to(model.device)
    layers = _stateful_layers(model) if remember else []
    if layers and memory is None:
        memory = _LayerStates.nothing(model, len(layers))
    for (module, key), state in zip(layers, memory.states if layers else [], strict=True):
        setattr(module, key, state)
    if memory is not None:
        settings[name] = memory.cache if layers else memory
    settings = {key: value for key, value in settings.items() if key in known}
    out = model(input_ids=ids, use_cache=remember, **settings)
    cache = getattr(out, name, None) if remember else None
    if layers:
        cache = _LayerStates(memory.cache, [getattr(module, key) for module, key in layers])
    if remember and cache is None:
        raise ProbeError("the model remembers nothing of a prompt")
    return out.logits[:, -1], cache


_MEMORIES = ("past_key_values", "cache_params", "state")
"""What models call that which they remember, in what they take and in what they return."""


_STATES = ("conv1d_state", "recurrent_states")
"""What the layers of RecurrentGemma keep in themselves, from one call to the next."""


@dataclass
class _LayerStates:
    """A cache, and the states that layers keep in themselves; it is copied as a cache is."""

    cache: Any
    states: list[Any]

    @classmethod
    def nothing(cls, model: Any, count: int) -> _LayerStates:
        """Return what is remembered before anything is read."""
        from transformers import DynamicCache

        return cls(DynamicCache(config=model.config), [None] * count)

    def reorder_cache(self, rows: Any) -> None:
        """Select rows, each as often as it is listed."""
        self.cache.reorder_cache(rows)
        self.states = [state.index_select(0, rows) for state in self.states]


def _stateful_layers(model: Any) -> list[tuple[Any, str]]:
    """List the layers that keep a state in themselves, with the name of each."""
    if not getattr(model, "_is_stateful", False):
        return []
    return [(module, key) for module in model.modules() for key in _STATES if key in vars(module)]


@cache
def _parameters(forward: Hashable) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)  # type: ignore[arg-type]


def _after(model: Any, memory: Any, opening: int, endings: Prompts, *, stepped: bool) -> Any:
    """Return the logits after endings of one length, each read from a copy of what is remembered of an opening."""
    import torch

    copied = copy.deepcopy(memory)
    if not hasattr(copied, "reorder_cache"):
        raise ProbeError(f"what the model remembers, {type(copied).__name__}, cannot be copied to several rows")
    copied.reorder_cache(torch.zeros(len(endings), dtype=torch.long, device=model.device))
    size = len(endings[0])
    logits = None
    for piece in [slice(j, j + 1) for j in range(size)] if stepped else [slice(size)]:
        seen = np.ones((len(endings), opening + piece.stop), dtype=bool)
        rows = [ending[piece] for ending in endings]
        logits, copied = last_logits(model, rows, memory=copied, seen=seen, remember=True)
    return logits


def switch_length(config: Any) -> int | None:
    """Return the length beyond which the model turns all positions of a prompt in another way; None if there is none.

    Examples
    --------
    >>> from types import SimpleNamespace as Config
    >>> rope = {"rope_type": "longrope", "original_max_position_embeddings": 4096}
    >>> config = Config(rope_parameters=rope)
    >>> config.get_text_config = lambda: config
    >>> switch_length(config)
    4096
    """
    parameters = getattr(config.get_text_config(), "rope_parameters", None) or {}
    ropes = [parameters, *(rope for rope in parameters.values() if isinstance(rope, Mapping))]
    found = [rope["original_max_position_embeddings"] for rope in ropes if rope.get("rope_type") == "longrope"]
    return int(found[0]) if found else None


def _sides(prompts: Prompts, switch: int | None) -> list[list[int]]:
    """Split the indices of prompts by the side of the switch."""
    beyond = [switch is not None and len(prompt) > switch for prompt in prompts]
    sides = ([i for i, is_beyond in enumerate(beyond) if is_beyond is side] for side in (False, True))
    return [side for side in sides if side]


def _opening_of_side(prompts: Prompts, switch: int | None) -> int:
    """Count the tokens that prompts of one side share, 0 where reading those alone would be on the other side."""
    opening = common_opening(prompts)
    return 0 if switch is not None and opening <= switch < len(prompts[0]) else opening


def log_probs(logits: Any, answers: Sequence[int]) -> np.ndarray:
    """Normalise rows of logits over the whole vocabulary, in float64, and read the answers."""
    values = logits.double()
    read = values[:, list(answers)] - values.logsumexp(dim=-1, keepdim=True)
    return np.asarray(read.cpu().numpy(), dtype=np.float64)
