"""Each command of docs/errata.md runs and shows what the text says: here the commands, and what they must print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main

PAGE = (Path(__file__).parents[2] / "docs/errata.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    ((?:spectra-eval|python) .*)$", PAGE, flags=re.MULTILINE)
PATTERNS = re.findall(r"\| `\"([^`]+)\"` \|$", PAGE, flags=re.MULTILINE)
SHOWS = {
    "certify_aggregate": "licenses='nothing'",
    "theorem_4_counterexamples": "('constant utility', 2.0, 2.0)",
    "mrr_is_not_additive": "0.0 0.5",
    "theorem5": "rho_once=0.9884766",
    "head_ratio": "0.01 0.333333",
    "tv_upper_from_chi_squared": "chi2 .5: 0.353553",
}


@pytest.fixture(scope="module")
def failures() -> str:
    return CliRunner().invoke(main, ["audit-paper", "--status", "fail", "--format", "csv"]).stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("spectra-eval refute")])
def test_each_bound_that_is_none_is_refuted(command: str) -> None:
    words = shlex.split(command)[1:]
    result = CliRunner().invoke(main, [*words, "--examples", "100"])
    assert result.exit_code == 1 and result.stdout.startswith("refuted by drawing"), result.output


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python")])
def test_each_line_of_python_shows_it(command: str) -> None:
    _, flag, code = shlex.split(command)
    assert flag == "-c"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, {})
    [expected] = [shown for name, shown in SHOWS.items() if name in code]
    assert expected in said.getvalue()


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, *re.findall(r"fail \\?\| grep \"?([^\"`\n]+)\"?$", PAGE, flags=re.MULTILINE)]
)
def test_each_contradiction_is_among_the_failures(pattern: str, failures: str) -> None:
    assert any(pattern in line for line in failures.splitlines()), pattern


def test_the_other_commands(tmp_path: Path) -> None:
    truth = np.tile([0.1, 0.2, 0.7], (20, 1))
    users = [f"u{i:02}" for i in range(20)]
    table = PreferenceTable(
        users=users, categories=("a", "b", "c"), theta_star=truth, theta_s=truth, dg=np.tile([0], (20, 1))
    )
    write_table(table, tmp_path / "results.parquet")
    plain = [c for c in COMMANDS if not c.startswith(("python", "spectra-eval refute")) and "|" not in c]
    assert len(plain) == 4
    for command in plain:
        words = shlex.split(command.replace("RESULTS", str(tmp_path / "results.parquet")))[1:]
        result = CliRunner().invoke(main, [*words, "-k", "1"] if words[0] == "certify" else words)
        assert result.exit_code == 0 and len(result.stdout) > 100, (command, result.output)


def test_nothing_is_left_out() -> None:
    assert len(COMMANDS) > 20 and len(PATTERNS) == 11
