"""The face of the package and of its families: all that is public, and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

import pytest

import spectra_eval
from spectra_eval.metrics import METRICS

FAMILIES = ("metrics", "theory", "stats")
"""Packages whose functions people call: everything that their public modules export is on the face."""
FACES = (
    *("arrays", "artifacts", "audit", "baselines", "certification", "data", "evaluation", "fusion", "metrics"),
    *("probing", "probing.backends", "probing.readouts", "report", "stats", "tables", "theory", "training"),
)
CONSTANTS = {"stats": {"FEW", "FOLDS", "PART"}}
"""Constants of a module, which are documented there."""


def test_the_face_is_whole() -> None:
    assert len(set(spectra_eval.__all__)) == len(spectra_eval.__all__)  # ruff holds the order
    for name in spectra_eval.__all__:
        assert getattr(spectra_eval, name) is not None
    assert set(spectra_eval.__all__) <= set(dir(spectra_eval))


def test_no_name_of_the_face_hides_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(spectra_eval.__path__)}
    functions = {n for n in spectra_eval.__all__ if not isinstance(getattr(spectra_eval, n), type(sys))}
    assert not modules & functions


def _exported(package: ModuleType) -> dict[str, str]:
    """Return what the public modules of a package export, by name, with the module."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return {name: module.__name__ for module in modules for name in module.__all__}


@pytest.mark.parametrize("face", FACES)
def test_every_name_of_a_face_is_there(face: str) -> None:
    module = importlib.import_module(f"spectra_eval.{face}")
    for name in module.__all__:
        assert hasattr(module, name), f"{face}.__all__ promises {name}"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_face_of_a_family_is_all_that_its_modules_export(family: str) -> None:
    package = importlib.import_module(f"spectra_eval.{family}")
    exported = _exported(package)
    emerging = {entry.name for entry in METRICS if entry.stage == "emerging"} if family == "metrics" else set()
    assert set(exported) - set(package.__all__) - CONSTANTS.get(family, set()) == emerging & set(exported)


def test_an_emerging_metric_is_found_by_its_name_and_in_its_module() -> None:
    exported = _exported(spectra_eval.metrics)
    emerging = [entry.name for entry in METRICS if entry.stage == "emerging" and entry.name in exported]
    assert emerging
    for name in emerging:
        assert name not in spectra_eval.metrics.__all__
        assert hasattr(importlib.import_module(exported[name]), name)
