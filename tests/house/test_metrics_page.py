"""The pages of entries are what their scripts write, and leave nothing out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spectra_eval.certification import CLAIMS
from spectra_eval.metrics import METRICS, Metric
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.theory import ENVELOPES

DOCS = Path(__file__).parents[2] / "docs"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return loaded("metrics")


def test_the_pages_are_up_to_date(script: ModuleType) -> None:
    written = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert written == script.page(script.of_the_house()), "run python docs/metrics.py"
    assert (DOCS / "entries.md").read_text(encoding="utf-8") == loaded("entries").page(), "run python docs/entries.py"


@pytest.mark.parametrize("entry", [*READOUTS, *CLAIMS, *ENVELOPES], ids=lambda entry: entry.name)
def test_every_readout_claim_and_bound_says_what_it_is(entry: Any) -> None:
    assert f"### {entry.name}\n" in (DOCS / "entries.md").read_text(encoding="utf-8")
    assert entry.label and entry.definition and entry.reading and entry.pitfalls and entry.reference


@pytest.mark.parametrize("entry", METRICS, ids=lambda entry: entry.name)
def test_every_metric_says_what_it_is(entry: Metric, script: ModuleType) -> None:
    assert entry in script.of_the_house()
    assert all(len(text) > 20 for text in (entry.definition, entry.reading, entry.pitfalls))
