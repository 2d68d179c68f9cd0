"""Modules and names that changed are found by their earlier names, as the same objects, with a warning."""

from __future__ import annotations

import importlib
import sys

import pytest

import spectra_eval.report
from spectra_eval._moved import MOVED


@pytest.mark.parametrize("earlier", sorted(MOVED))
def test_an_earlier_name_is_the_same_module_and_states_the_new(earlier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, earlier, raising=False)
    with pytest.warns(DeprecationWarning, match=rf"{earlier} is now {MOVED[earlier]};"):
        module = importlib.import_module(earlier)
    assert module is importlib.import_module(MOVED[earlier])
    assert module.__spec__ is not None and module.__spec__.name == module.__name__ == MOVED[earlier]


def test_a_module_below_an_earlier_name_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("spectra_eval.readouts", "spectra_eval.readouts.likelihood"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.warns(DeprecationWarning, match="readouts is now"):
        module = importlib.import_module("spectra_eval.readouts.likelihood")
    assert module is importlib.import_module("spectra_eval.probing.readouts.likelihood")


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"spectra_eval\.wordings"):
        importlib.import_module("spectra_eval.wordings")


def test_an_earlier_name_of_a_function_is_the_same_function_and_states_the_new() -> None:
    with pytest.warns(DeprecationWarning, match=r"report\.questions is now evaluation_arguments;"):
        assert spectra_eval.report.questions is spectra_eval.report.evaluation_arguments
    with pytest.raises(AttributeError, match="no attribute 'question'"):
        spectra_eval.report.question  # noqa: B018  # the look-up is the test
