"""Modules and names that changed can still be found by their earlier names, with a warning that states the new one."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "accept_earlier_names", "earlier_names"]

MOVED = {
    "spectra_eval.asking": "spectra_eval.probing",
    "spectra_eval.backends": "spectra_eval.probing.backends",
    "spectra_eval.conformance": "spectra_eval.audit.conformance",
    "spectra_eval.conversion": "spectra_eval.arrays",
    "spectra_eval.diagnosis": "spectra_eval.probing",
    "spectra_eval.finetuning": "spectra_eval.training",
    "spectra_eval.prompts": "spectra_eval.probing.prompts",
    "spectra_eval.readouts": "spectra_eval.probing.readouts",
    "spectra_eval.sweeping": "spectra_eval.probing",
    "spectra_eval.wording": "spectra_eval.probing.templates",
}
"""The present name of each public module that had another name before version 0.2.0."""


class _EarlierNames(MetaPathFinder, Loader):
    """Find a module by its earlier name; the module that is found is the one with the present name."""

    def find_spec(
        self, fullname: str, path: Iterable[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a specification for an earlier name, None for any other."""
        family = ".".join(fullname.split(".")[:2])
        if family not in MOVED:
            return None
        present = MOVED[family] + fullname.removeprefix(family)
        if importlib.util.find_spec(present) is None:
            return None
        return ModuleSpec(fullname, self, loader_state=present)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module with the present name."""
        if spec.name in MOVED:  # one warning for a family, none for each module below it
            warnings.warn(
                f"{spec.name} is now {spec.loader_state}; the earlier name goes with version 1.0",
                DeprecationWarning,
                stacklevel=2,
            )
        module = importlib.import_module(str(spec.loader_state))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own specification back, which the import has replaced."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def accept_earlier_names() -> None:
    """Let earlier names of modules be imported; called once, by the package itself."""
    if not any(isinstance(finder, _EarlierNames) for finder in sys.meta_path):
        sys.meta_path.insert(0, _EarlierNames())  # before the finder of files, which would load a file twice


def earlier_names(module: str, present: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that finds its earlier names, with a warning.

    Parameters
    ----------
    module : str
        The module, ``__name__`` in its own file.
    present : mapping of str to str
        The present name of each earlier one.
    """

    def get(name: str) -> Any:
        if name not in present:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(
            f"{module}.{name} is now {present[name]}; the earlier name goes with version 1.0",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(sys.modules[module], present[name])

    return get
