"""Settings of the whole suite.

Property tests draw the same examples each time, `SPECTRA_EXAMPLES` times as many. `SPECTRA_REQUIRE=1` turns every skip
into a failure: where all extras are installed, nothing may be left out.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import pytest
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


def _required(report: Any) -> Any:
    if os.environ.get("SPECTRA_REQUIRE") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.longrepr = f"SPECTRA_REQUIRE=1 allows no skip: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Fail a test that is skipped."""
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """Fail a module that is skipped as a whole."""
    return _required((yield))
