"""Adapters of every kind on tied and untied heads, held against the model of ``peft`` with the adapter beside it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import ModelLoadError
from spectra_eval.probing.backends import _adapter
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._adapter import write_merged
from spectra_eval.probing.backends._hf_tokens import Prompter
from spectra_eval.probing.readouts import likelihood
from tests.zoo import reference
from tests.zoo.animals import keep_tokenizer, made

torch = pytest.importorskip("torch", reason="the extra hf is not installed")
peft = pytest.importorskip("peft", reason="the extra train is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

ATTENTION = ["q_proj", "v_proj"]
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("LoraConfig", {"target_modules": ATTENTION}),
    "lora on the head": ("LoraConfig", {"target_modules": ["q_proj", "lm_head"]}),
    "lora on the embedding": ("LoraConfig", {"target_modules": ["q_proj", "embed_tokens"]}),
    "lora on both ends": ("LoraConfig", {"target_modules": ["lm_head", "embed_tokens"]}),
    "lora on both ends, tied": (
        "LoraConfig",
        {"target_modules": ["lm_head", "embed_tokens"], "ensure_weight_tying": True},
    ),
    "lora with biases": ("LoraConfig", {"target_modules": ATTENTION, "bias": "all"}),
    "lora everywhere": ("LoraConfig", {"target_modules": "all-linear"}),
    "dora": ("LoraConfig", {"target_modules": ATTENTION, "use_dora": True}),
    "dora on the head": ("LoraConfig", {"target_modules": ["q_proj", "lm_head"], "use_dora": True}),
    "rslora": ("LoraConfig", {"target_modules": ATTENTION, "use_rslora": True}),
    "lora and a head that is saved": ("LoraConfig", {"target_modules": ATTENTION, "modules_to_save": ["lm_head"]}),
    "lora and an embedding that is saved": (
        "LoraConfig",
        {"target_modules": ATTENTION, "modules_to_save": ["embed_tokens"]},
    ),
    "lora and tokens": ("LoraConfig", {"target_modules": ATTENTION, "trainable_token_indices": []}),
    "tokens": ("TrainableTokensConfig", {"token_indices": []}),
    "ia3": ("IA3Config", {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]}),
    "loha": ("LoHaConfig", {"target_modules": ATTENTION}),
    "lokr": ("LoKrConfig", {"target_modules": ATTENTION}),
    "vera": ("VeraConfig", {"target_modules": ["q_proj"], "save_projection": True}),
    "oft": ("OFTConfig", {"target_modules": ATTENTION, "oft_block_size": 4}),
    "norms": ("LNTuningConfig", {"target_modules": ["input_layernorm"]}),
}
QUICK = (("lora on the head", True), ("lora and a head that is saved", True), ("dora", False))
REQUESTS = [likelihood.ask(("Heat", "Ran"), ("War", "Musical"))]


_TOKENS = ("trainable_token_indices", "token_indices")


def _in_prompts(folder: Path) -> list[int]:
    """Return three tokens of text that the prompts hold: vectors of other tokens would change nothing."""
    from transformers import AutoTokenizer

    prompter = Prompter(AutoTokenizer.from_pretrained(folder))
    (first, *_) = prompter.prompts(REQUESTS[0])
    return sorted({token for token in first if token not in prompter.control})[-3:]


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("LoraConfig", {"target_modules": ["c_attn", "lm_head"], "fan_in_fan_out": True}),
    "gpt2, tokens": ("LoraConfig", {"target_modules": ["c_attn"], "trainable_token_indices": []}),
    "qwen3": ("LoraConfig", {"target_modules": ["q_proj", "lm_head"], "use_dora": True}),
    "gemma": ("LoraConfig", {"target_modules": ["q_proj", "lm_head"]}),
    "gemma, saved": ("LoraConfig", {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
    "phi": ("LoraConfig", {"target_modules": ["q_proj", "dense"], "use_rslora": True}),
    "opt": ("IA3Config", {"target_modules": ["k_proj", "fc2"], "feedforward_modules": ["fc2"]}),
    "bloom": ("LoraConfig", {"target_modules": ["query_key_value", "lm_head"]}),
    "mamba": ("LoraConfig", {"target_modules": ["in_proj", "x_proj"]}),
    "qwen3_moe": ("LoraConfig", {"target_modules": ["q_proj"], "target_parameters": ["mlp.experts.gate_up_proj"]}),
    "lfm2": ("LoraConfig", {"target_modules": ["in_proj", "q_proj"]}),
}
"""Adapters of other architectures: convolutions for linear layers, tied heads, experts, recurrent layers."""
QUICK_OTHERS = ("gpt2", "opt", "qwen3_moe")

WHERE: dict[str, tuple[list[str], list[str], list[str], str]] = {
    "gpt2": (["c_attn", "mlp.c_proj"], ["c_attn", "mlp.c_proj"], ["mlp.c_proj"], "wte"),
    "qwen3": (["q_proj", "down_proj"], ["k_proj", "down_proj"], ["down_proj"], "embed_tokens"),
    "gemma": (["q_proj", "down_proj"], ["k_proj", "down_proj"], ["down_proj"], "embed_tokens"),
    "phi": (["q_proj", "dense"], ["k_proj", "fc2"], ["fc2"], "embed_tokens"),
    "opt": (["q_proj", "fc2"], ["k_proj", "fc2"], ["fc2"], "embed_tokens"),
    "mamba": (["in_proj", "x_proj"], ["in_proj"], [], "embeddings"),
    "mixtral": (["q_proj", "o_proj"], ["k_proj"], [], "embed_tokens"),
    "qwen3_moe": (["q_proj", "o_proj"], ["k_proj"], [], "embed_tokens"),
}
"""Of each architecture: modules for low ranks, modules for IA3, those of them that are feed-forward, the embedding."""


def kinds_for(name: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the adapters that are tried on an architecture."""
    ranks, scaled, forward, embedding = WHERE[name]
    turned = {"fan_in_fan_out": True} if name == "gpt2" else {}
    first = {"target_modules": ranks[:1], **turned}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "lora": ("LoraConfig", {"target_modules": ranks, **turned}),
        "lora on the head": ("LoraConfig", {**first, "target_modules": [ranks[0], "lm_head"]}),
        "lora on the embedding": ("LoraConfig", {**first, "target_modules": [ranks[0], embedding]}),
        "lora with biases": ("LoraConfig", {**first, "bias": "all"}),
        "dora": ("LoraConfig", {"target_modules": ranks, "use_dora": True, **turned}),
        "rslora": ("LoraConfig", {"target_modules": ranks, "use_rslora": True, **turned}),
        "a head that is saved": ("LoraConfig", {**first, "modules_to_save": ["lm_head"]}),
        "an embedding that is saved": ("LoraConfig", {**first, "modules_to_save": [embedding]}),
        "tokens": ("LoraConfig", {**first, "trainable_token_indices": []}),
        "ia3": ("IA3Config", {"target_modules": scaled, "feedforward_modules": forward, **turned}),
    }
    if name in ("mixtral", "qwen3_moe"):
        for part in ("gate_up_proj", "down_proj"):
            kinds[f"experts, {part}"] = ("LoraConfig", {**first, "target_parameters": [f"mlp.experts.{part}"]})
    return kinds


