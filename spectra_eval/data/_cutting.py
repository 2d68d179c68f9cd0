"""Division of a block of users into histories and windows, with counts of omitted users."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.arrays import check_whole
from spectra_eval.data._exact import exact_sums
from spectra_eval.data._leakage import prove
from spectra_eval.data._timeline import Timeline, timeline
from spectra_eval.data._windows import (
    DAY,
    TIES,
    Cut,
    Windows,
    active_days,
    cut_users,
    duration,
    moment,
    moments,
    session_numbers,
    within_spans,
)
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["Cutter", "Piece"]

_WEIGHTINGS = ("fraction", "count")


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """The records of some users, or None; `tally` counts users, `proof` the results of the leakage check."""

    table: PreferenceTable | None
    tally: Mapping[str, int]
    proof: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Cutter:
    """The rules of a split, checked; see `spectra_eval.data.prepare` for each of them."""

    weighting: str
    split: float
    date: int | None
    ties: str
    min_interactions: int
    min_sessions: int
    window_end: float
    history_span: int | None
    window_span: int | None
    min_active_days: int
    windows: Windows
    details: bool

    @staticmethod
    def checked(
        *,
        weighting: str = "fraction",
        split: float = 0.8,
        split_date: str | int | None = None,
        ties: str = "file-order",
        min_interactions: int = 5,
        min_sessions: int = 1,
        window_end: float = 1.0,
        history_span: str | int | None = None,
        window_span: str | int | None = None,
        min_active_days: int = 1,
        context_windows: Sequence[int] | None = None,
        horizons: Sequence[str] | None = None,
        short: int | str = "session",
        session_gap: str | int = "8h",
        limit: int | None = None,
        details: bool = False,
    ) -> Cutter:
        """Check the rules."""
        _check_options(
            weighting, split, ties, min_interactions, min_sessions, window_end, limit, dated=split_date is not None
        )
        if window_span is not None and window_end != 1.0:
            raise InputError(f"window_end: {window_end} beside a window span; both end the window, give one of the two")
        date = None if split_date is None else moment(split_date)
        spans = [
            None if span is None else duration(name, span)
            for name, span in (("history_span", history_span), ("window_span", window_span))
        ]
        _check_days(min_active_days, spans[0], date)
        return Cutter(
            weighting=weighting,
            split=split,
            date=date,
            ties=ties,
            min_interactions=min_interactions,
            min_sessions=min_sessions,
            window_end=window_end,
            history_span=spans[0],
            window_span=spans[1],
            min_active_days=min_active_days,
            windows=Windows.checked(context_windows=context_windows, horizons=horizons, short=short, gap=session_gap),
            details=details,
        )

    @property
    def records(self) -> int:
        """Return the number of records per user."""
        return len(self.windows.context_windows or (0,)) * len(self.windows.horizons or ("long",))

    def check_times(self, metadata: Mapping[str, Any]) -> None:
        """Raise if a rule needs times, and the log has none and is in the order of its file."""
        if metadata.get("order") != "file":
            return
        rules = self.windows
        needs = {
            "split_date": self.date is not None,
            "ties": self.ties == "session",
            "context_windows": rules.context_windows is not None,
            "min_sessions": self.min_sessions > 1,
            "history_span": self.history_span is not None,
            "window_span": self.window_span is not None,
            "min_active_days": self.min_active_days > 1,
            "short": "short" in (rules.horizons or ()) and rules.short is None,
            "details": self.details,
        }
        for name in (name for name, given in needs.items() if given):
            raise InputError(
                f"{name}: it needs times, and the log has none and is in the order of its file; leave it out"
                + (", or give a number of interactions" if name == "short" else "")
            )

    def cut(self, interactions: Interactions, *, last: int, limit: int | None, proven: bool = False) -> Piece:
        """Divide some users, at most `limit`; the leakage check is skipped if the result is `proven` already.

        `last` is the time of the last event of the log.
        """
        windows, weighting = self.windows, self.weighting
        line = timeline(interactions)
        sessions = session_numbers(line, windows.gap)
        cut = cut_users(
            line, share=self.split, date=self.date, ties=self.ties, window_end=self.window_end, sessions=sessions
        )
        kept = np.ones(len(line.names), dtype=bool)
        tally = {"users_read": len(line.names)}

        def leave_out(reason: str, users: np.ndarray) -> None:
            tally[reason] = int((kept & users).sum())
            kept[users] = False

        leave_out("users_with_too_few", line.total < self.min_interactions)
        leave_out("users_undivided", (cut.at < 1) | (cut.at >= cut.end))
        cut = within_spans(line, cut, date=self.date, history=self.history_span, window=self.window_span)
        if self.history_span is not None:
            leave_out("users_without_history_in_span", cut.start >= cut.at)
        if self.window_span is not None:
            leave_out("users_without_window_in_span", cut.at >= cut.end)
        leave_out("users_with_too_few_sessions", _count_sessions(line, cut, sessions) < self.min_sessions)
        if self.min_active_days > 1:
            leave_out("users_with_too_few_active_days", active_days(line, cut) < self.min_active_days)
        rows = np.flatnonzero(kept)
        if self.window_span is not None:
            ends = moments(line, cut, self.date)[rows] + self.window_span
            tally["users_with_window_past_the_log"] = int((ends > last + 1).sum())
        starts, stops = windows.history_start(line, cut, sessions), windows.window_end(line, cut, sessions)
        weighed = [_Sums(line, weighting, rows).between(cut.at, stop) for stop in stops]
        bears = np.all([sums.any(axis=1) for sums in weighed], axis=0)
        tally["users_with_weightless_windows"] = int((~bears).sum())
        rows, weighed = rows[bears][:limit], [sums[bears][:limit] for sums in weighed]
        if not len(rows):
            return Piece(table=None, tally=tally, proof={})
        past = _Sums(line, weighting, rows)
        shown, at = [start[rows] for start in starts], cut.at[rows]
        histories = functools.partial(_histories, begin=line.begin[rows], starts=shown, at=at, copies=len(stops))
        table = PreferenceTable(
            users=np.repeat(line.names[rows], self.records),
            categories=interactions.categories,
            counts=_records(weighed, outer=len(starts)),
            n_window=_records([(stop - cut.at)[rows] for stop in stops], outer=len(starts)),
            history=histories(line.titles),
            history_details=histories(line.details(interactions.categories)) if self.details else None,
            history_counts=_records([past.between(start, cut.at) for start in starts], inner=len(stops)),
            context_window=_labels(windows.context_windows, len(rows), inner=len(stops)),
            horizon=_labels(windows.horizons, len(rows), outer=len(starts)),
            parents=interactions.parents,
            metadata={"weighting": weighting},
        )
        return Piece(table=table, tally=tally, proof={} if proven else prove(table, line))

    def described(self, tally: Mapping[str, int], *, digest: str) -> dict[str, Any]:
        """Return the rules and the counts for the metadata of a table."""
        return {
            "split": {
                **_split_rule(self.split, self.date),
                "ties": self.ties,
                "min_interactions": self.min_interactions,
                **({} if self.min_sessions == 1 else {"min_sessions": self.min_sessions}),
                **({} if self.window_end == 1.0 else {"window_end": self.window_end}),
                **self._spans(),
            },
            "windows": self.windows.described(),
            "weighting": self.weighting,
            **tally,
            "interactions_digest": digest,
        }

    def _spans(self) -> dict[str, Any]:
        """Return the rules of the spans, none where there are none."""
        spans = {"history_span_seconds": self.history_span, "window_span_seconds": self.window_span}
        rules: dict[str, Any] = {name: span for name, span in spans.items() if span is not None}
        if rules:
            start = "the first interaction of each window" if self.date is None else "the date"
            rules["span_rule"] = (
                f"from the start T of the window ({start}): history [T - span, T), window [T, T + span)"
            )
        if self.min_active_days > 1:
            rules["min_active_days"] = self.min_active_days
            rules["active_day_rule"] = "a UTC day with an interaction in the history"
        return rules

    def no_users(self, tally: Mapping[str, int]) -> SchemaError:
        """Return the error for an empty result, with the reasons."""
        reasons = {
            "users_with_too_few": f"have fewer than {self.min_interactions} interactions",
            "users_undivided": "cannot be divided in time",
            "users_without_history_in_span": "have no interaction in the history span",
            "users_without_window_in_span": "have no interaction in the window span",
            "users_with_too_few_sessions": f"have fewer than {self.min_sessions} sessions",
            "users_with_too_few_active_days": f"have fewer than {self.min_active_days} active days",
            "users_with_weightless_windows": "a window of weight 0",
        }
        counted = ", ".join(f"{tally[reason]} {words}" for reason, words in reasons.items() if reason in tally)
        fix = "lower the least number"
        if self.history_span is not None or self.window_span is not None:
            fix += ", lengthen the spans or move the split"
        return SchemaError(f"interactions: no user is left of {tally['users_read']}: {counted}; {fix}")


def _check_options(
    weighting: str,
    split: float,
    ties: str,
    min_interactions: int,
    min_sessions: int,
    window_end: float,
    limit: int | None,
    *,
    dated: bool,
) -> None:
    if weighting not in _WEIGHTINGS:
        raise InputError(f"weighting: {weighting!r} is unknown; choose {' or '.join(_WEIGHTINGS)}")
    if ties not in TIES:
        raise InputError(f"ties: {ties!r} is unknown; choose {' or '.join(TIES)}")
    if not 0.0 < split < 1.0:
        raise InputError(f"split: {split} is not strictly between 0 and 1; 0.8 keeps the last fifth as window")
    if dated and window_end != 1.0:
        raise InputError(
            f"window_end: {window_end} is a proportion of each user's interactions, and the window begins at one date; "
            "give a proportion for both (split=0.8), or leave it out"
        )
    if not split < window_end <= 1.0:
        raise InputError(f"window_end: {window_end} is not above {split} and at most 1; the window follows the split")
    if min_interactions < 2:
        raise InputError(f"min_interactions: {min_interactions}; a history and a window need at least 2")
    if min_sessions < 1:
        raise InputError(f"min_sessions: {min_sessions}; every history has at least 1")
    if limit is not None and limit < 1:
        raise InputError(f"limit: {limit}; keep at least 1 user")


def _split_rule(share: float, date: int | None) -> dict[str, object]:
    if date is not None:
        return {"rule": "chronological, one moment for all: what lies before it is the history", "date": date}
    rule = "chronological, each user alone: the first floor(share * n) interactions are the history"
    return {"rule": rule, "share": share}


def _count_sessions(line: Timeline, cut: Cut, sessions: np.ndarray) -> np.ndarray:
    begin, last = line.begin[:-1], np.maximum(cut.at, 1) - 1
    return sessions[begin + last] - sessions[begin + np.minimum(cut.start, last)] + 1


def _check_days(least: int, span: int | None, date: int | None) -> None:
    """Raise if no history can have this number of active days."""
    check_whole("min_active_days", least, least=1, why="every history has an active day")
    if span is None:
        return
    # With a cut per user, the span may begin with any second of a day and end with the second of the cut.
    most = (DAY - 1 + span) // DAY + 1 if date is None else (date - 1) // DAY - (date - span) // DAY + 1
    if least > most:
        raise InputError(
            f"min_active_days: {least}, but a history span of {span:,} seconds has at most {most} days (UTC)"
        )


class _Sums:
    """Sums of the event weights of each user by category, between two positions."""

    def __init__(self, line: Timeline, weighting: str, rows: np.ndarray) -> None:
        user_of_place = np.repeat(np.arange(len(line.names)), line.total)
        row_of_user = np.full(len(line.names), -1)
        row_of_user[rows] = np.arange(len(rows))
        user = user_of_place[line.place]
        kept_events = row_of_user[user] >= 0
        self.row = row_of_user[user[kept_events]]
        self.position = (line.place - line.begin[user])[kept_events]
        self.category = line.category[kept_events]
        self.weight = line.weight[kept_events]
        siblings = line.siblings[kept_events]
        self.siblings = siblings if weighting == "fraction" else np.ones_like(siblings)
        self.rows, self.shape = rows, (len(rows), line.n_categories)

    def between(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Return (rows, K) sums over the positions from `start` up to `stop`, (U,) each."""
        low, high = start[self.rows][self.row], stop[self.rows][self.row]
        inside = (self.position >= low) & (self.position < high)
        n, k = self.shape
        cell = self.row[inside] * k + self.category[inside]
        sums = exact_sums(cell, self.weight[inside], self.siblings[inside], n_cells=n * k)
        return sums.reshape(n, k)


