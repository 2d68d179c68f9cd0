"""The interactions before the windows of a table, split in time again, and the leakage check."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from spectra_eval.arrays import check_level, check_seed
from spectra_eval.data import check_leakage, prepare
from spectra_eval.data._leakage import located
from spectra_eval.data._timeline import Timeline, timeline
from spectra_eval.errors import InputError, LeakageError, SchemaError
from spectra_eval.tables import Interactions, PreferenceTable, joined_support

__all__ = ["CUTS", "earlier_tables", "past_of", "proof_of", "split_users", "stacked"]

CUTS = (0.5, 0.65, 0.8)
"""Proportions of the interactions before the window at which they are split again."""


def past_of(table: PreferenceTable, interactions: Interactions) -> Interactions:
    """Select the interactions of the table's users that are before all of their windows.

    Parameters
    ----------
    table : PreferenceTable
        The table of the evaluation.
    interactions : Interactions
        The interactions that the table was made of; this is checked.

    Returns
    -------
    Interactions
        In the order of the file; users who are not in the table are excluded.

    Raises
    ------
    InputError
        The table was made of other interactions.
    LeakageError
        A history of the table holds what its window holds.
    SchemaError
        No interaction is before the windows.

    Examples
    --------
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 4), item=np.array(list("wxyz")), category=np.array([0, 0, 1, 1]),
    ...     time=np.array([10, 20, 30, 40]), weight=np.ones(4), categories=("Drama", "Noir"),
    ...     titles={"w": "Ran", "x": "Heat", "y": "Laura", "z": "Gilda"},
    ... )
    >>> past_of(prepare(events, split=0.75, min_interactions=2), events).item.tolist()
    ['w', 'x', 'y']
    """
    line = timeline(interactions)
    until = _windows_begin(table, line)
    owner = np.searchsorted(line.begin, line.place, side="right") - 1
    selected = line.place < until[owner]
    if not selected.any():
        raise SchemaError("interactions: none is before the windows of the table; there is nothing to train on")
    values = {column.name: getattr(interactions, column.name) for column in dataclasses.fields(interactions)}
    columns: dict[str, Any] = {name: value[selected] for name, value in values.items() if isinstance(value, np.ndarray)}
    return dataclasses.replace(interactions, **columns)


def earlier_tables(
    table: PreferenceTable, interactions: Interactions, *, cuts: Sequence[float] = CUTS, min_interactions: int = 5
) -> list[PreferenceTable]:
    """Split the interactions before the windows again, once for each proportion in `cuts`.

    Parameters
    ----------
    table, interactions : PreferenceTable, Interactions
        As for `past_of`.
    cuts : sequence of float
        Proportions of a user's interactions before the window.
    min_interactions : int
        Users with fewer of them are excluded.

    Returns
    -------
    list of PreferenceTable
        One a cut: histories, and windows that end where the evaluation window begins.

    Raises
    ------
    InputError
        There is no cut, or the table was made of other interactions.
    LeakageError
        A history of the table contains an interaction of its window.
    SchemaError
        No interaction is before the windows, or no user has enough of them.

    Examples
    --------
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 5), item=np.array(list("vwxyz")), category=np.array([0, 0, 1, 1, 0]),
    ...     time=np.arange(5), weight=np.ones(5), categories=("Drama", "Noir"), titles={i: i.upper() for i in "vwxyz"},
    ... )
    >>> table = prepare(events, split=0.8, min_interactions=2)
    >>> (earlier,) = earlier_tables(table, events, cuts=[0.5], min_interactions=2)
    >>> table.history[0], earlier.history[0], earlier.counts.tolist()
    (('V', 'W', 'X', 'Y'), ('V', 'W'), [[0.0, 2.0]])
    """
    if not cuts:
        raise InputError("cuts: none; name at least one proportion of the interactions before the window")
    past = past_of(table, interactions)
    weighting = str(table.metadata.get("weighting", "fraction"))
    return [prepare(past, split=cut, weighting=weighting, min_interactions=min_interactions) for cut in cuts]


def stacked(tables: Sequence[PreferenceTable]) -> PreferenceTable:
    """Combine the tables of several cuts, so that a baseline can be fitted on all of them.

    Parameters
    ----------
    tables : sequence of PreferenceTable
        Of the same categories, one record a user in each; with `history_counts` and windows.

    Returns
    -------
    PreferenceTable
        The records in the order of the tables; `context_window` is the number of the table, from 1. A baseline
        that is fitted on other users keeps all records of a user on one side.

    Raises
    ------
    InputError
        There is no table, or the categories differ.

    Examples
    --------
    >>> one = PreferenceTable(users=["a"], categories=("X", "Y"), counts=[[1, 3]], history_counts=[[2, 2]])
    >>> both = stacked([one, one.replace(counts=[[0, 4]], theta_star=None)])
    >>> both.users.tolist(), both.context_window.tolist(), both.theta_star.tolist()
    (['a', 'a'], [1, 2], [[0.25, 0.75], [0.0, 1.0]])
    """
    if not tables or any(table.categories != tables[0].categories for table in tables):
        raise InputError("tables: none, or of different categories; cut one table again")
    names = ("users", "counts", "history_counts", "n_window")
    columns: dict[str, Any] = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    numbers = np.repeat(np.arange(len(tables)) + 1, [table.n_users for table in tables])
    return PreferenceTable(
        categories=tables[0].categories,
        context_window=numbers,
        metadata=tables[0].metadata,
        support=joined_support(tables),
        **columns,
    )


def split_users(table: PreferenceTable, share: float, *, seed: int = 0) -> tuple[PreferenceTable, PreferenceTable]:
    """Split the records of a table by user into those to train on and those held out.

    A user's side depends on the hash of the name and the seed alone.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    share : float
        The expected proportion of users who are held out, between 0 and 1.
    seed : int
        Another seed gives another split.

    Returns
    -------
    trained, held_out : PreferenceTable
        All records of a user are in one of the two.

    Raises
    ------
    InputError
        The proportion or the seed is out of range, or one side is empty.

    Examples
    --------
    >>> table = PreferenceTable(users=list("abcdef"), categories=("X", "Y"), counts=[[1, 1]] * 6)
    >>> trained, kept = split_users(table, 0.5)
    >>> sorted([*trained.users, *kept.users]) == list("abcdef"), set(trained.users) & set(kept.users)
    (True, set())
    """
    check_level("share", share)
    check_seed(seed)
    names = [hashlib.sha256(f"{seed}\x1f{user}".encode()).digest() for user in table.users.tolist()]
    selected = np.array([int.from_bytes(name[:8], "big") < share * 2.0**64 for name in names])
    if selected.all() or not selected.any():
        raise InputError(f"share: {share} leaves one side of {len(set(names))} users empty; choose another")
    return table.select(~selected), table.select(selected)


def proof_of(
    table: PreferenceTable,
    interactions: Interactions,
    earlier: Sequence[PreferenceTable],
    titles: int,
    shown: Sequence[PreferenceTable] | None = None,
) -> dict[str, int]:
    """Prove that no earlier history, and no earlier window, holds an event of an evaluation window.

    `shown` are the same tables with the histories as in the prompts, if these have more than titles.
    """
    line = timeline(interactions)
    until = _windows_begin(table, line)
    for one in earlier:
        ranges = located(one, line)
        late = np.flatnonzero(ranges.stop > until[ranges.user])
        if len(late):
            user = str(one.users[late[0]])
            raise LeakageError(f"user {user!r}: a target reaches into the window of the evaluation; cut it earlier")
    by_user: dict[str, list[str]] = {}
    for one in shown or earlier:
        assert one.history is not None
        for user, history in zip(one.users.tolist(), one.history, strict=True):
            by_user.setdefault(user, []).append("\n".join(history[-titles:]))
    return check_leakage(table, interactions, texts=by_user)


def _windows_begin(table: PreferenceTable, line: Timeline) -> np.ndarray:
    """Return the place on the timeline at which each user's earliest window begins, (U,) ints; -1 without a window."""
    ranges = located(table, line)
    until = np.full(len(line.names), -1, dtype=np.int64)
    until[ranges.user] = ranges.cut
    np.minimum.at(until, ranges.user, ranges.cut)
    return until
