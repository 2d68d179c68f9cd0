"""`certify`, `verify` and `plan` on the command line: what they say and the code with which they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from spectra_eval.artifacts import json_digest
from spectra_eval_cli.main import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "w.parquet"
    options = {"users": 60, "noise": 0.3, "list-length": 5, "groups": 4, "categories": 12}
    made = run("prepare", "synthetic", "-o", path, "--seed", 3, *(f"-O{n}={v}" for n, v in options.items()))
    assert made.exit_code == 0, made.output
    return path


@pytest.fixture(scope="module")
def document(table: Path) -> dict[str, Any]:
    path = table.with_name("c.json")
    assert run("certify", table, "-o", path).exit_code == 0
    return dict(json.loads(path.read_text(encoding="utf-8")))


def judged(table: Path, changed: dict[str, Any], folder: Path) -> Result:
    body = {name: value for name, value in changed.items() if name != "digest"}
    path = folder / "edited.json"
    path.write_text(json.dumps({**body, "digest": json_digest(body)}), encoding="utf-8")
    return run("verify", path, table)


def test_cutoffs_are_declared_together_and_verified_together(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "several.json"
    shown = run("certify", table, "-k", "1,3,5", "-o", path)
    assert shown.exit_code == 0 and shown.stdout.count("Certificate over 60 users") == 3
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["k"] == [1, 3, 5]
    assert [one["options"]["declared"] for one in document["certificates"]] == [3, 3, 3]
    found = run("verify", path, table)
    assert found.exit_code == 0 and "7 of 7 claims" in found.stderr
    document["certificates"][1]["claims"][0]["n_users"] += 1
    path.write_text(json.dumps(document), encoding="utf-8")
    changed = run("verify", path, table)
    assert changed.exit_code == 3 and "does not match its digest" in changed.stderr
    rows = run("certify", table, "-k", "1,3", "--claim", "mean.law", "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("k,claim,verdict") and [row[0] for row in rows[1:]] == ["1", "3"]
    failed = run("certify", table, "-k", "1,3", "--require", "mean.law=0.99")
    assert failed.exit_code == 1 and "mean.law at k = 1, mean.law at k = 3" in failed.stderr


@pytest.mark.parametrize(("cutoffs", "code"), [("a", 2), ("1,", 2), ("1.5", 2), ("1,1", 3), ("0", 3), ("5,12", 3)])
def test_cutoffs_that_are_none(table: Path, cutoffs: str, code: int) -> None:
    refused = run("certify", table, "-k", cutoffs)
    assert refused.exit_code == code and "rror: " in refused.stderr and not refused.stdout


def test_the_claims_asked_for_are_recorded_and_those_left_out_are_named(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    assert run("certify", table, "--claim", "mean.law", "--claim", "truncation", "-o", path).exit_code == 0
    assert json.loads(path.read_text(encoding="utf-8"))["options"]["claims"] == ["mean.law", "truncation"]
    found = run("verify", path, table)
    assert found.exit_code == 0 and found.stdout.startswith("2 of 7 claims; left out: fraction.law, fraction.window")


def test_edited_documents_end_with_one_line(table: Path, document: dict[str, Any], tmp_path: Path) -> None:
    claims, options = document["claims"], document["options"]
    for change, said in (
        ({"claims": []}, "it makes no claim"),
        ({"claims": [*claims, claims[0]]}, "is repeated"),
        ({"note": "approved"}, "note: unknown"),
        ({"options": {**options, "k": True}}, "options.k: 'True' is not a whole number"),
        ({"options": {**options, "require": "x"}}, "options.require: 'x' is not an object"),
        ({"options": {name: value for name, value in options.items() if name != "scope"}}, "options.scope: missing"),
    ):
        refused = judged(table, {**document, **change}, tmp_path)
        assert refused.exit_code == 3 and said in refused.stderr and "edited.json" in refused.stderr
        assert refused.stderr.count("\n") == 1 and not refused.stdout
    fewer = judged(table, {**document, "claims": claims[1:]}, tmp_path)
    assert fewer.exit_code == 1 and "6 of 7 claims; left out: fraction.law" in fewer.stdout
    later = judged(table, {**document, "package_version": "9.9.9"}, tmp_path)
    assert later.exit_code == 0 and "made by spectra-eval 9.9.9, recomputed by" in later.stdout


def test_certificate_and_help_say_that_claims_hold_one_by_one(table: Path) -> None:
    assert "on its own; all of them" in " ".join(run("certify", "--help").output.split())
    shown = " ".join(run("certify", table, "-k", 2, "--against", "none").stdout.split())
    assert "the 7 stated here all hold at once with probability at least 0.65" in shown
    rivals = " ".join(run("certify", table, "-k", 2, "--against", "uniform").stdout.split())
    assert "the 7 stated here all hold at once with probability at least 0.65, with the 5 against rivals" in rivals


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--require", "regime.printed=0.5"), 3, "has no bound"),
        (("--require", "truncation=0.1", "--require", "truncation=0.9"), 2, "required twice"),
        (("--require", "truncation=nan"), 3, "not a finite number"),
        (("--require", "truncation=90"), 3, "outside [0, 1]"),
        (("--seed", "3"), 3, "only betting has a seed"),
        (("--seed", "-1", "--scope", "population", "--bound", "betting"), 2, "--seed"),
        (("--level", "nan"), 3, "level: nan"),
        (("--declared", "9" * 400), 3, "declared: an integer of"),
    ],
)
def test_what_would_be_ignored_or_mean_nothing_is_refused(
    table: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = run("certify", table, *words)
    assert refused.exit_code == code and said in refused.stderr, refused.output
    assert not refused.stdout


def test_a_betting_certificate_is_replayed_with_its_seed(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "betting.json"
    words = ("--scope", "population", "--bound", "betting", "--seed", 11)
    assert run("certify", table, *words, "-o", path).exit_code == 0
    assert json.loads(path.read_text(encoding="utf-8"))["options"]["seed"] == 11
    assert run("verify", path, table).exit_code == 0


def test_plan_has_a_power(table: Path) -> None:
    numbers = [
        json.loads(run("plan", table, "-k", 2, "--power", power, "--format", "json").stdout)["needs"]
        for power in (0.5, 0.9)
    ]
    for half, most in zip(*numbers, strict=True):
        what = "n_interactions" if half["claim"] == "fraction.law" else "n_users"
        assert half["claim"] == most["claim"] and (half[what] or 0) <= (most[what] or 10**12)
    refused = run("plan", "--share", 0.9, "--require", "truncation=0.2")
    assert refused.exit_code == 3 and "cannot be planned without a guess, --mean-missed" in refused.stderr
    assert run("plan", "--share", 0.9, "--power", 1).exit_code == 3


def test_a_document_that_is_no_certificate_is_refused_with_the_command_that_writes_one(
    table: Path, tmp_path: Path
) -> None:
    document = tmp_path / "list.json"
    document.write_text("[]")
    result = CliRunner().invoke(main, ["verify", str(document), str(table)])
    assert result.exit_code == 3
    assert "write one with `spectra-eval certify … -o FILE`" in result.output
