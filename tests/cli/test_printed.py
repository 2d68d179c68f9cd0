"""File names, titles, names of categories and messages of a command never steer the terminal they are printed on."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval import PreferenceTable
from spectra_eval.artifacts import write_table
from spectra_eval.redaction import hide
from spectra_eval_cli._printing import emit
from spectra_eval_cli.main import main

EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b31m\u202eb"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _calm(text: str) -> str:
    assert not STEERS.search(text), ascii(text)
    return text


@pytest.fixture
def table(tmp_path: Path) -> Path:
    categories = (EVIL, "Noir", "War\x1b[0m")
    theta = np.array([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    made = PreferenceTable(
        users=[EVIL, "\x1bbo", "cy"],
        categories=categories,
        counts=[[2, 1, 1], [1, 1, 2], [0, 1, 3]],
        theta_s=theta,
        history=[(EVIL, "Ran"), ("Heat",), ("Ran",)],
        parents=(EVIL, "b", EVIL),
    )
    path = tmp_path / f"table {EVIL}.parquet"
    write_table(made, path)
    (tmp_path / "groups.csv").write_text(f"user,group\n{EVIL},{EVIL}\n\x1bbo,{EVIL}\ncy,other\n")
    return path


@pytest.mark.parametrize("style", ["table", "markdown", "json"])
@pytest.mark.parametrize("grouped", [False, True])
def test_names_of_a_table_are_escaped_and_json_keeps_them(table: Path, style: str, grouped: bool) -> None:
    more = ["--strata", "group", "--columns", str(table.parent / "groups.csv")] if grouped else []
    found = CliRunner().invoke(
        main, ["evaluate", str(table), "--format", style, "--metrics", "js_divergence", *more], color=True
    )
    assert found.exit_code == 0, found.output
    _calm(found.output)
    if style == "json":
        whole = json.dumps(json.loads(found.stdout), ensure_ascii=False)
        assert not grouped or json.dumps(EVIL, ensure_ascii=False) in whole


@pytest.mark.parametrize(
    "typed",
    [
        ["evaluate", f"no {EVIL}.parquet"],
        ["evaluate", "x", f"--{EVIL}"],
        [EVIL],
        [f"--{EVIL}"],
        ["evaluate", "TABLE", "--metrics", EVIL],
        ["evaluate", "TABLE", "--map", EVIL],
        ["evaluate", "TABLE", "--format", EVIL],
        ["evaluate", "TABLE", "--config", EVIL],
        ["--debug", "certify", "TABLE", "--columns", EVIL],
        ["--debug", "evaluate", f"no {EVIL}.parquet"],
        ["probe", "TABLE", "--backend", "mocked", "--verbose", "-o", f"OUT/{EVIL}"],
    ],
)
def test_what_was_typed_is_escaped(typed: list[str], table: Path, tmp_path: Path) -> None:
    typed = [word.replace("TABLE", str(table)).replace("OUT", str(tmp_path)) for word in typed]
    found = CliRunner().invoke(main, typed, color=True)
    assert found.output
    _calm(found.output)


@pytest.mark.filterwarnings("always")
def test_a_warning_and_a_fault_are_escaped_and_hold_no_key(monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    import spectra_eval.artifacts

    hide("sk-0123456789")

    def fail(*_: object, **__: object) -> None:
        warnings.warn(f"{EVIL} Bearer sk-0123456789", stacklevel=1)
        raise RuntimeError(f"{EVIL} Bearer sk-0123456789")

    monkeypatch.setattr(spectra_eval.artifacts, "read_table", fail)
    monkeypatch.setattr(spectra_eval.artifacts, "iter_table", fail)
    for debug in ([], ["--debug"]):
        found = CliRunner().invoke(main, [*debug, "evaluate", str(table)], color=True)
        assert found.exit_code == 70 and "note: a\\x1b[2J" in found.output and "[hidden]" in found.output
        assert "sk-0123456789" not in _calm(found.output)


def test_a_line_in_a_cell_adds_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"name": "one\ntwo\tthree", "n": 1}], style="table", title="a\x1bb")
    assert "one\\ntwo\\tthree" in _calm(capsys.readouterr().out)
    emit([{"name": "one\ntwo", "n": 1}], style="markdown")
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_file_and_a_csv_for_a_program_keep_what_they_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emit([{"name": EVIL}], style="csv")
    assert EVIL in capsys.readouterr().out
    emit([{"name": EVIL}], style="json", output=tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [{"name": EVIL}]
