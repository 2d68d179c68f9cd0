"""What happens at the edges of a process: a closed pipe, a second interrupt, Python without docstrings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "cli")))}


def test_a_reader_that_closes_the_pipe_ends_the_command_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "spectra_eval_cli", "list", "envelopes", "--format", "json"]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_library_and_the_commands_run_without_docstrings_and_asserts(tmp_path: Path) -> None:
    table, certificate = tmp_path / "w.parquet", tmp_path / "c.json"
    made = [
        "prepare",
        "synthetic",
        "-o",
        str(table),
        "-O",
        "users=30",
        "-O",
        "categories=8",
        "-O",
        "list-length=3",
        "-O",
        "noise=0.3",
    ]
    for words in (
        made,
        ["certify", str(table), "-k", "3", "-o", str(certificate)],
        ["verify", str(certificate), str(table)],
        ["evaluate", str(table), "--bootstrap", "20"],
        ["list", "metrics"],
        ["certify", "--help"],
    ):
        command = [sys.executable, "-OO", "-m", "spectra_eval_cli", *words]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("again", [False, True])
def test_an_interrupt_and_a_second_one_exit_130(again: bool) -> None:
    code = (
        "import atexit, os, signal\n"
        "from spectra_eval_cli.main import main\n"
        "import spectra_eval.artifacts as artifacts\n"
        "def interrupted(*_): os.kill(os.getpid(), signal.SIGINT)\n"
        "artifacts.read_json = interrupted\n"
        + ("atexit.register(interrupted)\n" if again else "")
        + "main(['verify', 'certificate.json', 'table.csv'])\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("stopped: ")
