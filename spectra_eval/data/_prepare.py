"""From interactions to a preference table: each user's past is cut in time into a history and a window."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from spectra_eval.data._leakage import prove
from spectra_eval.data._timeline import Timeline, timeline
from spectra_eval.data._windows import TIES, Windows, cut_users, moment, session_numbers
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["prepare"]

_WEIGHTINGS = ("fraction", "count")
_DIGESTED = 100_000


def prepare(
    interactions: Interactions,
    *,
    weighting: str = "fraction",
    split: float = 0.8,
    split_date: str | int | None = None,
    ties: str = "file-order",
    min_interactions: int = 5,
    min_sessions: int = 1,
    window_end: float = 1.0,
    context_windows: Sequence[int] | None = None,
    horizons: Sequence[str] | None = None,
    short: int | str = "session",
    session_gap: str | int = "8h",
    limit: int | None = None,
    details: bool = False,
) -> PreferenceTable:
    """Cut each user's interactions in time: what lies before the cut is the history, what follows the window.

    Parameters
    ----------
    interactions : Interactions
        The events. Entries of one event stand together, their categories in ascending order: a new event begins
        where user, item or time change, or where the category does not ascend.
    weighting : {"fraction", "count"}
        An event with g categories gives each 1/g of its weight, or the whole weight.
    split : float
        The share of a user's n interactions (not of their categories) that is history: ``floor(split * n)`` of
        them, and at least one on either side.
    split_date : str or int, optional
        One moment for everybody instead of a share: an ISO date (UTC where it names no zone) or seconds since 1970.
        The window begins with it. A user without an interaction on either side is left out, and counted.
    ties : {"file-order", "together", "session"}
        Interactions of one user and second: cut in the order of the file, or kept on one side; or whole sessions are
        kept on one side. When kept together, the cut moves to the nearer end of the second (or session), to its
        beginning where both are as near; a user whose interactions all share one is left out, and counted. A cut at a
        date divides no second and stays.
    min_interactions : int
        Users with fewer interactions are left out, and counted; at least 2.
    min_sessions : int
        Users whose history has fewer sessions are left out, and counted; so are users with a window whose
        interactions all weigh 0.
    window_end : float
        The share of a user's interactions at which the window ends; what follows is not used. With it a table to
        train on can stop where the window of the evaluation begins.
    context_windows : sequence of int, optional
        How many sessions of the history are told, one record for each number; without it all are told.
    horizons : sequence of {"long", "short"}, optional
        How far the window reaches, one record for each: ``long`` is the whole window, ``short`` its beginning.
    short : "session" or int
        The short horizon is the first session of the window, or its first n interactions.
    session_gap : str or int
        A pause longer than this begins a new session: seconds, or ``30m``, ``8h``, ``2d``. A cut inside a session
        divides it: its parts are the last session of the history and the first of the window.
    limit : int, optional
        Only the first users that are kept.
    details : bool
        Keep `history_details` too: time, rating and categories of every title, for templates that tell them.

    Returns
    -------
    PreferenceTable
        One row a user, context window and horizon, the rows of one user together, users in the order of first
        appearance; with `history`, `history_counts`, `counts` and `n_window` (interactions). The metadata name every
        rule, hold a digest of the interactions, and say under ``leakage_checked`` what `check_leakage` proved.

    Raises
    ------
    InputError
        An option has no such value, or a weight is negative or not finite.
    ShapeError
        The columns of the interactions differ in length.
    SchemaError
        No user is left, or a category or a title is unknown.

    References
    ----------
    .. [1] P. G. Campos, F. Diez and I. Cantador, "Time-aware recommender systems: a comprehensive survey and
       analysis of existing evaluation protocols", UMUAI 24 (2014) 67-119. doi:10.1007/s11257-012-9136-x

    Examples
    --------
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 3), item=np.array(["x", "x", "y"]), category=np.array([0, 1, 1]),
    ...     time=np.array([10, 10, 20]), weight=np.ones(3), categories=("Drama", "Noir"),
    ...     titles={"x": "Laura (1944)", "y": "Gilda (1946)"},
    ... )
    >>> table = prepare(events, min_interactions=2)
    >>> table.history_counts.tolist(), table.counts.tolist(), table.history[0]
    ([[0.5, 0.5]], [[0.0, 1.0]], ('Laura (1944)',))
    """
    _check_options(
        weighting, split, ties, min_interactions, min_sessions, window_end, limit, dated=split_date is not None
    )
    windows = Windows.checked(context_windows=context_windows, horizons=horizons, short=short, gap=session_gap)
    date = None if split_date is None else moment(split_date)
    line = timeline(interactions)
    sessions = session_numbers(line, windows.gap)
    cut = cut_users(line, share=split, date=date, ties=ties, window_end=window_end, sessions=sessions)
    few = line.total < min_interactions
    undivided = ~few & ((cut.at < 1) | (cut.at >= cut.end))
    idle = ~few & ~undivided & (_sessions_told(line, cut.at, sessions) < min_sessions)
    rows = np.flatnonzero(~few & ~undivided & ~idle)
    starts, stops = windows.told_from(line, cut, sessions), windows.held_until(line, cut, sessions)
    weighed = [_Sums(line, weighting, rows).between(cut.at, stop) for stop in stops]
    bears = np.all([sums.any(axis=1) for sums in weighed], axis=0)
    rows, weighed = rows[bears][:limit], [sums[bears][:limit] for sums in weighed]
    if not len(rows):
        raise SchemaError(
            f"interactions: no user is left of {len(line.names)}: {int(few.sum())} have fewer than {min_interactions} "
            f"interactions, {int(undivided.sum())} cannot be divided in time, {int(idle.sum())} have fewer than "
            f"{min_sessions} sessions, {int((~bears).sum())} a window of weight 0; lower the least number"
        )
    past = _Sums(line, weighting, rows)
    shown, at = [start[rows] for start in starts], cut.at[rows]
    told = functools.partial(_told, begin=line.begin[rows], starts=shown, at=at, copies=len(stops))
    table = PreferenceTable(
        users=np.repeat(line.names[rows], len(starts) * len(stops)),
        categories=interactions.categories,
        counts=_records(weighed, outer=len(starts)),
        n_window=_records([(stop - cut.at)[rows] for stop in stops], outer=len(starts)),
        history=told(line.titles),
        history_details=(told(line.details(interactions.categories)) if details else None),
        history_counts=_records([past.between(start, cut.at) for start in starts], inner=len(stops)),
        context_window=_labels(windows.context_windows, len(rows), inner=len(stops)),
        horizon=_labels(windows.horizons, len(rows), outer=len(starts)),
        parents=interactions.parents,
        metadata={
            **interactions.metadata,
            "split": {
                **_split_rule(split, date),
                "ties": ties,
                "min_interactions": min_interactions,
                **({} if min_sessions == 1 else {"min_sessions": min_sessions}),
                **({} if window_end == 1.0 else {"window_end": window_end}),
            },
            "windows": windows.described(),
            "weighting": weighting,
            "users_read": len(line.names),
            "users_with_too_few": int(few.sum()),
            "users_undivided": int(undivided.sum()),
            "users_with_too_few_sessions": int(idle.sum()),
            "users_with_weightless_windows": int((~bears).sum()),
            "interactions_digest": _digest(interactions),
        },
    )
    return table.replace(metadata={**table.metadata, "leakage_checked": prove(table, line)})


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
    least = 0.0 if dated else split
    if not least < window_end <= 1.0:
        raise InputError(f"window_end: {window_end} is not above {least} and at most 1; the window follows the split")
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


def _sessions_told(line: Timeline, at: np.ndarray, sessions: np.ndarray) -> np.ndarray:
    begin = line.begin[:-1]
    return sessions[begin + np.maximum(at, 1) - 1] - sessions[begin] + 1


class _Sums:
    """Sums the weights of the kept users' events by category, between two events of each."""

    def __init__(self, line: Timeline, weighting: str, rows: np.ndarray) -> None:
        user_of_place = np.repeat(np.arange(len(line.names)), line.total)
        row_of_user = np.full(len(line.names), -1)
        row_of_user[rows] = np.arange(len(rows))
        user = user_of_place[line.place]
        held = row_of_user[user] >= 0
        self.row = row_of_user[user[held]]
        self.position = (line.place - line.begin[user])[held]
        self.category = line.category[held]
        self.weight = line.entry_weights(weighting)[held]
        self.rows, self.shape = rows, (len(rows), line.n_categories)

    def between(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Give (rows, K) sums over the positions from `start` up to `stop`, (U,) each."""
        low, high = start[self.rows][self.row], stop[self.rows][self.row]
        inside = (self.position >= low) & (self.position < high)
        n, k = self.shape
        cell = self.row[inside] * k + self.category[inside]
        return np.bincount(cell, weights=self.weight[inside], minlength=n * k).reshape(n, k)


def _records(parts: list[np.ndarray], *, outer: int = 1, inner: int = 1) -> np.ndarray:
    """Lay out one array a variant so that all records of a user stand together, context window before horizon."""
    stacked = np.stack(parts, axis=1)  # (users, variants, ...)
    stacked = np.repeat(stacked, inner, axis=1)
    if outer > 1:
        stacked = np.concatenate([stacked] * outer, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])


def _labels(
    names: tuple[int, ...] | tuple[str, ...] | None, users: int, *, outer: int = 1, inner: int = 1
) -> np.ndarray | None:
    return None if names is None else np.tile(np.repeat(np.array(names), inner), users * outer)


def _told(
    values: np.ndarray, *, begin: np.ndarray, starts: list[np.ndarray], at: np.ndarray, copies: int
) -> np.ndarray:
    """Give what each record tells of its events, oldest first; records that tell the same share one tuple."""
    out = np.empty(len(at) * len(starts) * copies, dtype=object)
    place = 0
    for row, first in enumerate(begin.tolist()):
        titles = tuple(values[first : first + at[row]].tolist())
        for start in starts:
            out[place : place + copies] = _same(titles[start[row] :], copies)
            place += copies
    return out


def _same(titles: tuple[Any, ...], copies: int) -> np.ndarray:
    held = np.empty(copies, dtype=object)
    for place in range(copies):
        held[place] = titles
    return held


def _digest(interactions: Interactions) -> str:
    """Digest the columns and the names, whatever types hold them."""
    digest = hashlib.sha256()
    for column in (interactions.user, interactions.item):
        names = map(str, iter(column))
        between = ""
        while piece := list(islice(names, _DIGESTED)):
            digest.update((between + "\x1f".join(piece)).encode())
            between = "\x1f"
        digest.update(b"\x1e")
    for name, kind in (("category", "<i8"), ("time", "<i8"), ("weight", "<f8")):
        digest.update(np.ascontiguousarray(getattr(interactions, name), dtype=kind).tobytes())
    digest.update("\x1f".join(interactions.categories).encode())
    return "sha256:" + digest.hexdigest()
