"""What a person sees of a run that is stopped, of warnings, and of --verbose and --config in every command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_json, read_table, write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli._progress import progress
from spectra_eval_cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    made = PreferenceTable(
        users=[f"u{i}" for i in range(60)],
        categories=("Noir", "War", "Drama"),
        counts=rng.integers(1, 9, (60, 3)),
        history=[(f"title {i}",) for i in range(60)],
        history_counts=rng.integers(0, 9, (60, 3)),
    )
    write_table(made, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def _done(run: Path) -> int:
    place = run / "manifest.json"
    return int(read_json(place)["progress"]["done"]) if place.is_file() else 0


def test_an_interrupt_keeps_what_is_done_and_says_so(table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["probe", str(table), "--backend", "mocked", "--model", "random", "--list-length", "3", "-o", str(run)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}"}
    with subprocess.Popen(
        [sys.executable, "-m", "spectra_eval_cli", *words, "--backend-set", "delay=0.05"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        while not _done(run):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    done = _done(run)
    assert 8 <= done < 60
    assert f"stopped: {done} of 60 users are kept in {run}; the same command resumes there" in said
    assert "Traceback" not in said
    assert CliRunner().invoke(main, words).exit_code == 0
    assert read_table(run).n_users == 60


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"progress": 1}', '{"progress": {"done": "x"}}', "{", '{"progress": {}}']
)
def test_an_interrupt_over_an_edited_manifest_is_one_line(
    text: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def stopped(*_: object, **__: object) -> None:
        run.mkdir()
        (run / "manifest.json").write_text(text)
        raise KeyboardInterrupt

    monkeypatch.setattr("spectra_eval.probing.probe_file", stopped)
    done = CliRunner().invoke(main, ["probe", str(table), "--backend", "mocked", "-o", str(run)])
    assert done.exit_code == 130 and not done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("stopped: ")]
    assert str(run / "manifest.json") in line


def test_a_warning_is_one_line_without_a_place_in_the_code(table: Path, tmp_path: Path) -> None:
    words = ["probe", str(table), "--backend", "mocked", "--no-dg", "-o", str(tmp_path / "run")]
    assert CliRunner().invoke(main, words).exit_code == 0
    (tmp_path / "run" / "table.parquet").write_bytes(b"cut")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "default")
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}"}
        done = subprocess.run(
            [sys.executable, "-m", "spectra_eval_cli", *words],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
    (line,) = [line for line in done.stderr.splitlines() if "changed since" in line]
    assert line.startswith("note: ") and "UserWarning" not in done.stderr and ".py" not in done.stderr


def test_verbose_says_what_is_in_effect_and_how_long_it_took(table: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("readout: generative\nset: [orders=2]\nlist-length: 2\n")
    words = ["probe", str(table), "--backend", "mocked", "-o", str(tmp_path / "run"), "--config", str(settings)]
    done = CliRunner().invoke(main, [*words, "--list-length", "3", "--verbose"])
    assert done.exit_code == 0, done.stderr
    for said in (
        "backend=mocked,",
        "list-length=3,",
        "readout=generative (from the file)",
        "titles=20 (default)",
        "table: 60 records x 3 categories",
        "'backend': 'mocked'",
        " MiB at most",
    ):
        assert said in done.stderr, said
    metadata = read_table(tmp_path / "run").metadata
    assert metadata["readout_options"] == {"orders": 2} and metadata["list_length"] == 3
    quiet = CliRunner().invoke(main, [*words, "--list-length", "3", "--quiet"])
    assert quiet.exit_code == 0 and not quiet.stderr
    both = CliRunner().invoke(main, [*words, "--quiet", "--verbose"])
    assert both.exit_code == 2 and "choose one of the two" in both.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_quiet_verbose_and_a_file_of_options(name: str, tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, [name, "--help"]).stdout
    for option in ("--quiet", "--verbose", "--config"):
        assert option in shown, option
    settings = tmp_path / "settings.yaml"
    settings.write_text("no-such-option: 1\n")
    done = CliRunner().invoke(main, [name, "--config", str(settings)])
    assert done.exit_code == 3 and "no option 'no-such-option' in this command" in done.stderr


def test_what_a_command_needs_may_stand_in_the_file(table: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"table: {table}\nbackend: mocked\ndg: false\noutput: {tmp_path / 'run'}\nlimit: 9\n")
    done = CliRunner().invoke(main, ["probe", "--config", str(settings)])
    assert done.exit_code == 0, done.stderr
    assert read_table(tmp_path / "run").n_users == 9 and read_table(tmp_path / "run").dg is None


def test_progress_says_rate_cache_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 0.0, 30.0, 61.0, 100.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    show = progress("probing", "users", cached=lambda: 0.5)
    for done in (10, 40, 71, 110):
        show(done, 110)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "probing: 71 of 110 users, 1.00 a second, 50% from the prefix cache, 39 s left",
        "probing: 110 of 110 users, 1.00 a second, 50% from the prefix cache, in 2 min",
    ]
