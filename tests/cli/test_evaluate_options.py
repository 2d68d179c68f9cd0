"""`spectra-eval evaluate` with named systems, further columns and threads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    table = PreferenceTable(
        users=[f"u{i}" for i in range(40)],
        categories=("a", "b", "c"),
        counts=rng.integers(1, 9, (40, 3)).astype(float),
        n_window=np.arange(40) + 3,
        history_counts=rng.integers(1, 9, (40, 3)).astype(float),
        theta_s=rng.dirichlet(np.ones(3), size=40),
        dg=[[0, 1]] * 40,
    )
    write_table(table, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_systems_strata_by_any_column_and_threads(path: Path, tmp_path: Path) -> None:
    lines = ["user,sex,age"] + [f"u{i},{'fm'[i % 2]},{20 + i}" for i in range(39)]
    (tmp_path / "who.csv").write_text("\n".join(lines) + "\n")
    options = ["--systems", "theta_s,dg,dg_best,linear,mixture", "--strata", "sex,age,n_window"]
    more = ["--columns", str(tmp_path / "who.csv"), "--threads", "2", "--bootstrap", "20", "--format", "json"]
    done = CliRunner().invoke(main, ["evaluate", str(path), *options, *more])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    value = {(r["metric"], r["system"], r["stratum"]): r for r in document["results"]}
    assert value["js_divergence", "theta_s", "sex=f"]["n_users"] == 20
    assert value["js_divergence", "theta_s", "sex=m"]["n_users"] == 19  # u39 has no row
    assert sum(value["js_divergence", "linear", f"age=Q{q}"]["n_users"] for q in (1, 2, 3, 4)) == 39
    assert value["js_divergence", "mixture", "n_window=Q1"]["n_users"] == 10
    best, uniform = (value["js_divergence", name, "all"]["value"] for name in ("dg_best", "dg"))
    assert best <= uniform
    captured = value["mass_captured@2" if ("mass_captured@2", "dg", "all") in value else "mass_captured@3", "dg", "all"]
    assert 0 < captured["value"] < 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--systems", "fate"], "no system named 'fate'"),
        (["--systems", "dg,dg"], "named twice"),
        (["--systems", "markov"], "has no history"),
        (["--strata", "sex"], "no stratification named 'sex'"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(path: Path, options: list[str], said: str) -> None:
    done = CliRunner().invoke(main, ["evaluate", str(path), *options])
    assert done.exit_code == 3 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_bad_file_of_columns_is_refused(path: Path, tmp_path: Path) -> None:
    for text, said in (
        ("name,age\na,1\n", "no column user"),
        ("user,age\nu1,1\nu1,2\n", "line 3: user 'u1' occurs twice"),
    ):
        (tmp_path / "who.csv").write_text(text)
        done = CliRunner().invoke(main, ["evaluate", str(path), "--columns", str(tmp_path / "who.csv")])
        assert done.exit_code == 3 and said in done.stderr
