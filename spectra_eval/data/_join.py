"""Join of events with categories, the last step of every reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spectra_eval.artifacts._names import tidy
from spectra_eval.errors import SchemaError
from spectra_eval.tables import Interactions

__all__ = ["Names", "joined", "text_column", "tidied"]


class Names:
    """Codes of names in the order of first appearance, with one string object per name.

    Examples
    --------
    >>> names = Names()
    >>> names.encode(np.array(["b", "a", "b"], dtype=object)).tolist(), names.encode_one("c"), names.array().tolist()
    ([0, 1, 0], 2, ['b', 'a', 'c'])
    """

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def encode_one(self, name: str) -> int:
        """Return the code of one name."""
        return self.codes.setdefault(name, len(self.codes))

    def encode(self, names: np.ndarray) -> np.ndarray:
        """Return the codes of many names, (M,) int32."""
        import pandas as pd

        local, found = pd.factorize(names)
        table = np.fromiter((self.encode_one(str(name)) for name in found), dtype=np.int32, count=len(found))
        return table[local]

    def array(self) -> np.ndarray:
        """Return all names in the order of their codes, (n,) of str."""
        return text_column(self.codes)

    def __len__(self) -> int:
        return len(self.codes)


def text_column(texts: Iterable[str]) -> np.ndarray:
    """Return a column of Python strings, (M,) object.

    Examples
    --------
    >>> text_column(["a", "bc"])
    array(['a', 'bc'], dtype=object)
    """
    names = list(texts)
    column = np.empty(len(names), dtype=object)
    column[:] = names
    return column


def tidied(names: np.ndarray) -> np.ndarray:
    """Return a column of names normalised by `tidy`; each distinct name is processed once.

    Examples
    --------
    >>> tidied(text_column([" a", "a"]))
    array(['a', 'a'], dtype=object)
    """
    import pandas as pd

    codes, found = pd.factorize(names)
    return text_column(map(tidy, found.tolist()))[codes]


def joined(
    *,
    user: np.ndarray,
    user_names: np.ndarray,
    item: np.ndarray,
    item_names: np.ndarray,
    titles: Mapping[str, str],
    time: np.ndarray,
    bundle: np.ndarray,
    owner: np.ndarray,
    category: np.ndarray,
    n_bundles: int,
    categories: tuple[str, ...],
    metadata: Mapping[str, Any],
    parents: tuple[str, ...] | None = None,
    weight: np.ndarray | None = None,
    rating: np.ndarray | None = None,
    source: str,
) -> Interactions:
    """Return the events joined with the categories of their bundles.

    Parameters
    ----------
    user, item : (M,) int arrays
        Numbers into `user_names` and `item_names`, one an event.
    titles : mapping of str to str
        The title of each item that some event has.
    time : (M,) int array
        Seconds.
    bundle : (M,) int array
        Which set of categories each event has: that of its item, or one of its own; -1 for none.
    owner, category : (P,) int arrays
        The sets: pairs of a bundle and a category, ascending, none of them twice.
    n_bundles : int
        How many sets there are; some may be empty.
    weight : (M,) float array, optional
        What each event counts for; 1 where it is not given.
    rating : (M,) float array, optional
        What the user thought of the item, NaN where that is not known.
    source : str
        The file that a refusal names.

    Returns
    -------
    Interactions
        In the order of the events. Those without a category are left out; the metadata count them.

    Raises
    ------
    SchemaError
        No event has a category.

    Examples
    --------
    >>> made = joined(
    ...     user=np.array([0, 0]), user_names=text_column(["ann"]), item=np.array([0, 1]), time=np.array([5, 9]),
    ...     item_names=text_column(["x", "y"]), titles={"x": "X", "y": "Y"}, bundle=np.array([0, 1]), n_bundles=2,
    ...     owner=np.array([0, 0]), category=np.array([0, 1]), categories=("A", "B"), metadata={}, source="log.csv",
    ... )
    >>> made.item.tolist(), made.category.tolist(), dict(made.metadata)
    (['x', 'x'], [0, 1], {'events_read': 2, 'events_without_category': 1})
    """
    size = np.bincount(owner, minlength=n_bundles + 1)  # the last entry is for events without a set
    first = np.cumsum(size) - size
    runs = size[bundle]
    event = np.repeat(np.arange(len(user)), runs)
    if not len(event):
        raise SchemaError(f"{source}: no interaction has a category of the set; look at the categories and their names")
    place = np.arange(len(event)) - np.repeat(np.cumsum(runs) - runs, runs) + np.repeat(first[bundle], runs)
    return Interactions(
        user=user_names[user[event]],
        item=item_names[item[event]],
        category=category[place],
        time=time[event],
        weight=np.ones(len(event)) if weight is None else weight[event],
        categories=categories,
        titles=titles,
        parents=parents,
        rating=None if rating is None else rating[event],
        metadata={**metadata, "events_read": len(user), "events_without_category": int((runs == 0).sum())},
    )
