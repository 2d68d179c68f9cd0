"""The split reading against the naive one on tiny random models of every family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import ProbeError
from spectra_eval.probing.backends import _hf_split
from spectra_eval.probing.backends._hf_load import widen_head
from spectra_eval.probing.backends._hf_tree import TokenRequest, common_opening, naive
from spectra_eval.probing.backends._hf_weights import FAMILIES, arithmetic

torch = pytest.importorskip("torch", reason="the extra hf is not installed")

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.4,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, one head of keys, tied": ("llama", {"num_key_value_heads": 1, "tie_word_embeddings": True}),
    "llama, as many heads of keys": ("llama", {"num_key_value_heads": 4}),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, wide heads": ("llama", {"head_dim": 20}),
    "llama, linear scaling": ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}),
    "llama, llama3 scaling": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
                "rope_theta": 1e4,
            }
        },
    ),
    "llama, yarn scaling": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 64,
                "rope_theta": 1e4,
            }
        },
    ),
    "llama, one layer": ("llama", {"num_hidden_layers": 1}),
    "qwen2": ("qwen2", {}),
    "qwen2, tied": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "qwen3, biases, tied": ("qwen3", {"attention_bias": True, "tie_word_embeddings": True}),
    "mistral": ("mistral", {"sliding_window": None}),
}
ANSWERS = [5, 11, 2]


def split(model: Any, prompts: Any, answers: Any, *, chunk: int, lead: int = 0) -> np.ndarray:
    """Read one request."""
    (found,) = _hf_split.split(model, [TokenRequest(prompts, answers, lead)], chunk=chunk)
    return found


def _model(family: str, **changes: Any) -> Any:
    import transformers

    torch.manual_seed(7)
    config = transformers.AutoConfig.for_model(family, **{**SIZES, **changes})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():  # fresh biases are zero and fresh norms one: neither would show a mistake
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def _prompts(opening: int, sizes: list[int]) -> list[list[int]]:
    rng = np.random.default_rng(3)
    head = rng.integers(0, 97, opening).tolist()
    return [[*head, j, *rng.integers(0, 97, size).tolist()] for j, size in enumerate(sizes)]


def _unique(prompts: list[list[int]]) -> int:
    """Count the tokens, those of the common opening once."""
    opening = common_opening(prompts)
    return opening + sum(len(prompt) - opening for prompt in prompts)


MIXED = _prompts(21, [4, 1, 7, 3, 0, 5])


@pytest.mark.parametrize("case", CASES)
def test_every_family_agrees_with_naive(case: str) -> None:
    family, changes = CASES[case]
    model = _model(family, **changes)
    oracle = naive(model, MIXED, ANSWERS)
    assert np.ptp(oracle) > 1.0, "a model that says the same everywhere proves nothing"
    for chunk in (1000, 9):
        np.testing.assert_allclose(split(model, MIXED, ANSWERS, chunk=chunk), oracle, rtol=0, atol=5e-5)
    np.testing.assert_allclose(naive(model, MIXED, ANSWERS), oracle, rtol=0, atol=1e-6)


def test_the_cases_name_every_family() -> None:
    assert {family for family, _ in CASES.values()} == set(FAMILIES)


@pytest.mark.parametrize(
    "prompts",
    [
        pytest.param([[1, 2, 3], [4, 2], [9]], id="no common opening"),
        pytest.param([[3, 1, 2], [3, 5], [3, 6, 6, 6]], id="an opening of one token"),
        pytest.param([[3, 1, 2]] * 3, id="equal prompts"),
        pytest.param([[3, 1, 2]], id="one prompt"),
        pytest.param([[8], [8]], id="prompts of one token"),
        pytest.param(_prompts(5, [j % 9 for j in range(150)]), id="many prompts"),
        pytest.param(_prompts(90, [2, 3]), id="an opening longer than the chunk"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 40, 1000])
def test_prompts_of_every_shape(prompts: list[list[int]], chunk: int, llama: Any) -> None:
    prompts = [[token % 97 for token in prompt] for prompt in prompts]
    got = split(llama, prompts, ANSWERS, chunk=chunk)
    np.testing.assert_allclose(got, naive(llama, prompts, ANSWERS), rtol=0, atol=5e-5)


@pytest.fixture(scope="module")
def llama() -> Any:
    return _model("llama")


@pytest.mark.parametrize("lead", [1, 7, 21, 40])
@pytest.mark.parametrize("chunk", [5, 1000])
def test_a_beginning_that_is_remembered_changes_nothing(llama: Any, lead: int, chunk: int) -> None:
    others = [[*MIXED[0][:7], 9, 9, 9], [*MIXED[0][:7], 8]]
    for prompts in (MIXED, others, MIXED):
        got = split(llama, prompts, ANSWERS, chunk=chunk, lead=lead)
        np.testing.assert_allclose(got, naive(llama, prompts, ANSWERS), rtol=0, atol=5e-5)


TOGETHER = [
    TokenRequest(MIXED, ANSWERS),
    TokenRequest([[1, 2, 3], [4, 2], [9]], [7, 8]),
    TokenRequest(_prompts(60, [2, 9, 4]), ANSWERS, lead=21),
    TokenRequest([[*MIXED[0][:7], 8]], [3], lead=7),
    TokenRequest(_prompts(5, [j % 9 for j in range(50)]), ANSWERS, lead=40),
    TokenRequest(MIXED[:3], [1, 0], lead=21),
]


@pytest.mark.parametrize("case", ["llama", "llama, biases", "llama, one layer", "qwen3, biases, tied"])
@pytest.mark.parametrize("chunk", [9, 40, 1000])
def test_requests_that_are_read_together_get_what_each_gets_alone(case: str, chunk: int) -> None:
    family, changes = CASES[case]
    model = _model(family, **changes)
    got = _hf_split.split(model, TOGETHER, chunk=chunk)
    for found, ask in zip(got, TOGETHER, strict=True):
        np.testing.assert_allclose(found, naive(model, ask.prompts, ask.answers), rtol=0, atol=5e-5)


def test_their_tokens_stand_side_by_side(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []

    def counted(x: Any, *rest: Any) -> Any:
        rows.append(len(x))
        return product(x, *rest)

    product = _hf_split._product
    monkeypatch.setattr(_hf_split, "_product", counted)
    asks = [TokenRequest(MIXED, ANSWERS), TokenRequest(_prompts(30, [2, 3]), ANSWERS)]
    tokens = sum(_unique(ask.prompts) for ask in asks)
    _hf_split.split(llama, asks, chunk=1000)
    assert max(rows) == tokens and len(rows) == 4 * 3 + 1, "four products a layer, one more where the last splits one"


def test_few_beginnings_are_remembered(llama: Any) -> None:
    for token in range(20):
        split(llama, [[token, 1, 2], [token, 1, 3]], ANSWERS, chunk=9, lead=2)
    assert 0 < len(_hf_split._READ[llama].heads_read) <= _hf_split._MOST_HEADS


def test_few_scores_at_once_change_nothing(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = split(llama, MIXED, ANSWERS, chunk=100)
    monkeypatch.setattr(_hf_split, "_MOST_SCORES", 1)
    np.testing.assert_allclose(split(llama, MIXED, ANSWERS, chunk=100), whole, rtol=0, atol=2e-5)


def test_the_order_of_the_prompts_does_not_matter(llama: Any) -> None:
    order = [3, 0, 5, 1, 4, 2]
    mixed = split(llama, [MIXED[i] for i in order], ANSWERS, chunk=14)
    np.testing.assert_allclose(mixed, split(llama, MIXED, ANSWERS, chunk=14)[order], rtol=0, atol=2e-6)


def test_log_probabilities_are_normalised_over_the_vocabulary(llama: Any) -> None:
    everything = split(llama, MIXED, range(97), chunk=100)
    np.testing.assert_allclose(np.exp(everything).sum(axis=1), 1.0, rtol=1e-12)


def test_weights_are_not_held_twice() -> None:
    model = _model("qwen2", tie_word_embeddings=True)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    split(model, MIXED, ANSWERS, chunk=100)
    held = {p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in model.parameters()}
    assert sum(held.values()) == sum(value.numel() * 4 for value in before.values())
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]), name


def _rounded(dtype: Any) -> Any:
    """Give a model whose weights are rounded to bfloat16 and held in a type; its positions are not rounded."""
    model = _model("qwen3", initializer_range=0.1, attention_bias=True)
    for weight in model.parameters():
        weight.data = weight.data.to(torch.bfloat16).to(dtype)
    if dtype == torch.bfloat16:
        widen_head(model)
    return model


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let PyTorch say that the processor has these instructions."""

    def having(*names: str) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(names, True), raising=False)

    return having


