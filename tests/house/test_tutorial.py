"""docs/tutorial.md and README.md show commands that run, and their output."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tutorial", DOCS / "tutorial.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("page", "commands"), [("docs/tutorial.md", 10), ("docs/short_video.md", 7), ("README.md", 3)])
def test_every_command_prints_what_the_page_shows(script: ModuleType, page: str, commands: int) -> None:
    written = (DOCS.parent / page).read_text(encoding="utf-8")
    assert len(re.findall(r"^\$ spectra-eval", written, flags=re.M)) >= commands
    assert script.page(written).splitlines() == written.splitlines(), "run python docs/tutorial.py"


def test_the_page_on_short_video_shows_the_file_of_the_examples() -> None:
    page = (DOCS / "short_video.md").read_text(encoding="utf-8")
    config = (DOCS.parent / "examples/short-video.yaml").read_text(encoding="utf-8")
    assert f"```yaml short-video.yaml\n{config}```\n" in page


def test_a_command_that_prints_something_else_is_found(script: ModuleType) -> None:
    page = (
        "```csv t.csv\nuser,category,target\nann,a,1\nann,b,1\n```\n\n```console\n$ spectra-eval certify t.csv\n```\n"
    )
    renewed = script.page(page)
    assert "\nerror: " in renewed and renewed.rstrip().endswith("(exit code 3)\n```")
