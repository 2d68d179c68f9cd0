"""Settings of adapters that somebody has edited: refused in one line, before a library acts on them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.artifacts import file_digest, json_digest
from spectra_eval.errors import ModelLoadError
from spectra_eval.probing.backends._adapter import adapter_facts
from spectra_eval.probing.backends._hf_load import model_digest
from spectra_eval.probing.backends._model_settings import adapter_settings, check_adapter_sizes, check_pattern
from tests.unit.mutations import edits

GOOD = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "rank_pattern": {"v_proj": 4}}


def _written(folder: Path, settings: Any) -> Path:
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize(
    "pattern",
    [
        "all-linear",
        "q_proj",
        r".*\.(q_proj|v_proj)$",
        r"model\.layers\.\d+\.self_attn\.(?:q_proj|k_proj)",
        r"^.*layers\.(1|10|11)\.mlp\.[a-z_]+$",
        "q_proj|lm_head",
    ],
)
def test_plain_patterns_are_taken(pattern: str) -> None:
    assert check_pattern(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(.*)*x",
        "(a|a)(a|b)x",
        "(.*a){20}",
        "(?:a?){30}b",
        "a?a?a?a?a?aaaaa",
        ".*.*.*.*.*x",
        "(?=.*x).*",
        r"(.)\1",
        "((q|k)_proj)",
        "[",
        "(",
        "q_proj" * 200,
        "*",
        "[z-a]",
        "q{9,1}",
        "\x00",
    ],
)
def test_a_pattern_that_could_hang_is_refused_with_the_fix(pattern: str, tmp_path: Path) -> None:
    assert check_pattern(pattern) is not None
    for name in ("target_modules", "exclude_modules", "layers_pattern"):
        with pytest.raises(ModelLoadError, match="list the names of the modules instead"):
            adapter_settings(_written(tmp_path, GOOD | {name: pattern}))
    for name, value in (
        ("modules_to_save", [pattern]),
        ("rank_pattern", {pattern: 2}),
        ("alpha_pattern", {pattern: 2}),
    ):
        with pytest.raises(ModelLoadError, match=name):
            adapter_settings(_written(tmp_path, GOOD | {name: value}))


def test_the_longest_search_of_a_pattern_that_is_taken_is_short() -> None:
    slowest = ".*[a-z]*.*[a-z]*X"
    assert check_pattern(slowest) is None
    assert re.fullmatch(slowest, "a" * 60) is None


def test_every_edit_of_the_settings_is_refused_or_taken_as_it_is(tmp_path: Path) -> None:
    refused = []
    for _, edited in edits(GOOD):
        _written(tmp_path, edited)
        try:
            assert adapter_settings(tmp_path) == edited
        except ModelLoadError as error:
            refused.append(str(error))
    assert len(refused) > 60
    assert all("\n" not in said and "adapter_config.json" in said for said in refused)


@pytest.mark.parametrize("text", ["", "{", "[" * 10_000, "null", "[]", '{"r": 1, "r": 2}', '{"r": NaN}', "\x00"])
def test_what_is_no_settings_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(ModelLoadError, match="not the settings of an adapter"):
        adapter_settings(tmp_path)


def test_sizes_beyond_the_weights_are_refused() -> None:
    check_adapter_sizes(Path("a"), GOOD, [[8, 64], [64, 8]])
    check_adapter_sizes(Path("a"), GOOD | {"r": 9000}, [[9000, 64]])
    for more in ({"r": 10**9}, {"rank_pattern": {"q_proj": 10**9}}, {"n_frequency": 10**8}):
        with pytest.raises(ModelLoadError, match="no weight has more than 64 rows"):
            check_adapter_sizes(Path("a"), GOOD | more, [[8, 64]])


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Lay down an adapter that leaked, with the record of its training, and the model beside it."""
    adapter, model = tmp_path / "adapter", tmp_path / "model"
    adapter.mkdir()
    model.mkdir()
    (model / "config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    _written(adapter, GOOD)
    configuration = {"leaked": True, "model": "tiny", "model_digest": model_digest(model), "recipe": {"how": "lora"}}
    files = {name: file_digest(adapter / name) for name in ("adapter_config.json", "adapter_model.safetensors")}
    record = {
        "schema": "spectra-eval/training",
        "schema_version": 1,
        "status": "finished",
        "configuration": configuration,
        "configuration_digest": json_digest(configuration),
        "files": {**files, "log.jsonl": "0" * 64},
    }
    (adapter / "manifest.json").write_text(json.dumps(record))
    return tmp_path


def test_a_record_says_that_an_adapter_leaked_and_cannot_be_edited(trained: Path) -> None:
    adapter, model = trained / "adapter", trained / "model"
    assert adapter_facts(adapter, model)["leaked"] is True
    place = adapter / "manifest.json"
    record = json.loads(place.read_text())
    tried = 0
    for name, edited in edits(record, (None, False, -7, "x", [[]])):
        if edited == record or name.startswith("files.log.jsonl"):
            continue
        place.write_text(json.dumps(edited))
        with pytest.raises(ModelLoadError) as caught:
            adapter_facts(adapter, model)
        assert "\n" not in str(caught.value) and str(adapter) in str(caught.value), name
        tried += 1
    assert tried > 60


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_file_of_the_adapter_that_was_changed_is_refused(name: str, trained: Path) -> None:
    with (trained / "adapter" / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ModelLoadError, match=f"{name}: changed since the training wrote it"):
        adapter_facts(trained / "adapter", trained / "model")


def test_an_adapter_whose_training_is_not_over_is_refused(trained: Path) -> None:
    place = trained / "adapter" / "manifest.json"
    record = json.loads(place.read_text()) | {"status": "running"}
    del record["files"]
    place.write_text(json.dumps(record))
    with pytest.raises(ModelLoadError, match="not finished"):
        adapter_facts(trained / "adapter", trained / "model")
