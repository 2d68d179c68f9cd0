"""A few steps on the small real model: from files to an adapter that the probe reads as the training did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table
from spectra_eval.errors import ModelLoadError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._embedded import converted, embedded_gguf
from spectra_eval.probing.readouts import likelihood
from spectra_eval_cli.main import main

pytestmark = pytest.mark.hf

TRAIN = ["--steps", "2", "--batch", "2", "--learning-rate", "0.002", "--cuts", "0.5", "--titles", "3", "--rank", "4"]
TITLES = ("Heat", "Ran", "Alien", "Brazil", "Laura", "Gilda", "Vertigo", "Jaws", "Rope", "Diva")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # other test processes want the cores too
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write ratings of six users, a table of them, and one adapter after two stages; short, for speed."""
    folder = tmp_path_factory.mktemp("training")
    data = folder / "data"
    data.mkdir()
    genres = ("Crime", "War", "Horror|Crime", "War", "Crime")
    movies = "".join(f"{i}::{title} (1980)::{genres[i % 5]}\n" for i, title in enumerate(TITLES))
    (data / "movies.dat").write_text(movies)
    lines = [f"{user}::{(user * 3 + i) % 10}::4::{1000 + i}\n" for user in range(6) for i in range(10)]
    (data / "ratings.dat").write_text("".join(lines))
    run("prepare", "movielens", data, "--genres", "18", "-o", folder / "table.parquet")
    run("finetune", folder / "table.parquet", data, "--stage", "cpt", *TRAIN, "--length", "48", "-o", folder / "cpt")
    again = ["--start", folder / "cpt", "--hold-out", "0.4", "--merge", folder / "merged"]
    run("finetune", folder / "table.parquet", data, *TRAIN, *again, "-o", folder / "sft")
    return folder


def run(*words: object) -> str:
    done = CliRunner().invoke(main, [*map(str, words), "--quiet"])
    assert done.exit_code == 0, done.output
    return done.output


def scores_of(**options: str) -> np.ndarray:
    with open_backend("hf", **options) as session:
        (answers,) = session.score([likelihood.ask(("Heat (1980)", "Ran (1980)"), ("Crime", "War"))])
    return likelihood.read(answers).scores


def test_two_stages_leave_logs_and_say_what_they_were(files: Path) -> None:
    cpt, sft = (json.loads((files / name / "manifest.json").read_text()) for name in ("cpt", "sft"))
    assert (cpt["configuration"]["stage"], sft["configuration"]["stage"]) == ("cpt", "sft")
    assert cpt["configuration"]["users"] == 6 and 0 < sft["configuration"]["users"] < 6
    assert sft["configuration"]["start"] is not None and sft["configuration"]["leaked"] is False
    assert sft["configuration"]["leakage_checked"]["texts"] == sft["configuration"]["users"]
    kept = read_table(files / "sft.held-out.parquet")
    assert kept.n_users == 6 - sft["configuration"]["users"]
    for name in ("cpt", "sft"):
        log = [json.loads(line) for line in (files / name / "log.jsonl").read_text().splitlines()]
        assert [entry["step"] for entry in log] == [1, 2] and all(entry["loss"] > 0 for entry in log)


def test_the_saved_adapter_gives_the_scores_of_the_model_that_was_trained(files: Path) -> None:
    import torch
    from peft import PeftModel

    from spectra_eval.data import DATASETS
    from spectra_eval.probing.backends._hf_load import load
    from spectra_eval.probing.backends._hf_tokens import Prompter
    from spectra_eval.probing.backends._model_files import silenced
    from spectra_eval.training import Recipe, earlier_tables, score_examples, score_row, train
    from spectra_eval.training._loss import row_scores

    table = read_table(files / "table.parquet")
    interactions = DATASETS["movielens"].read(files / "data", genre_set="18")
    place = converted(embedded_gguf())
    model, tokenizer = load(place, dtype="float32", device="cpu")
    (earlier,) = earlier_tables(table, interactions, cuts=[0.5])
    examples = score_examples(earlier.select(slice(0, 2)), likelihood.ask, titles=2)
    rows = [score_row(example, Prompter(tokenizer)) for example in examples]
    recipe = Recipe(steps=2, batch=1, learning_rate=2e-3, rank=4)
    trained = train(model, rows, files / "direct", recipe=recipe, about={"model": "embedded"})
    fresh, _ = load(place, dtype="float32", device="cpu")
    with silenced():
        loaded = PeftModel.from_pretrained(fresh, str(files / "direct")).eval()
    with torch.no_grad():
        expected = row_scores(trained, rows[0])
        assert torch.equal(row_scores(loaded, rows[0]), expected), "saved and loaded: no difference at all"
    with open_backend("hf", adapter=str(files / "direct")) as session:
        (answers,) = session.score([examples[0].request])
        assert len(session.description["adapter_digest"]) == 64 and "leaked" not in session.description
    np.testing.assert_allclose(likelihood.read(answers).scores, expected, rtol=0, atol=1e-4)


def test_a_merged_folder_is_a_plain_model_with_the_same_scores(files: Path) -> None:
    names = {path.name for path in (files / "merged").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names and "adapter_config.json" not in names
    own, merged = scores_of(adapter=str(files / "sft")), scores_of(model=str(files / "merged"))
    np.testing.assert_allclose(merged, own, rtol=0, atol=1e-4)
    assert np.abs(own - scores_of()).max() > 1e-3, "two steps move the scores"
    narrow = scores_of(adapter=str(files / "sft"), dtype="bfloat16")
    assert 0 < np.abs(narrow - own).max() < 0.5


def test_a_leaked_training_marks_every_table_that_is_probed(files: Path) -> None:
    table = files / "table.parquet"
    run(
        "finetune",
        table,
        files / "data",
        *TRAIN,
        "--leaky-same-window",
        "--objective",
        "names",
        "--batch",
        "1",
        "-o",
        files / "leaky",
    )
    run("probe", table, "--adapter", files / "leaky", "--limit", "1", "--titles", "2", "--no-dg", "-o", files / "run")
    probed = read_table(files / "run" / "table.parquet")
    assert probed.metadata["leaked"] is True and len(probed.metadata["adapter_digest"]) == 64
    said = CliRunner().invoke(main, ["evaluate", str(files / "run"), "--bootstrap", "0"])
    assert said.exit_code == 0 and "trained on the evaluation windows" in said.output


def test_an_adapter_of_another_model_is_refused(files: Path) -> None:
    with pytest.raises(ModelLoadError, match="trained on another model"):
        scores_of(model=str(files / "merged"), adapter=str(files / "sft"))
    with pytest.raises(ModelLoadError, match="not an adapter"):
        scores_of(adapter=str(files / "data"))


def test_what_cannot_be_asked_for_is_one_line(files: Path) -> None:
    cases = (
        (["finetune", files / "table.parquet", files / "data", "--leaky-same-window", "--stage", "cpt"], "stage sft"),
        (["finetune", files / "table.parquet", files / "data", "--dropout", "2"], "dropout"),
        (["finetune", files / "table.parquet", files / "data", "--cuts", "half"], "write shares"),
        (["finetune", files / "table.parquet", files / "data", "--how", "full", "--merge", files / "x"], "whole model"),
        (["probe", files / "table.parquet", "--backend", "mocked", "--adapter", files / "sft"], "takes none"),
    )
    for words, why in cases:
        done = CliRunner().invoke(main, [*map(str, words), "-o", str(files / "no")])
        assert done.exit_code != 0 and why in done.output and "Traceback" not in done.output
