"""Loads the object that a person names as MODULE:NAME."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from spectra_eval.errors import InputError

__all__ = ["load"]


def load(name: str) -> Any:
    """Import MODULE:NAME, with the current folder on the path; or a file (`my.py:NAME`)."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(f"{name}: write it as MODULE:NAME, for instance my_package.metrics:my_metric")
    if module.endswith(".py"):
        path = Path(module)
        if not path.is_file():
            raise InputError(f"{module}: no such file")
        sys.path.insert(0, str(path.resolve().parent))
        module = path.stem
    elif "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # the module is the user's own: whatever it raises is said in one line
        raise InputError(f"{name}: importing {module!r} failed with {type(error).__name__}: {error}") from error
    if not hasattr(found, attribute):
        raise InputError(f"{name}: {module!r} has no {attribute!r}")
    return getattr(found, attribute)
