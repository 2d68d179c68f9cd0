"""One engine for all tests of a file: starting one takes far longer than asking it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._embedded import converted, embedded_gguf


@pytest.fixture(scope="session")
def folder() -> Path:
    """The small model of the demo, as a folder."""
    return converted(embedded_gguf())


@pytest.fixture(scope="session")
def hf() -> Iterator[Any]:
    """The engine that the others are held against."""
    with open_backend("hf", model="embedded") as session:
        yield session


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """VLLM on the same model; ended before other tests start engines of their own in this process."""
    with open_backend("vllm", model="embedded", kv_cache_gib=1) as session:
        yield session


@pytest.fixture(scope="session")
def tiny(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the tokenizer of the small one, and a head that is padded past its vocabulary."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    place = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(tokenizer) + 40,
        hidden_size=128,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
