"""The registry: whole for every thread, and a module that cannot be imported is reported each time."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from spectra_eval.errors import DuplicateNameError, UnknownNameError
from spectra_eval.registry import Registry


@dataclass(frozen=True)
class Entry:
    name: str


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Registry[Entry]:
    """A package of three modules, each of which adds an entry and takes its time."""
    name = f"family_{abs(hash(request.node.name))}"
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").write_text("REGISTRY = None\n", encoding="utf-8")
    for entry in ("first", "second", "third"):
        (package / f"{entry}.py").write_text(
            f"import threading\nfrom {name} import REGISTRY, Entry, gate\ngate()\nREGISTRY.add(Entry({entry!r}))\n",
            encoding="utf-8",
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry: Registry[Entry] = Registry("entry", package=name, group=f"{name}.plugins")
    module = __import__(name)
    module.REGISTRY, module.Entry, module.gate = registry, Entry, lambda: None
    return registry


def test_two_threads_see_the_whole(family: Registry[Entry]) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def gate() -> None:
        inside.set()
        assert go_on.wait(timeout=30)

    sys.modules[family.package].gate = gate  # type: ignore[attr-defined]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(family.names)
        assert inside.wait(timeout=30)
        second = pool.submit(family.names)  # the first is in the middle of its imports
        go_on.set()
        assert first.result(timeout=30) == second.result(timeout=30) == ["first", "second", "third"]


def test_a_module_that_fails_is_reported_each_time(family: Registry[Entry]) -> None:
    def gate() -> None:
        raise ImportError("no such library")

    sys.modules[family.package].gate = gate  # type: ignore[attr-defined]
    for _ in range(3):
        with pytest.raises(ImportError, match="no such library"):
            family.names()
        with pytest.raises(ImportError, match="no such library"):
            family["first"]
    sys.modules[family.package].gate = lambda: None  # type: ignore[attr-defined]
    assert family.names() == ["first", "second", "third"]


def test_a_module_may_look_up_while_it_is_imported(family: Registry[Entry]) -> None:
    seen: list[list[str]] = []
    sys.modules[family.package].gate = lambda: seen.append(family.names())  # type: ignore[attr-defined]
    assert len(family) == 3
    assert seen == [[], ["first"], ["first", "second"]]


def test_names_are_unique_and_unknown_ones_get_a_hint(family: Registry[Entry]) -> None:
    with pytest.raises(DuplicateNameError, match="'first' is registered twice"):
        family.names() and family.add(Entry("first"))
    with pytest.raises(UnknownNameError, match="near: first"):
        family["frist"]
    assert "first" in family and "frist" not in family


def test_a_module_that_registers_and_then_fails_registers_again(family: Registry[Entry]) -> None:
    def gate() -> None:
        if len(tries) < 2:
            tries.append(family.add(Entry("early")))
        if len(tries) == 1:
            raise ImportError("no such library")

    tries: list[Entry] = []
    sys.modules[family.package].gate = gate  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="no such library"):
        family.names()
    assert "early" in family and family["early"] is tries[1]
