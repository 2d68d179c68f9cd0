"""docs/architecture.md: the page that its script writes, and the numbers that the house keeps."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_architecture", DOCS / "architecture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_its_script_writes(script: ModuleType) -> None:
    written = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert written == script.page(), "run python docs/architecture.py"


def test_the_picture_is_what_its_script_draws(script: ModuleType, tmp_path: Path) -> None:
    script.draw(tmp_path / "drawn.svg")
    assert (tmp_path / "drawn.svg").read_bytes() == script.PICTURE.read_bytes(), "run python docs/architecture.py"


def test_every_module_has_a_floor_and_there_are_few(script: ModuleType) -> None:
    floors = script.contracts()["floors"]
    placed = {module for floor in floors for module in floor}
    source = DOCS.parent / "spectra_eval"
    there = {
        f"spectra_eval.{path.stem}"
        for path in source.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert there == placed - {"spectra_eval_cli"}
    assert len(floors) <= 8 and len([module for module in there if "._" not in module]) <= 22
