"""How far a long command is: a bar that moves on a terminal, one line a minute elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from spectra_eval_cli._printing import say

__all__ = ["clock", "progress"]

_WIDTH = 20


def clock(seconds: float) -> str:
    """Say a time in the unit that a person would use.

    Examples
    --------
    >>> [clock(s) for s in (7.2, 130.0, 5000.0, 9e4)]
    ['7 s', '2 min', '1.4 h', '25 h']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"


def progress(what: str, unit: str, *, cached: Callable[[], float] | None = None) -> Callable[[int, int], Any]:
    """Give a callback (done, total) that shows the rate, the share of the prefix cache and the time left.

    Work that was done before the first call, by a run that is gone on with, does not count into the rate.
    """
    started = said = time.monotonic()
    first: int | None = None
    terminal = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        nonlocal first, said
        now = time.monotonic()
        first = done if first is None else first
        rate = (done - first) / (now - started) if now > started else 0.0
        words = [f"{done} of {total} {unit}"]
        if rate > 0:
            words.append(f"{rate:.2f} a second" if rate >= 0.1 else f"{1 / rate:.0f} s each")
        share = math.nan if cached is None else cached()
        if not math.isnan(share):
            words.append(f"{share:.0%} from the prefix cache")
        if rate > 0 and done < total:
            words.append(f"{clock((total - done) / rate)} left")
        elif done >= total and done > first:
            words.append(f"in {clock(now - started)}")
        if terminal:
            full = round(_WIDTH * done / max(total, 1))
            bar = "█" * full + "░" * (_WIDTH - full)
            say(f"{what} {bar} {', '.join(words)}", err=True, nl=done >= total, over=True)
        elif done >= total or now - said >= 60:
            said = now
            say(f"{what}: {', '.join(words)}", err=True)

    return show
