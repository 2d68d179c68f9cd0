"""From interactions to a preference table: each user's past is cut in time into a history and a window."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["prepare"]

_WEIGHTINGS = ("fraction", "count")
_TIES = ("file-order", "together")


def prepare(
    interactions: Interactions,
    *,
    weighting: str = "fraction",
    split: float = 0.8,
    ties: str = "file-order",
    min_interactions: int = 5,
) -> PreferenceTable:
    """Cut each user's interactions in time: the first share is the history, the rest the window.

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
    ties : {"file-order", "together"}
        Interactions of one user and second: cut in the order of the file, or kept on one side. When kept together,
        the cut moves to the nearer end of the second, to its beginning where both are as near; a user whose
        interactions all share one second is left out, and counted.
    min_interactions : int
        Users with fewer interactions are left out, and counted; at least 2.

    Returns
    -------
    PreferenceTable
        One row a user, in the order of first appearance, with `history`, `history_counts`, `counts` and `n_window`
        (interactions); the metadata name every rule and hold a digest of the interactions.

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
    _check_options(weighting, split, ties, min_interactions)
    _check_columns(interactions)
    import pandas as pd

    users, names = pd.factorize(interactions.user)
    items, ids = pd.factorize(interactions.item)
    titles = _titles(interactions, ids)
    fresh = _first_entries(interactions, users, items)
    event = np.cumsum(fresh) - 1
    order, owner, position, total = _in_time(users[fresh], np.asarray(interactions.time)[fresh], len(names))
    cut = np.clip(np.floor(split * total + 1e-9).astype(np.int64), 1, np.maximum(total - 1, 1))
    if ties == "together":
        cut = _moved_off_ties(cut, np.asarray(interactions.time)[fresh][order], total)
    few = total < min_interactions
    undivided = ~few & ((cut < 1) | (cut >= total))
    kept = ~few & ~undivided
    if not kept.any():
        raise SchemaError(
            f"interactions: no user is left of {len(names)}: {int(few.sum())} have fewer than {min_interactions} "
            f"interactions, {int(undivided.sum())} cannot be divided in time; lower the least number"
        )
    past = np.empty(len(order), dtype=bool)
    past[order] = position < cut[owner]
    history, window = _weights(interactions, weighting, users, event, past, len(names))
    return PreferenceTable(
        users=np.asarray(names, dtype=object)[kept],
        categories=interactions.categories,
        counts=window[kept],
        n_window=(total - cut)[kept],
        history=_told(titles, items[fresh][order], total, cut, kept),
        history_counts=history[kept],
        parents=interactions.parents,
        metadata={
            **interactions.metadata,
            "split": {
                "rule": "chronological, each user alone: the first floor(share * n) interactions are the history",
                "share": split,
                "ties": ties,
                "min_interactions": min_interactions,
            },
            "weighting": weighting,
            "users_read": len(names),
            "users_with_too_few": int(few.sum()),
            "users_undivided": int(undivided.sum()),
            "interactions_digest": _digest(interactions),
        },
    )


def _check_options(weighting: str, split: float, ties: str, min_interactions: int) -> None:
    if weighting not in _WEIGHTINGS:
        raise InputError(f"weighting: {weighting!r} is unknown; choose {' or '.join(_WEIGHTINGS)}")
    if ties not in _TIES:
        raise InputError(f"ties: {ties!r} is unknown; choose {' or '.join(_TIES)}")
    if not 0.0 < split < 1.0:
        raise InputError(f"split: {split} is not strictly between 0 and 1; 0.8 keeps the last fifth as window")
    if min_interactions < 2:
        raise InputError(f"min_interactions: {min_interactions}; a history and a window need at least 2")


