"""`spectra-eval report`: several tables on one page, and what a paper includes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spectra_eval_cli.main import main


def run(*words: object) -> Any:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tables")
    world = ["-O", "users=25", "-O", "categories=8", "-O", "noise=0.5", "-O", "list_length=3"]
    windows = ["--context-windows", "1,3", "--horizons", "long,short"]
    for words in (
        ["prepare", "synthetic", *world, *windows, "-o", made / "model.parquet"],
        ["baseline", made / "model.parquet", "--method", "laplace", "-o", made / "rival.parquet"],
        ["prepare", "synthetic", *world, "--seed", 1, "-o", made / "others.parquet"],
    ):
        done = run(*words)
        assert done.exit_code == 0, done.output
    return made


def test_a_rival_stands_beside_the_subject_and_a_paper_gets_its_parts(folder: Path, tmp_path: Path) -> None:
    page, paper = tmp_path / "report.html", tmp_path / "paper"
    done = run(
        "report", folder / "model.parquet", folder / "rival.parquet", "-o", page, "--paper", paper, "--bootstrap", 20
    )
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    for system in ("theta_s", "dg", "dg_best", "uniform", "popularity", "history", "rival: theta_s"):
        assert f'<th scope="row">{system}' in text
    assert text.count('<th scope="row">uniform ') == 1, "the references are those of the same users"
    drawn = set(re.findall(r'<figure id="([^"]+)"', text))
    assert {f"category-ndcg-by-context-window-{horizon}" for horizon in ("long", "short")} <= drawn
    assert {path.stem for path in paper.glob("*.pdf")} == drawn
    assert {path.name for path in paper.glob("*.tex")} == {"systems.tex", "results.tex", "claims.tex"}
    assert "rival: theta\\_s" in (paper / "systems.tex").read_text(encoding="utf-8")


def test_other_users_are_refused_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    done = run("report", folder / "model.parquet", folder / "others.parquet", "-o", tmp_path / "report.html")
    assert done.exit_code == 3
    assert re.fullmatch(r"error: (model|others): .* compare tables .*\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_is_what_is_shown(folder: Path, tmp_path: Path) -> None:
    asked = ["--metrics", "js_divergence", "--systems", "theta_s,mixture,oracle", "--strata", "horizon"]
    done = run("report", folder / "model.parquet", "-o", tmp_path / "r.html", "--bootstrap", 0, *asked)
    assert done.exit_code == 0, done.output
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "horizon=short" in text and "tail_preference" not in text
    assert re.findall(r'<th scope="row">(theta_s|mixture|oracle)', text)[:3] == ["theta_s", "mixture", "oracle"]
    assert "category_ndcg" not in text
