"""Can a language model's picture of what people like be trusted? Metrics, valid bounds and certificates.

Start with `read_table`, `evaluate` and `certify`; the families are modules: `metrics`, `theory`, `readouts`,
`backends`, `stats`, `data`, `baselines`. Each name is imported when it is first used, so that `import spectra_eval`
costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra_eval._lazy import lazy_names
from spectra_eval._moved import accept_earlier_names
from spectra_eval._version import __version__

if TYPE_CHECKING:
    from spectra_eval import baselines, data, metrics, stats, theory
    from spectra_eval.artifacts import from_frame, from_pandas, read_table, to_pandas, write_table
    from spectra_eval.certification import certify, plan, verify
    from spectra_eval.evaluation import compare, evaluate
    from spectra_eval.probing import backends, probe, readouts
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
    "backends": "probing",
    "baselines": "",
    "certify": "certification",
    "compare": "evaluation",
    "data": "",
    "evaluate": "evaluation",
    "from_frame": "artifacts",
    "from_pandas": "artifacts",
    "metrics": "",
    "plan": "certification",
    "probe": "probing",
    "read_table": "artifacts",
    "readouts": "probing",
    "stats": "",
    "theory": "",
    "to_pandas": "artifacts",
    "verify": "certification",
    "write_table": "artifacts",
}
"""The module of each public name; an empty text says that the name is a module itself."""

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
accept_earlier_names()