def _records(parts: list[np.ndarray], *, outer: int = 1, inner: int = 1) -> np.ndarray:
    """Return the arrays of all variants as one, grouped by user, with context window before horizon."""
    stacked = np.stack(parts, axis=1)  # (users, variants, ...)
    stacked = np.repeat(stacked, inner, axis=1)
    if outer > 1:
        stacked = np.concatenate([stacked] * outer, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])


def _labels(
    names: tuple[int, ...] | tuple[str, ...] | None, users: int, *, outer: int = 1, inner: int = 1
) -> np.ndarray | None:
    return None if names is None else np.tile(np.repeat(np.array(names), inner), users * outer)


def _histories(
    values: np.ndarray, *, begin: np.ndarray, starts: list[np.ndarray], at: np.ndarray, copies: int
) -> np.ndarray:
    """Return the history of each record, oldest first; equal histories of a user share one tuple."""
    out = np.empty(len(at) * len(starts) * copies, dtype=object)
    place = 0
    for row, first in enumerate(begin.tolist()):
        titles = tuple(values[first : first + at[row]].tolist())
        for start in starts:
            out[place : place + copies] = _repeat(titles[start[row] :], copies)
            place += copies
    return out


def _repeat(titles: tuple[Any, ...], copies: int) -> np.ndarray:
    column = np.empty(copies, dtype=object)
    for place in range(copies):
        column[place] = titles
    return column
