from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_json
from spectra_eval.audit.conformance import GROUPS, conform
from spectra_eval.errors import SchemaError
from spectra_eval_cli.main import main

VECTORS = Path(__file__).parents[2] / "golden/theory_public.json"
CLAIMS = VECTORS.parent / "claims_public.json"
DOCUMENT = json.loads(VECTORS.read_text())
DOCUMENT["groups"] |= json.loads(CLAIMS.read_text())["groups"]


@pytest.fixture(scope="module")
def results() -> list[Any]:
    return conform(DOCUMENT)


def test_every_group_has_its_function(results: list[Any]) -> None:
    assert [result.name for result in results] == list(DOCUMENT["groups"])
    assert set(GROUPS) == set(DOCUMENT["groups"])
    assert all(result.function for result in results)


@pytest.mark.parametrize("name", list(DOCUMENT["groups"]))
def test_every_public_vector_passes(results: list[Any], name: str) -> None:
    [result] = [result for result in results if result.name == name]
    assert [case["differs"] for case in result.cases if not case["ok"]] == []
    assert result.passed == result.total == len(DOCUMENT["groups"][name])


EDGES = json.loads((VECTORS.parent / "theory_edges.json").read_text())


@pytest.mark.parametrize("name", list(EDGES["groups"]))
def test_an_independent_computation_agrees_at_the_ends_and_seams(name: str) -> None:
    """Computed with mpmath and by brute force: subnormal numbers, both ends, the seams of branches, odd sizes."""
    [result] = conform({"groups": {name: EDGES["groups"][name]}})
    assert [case["differs"] for case in result.cases if not case["ok"]] == []
    assert result.passed == result.total >= 5


@pytest.mark.parametrize("name", list(DOCUMENT["groups"]))
def test_a_changed_number_is_found(name: str) -> None:
    """Each expected number of the first case of a group, moved by a thousandth: the case fails and names the field."""
    cases = DOCUMENT["groups"][name]
    entry = GROUPS[name]
    if isinstance(cases, dict):
        key = "crossover_js_literal"
        changed = {"groups": {name: {key: str(float(cases[key]) * 1.001)}}}
        assert conform(changed)[0].passed == 0
        return
    fields = [f for f, v in cases[-1].items() if f not in entry.inputs | {"rtol", "atol", "name"} and _number(v)]
    for field in fields:
        case = copy.deepcopy(cases[-1])
        case[field] = str(float(case[field]) * 1.001 + 1e-3)
        [found] = conform({"groups": {name: [case]}})
        assert found.passed == 0 and any(line.startswith(field) for line in found.cases[0]["differs"])


def _number(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    try:
        return bool(abs(float(value)) < float("inf"))
    except (TypeError, ValueError):
        return False


def test_what_is_not_known_is_not_passed() -> None:
    [result] = conform({"groups": {"novelty": [{"x": 1}]}})
    assert result.passed == 0 and "no public function" in result.cases[0]["differs"][0]
    [result] = conform({"groups": {"psi": [{"v": "0.5", "shannon": "1"}]}})
    assert result.cases[0]["differs"] == ["shannon: not computed"]
    [result] = conform({"groups": {"psi": [{"v": "2.0", "js_bits": "1"}]}})
    assert result.cases[0]["computed"] is None and "outside" in result.cases[0]["differs"][0]


def test_refuses_what_is_no_vector_file() -> None:
    for document in ({}, {"groups": [1]}, {"groups": {"psi": 3}}):
        with pytest.raises(SchemaError, match="vectors"):
            conform(document)


def test_the_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["conformance", str(VECTORS), "--format", "json"])
    assert done.exit_code == 0
    groups = json.loads(done.stdout)["groups"]
    assert groups["phi_star"]["passed"] == groups["phi_star"]["total"] == len(DOCUMENT["groups"]["phi_star"])
    assert groups["psi"]["cases"][0] == {"computed": {"js_bits": 0.0, "js_nats": 0.0}, "ok": True}
    wrong = tmp_path / "wrong.json"
    write_json({"groups": {"psi": [{"v": "0.5", "js_bits": "0.2"}]}}, wrong)
    done = CliRunner().invoke(main, ["conformance", str(wrong)])
    assert done.exit_code == 1 and "differs: psi[0]: js_bits" in done.stderr
    done = CliRunner().invoke(main, ["conformance", str(tmp_path / "none.json")])
    assert done.exit_code == 3 and done.stderr.startswith("error: ")
