"""Probing: templates, prompts, backends and readouts; a probe of a whole table, its diagnosis, and sweeps.

The way through is one stair: a template tells a history in words (`templates`), a readout makes questions of it
(`prompts`, `readouts`), a session answers them (`backends`), and `probe` does so for a whole table. `diagnose` looks
at one model before that, and `sweep` repeats a run under other words, windows or taxonomies.

A run is cut into parts of some users each. A part that is finished is written to the run folder and never touched
again; a run that was stopped goes on after the last good part. The cut depends on the number of users alone, so a run
that was stopped and one that was not give the same bytes. A crash loses at most one part: eight users, or a thousandth
of the run where that is more.
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
