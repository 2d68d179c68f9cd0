"""A Markov chain over categories, estimated from the order of the histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spectra_eval.baselines._base import BASELINES, Baseline, Prediction, RowPrediction, popularity_of
from spectra_eval.errors import InputError
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["STEPS", "TITLE_CATEGORIES", "markov", "with_title_categories"]

TITLE_CATEGORIES = "title_categories"
"""The metadata key that `markov` reads: the category names of each title."""

STEPS = 10
"""The number of future interactions over which the chain is averaged."""

PSEUDO = 1.0
"""The weight of popularity among the transitions from each category."""


def with_title_categories(table: PreferenceTable, interactions: Interactions) -> PreferenceTable:
    """Return the table with the categories of each title of its histories in the metadata.

    Parameters
    ----------
    table : PreferenceTable
        The table, with `history`.
    interactions : Interactions
        The events that the table was made of, or others with the same titles.

    Returns
    -------
    PreferenceTable
        With the entry ``title_categories``, which the baseline ``markov`` needs in addition to the histories.

    Raises
    ------
    InputError
        The table has no `history`.

    Examples
    --------
    >>> events = Interactions(
    ...     user=np.array(["ann", "ann"]), item=np.array(["x", "x"]), category=np.array([0, 1]), time=np.array([1, 1]),
    ...     weight=np.ones(2), categories=("Drama", "Noir"), titles={"x": "Laura (1944)"},
    ... )
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Drama", "Noir"), counts=[[1, 1]], history=[("Laura (1944)",)]
    ... )
    >>> with_title_categories(table, events).metadata["title_categories"]
    {'Laura (1944)': ['Drama', 'Noir']}
    """
    if table.history is None:
        raise InputError("table: no column history; make the table with `prepare`")
    in_history = {title for titles in table.history for title in titles}
    found: dict[str, set[int]] = {}
    for item, category in sorted(set(zip(interactions.item.tolist(), interactions.category.tolist(), strict=True))):
        title = str(interactions.titles.get(item, item))
        if title in in_history:
            found.setdefault(title, set()).add(category)
    named = {title: [interactions.categories[c] for c in sorted(members)] for title, members in sorted(found.items())}
    return table.replace(metadata={**table.metadata, TITLE_CATEGORIES: named})


def markov(table: PreferenceTable) -> Prediction:
    """Predict by a Markov chain over categories from the last title, averaged over the next `STEPS` interactions.

    A title with several categories counts for each in equal parts. The chain is estimated from all histories
    together, never from a window; popularity counts as `PSEUDO` transitions from each category.

    Parameters
    ----------
    table : PreferenceTable
        The table, with `history`, `history_counts` and the categories of each title in its metadata.

    Returns
    -------
    Prediction
        Rows on the simplex, shape (N, K).

    Raises
    ------
    InputError
        The metadata lack the categories of the titles, a title has none, or no user has a history.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]], history_counts=[[1, 1]],
    ...     history=[("Up", "Heat")],
    ...     metadata={"title_categories": {"Up": ["Drama"], "Heat": ["Noir"]}},
    ... )
    >>> markov(table).theta.shape
    (1, 2)
    """
    assert table.history is not None  # checked by `predict`
    shares = _title_shares(table)
    popular = popularity_of(table)
    longest: dict[str, tuple[str, ...]] = {}
    for user, titles in zip(table.users.tolist(), table.history, strict=True):
        # The records of a user at several context windows are parts of one history.
        if len(titles) > len(longest.get(user, ())):
            longest[user] = titles
    moves = np.zeros((table.n_categories, table.n_categories))
    for titles in longest.values():
        sequence = np.array([shares[title] for title in titles])
        moves += sequence[:-1].T @ sequence[1:]
    moves += PSEUDO * popular
    chain = moves / moves.sum(axis=1, keepdims=True)

    def make(rows: slice) -> np.ndarray:
        assert table.history is not None
        last = np.array([shares[titles[-1]] if titles else popular for titles in table.history[rows]])
        theta = np.zeros_like(last)
        for _ in range(STEPS):
            last = last @ chain
            theta += last
        return np.asarray(theta / theta.sum(axis=1, keepdims=True))

    without = sum(not titles for titles in table.history)
    return RowPrediction(make=make, counted={"users_without_history": without}).whole(table)


def _title_shares(table: PreferenceTable) -> dict[str, np.ndarray]:
    """Return the category distribution of each title of the histories."""
    assert table.history is not None
    known = table.metadata.get(TITLE_CATEGORIES)
    if not isinstance(known, Mapping):
        raise InputError(
            f"baseline 'markov': the metadata have no {TITLE_CATEGORIES}, the categories of each title in history; "
            "make the table with `prepare --title-categories`, or add them with baselines.with_title_categories"
        )
    place = {name: number for number, name in enumerate(table.categories)}
    shares: dict[str, np.ndarray] = {}
    for row, titles in enumerate(table.history):
        for title in titles:
            if title in shares:
                continue
            names: Sequence[str] = known.get(title) or ()
            if not names or any(name not in place for name in names):
                unknown = next((name for name in names if name not in place), None)
                problem = (
                    "has no category" if unknown is None else f"has the category {unknown!r}, which is not in the table"
                )
                raise InputError(
                    f"row {row + 1} (user {str(table.users[row])!r}), column history: {title!r} {problem} in "
                    f"{TITLE_CATEGORIES}; make both from one data set"
                )
            shares[title] = np.zeros(len(place))
            shares[title][[place[name] for name in names]] = 1.0 / len(names)
    return shares


BASELINES.add(
    Baseline(
        name="markov",
        predict=markov,
        summary="A first-order chain over the categories of the histories, started at the last title.",
        reference="Rendle, Freudenthaler and Schmidt-Thieme (2010), doi:10.1145/1772690.1772773",
        gloss="transitions between categories",
        needs=("history_counts", "history"),
    )
)
