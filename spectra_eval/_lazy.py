"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and the ``__dir__`` of a package whose names lie in modules below it.

    Parameters
    ----------
    package : str
        The package, ``__name__`` in its own file.
    modules : mapping of str to str
        The module of each name, relative to the package; an empty text if the name is a module itself.

    Examples
    --------
    >>> get, names = lazy_names("spectra_eval", {"Information": "units"})
    >>> get("Information").__name__, "Information" in names()
    ('Information', True)
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{modules[name] or name}")
        value = getattr(module, name) if modules[name] else module
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return get, names
