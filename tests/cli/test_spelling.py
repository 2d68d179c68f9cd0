"""Refusals and notes name options as they are typed, in every command that reads, makes, measures or states."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from spectra_eval_cli._spelling import options_of, spelled
from spectra_eval_cli.main import main

TABLE = ["prepare", "synthetic", "--seed", "3", "-O", "users=12", "-O", "noise=0.3", "-O", "list-length=5"]
BASES = {
    "prepare": "prepare synthetic -o t.parquet -O users=12",
    "plan": "plan w.parquet",
    "certify": "certify w.parquet",
    "evaluate": "evaluate w.parquet",
    "compare": "compare w.parquet v.parquet",
    "probe": "probe w.parquet --backend mocked -o run",
    "doctor": "doctor --backend mocked",
    "merge": "merge w.parquet -o m.parquet",
}
ODD = ("nan", "-1", "0", "1e9", "1.5", "x")
RUNS = ("probe", "doctor")
"""Commands that would run a model with a good value."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spelling")
    for name in "wv":
        made = CliRunner().invoke(main, [*TABLE, "-o", str(path / f"{name}.parquet")])
        assert made.exit_code == 0, made.output
    return path


def numbers(name: str) -> list[str]:
    """Return the options of a command that take a number."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    kinds = (click.types.IntParamType, click.types.FloatParamType)
    return [
        max(param.opts, key=len)
        for param in command.params
        if isinstance(param, click.Option) and isinstance(param.type, kinds)
    ]


CASES = [(name, option) for name in BASES for option in numbers(name)]


@pytest.mark.parametrize(("name", "option"), CASES)
def test_a_number_that_is_refused_is_named_as_it_is_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, option: str
) -> None:
    monkeypatch.chdir(folder)
    refused = 0
    for value in ODD[:2] if name in RUNS else ODD:
        result = CliRunner().invoke(main, [*BASES[name].split(), option, value])
        assert result.exit_code in (0, 1, 2, 3), result.output
        refused += result.exit_code in (2, 3)
        if result.exit_code == 3:
            last = result.stderr.strip().splitlines()[-1]
            assert last.startswith("error: ") and option in last, last
            assert not re.search(r"\b[a-z]+_[a-z_]+(: |=)", last), last
    assert refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "plan",
            "give some of --share NUMBER, --mean-margin NUMBER, --mean-missed NUMBER, --mean-js NUMBER, --tv NUMBER",
        ),
        (
            "plan --share 0.8 --require truncation=0.2",
            "--require: truncation cannot be planned without a guess, --mean-missed",
        ),
        ("plan --share 0.8 --require fraction.window=nan", "--require fraction.window: nan is not a finite number"),
        ("certify w.parquet --bound betting", "assert that with --scope population, or take the bound hoeffding"),
        ("certify w.parquet --require x=1", "no claim named 'x'"),
        ("evaluate w.parquet --metrics ,", "--metrics: none named"),
        ("evaluate w.parquet --systems ,", "--systems: none named"),
        ("doctor --backend mocked --users 1", "--users 1, --titles 20: give at least 2 users"),
        ("merge w.parquet -o m.parquet --to -1", "--to: -1 is below 0"),
        ("prepare synthetic -o t.parquet -O users=none", "-O users: 'none' is no whole number"),
        (
            "prepare synthetic -o t.parquet --split-date 2020 --window-end 0.9",
            "for both (--split 0.8), or leave it out",
        ),
    ],
)
def test_a_refusal_speaks_of_what_can_be_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 3 and said in result.stderr, result.output


def test_the_guesses_of_a_plan_are_shown_as_they_are_typed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shown = CliRunner().invoke(main, ["plan", "w.parquet", "--format", "csv"]).stdout
    assert "--mean-missed 0." in shown and "--js-sd 0." in shown and "mean_missed" not in shown


def test_names_of_data_stay() -> None:
    command = main.get_command(click.Context(main), "prepare")
    assert command is not None
    options = options_of(command)
    for message in (
        "split_date.csv: no such file", "no column 'min_interactions'; it has split_date.x",
        "logs/session_gap/x: empty",
        "no metric named 'x'; known: category_ndcg(limit=5)", "levels: 3", "x: split: 3",
    ):  # fmt: skip
        assert spelled(message, options) == message
    assert spelled("a: split_date is set, and limit=3", options) == "a: --split-date is set, and --limit 3"
    assert spelled("write details=True", options) == "write --details"
    assert spelled("level: 3", {}) == "level: 3"


def test_options_of_the_data_set_are_named_as_they_are_typed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    log = str(Path(__file__).parents[1] / "logs/ms.csv")
    for more, said in (
        ((), "milliseconds (-O time-unit=ms)"),
        (("-O", "user=who"), "name the right one (-O user=COLUMN)"),
    ):
        result = CliRunner().invoke(main, ["finetune", "w.parquet", log, "-o", "tuned", "--dataset", "csv", *more])
        assert result.exit_code == 3 and said in result.stderr, result.output
    result = CliRunner().invoke(main, ["finetune", "w.parquet", log, "-o", "t", "--dataset", "csv", "-O", "colour=red"])
    assert result.exit_code == 2 and "csv takes no option 'colour'; it takes user, item, time" in result.stderr
