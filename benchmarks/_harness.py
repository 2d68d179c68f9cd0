"""What the benchmarks share: both sides in turn in one run, the machine they ran on, and how results are printed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["Turns", "in_turn", "machine", "options", "report", "take_turns"]

Turns = dict[str, list[tuple[float, float, Any]]]
"""Of each side, of each turn: seconds by the clock, seconds of the processors, and what the side gave."""


def options(description: str) -> argparse.ArgumentParser:
    """Give a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smaller sizes: a look, not a result")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    return parser


def in_turn(sides: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Time each side, one after the other, `repeats` times over; give the least seconds of each.

    Sides that take turns meet the same state of the machine; the least of several is the least disturbed.
    """
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def take_turns(sides: Mapping[str, Callable[[], Any]], repeats: int) -> Turns:
    """Run each side, one after the other, `repeats` times over, and keep all that was measured."""
    turns: Turns = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            clock, used = time.perf_counter(), time.process_time()
            given = side()
            clock, used = time.perf_counter() - clock, time.process_time() - used
            if isinstance(given, dict):  # a process of its own measures itself
                clock, used, given = given["seconds"], given["processor_seconds"], given["log_probs"]
            turns[name].append((clock, used, given))
    return turns


def machine() -> dict[str, Any]:
    """Say what the numbers were measured on."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": platform.machine(),
        "processors": processors,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def report(found: Mapping[str, Any], style: str) -> None:
    """Print ``{"machine": ..., "seconds": ..., "ratios": ...}`` as JSON, or as lines."""
    document = {"machine": machine(), **found}
    if style == "json":
        print(json.dumps(document, indent=2))
        return
    print(", ".join(f"{name} {value}" for name, value in document["machine"].items()))
    for group in ("sizes", "seconds", "ratios", "by_processor"):
        for name, value in document.get(group, {}).items():
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            print(f"{group.removesuffix('s') if group != 'seconds' else group:12s} {name:60s} {shown}")
    for note in document.get("notes", []):
        print(f"note: {note}")