def _check_columns(interactions: Interactions) -> None:
    size = len(interactions.user)
    for name in ("item", "category", "time", "weight"):
        if len(getattr(interactions, name)) != size:
            raise ShapeError(f"interactions: {name} has {len(getattr(interactions, name))} entries, user has {size}")
    if not size:
        raise SchemaError("interactions: none; the file holds no interaction with a category of the set")
    weight = np.asarray(interactions.weight)
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"interactions: entry {row + 1}: weight {weight[row]}; weights must be finite, not negative")
    category = np.asarray(interactions.category)
    if category.min() < 0 or category.max() >= len(interactions.categories):
        row = int(np.flatnonzero((category < 0) | (category >= len(interactions.categories)))[0])
        raise SchemaError(
            f"interactions: entry {row + 1}: category {category[row]} is none of 0..{len(interactions.categories) - 1}"
        )


def _titles(interactions: Interactions, ids: Any) -> np.ndarray:
    """Give the title of each item, in the order of the items' codes."""
    titles = np.empty(len(ids), dtype=object)
    for place, name in enumerate(ids):
        if name not in interactions.titles:
            raise SchemaError(f"interactions: item {str(name)!r} has no title; name every item")
        titles[place] = interactions.titles[name]
    return titles


def _first_entries(interactions: Interactions, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Mark the first entry of each event."""
    time, category = np.asarray(interactions.time), np.asarray(interactions.category)
    fresh = np.ones(len(users), dtype=bool)
    fresh[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    fresh[1:] |= (time[1:] != time[:-1]) | (category[1:] <= category[:-1])
    return fresh


def _in_time(
    users: np.ndarray, time: np.ndarray, n_users: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Order events by user and time, file order within a second; give the order, whose each is, and its place."""
    order = np.lexsort((time, users))  # stable: equal keys keep the order of the file
    total = np.bincount(users, minlength=n_users)
    owner = users[order]
    position = np.arange(len(order)) - (np.cumsum(total) - total)[owner]
    return order, owner, position, total


def _moved_off_ties(cut: np.ndarray, time: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Move each user's cut to the nearer end of the second that it divides; the beginning where both are as near."""
    begin = np.cumsum(total) - total
    fresh = np.ones(len(time) + 1, dtype=bool)
    fresh[1:-1] = time[1:] != time[:-1]
    fresh[begin] = True  # two users may share a second
    borders = np.flatnonzero(fresh)
    place = begin + cut
    after = borders[np.searchsorted(borders, place)] - begin
    before = borders[np.searchsorted(borders, place, side="right") - 1] - begin
    # An end that leaves one side empty divides nothing.
    nearer = (cut - before <= after - cut) & (before > 0)
    return np.where(nearer | ((after >= total) & (before > 0)), before, after)


def _weights(
    interactions: Interactions, weighting: str, users: np.ndarray, event: np.ndarray, past: np.ndarray, n_users: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the weights of each user's history and window by category, two (N, K) arrays."""
    k = len(interactions.categories)
    weight = np.asarray(interactions.weight, dtype=np.float64)
    if weighting == "fraction":
        weight = weight / np.bincount(event)[event]
    cell = users * k + np.asarray(interactions.category)
    told = past[event]
    sums = [np.bincount(cell[side], weights=weight[side], minlength=n_users * k) for side in (told, ~told)]
    return sums[0].reshape(n_users, k), sums[1].reshape(n_users, k)


def _told(titles: np.ndarray, items: np.ndarray, total: np.ndarray, cut: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Give each kept user's titles of the history, oldest first."""
    begin = np.cumsum(total) - total
    shown = titles[items].tolist()
    out = np.empty(int(kept.sum()), dtype=object)
    for row, user in enumerate(np.flatnonzero(kept).tolist()):
        out[row] = tuple(shown[begin[user] : begin[user] + cut[user]])
    return out


def _digest(interactions: Interactions) -> str:
    """Digest the columns and the names, whatever types hold them."""
    digest = hashlib.sha256()
    for column in (interactions.user, interactions.item):
        digest.update("\x1f".join(map(str, column.tolist())).encode())
        digest.update(b"\x1e")
    for name, kind in (("category", "<i8"), ("time", "<i8"), ("weight", "<f8")):
        digest.update(np.ascontiguousarray(getattr(interactions, name), dtype=kind).tobytes())
    digest.update("\x1f".join(interactions.categories).encode())
    return "sha256:" + digest.hexdigest()
