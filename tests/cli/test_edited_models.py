"""A model folder that somebody has edited, given to `probe` and `doctor`: one line and exit code 4, or it works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.errors import ModelLoadError
from spectra_eval.probing.backends._model_files import load_part, silenced
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main
from tests.zoo.animals import keep_tokenizer, made

pytestmark = pytest.mark.hf
torch = pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")
peft = pytest.importorskip("peft", reason="the extra train is not installed")

Edit = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model in several files, an adapter of it, and a table."""
    folder = tmp_path_factory.mktemp("edited")
    model = made("llama")
    model.save_pretrained(folder / "model", max_shard_size="60KB")
    keep_tokenizer(folder / "model")
    settings = peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    with silenced():
        peft.get_peft_model(model, settings).save_pretrained(str(folder / "adapter"))
    assert (folder / "model" / "model.safetensors.index.json").is_file()
    table = PreferenceTable(users=["a", "b"], categories=("X", "Y"), counts=[[1, 2]] * 2, history=[("Heat",), ("Ran",)])
    write_table(table, folder / "t.parquet")
    return folder


def _json(file: str, **changes: Any) -> Edit:
    """Change keys of a JSON file; None takes a key out."""

    def edit(folder: Path) -> None:
        known = json.loads((folder / file).read_text()) | changes
        (folder / file).write_text(json.dumps({k: v for k, v in known.items() if v is not None}))

    return edit


def _weights(change: Callable[[dict[str, Any]], None]) -> Edit:
    """Change the tensors of the model, and write them as one file."""

    def edit(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        tensors = {k: v for file in (folder / "model").glob("*.safetensors") for k, v in load_file(file).items()}
        for file in (folder / "model").glob("*.safetensors*"):
            file.unlink()
        change(tensors)
        save_file(tensors, folder / "model" / "model.safetensors", metadata={"format": "pt"})

    return edit


def _index(name: str) -> Edit:
    """Let the index take one tensor from another file."""

    def edit(folder: Path) -> None:
        place = folder / "model" / "model.safetensors.index.json"
        index = json.loads(place.read_text())
        index["weight_map"]["model.norm.weight"] = name.replace("FOLDER", str(folder))
        place.write_text(json.dumps(index))
        shutil.copy(next((folder / "model").glob("*.safetensors")), folder / "other.safetensors")

    return edit


CONFIG, INDEX = "model/config.json", "model/model.safetensors.index.json"
TOKENIZER, ADAPTER = "model/tokenizer_config.json", "adapter/adapter_config.json"
REFUSED = {
    "fewer layers": (_json(CONFIG, num_hidden_layers=1), "does not describe, 'model.layers.1."),
    "no layers": (_json(CONFIG, num_hidden_layers=0), "does not describe, 'model.layers.0."),
    "more layers": (_json(CONFIG, num_hidden_layers=3), "its weights lack 9"),
    "many layers": (_json(CONFIG, num_hidden_layers=10**9), "num_hidden_layers is"),
    "negative layers": (_json(CONFIG, num_hidden_layers=-7), "num_hidden_layers is -7"),
    "another size": (_json(CONFIG, intermediate_size=52), "other sizes than its weights"),
    "a size as text": (_json(CONFIG, hidden_size="32"), ""),
    "another kind": (_json(CONFIG, model_type="qwen3"), ""),
    "no kind": (_json(CONFIG, model_type=None, architectures=None), ""),
    "weights by a path": (_json(CONFIG, transformers_weights="../other.safetensors"), "no safetensors file in this"),
    "weights of no name": (_json(CONFIG, transformers_weights=7), "no safetensors file in this"),
    "index by a path": (_index("../other.safetensors"), "'../other.safetensors' is no safetensors file in this"),
    "index by a whole path": (_index("FOLDER/other.safetensors"), "is no safetensors file in this"),
    "index of a file that is not there": (_index("model-7.safetensors"), "is no safetensors file in this"),
    "index of a pickle": (_index("model.bin"), "is no safetensors file in this"),
    "index of a wrong type": (_json(INDEX, weight_map=[]), "not an index of weights"),
    "index without names": (_json(INDEX, weight_map=None), "not an index of weights"),
    "a tensor too few": (_weights(lambda t: t.pop("model.norm.weight")), "its weights lack 1"),
    "a tensor too many": (
        _weights(lambda t: t.update({"model.other": torch.ones(2)})),
        "describe, 'model.other' first",
    ),
    "a tensor of another shape": (_weights(lambda t: t.update({"model.norm.weight": torch.ones(3)})), "other sizes"),
    "a length as text": (_json(TOKENIZER, model_max_length="long"), ""),
    "a token of a wrong type": (_json(TOKENIZER, eos_token=[7]), ""),
    "generation settings": (_json("model/generation_config.json", eos_token_id={"a": 1}), "eos_token_id is {'a': 1}"),
    "generation settings in a list": (_json("model/generation_config.json", eos_token_id=["</s>"]), ""),
    "a huge rank": (_json(ADAPTER, r=10**9), "r is 1000000000"),
    "a negative rank": (_json(ADAPTER, r=-1), ""),
    "modules that are not there": (_json(ADAPTER, target_modules=["nothing"]), ""),
    "an adapter of a wrong type": (_json(ADAPTER, peft_type=7), ""),
}


def _said(whole: Path, folder: Path, edit: Edit, command: str) -> Any:
    shutil.copytree(whole, folder)
    edit(folder)
    words = {
        "probe": ["probe", str(folder / "t.parquet"), "-o", str(folder / "run")],
        "doctor": ["doctor", "--table", str(folder / "t.parquet")],
    }
    model = ["--model", str(folder / "model"), "--adapter", str(folder / "adapter")]
    return CliRunner().invoke(main, words[command] + model)


@pytest.mark.parametrize("case", REFUSED)
def test_an_edited_model_is_refused_in_one_line(case: str, whole: Path, tmp_path: Path) -> None:
    edit, words = REFUSED[case]
    command = "doctor" if sum(map(ord, case)) % 2 else "probe"
    done = _said(whole, tmp_path / "copy", edit, command)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert done.exit_code in (3, 4) and not done.stdout and len(lines) == 1, done.output[-2000:]
    assert lines[0].startswith("error: ") and words in lines[0]


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.0.attn.masked_bias"])
def test_constants_of_older_files_are_no_weights(name: str, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    _weights(lambda tensors: tensors.update({name: torch.ones(4)}))(tmp_path / "copy")
    load_part("model", tmp_path / "copy" / "model")


def test_weights_of_parts_for_pictures_are_named_and_left_out(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    _weights(lambda tensors: tensors.update({"vision_tower.weight": torch.ones(4)}))(tmp_path / "copy")
    with pytest.warns(UserWarning, match="1 weights of parts beside the language model are not used, 'vision_tower"):
        load_part("model", tmp_path / "copy" / "model")


def test_a_tied_head_needs_no_weights_of_its_own(tmp_path: Path) -> None:
    made("llama, tied").save_pretrained(tmp_path / "model")
    load_part("model", tmp_path / "model")
    known = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(known | {"tie_word_embeddings": False}))
    with pytest.raises(ModelLoadError, match=r"its weights lack 1 .* lm_head\.weight first"):
        load_part("model", tmp_path / "model")
