"""A server and its tokenizer for the tests of the backend `server`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.probing.backends.a_server import State, serving, write_tokenizer


@pytest.fixture
def served() -> Iterator[tuple[str, State]]:
    with serving() as pair:
        yield pair


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    place = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(place)
    return place
