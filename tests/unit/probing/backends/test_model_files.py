"""Files of models that others wrote: what they name is neither run, nor asked about, nor fetched."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spectra_eval.errors import ModelLoadError
from spectra_eval.probing.backends._embedded import converted
from spectra_eval.probing.backends._hf_load import find_folder
from spectra_eval.probing.backends._model_files import load_adapter, load_part
from spectra_eval.probing.backends._prompted import stop_tokens

pytestmark = pytest.mark.hf
transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
Path(__file__).with_name("ran").touch()
Path({mark!r}).touch()
class Config(LlamaConfig): model_type = "foreign"
class Model(LlamaForCausalLM): config_class = Config
class Tokenizer(PreTrainedTokenizerFast): pass
"""
AUTO = {"AutoConfig": "foreign.Config", "AutoModelForCausalLM": "foreign.Model", "AutoTokenizer": "foreign.Tokenizer"}
TOKENS = ["<unk>", "<s>", "</s>", "Yes", "No", "ab", *"abcdefghijklm"]


@pytest.fixture(autouse=True)
def _somebody_types_yes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 20))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("SPECTRA_CACHE", str(tmp_path / "cache"))


def foreign(folder: Path) -> Path:
    """Lay files beside a model that name code; return the file that the code would make."""
    mark = folder / "mark"
    (folder / "foreign.py").write_text(CODE.format(mark=str(mark)))
    known = {"model_type": "foreign", "architectures": ["Model"], "auto_map": AUTO}
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_text(json.dumps(known | {"auto_map": AUTO if "tok" not in name else _tokenizer_map()}))
    return mark


def _tokenizer_map() -> dict[str, Any]:
    return {"AutoTokenizer": ["foreign.Tokenizer", "foreign.Tokenizer"]}


def write_gguf(path: Path) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(str(path), "llama")
    width, hidden, rng = 8, 16, np.random.default_rng(0)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(4)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * len(TOKENS))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    square = {"attn_q": width, "attn_k": width, "attn_v": width, "attn_output": width, "ffn_gate": hidden}
    shapes = {f"blk.0.{name}.weight": (rows, width) for name, rows in (square | {"ffn_up": hidden}).items()}
    shapes |= {"blk.0.ffn_down.weight": (width, hidden), "token_embd.weight": (len(TOKENS), width)}
    shapes |= {"output.weight": (len(TOKENS), width)}
    norms = {f"{name}.weight": (width,) for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")}
    for name, shape in (shapes | norms).items():
        writer.add_tensor(name, rng.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_beside_foreign_files_is_read_alone(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    mark = foreign(folder)
    write_gguf(folder / "tiny.gguf")
    made = converted(folder / "tiny.gguf")
    assert json.loads((made / "config.json").read_text())["model_type"] == "llama"
    assert not mark.exists() and not (tmp_path / "modules").exists()
    assert sys.stdin.read(1) == "y", "nothing was asked"


@pytest.mark.parametrize("part", ["tokenizer", "model", "config"])
def test_code_of_a_folder_is_refused_and_never_asked_about(part: Any, tmp_path: Path) -> None:
    mark = foreign(tmp_path)
    with pytest.raises(ModelLoadError, match=r"custom code|cannot be"):
        load_part(part, tmp_path)
    assert not mark.exists() and sys.stdin.read(1) == "y"


def test_generation_settings_run_nothing_and_are_checked(tmp_path: Path) -> None:
    mark = foreign(tmp_path)
    assert load_part("generation", tmp_path).eos_token_id is None and not mark.exists()
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": "two"}')
    with pytest.raises(ModelLoadError, match="eos_token_id"):
        stop_tokens(tmp_path, tokenizer=SimpleNamespace(eos_token_id=None))


def test_a_model_folder_with_an_adapter_beside_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="a folder of its own"):
        load_part("model", tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "LORA", "megatron_config": {}, "megatron_core": "foreign"}, "megatron_config"),
        ({"peft_type": "XLORA", "adapters": {"0": "somebody/else"}}, "not merged here"),
        ({"peft_type": "PROMPT_TUNING", "tokenizer_kwargs": {"trust_remote_code": True}}, "not merged here"),
        ({"peft_type": ["LORA"]}, "not the settings"),
        ({}, "not merged here"),
        ([], "not the settings"),
        ("[" * 100_000, "not the settings"),
    ],
)
def test_an_adapter_that_names_other_things_is_refused(settings: Any, said: str, tmp_path: Path) -> None:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(ModelLoadError, match=r"adapter_model\.safetensors"):
        load_adapter(None, tmp_path)
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(ModelLoadError, match=said):
        load_adapter(None, tmp_path)


def test_weights_in_a_pickle_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelLoadError, match="safetensors"):
        find_folder(str(tmp_path), download=False)
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        load_part("model", tmp_path)
