"""A log as numbers, joined for some users at a time to limit the memory of `prepare`.

A log of millions of events is some bytes an event and some hundred a name; joined with the categories of its items and
with texts in place of numbers it is many times that. So it is joined for a block of users, cut, written, and forgotten.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ParamSpec

import numpy as np

from spectra_eval.data._join import joined
from spectra_eval.errors import SchemaError
from spectra_eval.tables import Interactions

__all__ = ["Log", "at_once", "digest_of"]

P = ParamSpec("P")
_EVENTS = 500_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Log:
    """Events as numbers; the fields are the arguments of `joined`.

    Examples
    --------
    >>> from spectra_eval.data._join import text_column
    >>> log = Log(
    ...     user=np.array([0, 1, 0]), user_names=text_column(["ann", "bob"]), item=np.array([0, 0, 0]),
    ...     item_names=text_column(["x"]), titles={"x": "X"}, time=np.array([5, 6, 7]), bundle=np.array([0, 0, 0]),
    ...     owner=np.array([0, 0]), category=np.array([0, 1]), categories=("A", "B"), n_bundles=1, source="log.csv",
    ... )
    >>> [part.user.tolist() for part in log.parts(users=1)]
    [['ann', 'ann', 'ann', 'ann'], ['bob', 'bob']]
    """

    user: np.ndarray
    user_names: np.ndarray
    item: np.ndarray
    item_names: np.ndarray
    titles: Mapping[str, str]
    time: np.ndarray
    bundle: np.ndarray
    owner: np.ndarray
    category: np.ndarray
    n_bundles: int
    categories: tuple[str, ...]
    source: str
    parents: tuple[str, ...] | None = None
    weight: np.ndarray | None = None
    rating: np.ndarray | None = None
    metadata: Mapping[str, Any] | None = None

    def interactions(self) -> Interactions:
        """Return all events joined with their categories."""
        return self._joined(slice(None))

    @functools.cached_property
    def described(self) -> dict[str, Any]:
        """Return the metadata of all interactions without joining them."""
        empty = int((~self._bears).sum())
        return {**(self.metadata or {}), "events_read": len(self.user), "events_without_category": empty}

    @functools.cached_property
    def unused(self) -> tuple[str, ...]:
        """Return the categories of the taxonomy that no event has; references give them mass too."""
        owners = np.zeros(self.n_bundles + 1, dtype=bool)
        owners[self.bundle] = True
        used = np.unique(self.category[owners[self.owner]])
        return tuple(np.delete(np.array(self.categories, dtype=object), used).tolist())

    def with_unused(self) -> Log:
        """Return the log with its unused categories in the metadata, where there are any."""
        if not self.unused:
            return self
        return replace(self, metadata={**(self.metadata or {}), "categories_unused": list(self.unused)})

    @functools.cached_property
    def digest(self) -> str:
        """Return the digest of all interactions, as computed by `digest_of`."""
        entries = np.flatnonzero(self._bears)
        return digest_of(
            self.categories, (self._joined(entries[at : at + _EVENTS]) for at in range(0, len(entries), _EVENTS))
        )

    @functools.cached_property
    def n_users(self) -> int:
        """Return the number of users with an event that has a category."""
        return len(self._users[1])

    def parts(self, *, users: int, events: int = _EVENTS) -> Iterator[Interactions]:
        """Return the interactions of some users after another, in the order in which the users first appear.

        A part has at most so many users, and at most so many events unless it has one user alone.

        Raises
        ------
        SchemaError
            No event has a category.
        """
        order, size = self._users
        stops = np.concatenate([[0], np.cumsum(size)])
        first = 0
        while first < len(size):
            full = int(np.searchsorted(stops, stops[first] + events, side="right")) - 1
            last = max(first + 1, min(first + users, full))
            yield self._joined(order[stops[first] : stops[last]])
            first = last

    @functools.cached_property
    def _bears(self) -> np.ndarray:
        size = np.bincount(self.owner, minlength=self.n_bundles + 1)
        return np.asarray(size[self.bundle] > 0)

    @functools.cached_property
    def _users(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the events with a category grouped by user, and their number per user."""
        import pandas as pd

        entries = np.flatnonzero(self._bears)
        if not len(entries):
            raise SchemaError(
                f"{self.source}: no interaction has a category of the set; look at the categories and their names"
            )
        code, _ = pd.factorize(self.user[entries])
        return entries[np.argsort(code, kind="stable")], np.bincount(code)

    def _joined(self, rows: Any) -> Interactions:
        return joined(
            user=self.user[rows],
            user_names=self.user_names,
            item=self.item[rows],
            item_names=self.item_names,
            titles=self.titles,
            time=self.time[rows],
            bundle=self.bundle[rows],
            owner=self.owner,
            category=self.category,
            n_bundles=self.n_bundles,
            categories=self.categories,
            parents=self.parents,
            weight=None if self.weight is None else self.weight[rows],
            rating=None if self.rating is None else self.rating[rows],
            metadata=self.metadata or {},
            source=self.source,
        )


def at_once(load: Callable[P, Log]) -> Callable[P, Interactions]:
    """Return a function that reads all interactions, from one that reads a log."""

    @functools.wraps(load)
    def read(*args: P.args, **options: P.kwargs) -> Interactions:
        return load(*args, **options).interactions()

    read.__annotations__ = {**load.__annotations__, "return": Interactions}
    return read


def digest_of(categories: tuple[str, ...], parts: Iterator[Interactions]) -> str:
    """Return the digest of the columns and names of interactions, independent of their types and parts."""
    kinds = {"category": "<i8", "time": "<i8", "weight": "<f8"}
    columns = {name: hashlib.sha256() for name in ("user", "item", *kinds)}
    for part in parts:
        for name in ("user", "item"):
            columns[name].update("".join(f"{value}\x1f" for value in getattr(part, name)).encode())
        for name, kind in kinds.items():
            columns[name].update(np.ascontiguousarray(getattr(part, name), dtype=kind).tobytes())
    whole = hashlib.sha256("\x1f".join(categories).encode())
    for column in columns.values():
        whole.update(column.digest())
    return "sha256:" + whole.hexdigest()