BIASED_HEAD = ("phi", "tokens", True)
"""peft leaves out the bias of a tied head beside trained tokens, so that no merged model can equal its own."""
GRID = [
    case
    for name in WHERE
    for kind in kinds_for(name)
    for tied in (False, True)
    if (case := (name, kind, tied)) != BIASED_HEAD
]


def held(kind: str, folder: Path, *, tied: bool) -> None:
    compare("llama, tied" if tied else "llama", *KINDS[kind], folder, strategy="split")


def compare(
    animal: str, config: str, settings: dict[str, Any], folder: Path, *, strategy: str | None = None, **changes: Any
) -> None:
    """Compare the readings of a model with an adapter, merged at loading and on disk, with peft's own."""
    base = made(animal, **changes)
    base.save_pretrained(folder / "model")
    keep_tokenizer(folder / "model")
    settings = {key: _in_prompts(folder / "model") if key in _TOKENS else value for key, value in settings.items()}
    rank = {"r": 4} if config in ("LoraConfig", "LoHaConfig", "LoKrConfig", "VeraConfig") else {}
    trained = peft.get_peft_model(copy.deepcopy(base), getattr(peft, config)(**rank, **settings))
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in trained.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.3)
    trained.save_pretrained(folder / "adapter")
    oracle = peft.PeftModel.from_pretrained(copy.deepcopy(base), str(folder / "adapter")).eval()
    options = {"model": str(folder / "model"), "adapter": str(folder / "adapter")}
    with open_backend("hf", **options) as session:
        prompts = session._prompter.prompts(REQUESTS[0])
        answers = session._prompter.answer_tokens(REQUESTS[0].answers)
        (found,) = session.score(REQUESTS)
        assert strategy in (None, session.description["strategy"])
    wanted = reference.scores(oracle, prompts, answers)
    np.testing.assert_allclose(found.log_probs, wanted, rtol=0, atol=1e-4)
    assert np.abs(wanted - reference.scores(base, prompts, answers)).max() > 1e-2, "the adapter changes nothing"
    write_merged(folder / "model", folder / "adapter", folder / "merged")
    with open_backend("hf", model=str(folder / "merged")) as session:
        (kept,) = session.score(REQUESTS)
    np.testing.assert_allclose(kept.log_probs, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("kind", "tied"), QUICK)
def test_a_merged_adapter_says_what_it_said_beside_the_model(kind: str, tied: bool, tmp_path: Path) -> None:
    held(kind, tmp_path, tied=tied)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_adapters_of_every_kind_do(kind: str, tied: bool, tmp_path: Path) -> None:
    held(kind, tmp_path, tied=tied)


@pytest.mark.parametrize("name", QUICK_OTHERS)
def test_adapters_of_some_other_architectures_do(name: str, tmp_path: Path) -> None:
    compare(name, *OTHERS[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OTHERS if name not in QUICK_OTHERS])
def test_adapters_of_other_architectures_do(name: str, tmp_path: Path) -> None:
    compare(name.split(", ")[0], *OTHERS[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind", "tied"), GRID)
def test_every_kind_on_other_architectures_does(name: str, kind: str, tied: bool, tmp_path: Path) -> None:
    compare(name, *kinds_for(name)[kind], tmp_path, tie_word_embeddings=tied)


def test_tokens_beside_a_tied_head_with_a_bias_are_refused(tmp_path: Path) -> None:
    name, kind, tied = BIASED_HEAD
    with pytest.raises(ModelLoadError, match=r"cannot be merged into model: its log-probabilities change by \d"):
        compare(name, *kinds_for(name)[kind], tmp_path, tie_word_embeddings=tied)


def test_what_merging_would_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_adapter, "_untied", lambda model: False)
    with pytest.raises(ModelLoadError, match=r"cannot be merged into model: its log-probabilities change by \d"):
        held("lora on the head", tmp_path, tied=True)
