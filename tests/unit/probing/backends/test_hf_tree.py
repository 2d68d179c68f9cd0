"""The readings by the model's own pass on tiny random models: no model file is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spectra_eval.probing.backends._hf_decode import decoded, drift
from spectra_eval.probing.backends._hf_tree import chunks_of, common_opening, naive, repeated
from spectra_eval.tables import Sampling

torch = pytest.importorskip("torch", reason="the extra hf is not installed")

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
ANSWERS = [5, 11, 2]


def _model(kind: str) -> Any:
    import transformers

    torch.manual_seed(7)
    if kind == "llama":
        config: Any = transformers.LlamaConfig(**SIZES, initializer_range=0.6)
    else:
        config = transformers.MistralConfig(**SIZES, initializer_range=0.6, sliding_window=8)
    config._attn_implementation = "sdpa"
    return transformers.AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module")
def llama() -> Any:
    return _model("llama")


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    rng = np.random.default_rng(3)
    opening = rng.integers(0, 97, 21).tolist()
    return [[*opening, j, *rng.integers(0, 97, size).tolist()] for j, size in enumerate([4, 1, 7, 3, 0, 5])]


@pytest.mark.parametrize("chunk", [1, 9, 1000])
@pytest.mark.parametrize("stepped", [False, True])
def test_a_copied_opening_agrees_with_naive(stepped: bool, chunk: int, llama: Any, prompts: list[list[int]]) -> None:
    oracle = naive(llama, prompts, ANSWERS)
    assert np.ptp(oracle) > 1.0, "a model that says the same everywhere proves nothing"
    np.testing.assert_allclose(
        repeated(llama, prompts, ANSWERS, chunk=chunk, stepped=stepped), oracle, rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("stepped", [False, True])
def test_prompts_without_a_common_opening(stepped: bool, llama: Any) -> None:
    apart = [[1, 2, 3], [4, 2], [9]]
    got = repeated(llama, apart, ANSWERS, chunk=100, stepped=stepped)
    np.testing.assert_allclose(got, naive(llama, apart, ANSWERS), rtol=0, atol=2e-5)


def test_repeated_keeps_a_sliding_window(prompts: list[list[int]]) -> None:
    model = _model("mistral")
    oracle = naive(model, prompts, ANSWERS)
    np.testing.assert_allclose(repeated(model, prompts, ANSWERS, chunk=10), oracle, rtol=0, atol=2e-5)


def test_log_probabilities_are_normalised_over_the_vocabulary(llama: Any, prompts: list[list[int]]) -> None:
    everything = repeated(llama, prompts, range(97), chunk=100)
    np.testing.assert_allclose(np.exp(everything).sum(axis=1), 1.0, rtol=1e-12)


def test_greedy_is_the_argmax_of_naive_alone_and_in_a_batch(llama: Any, prompts: list[list[int]]) -> None:
    together = decoded(llama, prompts, max_tokens=4, stop=())
    for prompt, (reply, truncated) in zip(prompts, together, strict=True):
        assert truncated and len(reply) == 4
        written = list(prompt)
        for token in reply:
            assert token == int(naive(llama, [written], range(97))[0].argmax())
            written.append(token)


def test_a_memory_that_is_ignored_is_seen(
    llama: Any, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drift(llama, prompts[:3]) < 2e-5
    own = llama.forward

    def forgetful(input_ids: Any, **settings: Any) -> Any:
        given = settings.pop("past_key_values", None)
        out = own(input_ids=input_ids, **{**settings, "attention_mask": None})
        return type(out)(logits=out.logits, past_key_values=given or out.past_key_values)

    monkeypatch.setattr(llama, "forward", forgetful)
    assert drift(llama, prompts[:1]) > 1.0


def test_greedy_ends_at_a_stop_token(llama: Any, prompts: list[list[int]]) -> None:
    ((reply, _),) = decoded(llama, prompts[:1], max_tokens=3, stop=())
    ((short, truncated),) = decoded(llama, prompts[:1], max_tokens=3, stop={reply[1]})
    assert not truncated and short == reply[: reply.index(reply[1])]


def test_the_opening_leaves_every_prompt_a_token() -> None:
    assert common_opening([[1, 2, 3], [1, 2, 3], [1, 2, 3, 4]]) == 2


def test_chunks_cover_everything_once() -> None:
    parts = list(chunks_of([5, 2, 2, 9, 1, 1], 4))
    assert [i for part in parts for i in part] == list(range(6))
    assert list(chunks_of([], 4)) == []


def test_drawn_tokens_follow_the_softmax_at_the_temperature(llama: Any, prompts: list[list[int]]) -> None:
    n, heat = 1200, 2.0
    log_probs = naive(llama, prompts[:1], range(97))[0] / heat
    wanted = np.exp(log_probs - log_probs.max())
    wanted /= wanted.sum()
    seen = np.zeros(97)
    for seed in range(n):
        ((reply, _),) = decoded(
            llama, prompts[:1], max_tokens=1, stop=(), sampling=Sampling(temperature=heat, seed=seed)
        )
        seen[reply[0]] += 1
    likely = n * wanted >= 5
    assert 5 <= likely.sum() < 97
    error = (seen - n * wanted)[likely] / np.sqrt(n * wanted * (1 - wanted))[likely]
    assert np.abs(error).max() < 4.5


def test_a_draw_depends_on_the_seed_and_not_on_the_batch(llama: Any, prompts: list[list[int]]) -> None:
    one, two = (Sampling(seed=seed) for seed in (1, 2))
    together = decoded(llama, prompts, max_tokens=6, stop=(), sampling=one)
    alone = [decoded(llama, [prompt], max_tokens=6, stop=(), sampling=one)[0] for prompt in prompts]
    assert together == alone
    assert together != decoded(llama, prompts, max_tokens=6, stop=(), sampling=two)
