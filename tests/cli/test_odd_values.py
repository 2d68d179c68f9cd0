"""Odd values of options and odd files: one short line, the right exit code, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from spectra_eval_cli.main import main

DEVICES = [name for name in ("/dev/zero", "/dev/full", "/dev/null") if Path(name).is_char_device()]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("command", ["certify DEVICE", "probe DEVICE --backend mocked -o run", "verify DEVICE DEVICE"])
def test_a_device_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, command.replace("DEVICE", device).split())
    assert result.exit_code == 3 and result.stderr.startswith(f"error: {device}: this is a device")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--context-windows", "99999999999999999999"], 3, "is above 1,000,000,000"),
        (["--context-windows", "1,0"], 3, "is below 1; a context window holds at least one session"),
        (["-o", ""], 2, "--output: an empty name"),
        (["--split-date", "9" * 9000], 3, "999...999"),
    ],
)
def test_an_odd_value_of_prepare_is_one_short_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["prepare", "synthetic", "-O", "users=9", "-o", "t.parquet", *words])
    assert result.exit_code == code and said in result.stderr and len(result.stderr) < 1000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rank", "9" * 30], "rank: not above 0 and at most 65536"),
        (["--rank", "2147483648"], "rank: not above 0 and at most 65536"),
        (["--alpha", "9" * 400], "alpha: not above 0 and at most 1e+09"),
        (["--learning-rate", "1e300"], "--learning-rate: not above 0 and at most 1e+06"),
        (["--learning-rate", "nan"], "--learning-rate: not above 0 and at most 1e+06"),
        (["--epochs", "1e300"], "epochs: not above 0 and at most 1e+09"),
        (["--seed", "9" * 30], "seed: not at least 0 and below 2^64"),
        (["--hold-out", "nan"], "--hold-out: nan is not strictly between 0 and 1"),
        (["--hold-out", "-1"], "--hold-out: -1.0 is not strictly between 0 and 1"),
    ],
)
def test_an_odd_value_of_finetune_is_one_short_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    events = [f"u{n},i{m},{86_400 * (m + 1)},Kind {m % 4}\n" for n in range(4) for m in range(24)]
    (tmp_path / "log.csv").write_text("user,item,time,categories\n" + "".join(events))
    made = CliRunner().invoke(main, ["prepare", "csv", "log.csv", "-o", "t.parquet"])
    assert made.exit_code == 0, made.output
    result = CliRunner().invoke(main, ["finetune", "t.parquet", "log.csv", "-o", "tuned", *words])
    assert result.exit_code == 3 and said in result.stderr and len(result.stderr) < 300, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", "t.parquet"}


def test_more_users_of_the_demo_than_there_are_is_a_short_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", str(tmp_path / "out"), "--users", "9" * 400])
    assert result.exit_code == 2 and "2<=x<=1000000" in result.stderr and len(result.stderr) < 1000
    assert not list(tmp_path.iterdir())


def test_a_nul_in_a_configuration_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text('output: "a\\0b"\n', encoding="utf-8")
    result = CliRunner().invoke(main, ["certify", "t.parquet", "--config", str(tmp_path / "c.yaml")])
    assert result.exit_code == 3 and "line 1: 'output' contains a NUL character" in result.stderr


@pytest.mark.parametrize("words", [["--level"], ["--format"], ["--limit"]])
def test_a_usage_error_repeats_a_long_value_in_part(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["evaluate", "t.csv", *words, "x" * 5000])
    assert result.exit_code == 2 and len(result.stderr) < 600
