"""A named pipe in the place of a table or a log is read once and kept, also where the command reads it twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main

LOG = "user,item,time,categories\n" + "".join(
    f"u{i % 5},x{i % 9},{1000 * i},{'A|B'[2 * (i % 2)]}\n" for i in range(200)
)
PARENTS = "category,parent\nA,P\nB,Q\n"


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """End a command that waits for a writer who has gone."""

    def late(*_: Any) -> None:
        raise TimeoutError("the command waits for the pipe to be written again")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def piped(place: Path, data: bytes) -> str:
    """Make a pipe that is written once."""
    os.mkfifo(place)
    threading.Thread(target=place.write_bytes, args=(data,), daemon=True).start()
    return str(place)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    n = 12
    shares = [[0.5, 0.3, 0.2]] * n
    made = PreferenceTable(
        users=[f"u{i}" for i in range(n)],
        categories=("a", "b", "c"),
        counts=[[3, 1 + i % 3, 0] for i in range(n)],
        theta_s=shares,
        dg=[[0, 1]] * n,
        history=[("Heat", "Laura")] * n,
    )
    write_table(made, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


TABLES = {
    "probe": ["probe", "PIPE", "--backend", "mocked", "--list-length", "2", "-o", "OUT"],
    "evaluate": ["evaluate", "PIPE"],
    "certify": ["certify", "PIPE", "-k", "2"],
    "compare": ["compare", "PIPE", "TABLE", "--bootstrap", "0"],
    "baseline": ["baseline", "PIPE", "--method", "uniform", "-o", "OUT"],
    "plan": ["plan", "PIPE", "-k", "2"],
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_out_of_a_named_pipe(table: Path, tmp_path: Path, name: str) -> None:
    pipe = piped(tmp_path / "pipe", table.read_bytes())
    said = {"PIPE": pipe, "TABLE": str(table), "OUT": str(tmp_path / "out")}
    done = CliRunner().invoke(main, [said.get(word, word) for word in TABLES[name]])
    assert done.exit_code in (0, 1) and "pipe" not in done.stderr, done.output + done.stderr
    assert not isinstance(done.exception, TimeoutError)


@pytest.mark.parametrize("which", ["log", "taxonomy"])
def test_a_log_and_a_taxonomy_out_of_a_named_pipe(tmp_path: Path, which: str) -> None:
    words = {"log": str(tmp_path / "log.csv"), "taxonomy": str(tmp_path / "parents.csv")}
    for name, text in (("log", LOG), ("taxonomy", PARENTS)):
        if name == which:
            piped(Path(words[name]), text.encode())
        else:
            Path(words[name]).write_text(text)
    out = str(tmp_path / "out.parquet")
    done = CliRunner().invoke(main, ["prepare", "csv", words["log"], "--taxonomy", words["taxonomy"], "-o", out])
    assert done.exit_code == 0, done.output + done.stderr


def test_what_is_wrong_in_a_named_pipe_is_said_with_its_name(tmp_path: Path) -> None:
    pipe = piped(tmp_path / "pipe", b"user,category,target\nann,Drama,x\n")
    done = CliRunner().invoke(main, ["evaluate", pipe])
    assert done.exit_code == 3 and done.stderr.startswith(f"error: {pipe}: line 2 "), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["prepare", "movielens", "{}", "-o", "x.parquet"],
        ["prepare", "yelp", "{}", "-o", "x.parquet"],
        ["probe", "{}/t.parquet", "--backend", "mocked", "--template", "{}/t.yaml", "-o", "{}/run"],
        ["probe", "{}/t.parquet", "--backend", "hf", "--model", "{}/t.yaml", "-o", "{}/run"],
    ],
    ids=["movielens", "yelp", "template", "model"],
)
def test_a_pipe_where_only_a_file_is_read_is_called_one(tmp_path: Path, table: Path, words: list[str]) -> None:
    (tmp_path / "movies.dat").write_text("1::A (1990)::Drama\n")
    for name in ("ratings.dat", "yelp_academic_dataset_review.json", "yelp_academic_dataset_business.json", "t.yaml"):
        os.mkfifo(tmp_path / name)
    result = CliRunner().invoke(main, [word.format(tmp_path) for word in words])
    assert result.exit_code in (3, 4) and "a pipe or a device, where a file is meant" in result.stderr.splitlines()[-1]
