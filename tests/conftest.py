"""Settings of the whole suite: property tests draw the same examples each time, `SPECTRA_EXAMPLES` times as many."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # the workers share two cores: see backends/_hf_load.py

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the suite in the background ignores interrupts, and what the tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "spectra",
    max_examples=60 * int(os.environ.get("SPECTRA_EXAMPLES", "1")),
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("spectra")
