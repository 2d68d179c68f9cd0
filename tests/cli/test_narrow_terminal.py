"""A terminal of 80 columns: no bar wraps, and no name, DOI or number is cut or broken."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from spectra_eval_cli import _progress
from spectra_eval_cli._printing import _pretty
from spectra_eval_cli.list_entries import FAMILIES
from spectra_eval_cli.main import main

STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_list_cuts_nothing(family: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = json.loads(CliRunner().invoke(main, ["list", family, "--format", "json"]).stdout)
    text = STYLE.sub("", _pretty(rows, list(rows[0]), (), None, 0, terminal=True))
    assert "…" not in text
    shown = set(text.split())
    for row in rows:
        for cell in row.values():
            assert {word for word in cell.split() if len(word) < width - 12} <= {w.strip("(),") for w in shown} | shown
    for line in text.splitlines():
        assert len(line) <= width or len(line.split()) == 1, line


def test_a_wide_table_stays_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [{"name": "a" * 66, "value": "1"}, {"name": "b", "value": "2"}]
    assert "name" in _pretty(rows, ["name", "value"], (), None, 0, terminal=True).splitlines()[1].split()[0]
    narrow = [{"name": "a" * 78, "value": "1" * 20}, {"name": "b", "value": ""}]
    text = STYLE.sub("", _pretty(narrow, ["name", "value"], (), "title", 0, terminal=True))
    assert text.splitlines() == ["title", "", "a" * 78, "  value: " + "1" * 20, "", "b"]


def test_list_on_a_real_terminal_of_80_columns() -> None:
    pty = pytest.importorskip("pty")
    main_end, other_end = pty.openpty()
    root = Path(__file__).parents[2]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm", "PYTHONPATH": f"{root}{os.pathsep}{root / 'cli'}"}
    command = [sys.executable, "-m", "spectra_eval_cli", "list", "metrics"]
    with subprocess.Popen(command, stdout=other_end, stdin=other_end, stderr=other_end, env=environment) as process:
        os.close(other_end)
        said = b""
        while True:
            try:
                part = os.read(main_end, 65_536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            said += part
        assert process.wait(timeout=60) == 0
    os.close(main_end)
    text = said.decode()
    assert "doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2;" in text and "…" not in text


@pytest.mark.parametrize("what", ["probing", "taxonomy-of-a-long-name", "x" * 100])
def test_no_bar_wraps(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of the longest words there are, drawn over itself on a terminal of 80 columns."""
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal)
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: float(next(clock)))
    show = _progress.progress(what, "users", cached=lambda: 0.973)
    for done in (0, 1, 123_456, 999_999, 1_000_000):
        show(done, 1_000_000)
    lines = [STYLE.sub("", line) for line in terminal.getvalue().replace("\n", "\r").split("\r") if line]
    assert len(lines) == 5 and all("of 1000000 users" in line for line in lines)
    if len(what) < 40:
        assert all(len(line) <= 79 and "left" in line for line in lines[1:-1])
        assert all(what in line for line in lines) and "━━━━" in lines[-1]
