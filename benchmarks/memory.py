"""Peak memory of every command that reads a table, in copies of a matrix of users and categories.

`python benchmarks/memory.py [--users 30000] [--categories 1001] [--commands certify,evaluate]` writes a simulated table
with histories, runs each command in a process of its own, and prints its peak above a run that reads nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BLOCK = 2_000
SCORES = 20
RUN = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "spectra_eval_cli", *sys.argv[1:]], capture_output=True, text=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
print(done.stderr[-200:], file=sys.stderr)
"""


def write(path: Path, users: int, categories: int) -> None:
    """Write a simulated table: windows of 30, histories of 60, a noisy readout, lists of at most ten."""
    from spectra_eval.artifacts._parquet import write_blocks
    from spectra_eval.tables import PreferenceTable

    def block(start: int) -> PreferenceTable:
        rng = np.random.default_rng([7, start])
        n = min(BLOCK, users - start)
        law = rng.dirichlet(np.full(categories, 0.1), size=n)
        held = 0.8 * law + 0.2 * rng.dirichlet(np.ones(categories), size=n)
        return PreferenceTable(
            users=[f"u{user:08d}" for user in range(start, start + n)],
            categories=tuple(f"c{place}" for place in range(categories)),
            counts=rng.multinomial(30, law).astype(float),
            history_counts=rng.multinomial(60, law).astype(float),
            n_window=np.full(n, 30),
            theta_s=held / held.sum(axis=1, keepdims=True),
            dg=np.argsort(-law, axis=1)[:, 2:12],
        )

    write_blocks(lambda: (block(start) for start in range(0, users, BLOCK)), path)


def write_scores(path: Path, users: int, categories: int) -> None:
    """Write scores of 20 items for a tenth of the users."""
    rng = np.random.default_rng(1)
    rows = (
        f"u{user:08d},i{item},{rng.normal():.4f},c{item % categories}\n"
        for user in range(0, users, 10)
        for item in rng.choice(2000, SCORES, replace=False).tolist()
    )
    with path.open("w", encoding="utf-8") as file:
        file.write("user,item,score,category\n")
        file.writelines(rows)


def peak(*arguments: object) -> tuple[int, float]:
    """Run a command in a process of its own; return its exit code and its peak in MiB."""
    words = [str(argument) for argument in arguments]
    done = subprocess.run([sys.executable, "-c", RUN, *words], stdout=subprocess.PIPE, text=True, check=True)
    code, mib = done.stdout.split()
    return int(code), float(mib)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--categories", type=int, default=1001)
    parser.add_argument("--commands", help="names separated by commas; all when not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, other, scores, certificate = (folder / n for n in ("t.parquet", "other.parquet", "s.csv", "c.json"))
        write(table, options.users, options.categories)
        write_scores(scores, options.users, options.categories)
        runs: dict[str, tuple[object, ...]] = {
            "certify": ("certify", table, "-o", certificate),
            "verify": ("verify", certificate, table),
            "evaluate": ("evaluate", table, "-o", folder / "e.json"),
            "report": ("report", table, "-o", folder / "r.html"),
        }
        for method in ("uniform", "popularity", "laplace", "mixture", "oracle", "history"):
            runs[f"baseline {method}"] = ("baseline", table, "--method", method, "-o", other)
        runs["compare"] = ("compare", table, other, "--bootstrap", 100)
        runs["merge"] = ("merge", table, "--to", options.categories // 2, "-o", folder / "m.parquet")
        runs["fuse"] = ("fuse", table, "--scores", scores, "--weight", 1)
        chosen = None if options.commands is None else set(options.commands.split(","))
        _, empty = peak("list", "metrics")
        copy = options.users * options.categories * 8 / 2**20
        print(f"one copy {copy:.0f} MiB, a run that reads nothing {empty:.0f} MiB")
        for what, arguments in runs.items():
            if chosen is None or arguments[0] in chosen:
                code, mib = peak(*arguments, "--quiet")
                failed = f"  exit code {code}" if code > 1 else ""
                print(f"{what:20} {mib:7.0f} MiB  {(mib - empty) / copy:5.1f} copies{failed}", flush=True)


if __name__ == "__main__":
    main()
