from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main

N = 24


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    taste = rng.dirichlet(np.full(3, 0.4), size=N)
    users = [f"00{i}" for i in range(N)]  # names that would be read as numbers
    table = PreferenceTable(users=users, categories=("Noir", "War", "Drama"), counts=np.ones((N, 3)), theta_s=taste)
    write_table(table, tmp_path / "table.parquet")
    labels = np.array(["Noir", "War|Drama", "Drama", ""])[np.arange(12) % 4]
    rows = [
        (user, f"7{i}", round(float(rng.normal()), 3), labels[i], int(rng.random() < 0.3))
        for user in users
        for i in range(12)
    ]
    frame = pd.DataFrame(rows, columns=["user", "item", "score", "category", "truth"])
    frame.to_csv(tmp_path / "scores.csv", index=False)
    frame.to_parquet(tmp_path / "scores.parquet")
    frame.drop(columns="category").rename(columns={"user": "who"}).to_csv(tmp_path / "bare.csv", index=False)
    frame[["item", "category"]].drop_duplicates().to_csv(tmp_path / "items.csv", index=False)
    return tmp_path


def _fuse(files: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["fuse", str(files / "table.parquet"), *words])
    return done.exit_code, done.stdout, done.stderr


def test_every_form_of_the_same_scores_gives_the_same(files: Path) -> None:
    forms = (
        ("--scores", str(files / "scores.csv")),
        ("--scores", str(files / "scores.parquet")),
        ("--scores", str(files / "bare.csv"), "--items", str(files / "items.csv"), "--scores-map", "user=who"),
    )
    shown = []
    for number, form in enumerate(forms):
        out = files / f"fused-{number}.csv"
        code, said, log = _fuse(files, *form, "--format", "json", "-o", str(out))
        assert code == 0, log
        shown.append((said, out.read_text()))
        assert "weight: " in log and "(by fold of users)" in log
    assert shown[0] == shown[1] == shown[2]
    document = json.loads(shown[0][0])
    assert len(document["weights"]) == 5 and len(document["results"]) == 8
    assert shown[0][1].splitlines()[0] == "user,item,standardised,log_prior,fused"
    assert shown[0][1].splitlines()[1].startswith("000,70,")
    code, _, log = _fuse(files, *forms[0], "--weight", "0.5", "-o", str(files / "fused.parquet"))
    assert code == 0 and "weight: 0.5\n" in log
    fused = pd.read_parquet(files / "fused.parquet")
    np.testing.assert_allclose(fused["fused"], fused["standardised"] + 0.5 * fused["log_prior"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user,item,score\n000,1,2\n", "column category: missing"),
        ("user,item,score,category\n", "no rows"),
        ("user,item,score,category\n000,1,high,Noir\n", "row 1, column score: 'high' is no finite number"),
        ("user,item,score,category\n000,1,inf,Noir\n", "is no finite number"),
        ("user,item,score,category\n000,1,2,Jazz\n", "row 1 (item '1'), column category: 'Jazz' is not"),
        ("user,item,score,category\n000,1,2,Noir\n000,1,3,Noir\n", "row 2 (user '000', item '1'): occurs twice"),
        ("user,item,score,category\n000,1,2,Noir\n001,1,3,War\n", "row 2: item '1' has other categories"),
        ("user,item,score,category\nx,1,2,Noir\n", "user 'x' is not in the table"),
        ("user,item,score,category,truth\n000,1,2,Noir,-1\n", "row 1, column truth: -1 is negative"),
        ("user,item,score,category\n000,1,2,Noir\n", "cannot be fitted without a column truth"),
        ('user,item,score,category\n000,1,2,"Noir\n', "line 2: unexpected end of data"),
    ],
)
def test_scores_that_are_none_are_refused_in_one_line(files: Path, text: str, words: str) -> None:
    (files / "bad.csv").write_text(text)
    code, said, log = _fuse(files, "--scores", str(files / "bad.csv"), "-o", str(files / "out.csv"))
    assert code == 3 and words in log and not said, log
    assert log.startswith("error: ") and len(log.splitlines()) == 1 and not (files / "out.csv").exists()


def test_a_missing_file_and_a_word_for_a_weight(files: Path) -> None:
    code, _, log = _fuse(files, "--scores", str(files / "none.csv"))
    assert code == 3 and "no such file" in log
    code, _, log = _fuse(files, "--scores", str(files / "scores.csv"), "--weight", "heavy")
    assert code == 2 and "the word 'fitted'" in log
    (files / "few.csv").write_text("item,category\n70,Noir\n")
    words = ("--scores", str(files / "bare.csv"), "--items", str(files / "few.csv"), "--scores-map", "user=who")
    code, _, log = _fuse(files, *words)
    assert code == 3 and "few.csv: item '71' of bare.csv is not in it" in log
