"""Interactions sorted by user and time, checked once, with codes instead of names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.data._years import check_moments
from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import Detail, Interactions

__all__ = ["Timeline", "timeline"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """Events sorted by user, time and place in the file; a *place* is a number in this order.

    `names` (U,) users in the order of first appearance; the events of user u hold the places ``begin[u]`` to
    ``begin[u + 1]``. `time`, `titles` (E,): of the event at each place. An entry is an event with one of its
    categories: `place`, `category`, `weight` (M,), in the order of the file, and `siblings` (M,), how many
    categories its event has. `rating` (E,): of the event at each place, where the log has them.
    """

    names: np.ndarray
    begin: np.ndarray
    time: np.ndarray
    titles: np.ndarray
    place: np.ndarray
    category: np.ndarray
    weight: np.ndarray
    siblings: np.ndarray
    n_categories: int
    rating: np.ndarray | None = None

    @property
    def total(self) -> np.ndarray:
        """Return the number of events of each user, (U,) int."""
        return np.diff(self.begin)

    def details(self, names: tuple[str, ...]) -> np.ndarray:
        """Return the details of the event at each place, (E,) of `Detail`."""
        order = np.argsort(self.place, kind="stable")
        labels = [names[category] for category in self.category[order].tolist()]
        first = np.searchsorted(self.place[order], np.arange(len(self.time) + 1)).tolist()
        rating = np.full(len(self.time), np.nan) if self.rating is None else self.rating
        out, sets = np.empty(len(self.time), dtype=object), dict[tuple[str, ...], tuple[str, ...]]()
        for place, (time, height) in enumerate(zip(self.time.tolist(), rating.tolist(), strict=True)):
            names = tuple(labels[first[place] : first[place + 1]])
            known = None if math.isnan(height) else height
            out[place] = Detail(time=time, rating=known, categories=sets.setdefault(names, names))
        return out

    def entry_weights(self, weighting: str) -> np.ndarray:
        """Return the weight of each entry, (M,), optionally divided by the number of categories of its event."""
        return self.weight / self.siblings if weighting == "fraction" else self.weight


def timeline(interactions: Interactions) -> Timeline:
    """Check interactions and sort their events.

    Entries of one event are consecutive, their categories in ascending order: a new event begins where user, item or
    time change, or where the category does not ascend. Events of one user and second keep the order of the file.

    Raises
    ------
    ShapeError
        The columns differ in length.
    InputError
        A weight is negative or not finite.
    SchemaError
        There are no interactions, a time is not in the years 1900 to 2099, or a category or a title is unknown.

    Examples
    --------
    >>> line = timeline(Interactions(
    ...     user=np.array(["ann"] * 3), item=np.array(["y", "x", "x"]), category=np.array([1, 0, 1]),
    ...     time=np.array([20, 10, 10]), weight=np.ones(3), categories=("A", "B"), titles={"x": "X", "y": "Y"},
    ... ))
    >>> line.titles.tolist(), line.place.tolist(), line.siblings.tolist()
    (['X', 'Y'], [1, 0, 0], [1, 2, 2])
    """
    _check_columns(interactions)
    import pandas as pd

    user, names = pd.factorize(interactions.user)
    item, ids = pd.factorize(interactions.item)
    titles = _titles(interactions, ids)
    time, category = np.asarray(interactions.time), np.asarray(interactions.category)
    fresh = np.ones(len(user), dtype=bool)
    fresh[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    fresh[1:] |= (time[1:] != time[:-1]) | (category[1:] <= category[:-1])
    event = np.cumsum(fresh) - 1
    size = np.bincount(event)
    order = np.lexsort((time[fresh], user[fresh]))  # stable: equal keys keep the order of the file
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return Timeline(
        names=np.asarray(names, dtype=object),
        begin=np.concatenate([[0], np.cumsum(np.bincount(user[fresh], minlength=len(names)))]),
        time=time[fresh][order],
        titles=titles[item[fresh][order]],
        place=place[event],
        category=category,
        weight=np.asarray(interactions.weight, dtype=np.float64),
        siblings=size[event],
        n_categories=len(interactions.categories),
        rating=None if interactions.rating is None else np.asarray(interactions.rating)[fresh][order],
    )


def _check_columns(interactions: Interactions) -> None:
    size = len(interactions.user)
    for name in ("item", "category", "time", "weight", *(["rating"] if interactions.rating is not None else [])):
        if len(getattr(interactions, name)) != size:
            raise ShapeError(f"interactions: {name} has {len(getattr(interactions, name))} entries, user has {size}")
    if not size:
        raise SchemaError("interactions: none; the file holds no interaction with a category of the set")
    check_moments("interactions", np.asarray(interactions.time))
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
    """Return the title of each item, in the order of the items' codes."""
    titles = np.empty(len(ids), dtype=object)
    for place, name in enumerate(ids):
        if name not in interactions.titles:
            raise SchemaError(f"interactions: item {str(name)!r} has no title; name every item")
        titles[place] = interactions.titles[name]
    return titles
