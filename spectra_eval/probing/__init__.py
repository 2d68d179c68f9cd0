"""Probing: templates, prompts, backends and readouts; a probe of a whole table, its diagnosis, and sweeps.

A template formats a history as text (`templates`). A readout builds prompts from it (`prompts`, `readouts`), a session
of a backend scores them (`backends`), and `probe` does this for a whole table. `diagnose` checks one model before a
run, and `sweep` repeats a run with other templates, windows or taxonomies.

A run is divided into parts of a few users each. A finished part is written to the run folder and never changed. An
interrupted run resumes after the last valid part. The division depends on the number of users only, so an interrupted
run and an uninterrupted run give the same bytes. A crash loses at most one part: eight users, or a thousandth of the
run if that is more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra_eval._lazy import lazy_names

if TYPE_CHECKING:
    from spectra_eval.probing import backends, prompts, readouts, templates
    from spectra_eval.probing._doctor import Diagnosis, diagnose
    from spectra_eval.probing._findings import Finding
    from spectra_eval.probing._folder import records_kept
    from spectra_eval.probing._probe import Probed, probe, probe_file
    from spectra_eval.probing._questions import Measured
    from spectra_eval.probing._source import FileSource
    from spectra_eval.probing._sweep import Sweep, sweep
    from spectra_eval.probing._variants import SWEEPS, Variant, variants

__all__ = [
    "SWEEPS",
    "Diagnosis",
    "FileSource",
    "Finding",
    "Measured",
    "Probed",
    "Sweep",
    "Variant",
    "backends",
    "diagnose",
    "probe",
    "probe_file",
    "prompts",
    "readouts",
    "records_kept",
    "sweep",
    "templates",
    "variants",
]

_MODULES = {
    "SWEEPS": "_variants",
    "Diagnosis": "_doctor",
    "FileSource": "_source",
    "Finding": "_findings",
    "Measured": "_questions",
    "Probed": "_probe",
    "Sweep": "_sweep",
    "Variant": "_variants",
    "backends": "",
    "diagnose": "_doctor",
    "probe": "_probe",
    "probe_file": "_probe",
    "prompts": "",
    "readouts": "",
    "records_kept": "_folder",
    "sweep": "_sweep",
    "templates": "",
    "variants": "_variants",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
