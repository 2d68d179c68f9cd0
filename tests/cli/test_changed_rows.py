"""Every command that reads results says which rows it divided, which it left out, and which columns it did not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from spectra_eval_cli.main import main

HEAD = "user,category,target,prediction,colour\n"
LEFT_OUT = "2 of 14 records without a prediction left out"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    lines = []
    for place in range(14):
        held = (0.0, 0.0) if place in (3, 13) else (0.6, 0.6) if place == 5 else (0.4, 0.6)
        lines += [f"u{place},a,{1 + place},{held[0]},red", f"u{place},b,2,{held[1]},red"]
    (tmp_path / "t.csv").write_text(HEAD + "\n".join(lines) + "\n")
    return tmp_path / "t.csv"


@pytest.mark.parametrize(
    "command",
    [
        ["certify", "T", "-k", "1"],
        ["evaluate", "T", "--bootstrap", "0"],
        ["report", "T", "-k", "1", "--bootstrap", "0", "-o", "page.html"],
        ["compare", "T", "--baselines", "uniform", "--bootstrap", "0"],
        ["baseline", "T", "--method", "uniform", "-o", "made.parquet"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_what_it_changed(command: list[str], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    words = [str(path) if word == "T" else word for word in command]
    done = CliRunner().invoke(main, [*words, "--renormalise"])
    assert done.exit_code == 3 and "2 of 14 records; correct them, or leave them out with --empty" in done.stderr
    done = CliRunner().invoke(main, [*words, "--empty-predictions", "drop"])
    assert done.exit_code == 3 and "line" not in done.stderr and "sums to 1.2; normalise it or pass" in done.stderr
    done = CliRunner().invoke(main, [*words, "--renormalise", "--empty-predictions", "drop"])
    assert done.exit_code == 0, done.output
    assert "theta_s: 1 of 14 rows divided by their sums (off by at most 0.2)" in done.stderr
    assert LEFT_OUT in done.stderr and "columns not read: colour" in done.stderr


def test_the_artefacts_speak_of_the_records_that_are_left(path: Path) -> None:
    folder, how = path.parent, ["--renormalise", "--empty-predictions", "drop"]
    done = CliRunner().invoke(main, ["certify", str(path), "-k", "1", "-o", str(folder / "c.json"), *how])
    sentence = "2 of 14 records have no prediction and were left out"
    assert sentence in done.stdout
    assert json.loads((folder / "c.json").read_text())["facts"]["left_out"] == {"empty_predictions": 2, "records": 14}
    assert CliRunner().invoke(main, ["verify", str(folder / "c.json"), str(path), *how]).exit_code == 0
    done = CliRunner().invoke(main, ["evaluate", str(path), "--bootstrap", "0", "-o", str(folder / "e.json"), *how])
    assert json.loads((folder / "e.json").read_text())["facts"]["left_out"]["empty_predictions"] == 2
    page = ["report", str(path), "-k", "1", "--bootstrap", "0", "-o", str(folder / "p.html"), *how]
    assert CliRunner().invoke(main, page).exit_code == 0
    assert sentence in (folder / "p.html").read_text()
