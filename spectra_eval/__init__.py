"""Can a language model's picture of what people like be trusted? Metrics, valid bounds and certificates.

Start with `read_table`, `evaluate` and `certify`; the families are modules: `metrics`, `theory`, `readouts`,
`backends`.
"""

from spectra_eval import backends, metrics, readouts, theory
from spectra_eval._version import __version__
from spectra_eval.artifacts import read_table, write_table
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
    "certify",
    "compare",
    "evaluate",
    "metrics",
    "plan",
    "probe",
    "read_table",
    "readouts",
    "theory",
    "verify",
    "write_table",
]
