"""A training folder that somebody has edited: every edit is refused in one line, and no file outside is looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.artifacts import json_digest
from spectra_eval.errors import InputError
from spectra_eval.training import Recipe, text_rows, train
from tests.unit.mutations import edits

pytestmark = pytest.mark.hf
torch = pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("peft", reason="the extra train is not installed")

RECIPE = Recipe(rank=2, alpha=4, steps=3, batch=1, layers=1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 12, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    return LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=2, attn_implementation="sdpa")).eval()


def _train(folder: Path, progress: Any = None) -> Any:
    rows = text_rows([[1, 2, 3, 4, 5]], length=6, stop=0)
    return train(_model(), rows, folder, recipe=RECIPE, about={}, keep_every=1, progress=progress)


def _stop(done: int, total: int, loss: float) -> None:
    if done == 3:
        raise KeyboardInterrupt


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "run", _stop)
    return tmp_path / "run"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    _train(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("state", ["stopped", "finished"])
def test_every_edit_of_a_manifest_is_refused_in_one_line(state: str, request: pytest.FixtureRequest) -> None:
    run: Path = request.getfixturevalue(state)
    place = run / "manifest.json"
    before = place.read_bytes()
    known = json.loads(before)
    optional = {f"{name} left out" for name in ("final_loss", "loss_plot", "trained_parameters", "files.loss.svg")}
    tried = 0
    for name, edited in edits(known, (None, True, -7, "x", [[]])):
        said_only = name in optional or (name.startswith("loss_plot") and isinstance(edited["loss_plot"], str))
        if edited == known or said_only or (name.startswith("final_loss") and "-7" in name):
            continue
        place.write_text(json.dumps(edited))
        with pytest.raises(InputError) as caught:
            _train(run)
        assert "\n" not in str(caught.value) and str(run) in str(caught.value), name
        tried += 1
    for text in ("", "{", "[" * 10_000, '{"schema": NaN}', "null", "\x00"):
        place.write_text(text)
        with pytest.raises(InputError):
            _train(run)
    place.write_bytes(before)
    _train(run)
    assert tried > 150


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "./log.jsonl", "", ".", "log.jsonl\n"])
def test_a_file_outside_the_folder_is_not_looked_at(name: str, finished: Path) -> None:
    (finished.parent / "secret").write_text("s")
    known = json.loads((finished / "manifest.json").read_text())
    known["files"] = {name: "0" * 64, **known["files"]}
    (finished / "manifest.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match="no file below it"):
        _train(finished)


def test_links_are_not_followed(finished: Path, tmp_path: Path) -> None:
    shutil.move(finished / "log.jsonl", tmp_path / "elsewhere")
    (finished / "log.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"log\.jsonl: a link"):
        _train(finished)


def test_weights_that_the_manifest_does_not_name_are_refused(finished: Path) -> None:
    known = json.loads((finished / "manifest.json").read_text())
    del known["files"]["adapter_model.safetensors"]
    (finished / "manifest.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match=r"does not name adapter_model\.safetensors"):
        _train(finished)


def test_an_edited_configuration_is_noticed(finished: Path) -> None:
    known = json.loads((finished / "manifest.json").read_text())
    known["configuration"]["leaked"] = False
    (finished / "manifest.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match="configuration was edited"):
        _train(finished)
    known["configuration_digest"] = json_digest(known["configuration"])
    (finished / "manifest.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match="another training"):
        _train(finished)


def _bytes(cut: slice) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        place.write_bytes(place.read_bytes()[cut])

    return change


def _state(change: Callable[[dict[str, Any], dict[str, str]], None]) -> Callable[[Path], None]:
    def written(place: Path) -> None:
        from safetensors import safe_open
        from safetensors.torch import load_file, save_file

        with safe_open(place, framework="pt") as state:
            said = state.metadata()
        tensors = load_file(place)
        change(tensors, said)
        save_file(tensors, place, metadata=said)

    return written


def _edited_log(**changed: Any) -> Callable[[Path], None]:
    def change(tensors: Any, said: dict[str, str]) -> None:
        log = json.loads(said["log"])
        log[0] |= changed
        said["log"] = json.dumps(log)

    return _state(change)


def _reshaped(tensors: dict[str, Any], said: Any) -> None:
    name = next(name for name in tensors if name.startswith("second/"))
    tensors[name] = tensors[name][:1].contiguous()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda place: place.write_bytes(b""), "remove this file"),
        (lambda place: place.write_bytes(b"\xff" * 64), "remove this file"),
        (_bytes(slice(0, 100)), "remove this file"),
        (_bytes(slice(0, -9)), "remove this file"),
        (_state(lambda tensors, said: said.clear()), "another training"),
        (_state(lambda tensors, said: said.update(digest="0" * 64)), "another training"),
        (_state(lambda tensors, said: said.pop("step")), "log of every step"),
        (_state(lambda tensors, said: said.update(step="1")), "log of every step"),
        (_state(lambda tensors, said: said.update(step="-9")), "log of every step"),
        (_state(lambda tensors, said: said.pop("log")), "remove this file"),
        (_state(lambda tensors, said: said.update(log="[" * 10_000)), "nested"),
        (_state(lambda tensors, said: said.update(log="[{}, {}]")), "has no 'step'"),
        (_edited_log(loss="low"), r"\[0\]\.loss is 'low'"),
        (_edited_log(step=7), "log of every step"),
        (_edited_log(more=1), "unknown key 'more'"),
        (_state(lambda tensors, said: tensors.pop(min(tensors))), "lacks first/"),
        (_state(_reshaped), "has the shape"),
    ],
)
def test_a_damaged_state_is_one_line_and_its_removal_helps(
    change: Callable[[Path], None], said: str, stopped: Path
) -> None:
    place = stopped / "state.safetensors"
    change(place)
    with pytest.raises(InputError, match=said) as caught:
        _train(stopped)
    assert "\n" not in str(caught.value) and str(place) in str(caught.value)
    place.unlink()
    (stopped / "log.jsonl").write_bytes(b"\xff{ not a log")
    _train(stopped)
    assert len((stopped / "log.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["state.safetensors", "log.jsonl"])
def test_a_folder_in_the_place_of_a_file_is_refused(name: str, stopped: Path) -> None:
    (stopped / name).unlink()
    (stopped / name).mkdir()
    with pytest.raises(InputError, match="a folder, where a file"):
        _train(stopped)
