"""Settings of the whole suite: property tests draw the same examples each time, `SPECTRA_EXAMPLES` times as many."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # the workers share two cores: see backends/_hf_load.py

settings.register_profile(
    "spectra",
    max_examples=60 * int(os.environ.get("SPECTRA_EXAMPLES", "1")),
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("spectra")
