"""`baseline --scores`: a table of a ranker's scores, what is reported, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import read_table
from spectra_eval.fusion import with_scores
from spectra_eval_cli.main import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [f"{user},i{n % 3},{n},{'ABC'[n % 3]}" for user in ("ann", "bob") for n in range(10)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time,categories", *rows]) + "\n")
    (tmp_path / "s.csv").write_text(
        "who,item,score\n" + "\n".join(f"{user},i{n},{n}" for user in ("ann", "bob", "eve") for n in range(3)) + "\n"
    )
    assert run("prepare", "csv", tmp_path / "log.csv", "-o", tmp_path / "t.parquet").exit_code == 0
    return tmp_path / "t.parquet"


def test_the_table_is_that_of_the_library_and_a_rival(source: Path, tmp_path: Path) -> None:
    words = ("--scores", tmp_path / "s.csv", "--scores-map", "user=who", "--temperature", 2)
    items = ("--dataset", "csv", "--items", tmp_path / "log.csv")
    result = run("baseline", source, *words, *items, "-o", tmp_path / "r.parquet")
    assert result.exit_code == 0, result.output
    assert "note: users of the scores who are not in the table: 1" in result.stderr
    assert "not known and not checked" in result.stderr and "theta_s is the softmax of the scores" in result.stderr
    (tmp_path / "items.csv").write_text("item,category\ni0,A\ni1,B\ni2,C\n")
    expected = with_scores(
        read_table(source), tmp_path / "s.csv", items=tmp_path / "items.csv", mapping={"user": "who"}, temperature=2.0
    )
    assert read_table(tmp_path / "r.parquet").theta_s.tolist() == expected.theta_s.tolist()
    assert run("baseline", source, "--method", "history", "-o", tmp_path / "h.parquet").exit_code == 0
    for command in (
        ("evaluate", tmp_path / "r.parquet", "--bootstrap", 10),
        ("compare", tmp_path / "r.parquet", tmp_path / "h.parquet", "--bootstrap", 10),
        ("certify", tmp_path / "r.parquet", "-k", 1),
    ):
        result = run(*command)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "give either --method or --scores"),
        (("--method", "uniform", "--scores", "s.csv"), 2, "give either --method or --scores"),
        (("--method", "uniform", "--temperature", "2"), 2, "--temperature: an option of --scores"),
        (("--method", "uniform", "--items", "i.csv"), 2, "--items: an option of --scores"),
        (("--scores", "s.csv", "-O", "delimiter=;"), 2, "-O: an option of a data set; name it with --dataset"),
        (("--scores", "s.csv", "--dataset", "csv"), 2, "csv: name its source with --items"),
        (("--scores", "s.csv", "--dataset", "csv", "--items", "log.csv", "-O", "x=1"), 2, "csv takes no option 'x'"),
        (("--scores", "s.csv", "--dataset", "cvs", "--items", "log.csv"), 3, "near: csv"),
        (("--scores", "absent.csv"), 3, "absent.csv"),
        (("--scores", "s.csv"), 3, "column user: missing"),
    ],
)
def test_what_is_refused_is_one_line_and_writes_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("baseline", source, *words, "-o", "out.parquet")
    assert result.exit_code == code and message in result.stderr, result.output
    assert not Path("out.parquet").exists()
