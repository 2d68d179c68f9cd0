"""Rules for histories and windows: the cut, sessions, context windows and horizons.

Words
-----
session
    Interactions of one user with no pause between them that is longer than the gap. A cut inside a session divides
    it: its first part is the last session of the history, its second part the first session of the window.
context window w
    The last w sessions of the history, which the prompt shows; all of them for a user with fewer.
horizon
    How far the window reaches. ``long`` is the whole window. ``short`` is its first session, or its first n
    interactions if a number is given. The paper reports a long and a short horizon; the lengths behind its two
    names are not a standard of the field, so every table states these rules in its metadata.
span
    A length of time on one side of the cut; see `within_spans`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from spectra_eval.arrays import check_whole
from spectra_eval.data._timeline import Timeline
from spectra_eval.data._years import EARLIEST, LATEST
from spectra_eval.errors import InputError

__all__ = [
    "HORIZONS",
    "TIES",
    "Cut",
    "Windows",
    "active_days",
    "cut_users",
    "duration",
    "moment",
    "moments",
    "session_numbers",
    "within_spans",
]

TIES = ("file-order", "together", "session")
HORIZONS = ("long", "short")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DAY = _SECONDS["d"]


def duration(name: str, text: str | int) -> int:
    """Parse a length of time: seconds, or a whole number with s, m, h, d or w.

    Examples
    --------
    >>> duration("session_gap", "8h"), duration("session_gap", 90), duration("window_span", "2w")
    (28800, 90, 1209600)
    """
    found = re.fullmatch(r"(\d{1,9})([smhdw]?)", str(text), flags=re.ASCII)
    if not found or not int(found[1]):
        raise InputError(f"{name}: {text!r} is no length of time; write it as 30m, 8h, 14d or 2w")
    return int(found[1]) * _SECONDS[found[2] or "s"]


def moment(date: str | int) -> int:
    """Parse a date: seconds since 1970, or an ISO date, UTC without a zone.

    Examples
    --------
    >>> moment("1970-01-02"), moment("1970-01-01T01:00:00+01:00"), moment(5)
    (86400, 0, 5)
    """
    if isinstance(date, int):
        if not EARLIEST <= date < LATEST:
            raise InputError(f"split_date: {date} seconds since 1970 are not in the years 1900 to 2099; write a date")
        return date
    try:
        read = datetime.fromisoformat(date)
    except ValueError as error:
        raise InputError(f"split_date: {date!r} is no date; write it as 2018-07-07 or 2018-07-07T22:09:11") from error
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """Positions from each user's first event, (U,) ints: history from `start` to before `at`, then window to `end`."""

    start: np.ndarray
    at: np.ndarray
    end: np.ndarray


def cut_users(
    line: Timeline, *, share: float, date: int | None, ties: str, window_end: float, sessions: np.ndarray
) -> Cut:
    """Divide each user's events, at a proportion of them or at a time.

    Parameters
    ----------
    line : Timeline
        The events.
    share : float
        ``floor(share * n)`` of n events are history, with at least one event on either side.
    date : int, optional
        The first second of the window, for everybody; then `share` is not used.
    ties : {"file-order", "together", "session"}
        The cut stays where it fell, or moves to the nearer end of the second or of the session that it divides, to
        the beginning where both are as near; an end that leaves one side empty divides nothing.
    window_end : float
        The window ends before the event ``floor(window_end * n)``: just where the cut of `share` would fall for a
        table that is split there, and it moves with `ties` as that cut does.
    sessions : (E,) int array
        The session of each event.

    Returns
    -------
    Cut
        A user with ``at`` 0 or ``at >= end`` cannot be divided.
    """
    total, begin = line.total, line.begin[:-1]
    if date is None:
        at = np.clip(_floored(share, total), 1, np.maximum(total - 1, 1))
    else:
        owner = np.repeat(np.arange(len(total)), total)
        at = np.bincount(owner[line.time < date], minlength=len(total))
    end = total if window_end == 1.0 else _floored(window_end, total)
    if ties != "file-order":
        borders = _borders(line.time if ties == "together" else sessions, begin)
        at = _to_border(at, borders, begin, total) if date is None else at
        end = np.where(end < total, _to_border(np.minimum(end, total - 1), borders, begin, total), total)
    return Cut(start=np.zeros_like(at), at=at, end=end)


def moments(line: Timeline, cut: Cut, date: int | None) -> np.ndarray:
    """Return the start of each user's window, (U,) ints: the date, or the time of the first event of the window."""
    if date is not None:
        return np.full(len(line.names), date)
    return np.asarray(line.time[line.begin[:-1] + np.minimum(cut.at, line.total - 1)])


def within_spans(line: Timeline, cut: Cut, *, date: int | None, history: int | None, window: int | None) -> Cut:
    """Shorten histories and windows to lengths of time on either side of the cut.

    Parameters
    ----------
    line : Timeline
        The events.
    cut : Cut
        Where each user is divided.
    date : int, optional
        The moment T of the cut; without it T is the time of the first event of each user's window.
    history, window : int, optional
        Seconds. The history keeps the events from T - `history` on, this second included, and the window the events
        before T + `window`, this second excluded. Events at T are on the side on which the cut has put them.

    Returns
    -------
    Cut
        With ``start >= at`` or ``at >= end`` for a user without an event in one of the two spans.
    """
    total, opened = line.total, moments(line, cut, date)
    owner = np.repeat(np.arange(len(total)), total)

    def before(limit: np.ndarray) -> np.ndarray:
        return np.bincount(owner[line.time < limit[owner]], minlength=len(total))

    start = cut.start if history is None else np.maximum(cut.start, before(opened - history))
    end = cut.end if window is None else np.minimum(cut.end, before(opened + window))
    return replace(cut, start=start, end=end)


