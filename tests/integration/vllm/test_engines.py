"""Engines of other kinds, each started by its test: routes, adapters, one model over two workers, refusals."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import ModelLoadError, ProbeError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._base import NaiveSession
from spectra_eval.probing.backends._vllm_engine import quiet_engine, require_vllm
from spectra_eval.probing.readouts import likelihood

pytestmark = pytest.mark.vllm

HISTORIES = (("Heat (1995)", "Ran (1985)"), ("Toy Story (1995)", "Babe (1995)"), ("<|im_end|>\n<|im_start|>user",))
SHORT = [likelihood.ask(history, ("Action", "Adventure", "Animation")) for history in HISTORIES]


def _same(got: Any, expected: Any) -> None:
    for one, other in zip(got, expected, strict=True):
        assert one.n_prompt_tokens.tolist() == other.n_prompt_tokens.tolist()
        np.testing.assert_allclose(one.log_probs, other.log_probs, rtol=0, atol=1e-3)


def test_both_routes_at_once_and_neither_ends_the_other(tiny: Path) -> None:
    with open_backend("hf", model=str(tiny)) as other:
        expected = other.score(SHORT)
    with open_backend("vllm", model=str(tiny), kv_cache_gib=1) as first:
        with open_backend("vllm", model=str(tiny), route="classify", kv_cache_gib=1) as session:
            _same(session.score(SHORT), expected)
            with pytest.raises(ProbeError, match="writes nothing"):
                session.generate(SHORT[:1], max_tokens=3)
        with pytest.raises(ProbeError, match="closed"):
            session.score(SHORT)
        _same(first.score(SHORT), expected)


@pytest.fixture(scope="module")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    place = tmp_path_factory.mktemp("adapters") / "lora"
    torch.manual_seed(9)
    settings = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), settings).save_pretrained(place)
    return place


@pytest.mark.parametrize("serve", [False, True])
def test_an_adapter_is_merged_or_served(
    serve: bool, tiny: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spectra_eval.probing.backends._adapter import merged

    monkeypatch.setenv("SPECTRA_CACHE", str(tmp_path))
    with open_backend("hf", model=str(merged(tiny, adapter))) as other, open_backend("hf", model=str(tiny)) as plain:
        expected, without = other.score(SHORT), plain.score(SHORT)
    assert np.abs(expected[0].log_probs - without[0].log_probs).max() > 0.05, "an adapter that does nothing"
    options = {"model": str(tiny), "adapter": str(adapter), "serve_adapter": serve, "kv_cache_gib": 1}
    with open_backend("vllm", **options) as session:
        _same(session.score(SHORT), expected)
        assert session.description["adapter_merged"] is not serve
        assert len(session.description["adapter_digest"]) == 64


def test_two_devices_share_one_model(tiny: Path) -> None:
    with open_backend("hf", model=str(tiny)) as other:
        expected = other.score(SHORT)
    with open_backend("vllm", model=str(tiny), tensor_parallel=2, kv_cache_gib=0.25) as session:
        _same(session.score(SHORT), expected)
        assert session.description["tensor_parallel"] == 2


def test_one_model_in_two_pieces(tiny: Path) -> None:
    options = {"model": str(tiny), "pipeline_parallel": 2, "kv_cache_gib": 0.25}
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        with pytest.raises(ModelLoadError, match=r"no g\+\+"), open_backend("vllm", **options):
            pass
        return
    with open_backend("hf", model=str(tiny)) as other:
        expected = other.score(SHORT)
    with open_backend("vllm", **options) as session:
        _same(session.score(SHORT), expected)
        assert session.description["pipeline_parallel"] == 2


def test_two_copies_share_the_requests_and_leave_nothing_behind(tiny: Path) -> None:
    with open_backend("hf", model=str(tiny)) as other:
        expected = other.score(SHORT)
    with open_backend("vllm", model=str(tiny), data_parallel=2, kv_cache_gib=0.25) as crew:
        processes = [worker.process for worker in crew._workers]
        assert len({process.pid for process in processes}) == 2
        _same(crew.score(SHORT), expected)
        assert crew.description["data_parallel"] == 2 and crew.context_limit == 512
        assert 0 < crew.cached_share < 1
        assert not isinstance(crew, NaiveSession), "vllm has no naive reading"
        written = crew.generate(SHORT[:2], max_tokens=3)
        assert [reply.n_prompt_tokens for (reply, *_) in written] == [e.n_prompt_tokens[0] for e in expected[:2]]
        processes[0].kill()
        with pytest.raises(ProbeError, match=r"the process on copy 1 of 2 was ended by SIGKILL"):
            crew.score(SHORT)
    with pytest.raises(ValueError, match="closed"):
        processes[1].is_alive()


def test_how_a_model_is_divided_reaches_the_engine(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm = require_vllm()
    got: dict[str, Any] = {}

    def remember(**arguments: Any) -> None:
        got.update(arguments)
        raise ValueError("enough")

    with quiet_engine(), pytest.raises(ValueError, match="single-process"):  # why copies are processes of ours
        vllm.LLM(model=str(tiny), data_parallel_size=2)
    monkeypatch.setattr(vllm, "LLM", remember)
    sizes = {"tensor_parallel": 2, "pipeline_parallel": 3, "engine": {"max_num_seqs": 7}}
    with pytest.raises(ModelLoadError, match="enough"), open_backend("vllm", model=str(tiny), **sizes):
        pass
    asked = {"tensor_parallel_size": 2, "pipeline_parallel_size": 3, "data_parallel_size": 1, "max_num_seqs": 7}
    ours = {"enable_prefix_caching": True, "block_size": 32, "logprobs_mode": "raw_logprobs", "dtype": "float32"}
    assert got.items() >= {**asked, **ours}.items()
    assert set(got) - {"use_tqdm_on_load"} <= {field.name for field in dataclasses.fields(vllm.EngineArgs)}


def test_settings_that_do_not_fit_are_named() -> None:
    with pytest.raises(ModelLoadError, match="attention heads"):
        open_backend("vllm", model="embedded", tensor_parallel=2).__enter__()


def test_an_engine_that_cannot_start_is_said_in_one_line(tiny: Path) -> None:
    options = {"model": str(tiny), "engine": {"quantization": "no-such-thing"}}
    with pytest.raises(ModelLoadError, match="vllm does not start") as caught, open_backend("vllm", **options):
        pass
    assert "\n" not in str(caught.value)
