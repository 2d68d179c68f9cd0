from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    made = PreferenceTable(
        users=[f"u{i}" for i in range(12)],
        categories=("Noir", "War", "Drama"),
        counts=rng.integers(1, 9, (12, 3)),
        history=[(f"title {i}",) for i in range(12)],
    )
    write_table(made, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def _probe(table: Path, *options: str) -> tuple[int, str, Path]:
    run = table.parent / "run"
    base = ["probe", str(table), "--backend", "mocked", "--model", "random", "--no-dg", "-o", str(run)]
    done = CliRunner().invoke(main, [*base, *options])
    return done.exit_code, done.stderr, run


def test_choices_of_a_readout_reach_the_run(table: Path) -> None:
    code, said, run = _probe(table, "--readout", "generative", "--set", "orders=2", "--debias")
    assert code == 0, said
    metadata = read_table(run).metadata
    assert metadata["readout"] == "generative" and metadata["readout_options"] == {"orders": 2}
    assert metadata["debias"] is True and "position_bias" in metadata["readout_means"]


def test_a_temperature_is_a_number_or_fitted(table: Path) -> None:
    code, said, run = _probe(table, "--temperature", "fitted", "--readout", "name", "--set", "measure=byte")
    assert code == 0, said
    metadata = read_table(run).metadata
    assert metadata["temperature"] == "fitted" and len(metadata["fold_temperatures"]) == 5
    assert metadata["readout_options"] == {"measure": "byte"}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--set", "orders"), 2, "NAME=VALUE"),
        (("--temperature", "hot"), 2, "the word 'fitted'"),
        (("--set", "orders=2"), 3, "it has verbaliser"),
        (("--temperature", "-1"), 3, "temperature"),
        (("--limit", "-1"), 3, "limit: -1 is below 1"),
        (("--limit", "0"), 3, "limit: 0 is below 1"),
        (("--list-temperature", "nan"), 3, "--list-temperature: "),
        (("--list-temperature", "-1"), 3, "--list-temperature: "),
        (("--readout", "hierarchical"), 3, "two-level taxonomy"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(table: Path, options: tuple[str, ...], code: int, words: str) -> None:
    got, said, run = _probe(table, *options)
    assert got == code and words in said and not run.exists()
