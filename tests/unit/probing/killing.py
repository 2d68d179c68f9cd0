"""A program that runs a probe in a child of itself, kills the child at a random moment, and goes on until it is done.

Everything is imported once and each child is a fork, so that a hundred kills take seconds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet  # noqa: F401  # this one and the next are loaded here, so that no child has to
import scipy.optimize  # noqa: F401

from spectra_eval.probing import probe, probe_file
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._base import Session
from spectra_eval.tables import PreferenceTable


def run(table: Path, folder: Path, session: Session) -> None:
    """Do the whole run, or what is left of it."""
    dg = session.description["backend"] == "mocked"  # a real model takes long over lists
    probe_file(table, session, run=folder, dg=dg, list_length=3, decoding="sampled", temperature="fitted", titles=3)


def opened(model: str) -> Any:
    """Open the mock, or a real model that keeps to one thread: a pool of threads would not outlive a fork."""
    if model == "mocked":
        return open_backend("mocked", model="random", seed=3, noise=0.2)
    import torch

    torch.set_num_threads(1)
    return open_backend("hf", model=model)


def _child(table: Path, folder: Path, session: Session) -> int:
    number = os.fork()
    if number == 0:
        code = 1
        try:
            run(table, folder, session)
            code = 0
        finally:
            os._exit(code)
    return number


def _state(folder: Path) -> str:
    """Say where a run was killed."""
    if not (folder / "manifest.json").is_file():
        return "before the manifest"
    manifest = json.loads((folder / "manifest.json").read_text())
    if manifest["status"] == "complete":
        return "after the end"
    named = {entry["file"] for entry in manifest["parts"]}
    there = {path.name for path in (folder / "parts").iterdir()}
    if any(name.endswith(".part") for name in there) or any(folder.glob(".*.part")):
        return "while a file was written"
    if there - named:
        return "between a part and its manifest"
    return "at the last file" if manifest["progress"]["done"] == manifest["progress"]["total"] else "between parts"


def main(table: Path, folders: Path, kills: int, seed: int, model: str) -> None:
    """Print where each kill fell, one a line."""
    rng = np.random.default_rng(seed)
    few = PreferenceTable(
        users=list("abcdefghij"), categories=("a", "b"), counts=np.ones((10, 2)), history=[("t",)] * 10
    )
    with opened(model) as session:
        probe(few, session, dg=False, temperature="fitted")  # loads the rest
        began = time.monotonic()
        os.waitpid(_child(table, folders / "run-0", session), 0)
        longest = 0.6 * (time.monotonic() - began)  # follows the machine, which other work may make slower or faster
        fell, number = 0, 1
        while fell < kills:
            folder = folders / f"run-{number}"
            child = _child(table, folder, session)
            time.sleep(rng.uniform(0.0, longest))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                fell += 1
                state = _state(folder)
                longest *= 1.1 if state == "before the manifest" else 1.0
                print(state, flush=True)
            elif os.WEXITSTATUS(status) == 0:
                number += 1
                longest /= 1.1
            else:
                sys.exit(f"run {number} failed by itself")
        os.waitpid(_child(table, folders / f"run-{number}", session), 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
