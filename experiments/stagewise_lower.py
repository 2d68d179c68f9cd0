"""What frozen layers give for a prompt is the same in every training and every probing: compute it once, and keep it.

Adapters of the last layers alone leave everything below as it is. The output of the highest frozen layer is kept in a
file named after what went into the lowest; the layers above go on from there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def kept_below(layers: int, folder: Path) -> Iterator[dict[str, int]]:
    """Let every Llama of this process take the output of all but its last `layers` layers from a folder.

    Only where nothing below is trained and no keys and values of earlier tokens are used; elsewhere, nothing changes.
    Yields the numbers of prompts `read` and `computed`.
    """
    import torch
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer as Layer

    folder.mkdir(parents=True, exist_ok=True)
    whole = Layer.forward
    counted = {"read": 0, "computed": 0}
    at: dict[str, Any] = {"place": None, "hit": False}

    def forward(self: Any, hidden_states: Any, *args: Any, **more: Any) -> Any:
        number = int(self.self_attn.layer_idx)
        below = int(self.self_attn.config.num_hidden_layers) - layers
        if number >= below or hidden_states.requires_grad or more.get("past_key_values") is not None:
            return whole(self, hidden_states, *args, **more)
        if number == 0:
            at["place"] = folder / f"{key_of(hidden_states, more, below)}.npy"
            at["hit"] = at["place"].is_file()
            counted["read" if at["hit"] else "computed"] += 1
            if at["hit"]:
                return torch.from_numpy(np.load(at["place"]))
        if at["hit"]:
            return hidden_states
        with torch.no_grad():
            out = whole(self, hidden_states, *args, **more)
        if number == below - 1:
            fresh = at["place"].with_suffix(f".{os.getpid()}.new.npy")
            np.save(fresh, out.numpy())
            os.replace(fresh, at["place"])
        return out

    Layer.forward = forward
    try:
        yield counted
    finally:
        Layer.forward = whole


def key_of(hidden_states: Any, more: dict[str, Any], below: int) -> str:
    """Digest the embeddings, the mask, the places and the number of layers."""
    digest = hashlib.sha256(f"{below} {tuple(hidden_states.shape)} {hidden_states.dtype}".encode())
    for value in (hidden_states, more.get("attention_mask"), *(more.get("position_embeddings") or ())):
        digest.update(b"none" if value is None else np.ascontiguousarray(value.numpy()).tobytes())
    return digest.hexdigest()
