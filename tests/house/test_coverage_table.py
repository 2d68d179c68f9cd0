"""The coverage of intervals in docs/metrics.md: measured anew on a few cohorts, and what was chosen follows from it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
MEASURED: dict[str, Any] = json.loads((DOCS / "coverage.json").read_text(encoding="utf-8"))
ROWS = {(row["of"], row["users"]): row for row in MEASURED["rows"]}
REPETITIONS = 300


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_coverage", DOCS / "coverage.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def populations(script: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = script.populations()
    return found


def test_every_population_is_in_the_table(script: ModuleType, populations: dict[str, Any]) -> None:
    expected = {(name, n) for name, of in populations.items() for n in (script.MEANS if of.is_mean else script.COHORT)}
    assert expected == set(ROWS)
    assert MEASURED["command"] == "python docs/coverage.py"


@pytest.mark.parametrize("users", [5, 20])
@pytest.mark.parametrize("of", ["`js_divergence` of popularity", "exponential", "`soft_ece` of history"])
def test_it_can_be_measured_again(script: ModuleType, populations: dict[str, Any], of: str, users: int) -> None:
    found = script.coverage(populations[of], users, repetitions=REPETITIONS, rng=np.random.default_rng(7))
    for form, proportion in found.items():
        written = ROWS[of, users][form]
        spread = np.sqrt(0.25 * (1 / REPETITIONS + 1 / MEASURED["repetitions"]))
        assert abs(proportion - written) < 4 * spread, form


def test_what_was_chosen_covers_real_users_and_percentiles_do_not() -> None:
    real = [row for (of, _), row in ROWS.items() if "_" in of and "student" in row]
    assert len(real) == 24
    for row in real:
        assert row["student"] >= 0.90, row
    few = [row for row in real if row["users"] <= 10 and "top_recall" not in row["of"]]
    assert all(row["percentile"] < 0.91 for row in few)
