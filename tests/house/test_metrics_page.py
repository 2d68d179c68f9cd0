"""docs/metrics.md is what docs/metrics.py writes, and leaves no metric out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from spectra_eval.metrics import METRICS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_metrics", DOCS / "metrics.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script: ModuleType) -> None:
    written = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert written == script.page(script.of_the_house()), "run python docs/metrics.py"


def test_every_metric_of_the_house_is_on_it(script: ModuleType) -> None:
    house = {metric.name for metric in METRICS if _at_home(metric.statistic)}
    assert house == set(script.SAID)
    for said in script.SAID.values():
        assert all(len(text) > 20 for text in (said.definition, said.reading, said.pitfalls))


def _at_home(statistic: object) -> bool:
    return str(getattr(statistic, "__module__", "")).startswith("spectra_eval.metrics")
