"""How `certify` scales: one pass over the file, memory that does not grow with the number of users.

`python benchmarks/certify.py [--users 5000000] [--quick] [--format json]` writes simulated tables, certifies each in a
process of its own, and prints seconds, users a second, peak memory and the ratio to one bare pass over the same file.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

K = 26
BLOCK = 100_000

RUN = """
import json, resource, sys, time
start = time.perf_counter()
if sys.argv[2] == "pass":
    import pyarrow.parquet as pq
    rows = sum(batch.num_rows for batch in pq.ParquetFile(sys.argv[1]).iter_batches(65536))
    bound = None
else:
    from spectra_eval.artifacts import iter_table
    from spectra_eval.certification import certify
    certificate = certify(iter_table(sys.argv[1]), k=5)
    rows, bound = certificate.facts["n_users"], certificate["mean.law"].bound
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows, "bound": bound, "peak_mib": peak}))
"""


def write(path: Path, users: int) -> None:
    """Write a simulated table block by block: Dirichlet laws, windows of 30, a noisy readout, its top five."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for start in range(0, users, BLOCK):
        rng = np.random.default_rng([7, start])
        n = min(BLOCK, users - start)
        law = rng.dirichlet(np.full(K, 0.5), size=n)
        counts = rng.multinomial(30, law).astype(float)
        held = 0.8 * law + 0.2 * rng.dirichlet(np.ones(K), size=n)
        lists = np.argsort(-law, axis=1)[:, 2:7].astype(np.int32)

        def fixed(values: np.ndarray) -> pa.Array:
            return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])

        block = pa.table(
            {
                "user": pa.array([f"u{i:08d}" for i in range(start, start + n)]),
                "counts": fixed(counts),
                "n_window": pa.array(np.full(n, 30)),
                "theta_s": fixed(held / held.sum(axis=1, keepdims=True)),
                "dg": fixed(lists),
            }
        )
        writer = writer or pq.ParquetWriter(path, block.schema, compression="none")
        writer.write_table(block)
    assert writer is not None
    writer.close()


def measured(path: Path, what: str) -> dict[str, float]:
    """Run one side in a process of its own."""
    done = subprocess.run([sys.executable, "-c", RUN, str(path), what], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=5_000_000)
    parser.add_argument("--quick", action="store_true", help="200,000 users")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    options = parser.parse_args()
    largest = 200_000 if options.quick else options.users
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for users in (largest // 10, largest):
            path = Path(folder) / f"{users}.parquet"
            write(path, users)
            runs[users] = {"pass": measured(path, "pass"), "certify": measured(path, "certify")}
            path.unlink()
    small, large = runs[largest // 10], runs[largest]
    ratios = {
        "certify_over_bare_pass": large["certify"]["seconds"] / large["pass"]["seconds"],
        "peak_memory_growth_at_ten_times_the_users": large["certify"]["peak_mib"] / small["certify"]["peak_mib"],
        "time_growth_at_ten_times_the_users": large["certify"]["seconds"] / small["certify"]["seconds"],
    }
    machine = {"python": platform.python_version(), "machine": platform.machine(), "numpy": np.__version__}
    if options.format == "json":
        print(json.dumps({"machine": machine, "ratios": ratios, "runs": {str(n): run for n, run in runs.items()}}))
        return
    for users, run in runs.items():
        for what, found in run.items():
            rate = found["rows"] / found["seconds"]
            cost = f"{found['seconds']:8.1f} s  {rate:10,.0f} users/s  {found['peak_mib']:7.0f} MiB"
            print(f"{users:>10,} users  {what:8} {cost}")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
