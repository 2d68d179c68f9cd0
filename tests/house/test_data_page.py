"""The Python examples of docs/data.md run and print what the page shows."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/data.md"


def test_every_example_prints_what_the_page_shows() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted >= 9
    assert found.failed == 0