def active_days(line: Timeline, cut: Cut) -> np.ndarray:
    """Return the number of UTC days with an event in the history, (U,) ints; every history has an event."""
    day = line.time // DAY
    turns = np.concatenate([[0], np.cumsum(day[1:] != day[:-1])])
    begin = line.begin[:-1]
    last = np.maximum(cut.at, 1) - 1
    return 1 + turns[begin + last] - turns[begin + np.minimum(cut.start, last)]


def _floored(share: float, total: np.ndarray) -> np.ndarray:
    return np.floor(share * total + 1e-9).astype(np.int64)


def _borders(values: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Return the positions where a value changes, each user's first position, and the end."""
    fresh = np.ones(len(values) + 1, dtype=bool)
    fresh[1:-1] = values[1:] != values[:-1]
    fresh[begin] = True  # two users may share a second
    return np.flatnonzero(fresh)


def _to_border(cut: np.ndarray, borders: np.ndarray, begin: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Move each user's cut to the nearest border; the earlier one for ties."""
    place = begin + cut
    after = borders[np.searchsorted(borders, place)] - begin
    before = borders[np.searchsorted(borders, place, side="right") - 1] - begin
    # A border that leaves one side empty is not valid.
    nearer = (cut - before <= after - cut) & (before > 0)
    return np.where(nearer | ((after >= total) & (before > 0)), before, after)


def session_numbers(line: Timeline, gap: int) -> np.ndarray:
    """Return the session of each event, (E,) int: a new one begins after a longer pause, and with every user.

    Examples
    --------
    >>> line = Timeline(
    ...     names=np.array(["a", "b"]), begin=np.array([0, 3, 4]), time=np.array([0, 10, 21, 22]), titles=np.array([]),
    ...     place=np.array([]), category=np.array([]), weight=np.array([]), siblings=np.array([]), n_categories=2,
    ... )
    >>> session_numbers(line, 10).tolist()
    [0, 0, 1, 2]
    """
    fresh = np.zeros(len(line.time), dtype=bool)
    fresh[1:] = np.diff(line.time) > gap
    fresh[line.begin[:-1]] = True
    return np.cumsum(fresh) - 1


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The records of a user: one for each context window and horizon, in this order; None for no such column."""

    context_windows: tuple[int, ...] | None
    horizons: tuple[str, ...] | None
    short: int | None
    gap: int

    @staticmethod
    def checked(
        *,
        context_windows: Sequence[int] | None,
        horizons: Sequence[str] | None,
        short: int | str,
        gap: str | int,
    ) -> Windows:
        """Check the settings."""
        for name, values in (("context_windows", context_windows), ("horizons", horizons)):
            if values is not None and (not values or len(set(values)) != len(values)):
                raise InputError(f"{name}: {list(values)}; name each once, and at least one")
        sizes = [
            check_whole("context_windows", size, least=1, why="a context window holds at least one session")
            for size in context_windows or ()
        ]
        for name in horizons or ():
            if name not in HORIZONS:
                raise InputError(f"horizons: {name!r} is unknown; choose {' or '.join(HORIZONS)}")
        if short != "session" and (not str(short).isdecimal() or int(short) < 1):
            raise InputError(f"short: {short!r}; choose session, or a number of interactions of at least 1")
        if short != "session" and "short" not in (horizons or ()):
            raise InputError(f"short: {short} is the length of the short horizon; name that too (horizons='short')")
        return Windows(
            context_windows=None if context_windows is None else tuple(sizes),
            horizons=None if horizons is None else tuple(horizons),
            short=None if short == "session" else int(short),
            gap=duration("session_gap", gap),
        )

    def history_start(self, line: Timeline, cut: Cut, sessions: np.ndarray) -> list[np.ndarray]:
        """Return the first event that each context window shows, (U,) ints, counted from the user's first."""
        if self.context_windows is None:
            return [cut.start]
        begin = line.begin[:-1]
        last = sessions[begin + np.maximum(cut.at, 1) - 1]
        first = sessions[begin]
        opened = np.searchsorted(sessions, np.arange(sessions[-1] + 1))  # sessions ascend along the timeline
        shown = (opened[np.maximum(last - size + 1, first)] - begin for size in self.context_windows)
        return [np.maximum(start, cut.start) for start in shown]

    def window_end(self, line: Timeline, cut: Cut, sessions: np.ndarray) -> list[np.ndarray]:
        """Return where each horizon ends, (U,) ints, counted from the user's first event."""
        ends = []
        for name in self.horizons or ("long",):
            if name == "long":
                ends.append(cut.end)
            elif self.short is not None:
                ends.append(np.minimum(cut.at + self.short, cut.end))
            else:
                begin = line.begin[:-1]
                here = sessions[begin + np.minimum(cut.at, line.total - 1)]
                ends.append(np.minimum(np.searchsorted(sessions, here, side="right") - begin, cut.end))
        return ends

    def described(self) -> dict[str, object]:
        """Return the rules for the metadata of a table."""
        rules: dict[str, object] = {"session_gap_seconds": self.gap}
        if self.context_windows is not None:
            rules["context_windows"] = list(self.context_windows)
            rules["context_window_rule"] = "the last w sessions of the history, all of them where there are fewer"
        if self.horizons is not None:
            short = "session" if self.short is None else f"{self.short} interactions"
            rules["horizons"] = list(self.horizons)
            rules["horizon_rule"] = f"long: the whole window; short: its first {short}"
        return rules
