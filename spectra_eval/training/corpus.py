"""What a model is trained on: texts for continued pretraining, and questions with targets for fine-tuning.

Everything here is computed from interactions or tables that end before the evaluation window; it is the caller
who cuts them there (`spectra_eval.training`), and who proves it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.probing.prompts import clean_text, name_request
from spectra_eval.tables import Interactions, PreferenceTable, ProbeRequest

__all__ = ["Example", "Text", "name_examples", "score_examples", "texts", "with_categories"]

TITLES = 20
"""Titles that one prompt or one trace shows, as `probe` does."""
_SHOWN = 5
"""Categories that a text about a user names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One user at one cut: the prompts, and the interactions that follow.

    Attributes
    ----------
    user : str
        The user.
    request : ProbeRequest
        The prompts of a readout about the user: K endings where the scores of the probe are trained; one ending
        whose answers are the K names where names are.
    target : (K,) float array
        Proportions that the loss aims at; they sum to 1.
    offset : (K,) float array, optional
        Nats that are added to the scores before the softmax: what is known without the model.

    Examples
    --------
    >>> request = name_request(["Heat"], ["Noir", "War"])
    >>> Example(user="ann", request=request, target=np.array([0.25, 0.75])).offset is None
    True
    """

    user: str
    request: ProbeRequest
    target: np.ndarray
    offset: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text for continued pretraining.

    Attributes
    ----------
    kind : str
        ``user``, ``item`` or ``trace``.
    text : str
        The text.
    user : str, optional
        The user it is about; None for an item.

    Examples
    --------
    >>> Text(kind="item", text="Ran (1985) belongs to these categories: War.").user is None
    True
    """

    kind: str
    text: str
    user: str | None = None


def with_categories(interactions: Interactions) -> Interactions:
    """Add the categories of its item to every title, so that histories made from it show them to a model.

    The metadata record it under ``titles_show``. An item that was seen with other categories at other times shows all.

    Parameters
    ----------
    interactions : Interactions
        The interactions.

    Returns
    -------
    Interactions
        The same interactions with longer titles.

    Examples
    --------
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 2), item=np.array(["x", "x"]), category=np.array([0, 1]), time=np.array([10, 10]),
    ...     weight=np.ones(2), categories=("Crime", "War"), titles={"x": "Ran (1985)"},
    ... )
    >>> dict(with_categories(events).titles)
    {'x': 'Ran (1985): Crime, War'}
    """
    named = _named_categories(interactions)
    titles = {
        item: f"{title}: {named[item]}" if item in named else title for item, title in interactions.titles.items()
    }
    return dataclasses.replace(
        interactions, titles=titles, metadata={**interactions.metadata, "titles_show": "title and categories"}
    )


def texts(past: Interactions, *, users: Sequence[str] | None = None, titles: int = TITLES) -> list[Text]:
    """Return texts about users, items and traces.

    Parameters
    ----------
    past : Interactions
        Interactions that may be in texts: none is in a window.
    users : sequence of str, optional
        Only of these, and of the items that they chose.
    titles : int
        Titles a trace; a longer life gives several traces.

    Returns
    -------
    list of Text
        Items first, then each user's profile and traces, users and items in the order of first appearance.

    Raises
    ------
    InputError
        Nothing is left to tell.

    Examples
    --------
    >>> events = Interactions(
    ...     user=np.array(["ann"] * 3), item=np.array(["x", "x", "y"]), category=np.array([0, 1, 1]),
    ...     time=np.array([20, 20, 10]), weight=np.ones(3), categories=("Crime", "War"),
    ...     titles={"x": "Ran (1985)", "y": "Patton (1970)"},
    ... )
    >>> for told in texts(events):
    ...     print(told.kind, "|", told.text.replace(chr(10), " / "))
    item | Ran (1985) belongs to these categories: Crime, War.
    item | Patton (1970) belongs to these categories: War.
    user | The 2 items that a user chose fall into these categories: War 75%, Crime 25%.
    trace | A user chose these items, oldest first: / - Patton (1970) (War) / - Ran (1985) (Crime, War)
    """
    selected = np.ones(len(past.user), dtype=bool) if users is None else np.isin(past.user.astype(str), list(users))
    if not selected.any():
        raise InputError("texts: no interaction is left before the windows of these users; name others")
    named = _named_categories(past)
    shown = {item: clean_text(past.titles[item]) for item in dict.fromkeys(past.item[selected].tolist())}
    found = [
        Text(kind="item", text=f"{title} belongs to these categories: {named[item]}.") for item, title in shown.items()
    ]
    for user, items, shares in _lives(past, selected):
        ranked = sorted(range(len(shares)), key=lambda k: (-shares[k], k))[:_SHOWN]
        listed = ", ".join(f"{clean_text(past.categories[k])} {shares[k]:.0%}" for k in ranked if shares[k] > 0)
        profile = f"The {len(items)} items that a user chose fall into these categories: {listed}."
        found.append(Text(kind="user", text=profile, user=user))
        for start in range(0, len(items), titles):
            lines = [f"- {shown[item]} ({named[item]})" for item in items[start : start + titles]]
            trace = "\n".join(["A user chose these items, oldest first:", *lines])
            found.append(Text(kind="trace", text=trace, user=user))
    return found


