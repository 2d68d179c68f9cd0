"""Hold the engines against each other: the same real users, the same questions, float32 and bfloat16.

Every side answers the same questions about the first users of ml-latest-small. The reference is the backend
``hf`` in float32. Printed of each side: how far a score S is from the reference (nats, largest and mean), how far
theta is (total variation, largest), how much the scores of one user spread over the categories, and the pace.
Sides with vLLM need it installed: ``.venv-vllm/bin/python benchmarks/agreement.py`` after ``make test-vllm``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _harness import machine, options

from spectra_eval.data import DATASETS, prepare
from spectra_eval.probing._runners import ReadoutRunner
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts._base import Reading

SIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "hf float32": ("hf", {"dtype": "float32"}),
    "vllm float32": ("vllm", {"dtype": "float32"}),
    "hf bfloat16": ("hf", {"dtype": "bfloat16"}),
    "vllm bfloat16": ("vllm", {"dtype": "bfloat16"}),
    "vllm bfloat16 classify": ("vllm", {"dtype": "bfloat16", "route": "classify"}),
}
"""The first is the reference."""
DATA = Path(__file__).parents[1] / "examples" / "data" / "ml-latest-small"
"""The ratings in the repository."""
TITLES = 20
"""Titles of a history that are shown."""
HEADS = ("max |dS|", "mean |dS|", "max TV", "spread", "corr", "s/user")
"""What is printed of a side and a readout."""


def ask(side: str, readouts: Sequence[str], histories: Sequence[Any], categories: Sequence[str]) -> dict[str, Any]:
    """Open one side, ask it everything, and give readings and seconds a user by readout."""
    backend, settings = SIDES[side]
    found: dict[str, Any] = {}
    with open_backend(backend, model="embedded", **settings) as session:
        for readout in readouts:
            runner = ReadoutRunner(session, readout=readout, categories=categories)
            runner.read(histories[:1])  # the first call of a session pays for what the others use
            began = time.perf_counter()
            found[readout] = runner.read(histories), (time.perf_counter() - began) / len(histories)
    return found


def compared(got: Sequence[Reading], wanted: Sequence[Reading]) -> dict[str, float]:
    """Say how far some readings are from others, and how much there is to tell apart."""
    scores = np.stack([reading.scores for reading in got])
    others = np.stack([reading.scores for reading in wanted])
    theta = np.stack([reading.theta_s for reading in got]) - np.stack([reading.theta_s for reading in wanted])
    return {
        "largest_score_gap": float(np.abs(scores - others).max()),
        "mean_score_gap": float(np.abs(scores - others).mean()),
        "largest_theta_gap": float(np.abs(theta).sum(axis=1).max() / 2),
        "spread": float(others.std(axis=1).mean()),
        "correlation": float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(scores, others, strict=True)])),
    }


def main() -> None:
    """Ask every side and print how far they are from the first."""
    parser = options(__doc__ or "")
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--readouts", default="likelihood,generative")
    parser.add_argument("--sides", default=",".join(SIDES), help="any of: " + ", ".join(SIDES))
    chosen = parser.parse_args()
    sides = [side.strip() for side in chosen.sides.split(",")]
    sides = sides[:2] if chosen.quick else sides
    reference = next(iter(SIDES))
    readouts = chosen.readouts.split(",")
    table = prepare(DATASETS["movielens"].read(DATA))
    assert table.history is not None
    histories = [history[-TITLES:] for history in table.history[: 2 if chosen.quick else chosen.users]]
    sizes = {"users": len(histories), "categories": len(table.categories)}
    lines = chosen.format == "table"
    if lines:
        print(", ".join(f"{name} {value}" for name, value in {**machine(), **sizes}.items()))
        print(f"{'side':24s}{'readout':12s}" + "".join(f"{head:>11s}" for head in HEADS))
    rows: list[dict[str, Any]] = []
    wanted: dict[str, Any] = {}
    for side in dict.fromkeys([reference, *sides]):
        found = ask(side, readouts, histories, table.categories)
        wanted = wanted or found
        for readout, (readings, seconds) in found.items():
            gaps = compared(readings, wanted[readout][0])
            rows.append({"side": side, "readout": readout, **gaps, "seconds_a_user": seconds})
            if lines:
                print(line(rows[-1]), flush=True)
    if not lines:
        paces = {(row["side"], row["readout"]): row["seconds_a_user"] for row in rows}
        ratios = {f"{side}, {readout}": pace / paces[reference, readout] for (side, readout), pace in paces.items()}
        print(json.dumps({"machine": machine(), "sizes": sizes, "ratios": ratios, "agreement": rows}, indent=2))


def line(row: Mapping[str, Any]) -> str:
    """Write one side and readout in the columns of `HEADS`."""
    gaps = "".join(f"{row[name]:11.2g}" for name in ("largest_score_gap", "mean_score_gap", "largest_theta_gap"))
    rest = f"{row['spread']:11.3f}{row['correlation']:11.3f}{row['seconds_a_user']:11.2f}"
    return f"{row['side']:24s}{row['readout']:12s}{gaps}{rest}"


if __name__ == "__main__":
    main()
