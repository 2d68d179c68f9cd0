"""What certifying costs does not grow with the number of users: a sweep that `make prove` runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks/certify.py"


@pytest.mark.slow
def test_four_times_the_users_take_no_more_memory(tmp_path: Path) -> None:
    described = importlib.util.spec_from_file_location("benchmark_of_certify", BENCHMARK)
    assert described is not None and described.loader is not None
    benchmark = importlib.util.module_from_spec(described)
    described.loader.exec_module(benchmark)
    peaks = []
    for users in (393_216, 1_572_864):
        path = tmp_path / f"{users}.parquet"
        benchmark.write(path, users)
        found = benchmark.measured(path, "certify")
        path.unlink()
        assert found["rows"] == users
        peaks.append(found["peak_mib"])
    # The users ascend, so that not even a hash of each is kept. The matrices of the further users alone take 26 numbers
    # twice each; the allocators of Arrow and NumPy differ by some MiB from run to run.
    further = (1_572_864 - 393_216) * 2 * 26 * 8 / 2**20
    assert peaks[1] - peaks[0] <= further / 8, peaks
