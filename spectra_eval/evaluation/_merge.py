"""A table with a coarser taxonomy: categories merged, columns added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.arrays import check_whole
from spectra_eval.baselines.markov import TITLE_CATEGORIES
from spectra_eval.errors import InputError
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, PreferenceTable
from spectra_eval.tables._stack import by_blocks

__all__ = ["merge_categories", "merge_parents", "merge_rarest"]

_MASSES = ("counts", "theta_star", "theta_s", "history_counts")


def merge_categories(table: PreferenceTable, mapping: Mapping[str, str]) -> PreferenceTable:
    """Merge categories of a table; no divergence of a user increases by it (data processing).

    The distance over ordered categories is the exception: it does not increase where neighbours are merged.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    mapping : mapping of str to str
        The new name of each category that changes; categories with one new name become one. Those that are not
        named stay.

    Returns
    -------
    PreferenceTable
        A new category has the place of the first of its parts. Counts, truth, readout and histories are added up.
        A merged category is an option where one of its parts is; a record that is left with a single option is refused.
        In a decoded list a category keeps its first place, and the list moves up. `scores` and `answer_mass` are left
        out, since no prompt was about a merged category; so are `parents` that differ within a category.
        The metadata name the mapping under ``merged``.

    Raises
    ------
    InputError
        The mapping names a category that is not there, or leaves fewer than two.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, Elements of Information Theory, 2nd ed. (2006), section 2.8.
    .. [2] SPECTRA, arXiv:2509.24189, the taxonomies of 19, 15 and 10 categories.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Drama", "Noir", "War"), counts=[[3, 1, 0]], dg=[[1, 0]],
    ...     theta_s=[[0.5, 0.3, 0.2]],
    ... )
    >>> made = merge_categories(table, {"Noir": "Crime", "Drama": "Crime"})
    >>> made.categories, made.counts.tolist(), made.theta_s.tolist(), made.dg.tolist()
    (('Crime', 'War'), [[4.0, 0.0]], [[0.8, 0.2]], [[0, -2]])
    """
    unknown = [name for name in mapping if name not in table.categories]
    if unknown:
        raise InputError(
            f"merge: {unknown[0]!r} is no category of the table; name one of {', '.join(table.categories)}"
        )
    renamed = [mapping.get(name, name) for name in table.categories]
    categories = tuple(dict.fromkeys(renamed))
    if len(categories) < 2:
        raise InputError("merge: one category is left; a distribution needs at least two")
    place = np.array([categories.index(name) for name in renamed])
    metadata = {
        **table.metadata,
        **_titles(table, mapping),
        "merged": {"from": list(table.categories), "to": renamed, "before": table.metadata.get("merged")},
    }
    return by_blocks(lambda block, _: _merged(block, categories, place, metadata), table)


def _merged(
    table: PreferenceTable, categories: tuple[str, ...], place: np.ndarray, metadata: dict[str, Any]
) -> PreferenceTable:
    """Return the table with its columns added up; `place` has the new place of each category."""
    changes: dict[str, Any] = {"categories": categories, "parents": _parents(table, place), "scores": None}
    changes |= {"answer_mass": None, "metadata": metadata}
    for name in _MASSES:
        value = getattr(table, name)
        changes[name] = None if value is None else _added(value, place)
    changes["support"] = None if table.support is None else _added(table.support, place) > 0
    changes["dg"] = None if table.dg is None else _relisted(table.dg, place)
    return table.replace(**changes)


def merge_parents(table: PreferenceTable) -> PreferenceTable:
    """Merge the categories under each parent: the coarse level of a taxonomy of two.

    Parameters
    ----------
    table : PreferenceTable
        The table, with `parents`.

    Returns
    -------
    PreferenceTable
        As `merge_categories` makes it.

    Raises
    ------
    InputError
        The table has no parents, or one alone.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("Tacos", "Bars", "Sushi"), parents=("Food", "Nightlife", "Food"),
    ...     counts=[[3, 1, 2]],
    ... )
    >>> merge_parents(table).categories, merge_parents(table).counts.tolist()
    (('Food', 'Nightlife'), [[5.0, 1.0]])
    """
    if table.parents is None:
        raise InputError("merge: the table has no parents; say what becomes one, or how many categories are to be left")
    return merge_categories(table, dict(zip(table.categories, table.parents, strict=True)))


def merge_rarest(
    table: PreferenceTable, n_categories: int, *, name: str = "Other", order: Sequence[str] | None = None
) -> PreferenceTable:
    """Merge all but the most frequent categories into one, as 19 -> 15 -> 10 in the paper.

    The windows do not rank the categories: they are what is predicted, and a claim about the merged table rests on
    predictions and categories that do not depend on them.

    Parameters
    ----------
    table : PreferenceTable
        The table; `history_counts` says how frequent a category is, unless `order` does.
    n_categories : int
        How many categories there are afterwards, the merged one included: at least 2, and fewer than there are.
    name : str
        The name of the merged category; one that has it already is merged too, so that merges can follow each other.
    order : sequence of str, optional
        Categories of the table, the most frequent first, at least those that are kept.

    Returns
    -------
    PreferenceTable
        As `merge_categories` makes it.

    Raises
    ------
    InputError
        The number is out of range; the table has no `history_counts` and there is no `order`; or `order` names what is
        no category, one twice, or too few.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("a", "b", "c", "d"), counts=[[5, 1, 2, 4]], history_counts=[[9, 8, 1, 2]]
    ... )
    >>> merge_rarest(table, 3).categories, merge_rarest(table, 3).counts.tolist()
    (('a', 'b', 'Other'), [[5.0, 1.0, 6.0]])
    >>> merge_rarest(table, 3, order=["d", "a"]).categories
    ('a', 'Other', 'd')
    """
    check_whole("n_categories", n_categories)
    if not 2 <= n_categories < table.n_categories:
        raise InputError(f"n_categories: {n_categories}; choose from 2 to {table.n_categories - 1}")
    ranked = _by_history(table) if order is None else _as_ordered(table, order)
    kept = [category for category in ranked if category != name][: n_categories - 1]
    if len(kept) < n_categories - 1:
        raise InputError(f"merge: the order names {len(kept)} categories; name at least the {n_categories - 1} kept")
    rare = [category for category in table.categories if category not in kept]
    return merge_categories(table, dict.fromkeys(rare, name))


def _by_history(table: PreferenceTable) -> list[str]:
    history = table.history_counts
    if history is None or not history.any():
        raise InputError(
            "merge: the table has no history_counts, and ranking categories by the windows would look at what is "
            "predicted; give the order of the categories (--order), or groups, or add the column (`prepare` writes it)"
        )
    weights = history.sum(axis=0)
    return [table.categories[column] for column in ties.order(weights, scale=ties.magnitude(weights))]


def _as_ordered(table: PreferenceTable, order: Sequence[str]) -> list[str]:
    unknown = [category for category in order if category not in table.categories]
    if unknown:
        raise InputError(f"merge: the order names {unknown[0]!r}, which is no category of the table; leave it out")
    duplicates = [category for place, category in enumerate(order) if category in order[:place]]
    if duplicates:
        raise InputError(f"merge: the order names {duplicates[0]!r} twice; keep one")
    return list(order)


def _added(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    out = np.zeros((len(values), int(place.max()) + 1))
    for column, target in enumerate(place.tolist()):
        out[:, target] += values[:, column]
    return out


def _titles(table: PreferenceTable, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Rename the categories of the titles too, where the metadata know them: `markov` reads them."""
    known = table.metadata.get(TITLE_CATEGORIES)
    if not isinstance(known, Mapping):
        return {}
    renamed = {title: list(dict.fromkeys(mapping.get(name, name) for name in names)) for title, names in known.items()}
    return {TITLE_CATEGORIES: renamed}


def _relisted(lists: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Rename the entries; one that repeats an earlier one is dropped, and what follows moves up."""
    renamed = np.where(lists >= 0, place[np.maximum(lists, 0)], lists)
    out = np.full(renamed.shape, PAD, dtype=lists.dtype)
    for row, entries in enumerate(renamed.tolist()):
        seen: set[int] = set()
        kept = []
        for entry in entries:
            if entry == OUT_OF_VOCABULARY or entry not in seen:
                kept.append(entry)
            seen.add(entry)
        out[row, : len(kept)] = kept
    return out


def _parents(table: PreferenceTable, place: np.ndarray) -> tuple[str, ...] | None:
    if table.parents is None:
        return None
    made: dict[int, str] = {}
    for parent, target in zip(table.parents, place.tolist(), strict=True):
        if made.setdefault(target, parent) != parent:
            return None
    return tuple(made[target] for target in sorted(made))