def score_examples(
    table: PreferenceTable,
    ask: Callable[[Sequence[str], Sequence[str]], ProbeRequest],
    *,
    titles: int = TITLES,
    offset: Any = None,
) -> list[Example]:
    """Return the prompts of the probe for each record, with the observed interactions as soft label.

    Parameters
    ----------
    table : PreferenceTable
        With `history`; its window is before the evaluation window. Records without a window are excluded.
    ask : callable
        ``ask(history, categories) -> ProbeRequest``: the questions of the readout, one a category.
    titles : int
        Number of most recent titles in the prompt.
    offset : (N, K) float array, optional
        Nats that are added to the scores of each record.

    Returns
    -------
    list of Example
        One per record with a window, in their order.

    Raises
    ------
    InputError
        The table has no history, or no record has a window.
    ShapeError
        The offset is not (N, K).

    Examples
    --------
    >>> from spectra_eval.probing.readouts import likelihood
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Noir", "War"), counts=[[1, 3]], history=[("Heat (1995)", "Ran (1985)")]
    ... )
    >>> (example,) = score_examples(table, likelihood.ask, titles=1)
    >>> example.target.tolist(), "Heat" in example.request.prefix, example.request.suffixes
    ([0.25, 0.75], False, (' Noir', ' War'))
    """
    given = None if offset is None else np.asarray(offset, dtype=np.float64)
    if given is not None and given.shape != (table.n_users, table.n_categories):
        raise ShapeError(f"offset: shape {given.shape} for {table.n_users} rows and {table.n_categories} categories")
    return [
        Example(
            user=str(table.users[row]),
            request=ask(history, table.categories),
            target=np.array(table.theta_star[row]),
            offset=None if given is None else given[row],
        )
        for row, history in _records(table, titles)
    ]


def name_examples(
    table: PreferenceTable, *, rng: np.random.Generator, draws: int = 4, titles: int = TITLES
) -> list[Example]:
    """Return for each record the question for a name, with names sampled from the observed interactions as targets.

    Parameters
    ----------
    table : PreferenceTable
        As for `score_examples`.
    rng : numpy.random.Generator
        Where the draws come from.
    draws : int
        Number of names per record; the target of a name is its proportion of the draws.
    titles : int
        Number of most recent titles in the prompt.

    Returns
    -------
    list of Example
        One per record with a window, in their order.

    Raises
    ------
    InputError
        No name is to be drawn, the table has no history, or no record has a window.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Noir", "War"), counts=[[1, 3]], history=[("Heat (1995)",)]
    ... )
    >>> (example,) = name_examples(table, rng=np.random.default_rng(0), draws=4)
    >>> example.request.answers, example.target.tolist()
    (('Noir', 'War'), [0.25, 0.75])
    """
    if draws < 1:
        raise InputError(f"draws: {draws}; draw at least one name a record")
    return [
        Example(
            user=str(table.users[row]),
            request=name_request(history, table.categories),
            target=rng.multinomial(draws, table.theta_star[row]) / draws,
        )
        for row, history in _records(table, titles)
    ]


def _records(table: PreferenceTable, titles: int) -> list[tuple[int, tuple[str, ...]]]:
    if table.history is None:
        raise InputError("column history: missing; the prompts show it; see `prepare`")
    if titles < 1:
        raise InputError(f"titles: {titles}; show at least one")
    rows = np.flatnonzero(table.observed).tolist()
    if not rows:
        raise InputError("table: no record has a window; there is no target to train on")
    return [(row, table.history[row][-titles:]) for row in rows]


def _named_categories(interactions: Interactions) -> dict[str, str]:
    """Name the categories of each item, in the order of the table."""
    of_item: dict[str, set[int]] = {}
    for item, category in zip(interactions.item.tolist(), interactions.category.tolist(), strict=True):
        of_item.setdefault(item, set()).add(category)
    return {item: ", ".join(interactions.categories[c] for c in sorted(found)) for item, found in of_item.items()}


def _lives(past: Interactions, selected: np.ndarray) -> list[tuple[str, list[str], np.ndarray]]:
    """Return each user's items in the order of time, and proportions of categories with one event counted once."""
    numbers = {user: number for number, user in enumerate(dict.fromkeys(past.user[selected].tolist()))}
    rows = np.flatnonzero(selected)
    owner = np.array([numbers[user] for user in past.user[rows].tolist()])
    rows = rows[np.lexsort((np.asarray(past.time)[rows], owner))]  # stable: equal times keep the order of the file
    lives = []
    for user, own in groupby(rows.tolist(), key=lambda row: past.user[row]):
        items: list[str] = []
        shares = np.zeros(len(past.categories))
        for (item, _), entries in groupby(own, key=lambda row: (past.item[row], past.time[row])):
            found = [int(past.category[row]) for row in entries]
            items.append(item)
            shares[found] += 1.0 / len(found)
        lives.append((str(user), items, shares / shares.sum()))
    return lives
