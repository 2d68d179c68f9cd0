"""How far a long command is: a bar that moves on a terminal, one line a minute elsewhere."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from spectra_eval_cli._printing import say

__all__ = ["bar_line", "clock", "progress"]

_BAR = 8
"""Columns of a terminal that a bar takes at least; words are left out before it becomes shorter."""


def clock(seconds: float) -> str:
    """Return a duration with a suitable unit.

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


def bar_line(what: str, words: Sequence[str], share: float, *, width: int) -> str:
    """Return a line that fits a terminal: what is done, a bar over the room that is left, and the words.

    The first and the last of the words are kept longest: how much is done, and how long the rest takes.

    Examples
    --------
    >>> bar_line("probing", ["5 of 10 users", "2.00 a second", "3 s left"], 0.5, width=60)
    'probing ━━━━━━╸       5 of 10 users, 2.00 a second, 3 s left'
    """
    from rich.console import Console
    from rich.progress_bar import ProgressBar

    shown_words = list(words)
    while len(shown_words) > 1 and width - len(what) - len(", ".join(shown_words)) - 2 < _BAR:
        del shown_words[-2 if len(shown_words) > 2 else -1]
    text = ", ".join(shown_words)
    room = width - len(what) - len(text) - 2
    if room < 1:
        return f"{what}: {text}"
    buffer = io.StringIO()
    console = Console(file=buffer, width=room, color_system=None, legacy_windows=False)
    console.print(ProgressBar(total=1.0, completed=share, width=room), end="")
    return f"{what} {buffer.getvalue():{room}} {text}"


def progress(what: str, unit: str, *, cached: Callable[[], float] | None = None) -> Callable[[int, int], Any]:
    """Return a callback (done, total) that shows the rate, the hit rate of the prefix cache and the time left.

    Work done before the first call, in a resumed run, does not count into the rate.
    """
    from rich.console import Console

    started = last_shown = time.monotonic()
    first: int | None = None
    terminal = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        nonlocal first, last_shown
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
            line = bar_line(what, words, done / max(total, 1), width=Console(stderr=True).width - 1)
            say(line, err=True, nl=done >= total, over=True)
        elif done >= total or now - last_shown >= 60:
            last_shown = now
            say(f"{what}: {', '.join(words)}", err=True)

    return show
