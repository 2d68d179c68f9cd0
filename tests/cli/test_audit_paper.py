from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner, Result

from spectra_eval_cli.main import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit-paper", *arguments])


def test_json_has_every_finding_and_stderr_the_count() -> None:
    found = run("--format", "json")
    rows = json.loads(found.stdout)
    assert found.exit_code == 0 and set(rows[0]) == {"status", "where", "check", "reason"}
    by_name = {row["check"]: row["status"] for row in rows}
    assert by_name["Yelp: aggregate JS"] == "fail" and by_name["MovieLens: aggregate JS"] == "pass"
    assert found.stderr.startswith(f"{len(rows)} checks: ")


@pytest.mark.parametrize("status", ["pass", "fail", "undetermined"])
def test_one_status_alone(status: str) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--status", status, "--format", "csv", "--quiet").stdout)))
    assert rows and {row["status"] for row in rows} == {status}


def test_table_and_markdown() -> None:
    table = run("--status", "undetermined").stdout
    assert "merging 19 categories" in table
    assert run("--status", "undetermined", "--format", "markdown").stdout.startswith("| status | where |")
