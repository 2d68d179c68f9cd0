"""`--config` with a section for each command: arguments and options, what is typed wins, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import read_json, read_table
from spectra_eval_cli.main import main

CONFIG = """
quiet: true
prepare:
  dataset: synthetic
  option: [users=12, categories=6, groups=2, noise=0.2, list-length=2]
  seed: 3
  output: t.parquet
certify:
  table: t.parquet
  k: 2
  output: c.json
check-metric: {examples: 5}
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("all.yaml").write_text(CONFIG)


def test_one_file_runs_two_commands_and_what_is_typed_wins() -> None:
    assert run("prepare", "--config", "all.yaml").exit_code == 0
    assert read_table("t.parquet").metadata["synthetic"]["users"] == 12
    assert run("certify", "--config", "all.yaml").exit_code == 0
    assert read_json("c.json")["options"]["k"] == 2
    assert run("certify", "t.parquet", "--config", "all.yaml", "-k", "1", "-o", "d.json").exit_code == 0
    assert read_json("d.json")["options"]["k"] == 1
    assert run("prepare", "--config", "all.yaml", "-O", "users=5", "-o", "u.parquet").exit_code == 0
    assert read_table("u.parquet").metadata["synthetic"]["users"] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prepare: {optoin: [a=1]}", "no option 'optoin' in this command"),
        ("certify: {k: 2}\nprepere: {seed: 1}", "'prepere' is a mapping; write one value or a flat list, or the name"),
        ("prepare: {dataset: synthetic, output: t.parquet}\nk: 2", "no option 'k' in this command"),
        ("prepare: {limit: many}", "'limit': 'many' is not a valid integer"),
        ("prepare: {quiet: {a: 1}}", "'quiet' is a mapping"),
        ("prepare:", "'prepare' has no value"),
    ],
)
def test_what_is_refused_is_one_line(text: str, said: str) -> None:
    Path("bad.yaml").write_text(text)
    result = run("prepare", "--config", "bad.yaml")
    assert result.exit_code == 3 and said in result.stderr and result.stderr.count("\n") == 1, result.output
    assert not Path("t.parquet").exists()
