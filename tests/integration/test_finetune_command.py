"""The command `finetune` on a tiny model with a real tokenizer: defaults, marks, kills, processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table
from spectra_eval.training import Recipe
from spectra_eval_cli.finetune import command
from spectra_eval_cli.main import main

pytestmark = pytest.mark.hf

ROOT = Path(__file__).resolve().parents[2]
TITLES = ("Heat", "Ran", "Alien", "Brazil", "Laura", "Gilda", "Vertigo", "Jaws", "Rope", "Diva")
FAST = ["--batch", "2", "--learning-rate", "0.01", "--cuts", "0.5", "--titles", "3", "--rank", "2", "--keep-every", "2"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write ratings of eight users, a table of them, and a tiny model."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from spectra_eval.probing.backends._embedded import converted, embedded_gguf

    folder = tmp_path_factory.mktemp("finetune")
    data = folder / "data"
    data.mkdir()
    genres = ("Crime", "War", "Horror|Crime", "War", "Crime")
    (data / "movies.dat").write_text(
        "".join(f"{i}::{title} (1980)::{genres[i % 5]}\n" for i, title in enumerate(TITLES))
    )
    lines = [f"{user}::{(user * 3 + i) % 10}::4::{1000 + i}\n" for user in range(8) for i in range(10)]
    (data / "ratings.dat").write_text("".join(lines))
    run("prepare", "movielens", data, "--genres", "18", "-o", folder / "table.parquet")
    tokenizer = AutoTokenizer.from_pretrained(converted(embedded_gguf()), local_files_only=True)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(shape).save_pretrained(folder / "tiny")
    tokenizer.save_pretrained(folder / "tiny")
    return folder


def run(*words: object) -> str:
    done = CliRunner().invoke(main, [*map(str, words), "--quiet"])
    assert done.exit_code == 0, done.output
    return done.output


def words_of(files: Path, name: str, *more: object) -> list[str]:
    start = ["finetune", files / "table.parquet", files / "data", "--model", files / "tiny"]
    return [str(word) for word in [*start, *FAST, *more, "-o", files / name]]


def curve(folder: Path) -> list[tuple[Any, ...]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(e["step"], e["loss"], e["learning_rate"], e["gradient_norm"]) for e in lines]


def said(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["configuration"]
    return found


def test_the_defaults_are_the_recipe_of_the_paper() -> None:
    recipe = Recipe()
    assert (recipe.how, recipe.rank, recipe.alpha, recipe.dropout, recipe.layers) == ("lora", 32, 64, 0.1, None)
    assert (recipe.learning_rate, recipe.warmup) == (8e-5, 0.1)
    on_the_command_line = {option.name: option.default for option in command.params}
    for name in ("how", "rank", "alpha", "dropout", "learning_rate", "epochs", "batch", "seed"):
        assert on_the_command_line[name] == getattr(recipe, name), name


def test_low_rank_matrices_of_the_last_layers_alone(files: Path) -> None:
    from safetensors import safe_open

    run(*words_of(files, "last", "--steps", "2", "--layers", "1"))
    with safe_open(files / "last" / "adapter_model.safetensors", framework="np") as weights:
        names = sorted(weights.keys())
    assert {name.split(".")[4] for name in names} == {"2"}, "of three layers the last"
    assert len(names) == 2 * 7 and said(files / "last")["recipe"]["layers"] == 1
    done = CliRunner().invoke(main, words_of(files, "no", "--layers", "4"))
    assert done.exit_code == 3 and "layers: 4, but the model has 3" in done.output
    done = CliRunner().invoke(main, words_of(files, "no2", "--layers", "1", "--how", "full"))
    assert done.exit_code == 3 and "with lora alone" in done.output


def test_what_leaked_stays_marked_through_stages_merging_and_whole_models(files: Path) -> None:
    from spectra_eval.probing.backends._hf_load import model_facts

    steps = ("--steps", "1")
    run(*words_of(files, "leaky", *steps, "--leaky-same-window", "--merge", files / "leaky-merged"))
    run(*words_of(files, "on-leaky", *steps, "--start", files / "leaky"))
    run(*words_of(files, "leaky-whole", *steps, "--how", "full", "--leaky-same-window"))
    run(*words_of(files, "clean", *steps, "--merge", files / "clean-merged"))
    assert said(files / "on-leaky")["leaked"] is True, "a later stage does not wash it off"
    for place in ("leaky-merged", "leaky-whole/model"):
        assert model_facts(files / place) == {"leaked": True}
    assert said(files / "clean")["leaked"] is False and model_facts(files / "clean-merged") == {}
    for number, (model, more, leaked) in enumerate(
        (
            ("leaky-merged", [], True),
            ("leaky-whole/model", [], True),
            ("tiny", ["--adapter", files / "on-leaky"], True),
            ("clean-merged", [], None),
        )
    ):
        out = files / f"run-{number}"
        asked = ["probe", files / "table.parquet", "--model", files / model, *more, "--limit", "1", "--no-dg"]
        run(*asked, "-o", out)
        assert read_table(out / "table.parquet").metadata.get("leaked") is leaked, model
    again = ["finetune", files / "table.parquet", files / "data", "--model", files / "leaky-merged", *FAST, *steps]
    run(*again, "-o", files / "from-leaky")
    assert said(files / "from-leaky")["leaked"] is True


def test_probing_with_an_adapter_gives_the_scores_of_the_merged_model(files: Path) -> None:
    run(*words_of(files, "adapter", "--steps", "3", "--merge", files / "whole"))
    tables = {}
    for name, more in (
        ("adapter", ["--model", files / "tiny", "--adapter", files / "adapter"]),
        ("merged", ["--model", files / "whole"]),
        ("plain", ["--model", files / "tiny"]),
    ):
        run("probe", files / "table.parquet", *more, "--limit", "3", "--no-dg", "-o", files / f"probed-{name}")
        tables[name] = read_table(files / f"probed-{name}" / "table.parquet")
    scores = {name: np.asarray(table.scores) for name, table in tables.items()}
    np.testing.assert_allclose(scores["adapter"], scores["merged"], rtol=0, atol=1e-4)
    assert np.abs(scores["adapter"] - scores["plain"]).max() > 1e-3
    assert len(tables["adapter"].metadata["adapter_digest"]) == 64


def test_a_command_that_was_killed_goes_on_to_the_same_loss_curve(files: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")]), "OMP_NUM_THREADS": "1"}
    words = words_of(files, "killed", "--steps", "60")
    log = files / "killed" / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "spectra_eval_cli", *words], env=environment, stderr=subprocess.PIPE
    ) as process:
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if log.is_file() and log.read_bytes().count(b"\n") >= 3:
                process.kill()
                break
        process.wait(timeout=120)
        stderr = process.stderr.read().decode() if process.stderr else ""
    assert process.returncode == -signal.SIGKILL, stderr[-800:]
    done = len(curve(files / "killed"))
    assert 3 <= done < 60
    run(*words)
    run(*words_of(files, "whole-curve", "--steps", "60"))
    assert curve(files / "killed") == curve(files / "whole-curve") and len(curve(files / "killed")) == 60
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (files / "killed" / name).read_bytes() == (files / "whole-curve" / name).read_bytes()


@pytest.mark.slow
def test_two_processes_of_the_command_share_every_batch(files: Path) -> None:
    more = ("--steps", "3")
    # What `accelerate launch --multi_gpu` starts too; on processors alone that command itself starts one process.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    launch += ["-m", "spectra_eval_cli"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")]), "OMP_NUM_THREADS": "1"}
    environment["ACCELERATE_USE_CPU"] = "true"
    done = subprocess.run(
        [*launch, *words_of(files, "two", *more, "--accelerate", "--merge", files / "two-merged")],
        check=False,
        capture_output=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()[-1500:]
    assert done.stderr.decode().count("2 process(es)") == 1, "one of them speaks"
    assert (files / "two-merged" / "model.safetensors").is_file()
    run(*words_of(files, "one", *more))
    assert said(files / "two")["processes"] == 2 and said(files / "one")["processes"] == 1
    np.testing.assert_allclose(np.array(curve(files / "two")), np.array(curve(files / "one")), rtol=0, atol=1e-5)
