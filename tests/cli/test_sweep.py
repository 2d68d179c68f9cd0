"""`probe --template` and `probe --sweep`: what is printed, what lies in the folder, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import read_table
from spectra_eval_cli.main import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    words = ["synthetic", "-O", "users=6", "-O", "categories=6", "-O", "groups=2", "--context-windows", "1,3"]
    done = run("prepare", *words, "--details", "-o", path)
    assert done.exit_code == 0, done.output
    return path


def probed(table: Path, run_folder: Path, *words: object) -> Result:
    return run("probe", table, "--backend", "mocked", "--model", "random", "--no-dg", "-o", run_folder, *words)


def test_a_template_by_name_and_by_file(table: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text('heading: "Seen:"\nitem: "* {title} on {date}"\n')
    digests = []
    for name, words in (("plain", []), ("terse", ["--template", "terse"]), ("mine", ["--template", mine])):
        done = probed(table, tmp_path / name, *words)
        assert done.exit_code == 0, done.output
        metadata = read_table(tmp_path / name).metadata
        assert metadata["template"] == name
        digests.append(metadata["template_digest"])
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("prompts", ["plain", "detailed", "question", "recommender", "statement", "terse", "mine"]),
        ("verbalisers", ["paper", "yes-no", "cases", "true-false", "good-bad"]),
        ("windows", ["1-sessions", "3-sessions"]),
        ("taxonomy", ["fine", "coarse", "rarest-5", "rarest-3"]),
    ],
)
def test_every_sweep_prints_its_table(table: Path, tmp_path: Path, kind: str, names: list[str]) -> None:
    (tmp_path / "mine.yaml").write_text('heading: "Seen:"\n')
    words = ["--template", tmp_path / "mine.yaml"] if kind == "prompts" else []
    out = tmp_path / "out"
    done = probed(table, out, "--sweep", kind, *words)
    assert done.exit_code == 0, done.output
    assert f"sweep: {len(names)} variants: {', '.join(names)}" in done.stderr
    assert "js_divergence [bit]" in done.stdout and all(name in done.stdout for name in names)
    assert {path.name for path in out.iterdir()} == {*names, "sweep.json", "sweep.md", "sweep.tex"}
    document = json.loads((out / "sweep.json").read_text())
    assert document["sweep"] == kind and len(document["pairs"]) == (
        len(names) - 1 if names[0] in ("plain", "paper") else 0
    )
    quiet = probed(table, out, "--sweep", kind, "--quiet", *words)
    assert quiet.stdout == done.stdout and quiet.stderr == ""


def test_a_sweep_of_something_else_takes_the_first_template(table: Path, tmp_path: Path) -> None:
    done = probed(table, tmp_path / "out", "--sweep", "windows", "--template", "terse", "--limit", 2)
    assert done.exit_code == 0, done.output
    kept = read_table(tmp_path / "out/1-sessions")
    assert kept.metadata["template"] == "terse" and kept.n_users == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--sweep", "words"], 2, "'words' is not one of"),
        (["--template", "plain", "--template", "terse"], 2, "ask in all of them with --sweep prompts"),
        (["--template", "plane"], 3, "error: no template named 'plane'; known: plain"),
        (["--template", "none.yaml"], 3, "error: none.yaml: no such file"),
        (["--sweep", "verbalisers", "--readout", "name"], 3, "error: --sweep: readout 'name' has no verbaliser"),
        (["--set", "verbaliser=maybe"], 3, "error: verbaliser: 'maybe' is none of paper"),
    ],
)
def test_what_is_refused(table: Path, tmp_path: Path, words: list[str], code: int, said: str) -> None:
    done = probed(table, tmp_path / "out", *words)
    assert done.exit_code == code and said in done.output, done.output
    assert not (tmp_path / "out").exists()
