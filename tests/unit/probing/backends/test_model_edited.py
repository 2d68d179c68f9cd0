"""A model folder or adapter that somebody has edited: it opens, or it is refused in one line and in bounded time."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.errors import BackendError, InputError, ModelLoadError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._model_files import silenced
from spectra_eval.probing.readouts import likelihood
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main
from tests.unit.mutations import edits
from tests.zoo.animals import VOCABULARY, keep_tokenizer

pytestmark = pytest.mark.hf
torch = pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")

ASK = likelihood.ask(("Heat (1980)", "Ran (1980)"), ("Crime", "War"))
JUNK = (None, True, -7, 0, 10**9, 2**70, 1e300, "", "x" * 50, [], {}, [[]], "\x1b[2J")
Edit = tuple[str, str, Any]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model of two layers, and an adapter of it."""
    peft = pytest.importorskip("peft", reason="the extra train is not installed")
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("edited")
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 2048}
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**sizes, **heads, bos_token_id=1, eos_token_id=2)).eval()
    model.save_pretrained(folder / "model")
    keep_tokenizer(folder / "model")
    settings = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    with silenced():
        peft.get_peft_model(model, settings).save_pretrained(str(folder / "adapter"))
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    return folder


@contextlib.contextmanager
def _within(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError("the edit was not refused in time")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _open(folder: Path, *, adapter: bool) -> None:
    more = {"adapter": str(folder / "adapter")} if adapter else {}
    with open_backend("hf", model=str(folder / "model"), **more) as session:
        session.score([ASK])


def _tried(made: Path, folder: Path, name: str, text: str) -> str | None:
    """Open a copy with one file edited; return what is said, None when it opens."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    (folder / name).write_text(text)
    with _within(30):
        try:
            _open(folder, adapter=name.startswith("adapter"))
        except (BackendError, InputError) as error:
            return str(error)
    return None


ABSURD = [
    *(("num_hidden_layers", size) for size in (10**9, 10**12, 2**70, 3, -7)),
    *(("hidden_size", size) for size in (10**9, 10**18, -7, 0)),
    *(("vocab_size", size) for size in (10**12, 2**70, 401, -7)),
    *(("intermediate_size", size) for size in (10**9, -7)),
    *(("num_attention_heads", size) for size in (10**9, 0, -7)),
    *(("num_key_value_heads", size) for size in (10**9, 0)),
    *(("max_position_embeddings", size) for size in (10**12, 2**70)),
    ("head_dim", 10**9),
    ("model_type", "nothing"),
    ("hidden_act", "nothing"),
    ("rope_parameters", []),
    ("hidden_size", "16"),
    ("rms_norm_eps", "small"),
    ("num_hidden_layers", None),
    ("spectra_eval", []),
    ("spectra_eval", {"leaked": "no"}),
]


@pytest.mark.parametrize(("name", "value"), ABSURD)
def test_an_absurd_configuration_is_refused_in_one_line(name: str, value: Any, made: Path, tmp_path: Path) -> None:
    known = json.loads((made / "model" / "config.json").read_text())
    said = _tried(made, tmp_path / "copy", "model/config.json", json.dumps(known | {name: value}))
    assert said is not None and "\n" not in said
    assert "model" in said and "; " in said, "it names the place and the fix"


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("model/tokenizer_config.json", "eos_token", ""),
        ("model/tokenizer_config.json", "model_max_length", "long"),
        ("model/tokenizer_config.json", "model_max_length", [[]]),
        ("model/tokenizer.json", "model", None),
        ("model/tokenizer.json", "model", {"type": "BPE", "vocab": {"a": -1}, "merges": []}),
        ("model/tokenizer.json", "added_tokens", 7),
        ("adapter/adapter_config.json", "r", 10**9),
        ("adapter/adapter_config.json", "r", 3),
        ("adapter/adapter_config.json", "lora_alpha", "x"),
        ("adapter/adapter_config.json", "target_modules", "(a+)+$"),
        ("adapter/adapter_config.json", "target_modules", ["nothing"]),
        ("adapter/adapter_config.json", "target_modules", 7),
        ("adapter/adapter_config.json", "rank_pattern", {"q_proj": 10**9}),
        ("adapter/adapter_config.json", "init_lora_weights", "pissa_niter_1000000000"),
        ("adapter/adapter_config.json", "layer_replication", [[0, 2]] * 1000),
    ],
)
def test_edited_settings_are_refused_in_one_line(name: str, key: str, value: Any, made: Path, tmp_path: Path) -> None:
    known = json.loads((made / name).read_text())
    said = _tried(made, tmp_path / "copy", name, json.dumps(known | {key: value}))
    assert said is not None and "\n" not in said


@pytest.mark.parametrize("name", ["model/config.json", "model/tokenizer.json", "adapter/adapter_config.json"])
def test_what_is_no_json_is_refused_in_one_line(name: str, made: Path, tmp_path: Path) -> None:
    for text in ("", "{", "[]", "null", "[" * 100_000, "\x00"):
        said = _tried(made, tmp_path / "copy", name, text)
        assert said is not None and "\n" not in said


def test_the_command_line_says_it_in_one_line(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "model", tmp_path / "model")
    known = json.loads((made / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(known | {"num_hidden_layers": 10**9}))
    table = PreferenceTable(users=["a"], categories=("X", "Y"), counts=[[1, 2]], history=[("Heat",)])
    write_table(table, tmp_path / "t.parquet")
    words = ["probe", str(tmp_path / "t.parquet"), "--model", str(tmp_path / "model"), "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 4 and not done.stdout and len(done.stderr.splitlines()) == 1
    assert "num_hidden_layers is" in done.stderr


def test_weights_that_are_cut_or_foreign_are_refused(made: Path, tmp_path: Path) -> None:
    for name in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
        whole = (made / name).read_bytes()
        for content in (b"", whole[:100], whole[:-8], b"\xff" * 64):
            shutil.rmtree(tmp_path / "copy", ignore_errors=True)
            shutil.copytree(made, tmp_path / "copy")
            (tmp_path / "copy" / name).write_bytes(content)
            with pytest.raises(ModelLoadError, match="safetensors") as caught:
                _open(tmp_path / "copy", adapter=name.startswith("adapter"))
            assert "\n" not in str(caught.value)


def _all_edits(made: Path, name: str) -> Iterator[tuple[str, str]]:
    known = json.loads((made / name).read_text())
    large = {key: known["model"].pop(key) for key in ("vocab", "merges")} if name == "model/tokenizer.json" else {}
    for label, edited in edits(known, JUNK):
        if large and isinstance(edited, dict) and isinstance(edited.get("model"), dict):
            edited = {**edited, "model": {**edited["model"], **large}}
        yield label, json.dumps(edited)
    for key in large:
        for junk in JUNK:
            yield f"{key} = {junk!r:.20}", json.dumps({**known, "model": {**known["model"], **large, key: junk}})


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "model/config.json",
        "model/generation_config.json",
        "model/tokenizer_config.json",
        "model/tokenizer.json",
        "adapter/adapter_config.json",
    ],
)
def test_every_edit_opens_or_is_refused_in_one_line(name: str, made: Path, tmp_path: Path) -> None:
    said = {label: _tried(made, tmp_path / "copy", name, text) for label, text in _all_edits(made, name)}
    refused = {label: line for label, line in said.items() if line is not None}
    assert len(said) > 100 and refused
    assert not {label: line for label, line in refused.items() if "\n" in line}
