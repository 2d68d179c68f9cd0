"""Conversion of interactions to a preference table: each user's events are divided into history and window."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.artifacts import write_blocks
from spectra_eval.data._blocks import Log, digest_of
from spectra_eval.data._cutting import Cutter
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["Prepared", "prepare", "prepare_file"]

_CELLS = 1 << 21
_EVENTS = 300_000


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
    history_span: str | int | None = None,
    window_span: str | int | None = None,
    min_active_days: int = 1,
    context_windows: Sequence[int] | None = None,
    horizons: Sequence[str] | None = None,
    short: int | str = "session",
    session_gap: str | int = "8h",
    limit: int | None = None,
    details: bool = False,
) -> PreferenceTable:
    """Split each user's interactions in time: those before the cut are the history, the next ones the window.

    Parameters
    ----------
    interactions : Interactions
        The events. Entries of one event are consecutive, their categories in ascending order: a new event begins
        where user, item or time change, or where the category does not ascend.
    weighting : {"fraction", "count"}
        An event with g categories gives each 1/g of its weight, or the whole weight.
    split : float
        The proportion of a user's n interactions (not of their categories) that is history: ``floor(split * n)`` of
        them, and at least one on either side.
    split_date : str or int, optional
        One moment for everybody instead of a proportion: an ISO date (UTC where it names no zone) or seconds since
        1970. The window begins with it. A user without an interaction on either side is left out, and counted.
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
        The proportion of a user's interactions at which the window ends; what follows is not used. With it a table to
        train on can stop where the window of the evaluation begins. Not beside `split_date`
        or `window_span`.
    history_span, window_span : str or int, optional
        Lengths of time: seconds, or ``30d``, ``12h``, ``2w``. From the start T of a window, the history is the
        interactions in [T - `history_span`, T), the window those in [T, T + `window_span`). T is `split_date`, or the
        time of the first interaction after the cut of `split`; with ``ties="file-order"`` interactions of that second
        are on the side on which the cut has put them. A user without an interaction in a span is left out, and
        counted.
    min_active_days : int
        Users with fewer active days are left out, and counted. An active day is a UTC day with at least one
        interaction in the history (in its span, where there is one). A span that does not begin at midnight touches
        one day more than its length.
    context_windows : sequence of int, optional
        How many sessions of the history are shown, one record for each number; without it all are shown.
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
    >>> import numpy as np
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 3), item=np.array(["x", "x", "y"]), category=np.array([0, 1, 1]),
    ...     time=np.array([10, 10, 20]), weight=np.ones(3), categories=("Drama", "Noir"),
    ...     titles={"x": "Laura (1944)", "y": "Gilda (1946)"},
    ... )
    >>> table = prepare(events, min_interactions=2)
    >>> table.history_counts.tolist(), table.counts.tolist(), table.history[0]
    ([[0.5, 0.5]], [[0.0, 1.0]], ('Laura (1944)',))
    """
    cutter = Cutter.checked(
        weighting=weighting,
        split=split,
        split_date=split_date,
        ties=ties,
        min_interactions=min_interactions,
        min_sessions=min_sessions,
        window_end=window_end,
        history_span=history_span,
        window_span=window_span,
        min_active_days=min_active_days,
        context_windows=context_windows,
        horizons=horizons,
        short=short,
        session_gap=session_gap,
        limit=limit,
        details=details,
    )
    cutter.check_times(interactions.metadata)
    last = int(np.max(interactions.time, initial=0))
    piece = cutter.cut(interactions, last=last, limit=limit)
    if piece.table is None:
        raise cutter.no_users(piece.tally)
    digest = digest_of(interactions.categories, iter([interactions]))
    metadata = {**interactions.metadata, **cutter.described(piece.tally, digest=digest)}
    return piece.table.replace(metadata={**metadata, "leakage_checked": dict(piece.proof)})


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Size and metadata of a table that was written to a file.

    Attributes
    ----------
    n_users : int
        Number of users.
    n_records : int
        Number of records: users times context windows times horizons.
    n_categories : int
        Number of categories.
    metadata : mapping
        The metadata of the table.

    Examples
    --------
    >>> Prepared(n_users=2, n_records=4, n_categories=3, metadata={}).n_records
    4
    """

    n_users: int
    n_records: int
    n_categories: int
    metadata: Mapping[str, Any]


def prepare_file(
    log: Log, path: str | os.PathLike[str], *, limit: int | None = None, events: int = _EVENTS, **rules: Any
) -> Prepared:
    r"""Write the table of `prepare` for a log, with some of its users in memory at a time.

    The bytes are those of ``write_table(prepare(log.interactions(), ...), path)``, however many users a block has; the
    file appears whole or not at all.

    Parameters
    ----------
    log : Log
        What the `load` of a data set reads.
    path : path-like
        The file.
    limit : int, optional
        As for `prepare`.
    events : int
        About how many events a block has.
    **rules : any
        As for `prepare`.

    Returns
    -------
    Prepared
        The size and the metadata of the table.

    Raises
    ------
    InputError, SchemaError, LeakageError
        As for `prepare`, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from spectra_eval.data.csv import load
    >>> with tempfile.TemporaryDirectory() as name:
    ...     source, made = Path(name, "log.csv"), Path(name, "table.parquet")
    ...     rows = [f"{user},x{n},{n},A|B" for user in ("ann", "bob") for n in range(5)]
    ...     _ = source.write_text("\n".join(["user,item,time,categories", *rows]))
    ...     done = prepare_file(load(source), made)
    >>> done.n_users, done.n_categories, done.metadata["leakage_checked"]["held_back"]
    (2, 2, 2)
    """
    cutter = Cutter.checked(limit=limit, **rules)
    cutter.check_times(log.metadata or {})
    size = max(1, _CELLS // (max(1, len(log.categories)) * cutter.records))
    last = int(np.max(log.time, initial=0))
    metadata: dict[str, Any] = {}
    kept = 0

    def blocks() -> Iterator[PreferenceTable]:
        nonlocal kept
        tally, proof, kept = Counter[str](), Counter[str](), 0
        for part in log.parts(users=size, events=events):
            left = None if limit is None else limit - kept
            piece = cutter.cut(part, last=last, limit=left, proven=bool(metadata))
            tally.update(piece.tally)
            proof.update(piece.proof)
            if piece.table is not None:
                kept += piece.table.n_users // cutter.records
                yield piece.table
        if not kept:
            raise cutter.no_users(tally)
        if not metadata:  # the first of two passes determined the metadata
            metadata.update(log.described)
            metadata.update(cutter.described(tally, digest=log.digest))
            metadata["leakage_checked"] = dict(proof)

    write_blocks(blocks, path, metadata=metadata)
    n_records = kept * cutter.records
    return Prepared(n_users=kept, n_records=n_records, n_categories=len(log.categories), metadata=metadata)
