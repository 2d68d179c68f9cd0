"""`spectra-eval compare`: the flow on files, against the library call."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.baselines import with_baseline
from spectra_eval.evaluation import compare
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, PreferenceTable]:
    rng = np.random.default_rng(0)
    plain = PreferenceTable(
        users=[f"u{i}" for i in range(30)],
        categories=("a", "b", "c"),
        counts=rng.integers(1, 9, (30, 3)).astype(float),
        n_window=np.full(30, 9),
        history_counts=rng.integers(1, 9, (30, 3)).astype(float),
    )
    made = {name: with_baseline(plain, name) for name in ("uniform", "history")}
    for name, table in made.items():
        write_table(table, tmp_path / f"{name}.parquet")
    return made


def test_the_document_is_that_of_the_library(tables: dict[str, PreferenceTable], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    paths = [str(tmp_path / f"{name}.parquet") for name in tables]
    options = ["--metrics", "total_variation", "--baselines", "oracle", "--bootstrap", "20", "--seed", "4"]
    done = CliRunner().invoke(main, ["compare", *paths, *options, "--format", "json", "-o", str(out)])
    assert done.exit_code == 0, done.output
    expected = compare(
        tables, metrics=["total_variation"], baselines=["oracle"], bootstrap=20, rng=np.random.default_rng(4)
    ).to_json()
    assert json.loads(done.stdout) == {**json.loads(json.dumps(expected)), "seed": 4}
    assert json.loads(out.read_text()) == json.loads(done.stdout)


@pytest.mark.parametrize("style", ["table", "markdown", "csv"])
def test_rows_for_people(tables: dict[str, PreferenceTable], tmp_path: Path, style: str) -> None:
    paths = [str(tmp_path / f"{name}.parquet") for name in tables]
    done = CliRunner().invoke(main, ["compare", *paths, "--metrics", "js_divergence,soft_ece", "--format", style])
    assert done.exit_code == 0, done.output
    assert "uniform - history" in done.stdout and "js_divergence [bit]" in done.stdout
    assert ("| history" in done.stdout.replace("│", "|") or "history  " in done.stdout) == (style != "csv")


def test_one_table_alone_is_refused_in_one_line(tables: dict[str, PreferenceTable], tmp_path: Path) -> None:
    assert set(tables) == {"uniform", "history"}
    done = CliRunner().invoke(main, ["compare", str(tmp_path / "uniform.parquet")])
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: compare: 1 system")


def test_a_p_value_below_the_numbers_is_shown_as_a_bound_and_not_as_zero(tmp_path: Path) -> None:
    counts = np.tile([[3.0, 1.0]], (2000, 1))
    for name, first in (("near", 0.75), ("far", 0.25)):
        theta_s = np.tile([[first, 1 - first]], (2000, 1))
        table = PreferenceTable(
            users=[f"u{i}" for i in range(2000)], categories=("a", "b"), counts=counts, theta_s=theta_s
        )
        write_table(table, tmp_path / f"{name}.parquet")
    words = ["compare", *(str(tmp_path / f"{name}.parquet") for name in ("near", "far"))]
    words += ["--metrics", "total_variation,brier", "--bootstrap", "0", "--format"]
    shown = CliRunner().invoke(main, [*words, "table"]).stdout
    assert "<2e-300" in shown and "<1e-300" in shown
    pair = json.loads(CliRunner().invoke(main, [*words, "json"]).stdout)["pairs"][0]
    assert (pair["p_value"], pair["adjusted_p_value"]) == (1e-300, 2e-300)
    assert pair["log10_p"] < -300 and pair["better"] == "near"
    assert "$<0.001$" in CliRunner().invoke(main, [*words, "latex"]).stdout
    assert str(pair["log10_p"]) in CliRunner().invoke(main, [*words, "csv"]).stdout