def test_without_instructions_for_bfloat16_only_the_weights_are_rounded(processor: Callable[..., None]) -> None:
    exact = naive(_rounded(torch.float32), MIXED, ANSWERS)
    processor("avx2")
    model = _rounded(torch.bfloat16)
    for lead in (0, 7):
        np.testing.assert_allclose(split(model, MIXED, ANSWERS, chunk=9, lead=lead), exact, rtol=0, atol=2e-5)
    held = {weight.dtype for name, weight in model.named_parameters() if name != "lm_head.weight"}
    assert arithmetic(model) == torch.float32 and held == {torch.bfloat16}


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16"])
def test_with_them_the_pass_computes_in_bfloat16(processor: Callable[..., None], name: str) -> None:
    exact = naive(_rounded(torch.float32), MIXED, ANSWERS)
    processor("avx2", name)
    model = _rounded(torch.bfloat16)
    gap = np.abs(split(model, MIXED, ANSWERS, chunk=100) - exact).max()
    assert arithmetic(model) == torch.bfloat16 and 1e-4 < gap < 0.1
    assert arithmetic(_rounded(torch.float32)) == torch.float32


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("mistral", {"sliding_window": 8}, "see a window only"),
        ("olmo2", {}, "not olmo2"),
        ("qwen3_moe", {"head_dim": 8}, "not qwen3_moe"),
        ("llama", {"hidden_act": "gelu"}, "activation 'gelu'"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
            "depends on the length",
        ),
    ],
)
def test_what_is_unknown_is_refused_by_name(family: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        split(_model(family, **changes), MIXED, ANSWERS, chunk=100)


def test_changed_modules_are_refused_by_name() -> None:
    model = _model("llama")
    model.model.layers[1].mlp.gate_proj = torch.nn.Sequential(model.model.layers[1].mlp.gate_proj)
    with pytest.raises(ProbeError, match="gate_proj is no plain matrix but Sequential"):
        split(model, MIXED, ANSWERS, chunk=100)
    model = _model("llama")
    model.model.layers[2].self_attn.sink = torch.nn.Linear(2, 2)
    with pytest.raises(ProbeError, match="a layer holds sink"):
        split(model, MIXED, ANSWERS, chunk=100)
    model = _model("llama")
    model.model.layers[0].input_layernorm = torch.nn.LayerNorm(32)
    with pytest.raises(ProbeError, match="norm LayerNorm"):
        split(model, MIXED, ANSWERS, chunk=100)
