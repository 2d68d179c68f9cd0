"""Can a language model's picture of what people like be trusted? Metrics, valid bounds and certificates.

Start with `read_table`, `evaluate` and `certify`; the families are modules: `metrics`, `theory`, `readouts`,
`backends`, `stats`, `data`, `baselines`. Each name is imported when it is first used, so that `import spectra_eval`
costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spectra_eval._version import __version__

if TYPE_CHECKING:
    from spectra_eval import backends, baselines, data, metrics, readouts, stats, theory
    from spectra_eval.artifacts import from_frame, from_pandas, read_table, to_pandas, write_table
    from spectra_eval.certification import certify, plan, verify
    from spectra_eval.evaluation import compare, evaluate
    from spectra_eval.probing import probe
    from spectra_eval.tables import PreferenceTable
    from spectra_eval.units import Information

__all__ = [
    "Information",
    "PreferenceTable",
    "__version__",
    "backends",
    "baselines",
    "certify",
    "compare",
    "data",
    "evaluate",
    "from_frame",
    "from_pandas",
    "metrics",
    "plan",
    "probe",
    "read_table",
    "readouts",
    "stats",
    "theory",
    "to_pandas",
    "verify",
    "write_table",
]

_MODULES = {
    "Information": "units",
    "PreferenceTable": "tables",
    "certify": "certification",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "from_frame": "artifacts",
    "from_pandas": "artifacts",
    "plan": "certification",
    "probe": "probing",
    "read_table": "artifacts",
    "to_pandas": "artifacts",
    "verify": "certification",
    "write_table": "artifacts",
}
"""The module of each function and class of the face; the other names of `__all__` are modules themselves."""


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    else:
        value = importlib.import_module(f"{__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
