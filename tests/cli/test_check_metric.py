"""`spectra-eval check-metric` on metrics of the house and on files of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from spectra_eval_cli.main import main

GOOD = """
import numpy as np

def gap(theta_star, theta_s):
    return np.abs(theta_star - theta_s).max(axis=1)

def changes_its_input(theta_star, theta_s):
    theta_star *= 0
    return theta_s[:, 0]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_metrics.py").write_text(GOOD, encoding="utf-8")
    return tmp_path


def ran(*words: str) -> Result:
    return CliRunner().invoke(main, ["check-metric", *words, "--examples", "40"])


def test_the_table_counts_and_shows_the_counterexamples(here: Path) -> None:
    done = ran("own_metrics:gap")
    assert done.exit_code == 0, done.output
    assert (
        "13 checks ran: 12 held, 0 were refuted as declared, 1 were refuted where nothing was declared, 0 failed"
        in (done.output)
    )
    assert "merging_never_increases: refuted by" in done.output
    assert "from own_metrics import gap as subject" in done.output
    assert "counterexample" not in ran("own_metrics:gap", "--quiet").output.split("\n\n")[-1]


def test_a_registered_metric_goes_by_its_name() -> None:
    done = ran("kl_divergence", "--format", "json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    assert (document["ran"], document["held"], document["refuted_as_declared"], document["failed"]) == (13, 11, 2, 0)
    assert {row["check"] for row in document["checks"] if row["outcome"] == "refuted"} == {"symmetric", "bounded"}


def test_a_broken_metric_exits_with_one(here: Path) -> None:
    done = ran("own_metrics.py:changes_its_input", "--format", "json")
    assert done.exit_code == 1
    broken = {row["check"]: row for row in json.loads(done.output)["checks"] if row["outcome"] == "failed"}
    assert "inputs are not changed" in broken
    with pytest.raises(AssertionError):
        exec(broken["inputs are not changed"]["counterexample"], {})


def test_junit_is_read_by_others(here: Path) -> None:
    done = ran("own_metrics:changes_its_input", "--format", "junit")
    assert done.exit_code == 1
    suite = ElementTree.fromstring(done.output)
    assert suite.tag == "testsuite"
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) == 13
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) > 0


@pytest.mark.parametrize("style", ["markdown", "csv"])
def test_other_formats(here: Path, style: str) -> None:
    done = ran("own_metrics:gap", "--format", style)
    assert done.exit_code == 0
    assert done.output.count("\n") == {"markdown": 15, "csv": 14}[style]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_metrics:nothing", "'own_metrics' has no 'nothing'"),
        ("no_such_module:x", "importing 'no_such_module' failed with ModuleNotFoundError"),
        ("missing.py:x", "missing.py: no such file"),
        (":x", "write it as MODULE:NAME"),
        ("js_divergance", "no metric named 'js_divergance'; near: js_divergence"),
        ("own_metrics:np", "no checks for an object of type module"),
    ],
)
def test_a_bad_name_is_one_line(here: Path, name: str, said: str) -> None:
    done = ran(name)
    assert done.exit_code == 3
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_module_that_ends_the_process_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check-metric", "leaves.py:metric"])
    assert (done.exit_code, done.stdout) == (3, "")
    assert "importing 'leaves' failed with SystemExit" in done.stderr


@pytest.mark.parametrize("code", [0, 1])
def test_a_metric_that_ends_the_process_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    text = f"import sys\n\ndef metric(theta_star, theta_s):\n    sys.exit({code})\n"
    (tmp_path / f"ends{code}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check-metric", f"ends{code}.py:metric", "--examples", "5"])
    assert (done.exit_code, done.stdout) == (70, "")
    assert "SystemExit" in done.stderr and done.stderr.count("\n") == 1
