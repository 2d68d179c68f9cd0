"""Two-level taxonomies: reading from a file, and application to the labels of items."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts import read_json
from spectra_eval.artifacts._files import as_file, missing, read_text
from spectra_eval.artifacts._names import tidy, warn_of_case
from spectra_eval.artifacts._side import read_columns
from spectra_eval.errors import InputError, SchemaError

__all__ = [
    "LEVELS",
    "TWO_PARENTS",
    "Labelled",
    "Taxonomy",
    "events_left_out",
    "labelled",
    "pair_names",
    "read_taxonomy",
]

LEVELS = ("fine", "coarse")
TWO_PARENTS = ("refuse", "pair")
_ABOVE = 1000
"""The maximum number of ancestors of a category, which bounds the time for a file."""


@dataclass(frozen=True, kw_only=True)
class Taxonomy:
    """`parents` gives each category its parents, in the order of the file; `tops` are the parents, in that order."""

    parents: Mapping[str, tuple[str, ...]]
    tops: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names of both levels."""
        return (*self.tops, *self.parents)


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Pairs of a bundle and a category, ascending, with the names; `left_out`: labels that are none, by bundle."""

    owner: np.ndarray
    category: np.ndarray
    categories: tuple[str, ...]
    parents: tuple[str, ...] | None
    left_out: dict[str, list[int]]


def events_left_out(left_out: Mapping[str, Sequence[int]], bundle: np.ndarray) -> dict[str, int]:
    """Return how many events have each label that is no category, from the bundles of labels and of events.

    Examples
    --------
    >>> events_left_out({"Taxis": [0, 2], "Noir": [1]}, np.array([2, 2, 0, -1]))
    {'Taxis': 3}
    """
    size = np.bincount(bundle[bundle >= 0], minlength=1 + max(map(max, left_out.values()), default=0))
    counts = {label: int(size[bundles].sum()) for label, bundles in sorted(left_out.items())}
    return {label: count for label, count in counts.items() if count}


def read_taxonomy(path: str | Path, *, two_parents: str = "refuse") -> Taxonomy:
    r"""Read which parent each category has.

    Parameters
    ----------
    path : str or Path
        CSV with the columns ``category`` and ``parent``; or JSON: ``{parent: [category, ...]}``, a list of
        ``{"category", "parent"}``, or the list of ``{"alias", "title", "parents": [alias, ...]}`` in which Yelp
        publishes its categories (of more than two levels the top and each category below it are kept).
    two_parents : {"refuse", "pair"}
        A category with two parents is an error, or becomes one category for each of them.

    Returns
    -------
    Taxonomy
        The parent of each category.

    Raises
    ------
    InputError
        `two_parents` is unknown.
    SchemaError
        The file is missing or has another form; a category has two parents and is not to be split; or a parent has
        a parent itself.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name, "levels.csv")
    ...     _ = path.write_text("category,parent\nTacos,Food\nBars,Food\nBars,Nightlife\n")
    ...     taxonomy = read_taxonomy(path, two_parents="pair")
    >>> dict(taxonomy.parents), taxonomy.tops
    ({'Tacos': ('Food',), 'Bars': ('Food', 'Nightlife')}, ('Food', 'Nightlife'))
    """
    if two_parents not in TWO_PARENTS:
        raise InputError(f"two_parents: {two_parents!r} is unknown; choose {' or '.join(TWO_PARENTS)}")
    path = as_file(Path(path))
    if not path.is_file():
        raise SchemaError(
            f"{path}: {missing(path)}; the taxonomy is a CSV or JSON file of categories and their parents"
        )
    as_json = path.suffix.lower() == ".json" or (not path.suffix and read_text(path).lstrip()[:1] in ("{", "["))
    pairs = _from_json(path) if as_json else _from_csv(path)
    parents: dict[str, list[str]] = {}
    for category, parent in pairs:
        if not (category and parent):
            raise SchemaError(f"{path}: category {category!r} under {parent!r}: both need a name that is not blank")
        own = parents.setdefault(category, [])
        if parent not in own:
            own.append(parent)
    if not parents:
        raise SchemaError(f"{path}: holds no category; write one line a category, with its parent")
    _check_levels(path, parents, two_parents)
    tops = tuple(dict.fromkeys(parent for own in parents.values() for parent in own))
    return Taxonomy(parents={name: tuple(own) for name, own in parents.items()}, tops=tops)


def _check_levels(path: Path, parents: Mapping[str, list[str]], two_parents: str) -> None:
    for category, own in parents.items():
        if len(own) > 1 and two_parents == "refuse":
            raise SchemaError(
                f"{path}: category {category!r} has the parents {own[0]!r} and {own[1]!r}; keep one, or split it by "
                "pair (two_parents='pair')"
            )
        for parent in own:
            if parents.get(parent, [parent]) != [parent]:
                raise SchemaError(
                    f"{path}: {parent!r} is the parent of {category!r} and has the parent {parents[parent][0]!r} "
                    "itself; two levels are read, so name the highest parent of each category"
                )


def _from_csv(path: Path) -> list[tuple[str, str]]:
    cells, _ = read_columns(path, ("category", "parent"))
    for name in ("category", "parent"):
        if name not in cells:
            raise SchemaError(f"{path}: no column {name!r}; the first line must name category and parent")
    return list(zip(map(tidy, cells["category"]), map(tidy, cells["parent"]), strict=True))


def _from_json(path: Path) -> list[tuple[str, str]]:
    document = read_json(path)
    if isinstance(document, dict) and all(isinstance(members, list) for members in document.values()):
        return [(_name(path, name), _name(path, parent)) for parent, members in document.items() for name in members]
    entries = document if isinstance(document, list) else []
    if entries and all(isinstance(entry, dict) and {"category", "parent"} <= set(entry) for entry in entries):
        return [(_name(path, entry["category"]), _name(path, entry["parent"])) for entry in entries]
    if entries and all(isinstance(entry, dict) and {"alias", "title", "parents"} <= set(entry) for entry in entries):
        return _from_aliases(path, entries)
    raise SchemaError(
        f"{path}: no taxonomy; write {{parent: [category, ...]}} or a list of {{'category': ..., 'parent': ...}}"
    )


def _name(path: Path, value: Any) -> str:
    if not isinstance(value, str):
        raise SchemaError(f"{path}: {value!r:.40} but the name of a category is expected")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise SchemaError(f"{path}: category {value!r:.40} holds half a character; write the name as UTF-8")
    return tidy(value)


def _from_aliases(path: Path, entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the top-level ancestors of each category, through all of its parents."""
    titles = {_name(path, entry["alias"]): _name(path, entry["title"]) for entry in entries}
    above: dict[str, list[str]] = {}
    for entry in entries:
        if not isinstance(entry["parents"], list | None):
            raise SchemaError(f"{path}: the parents of {entry['alias']!r} are no list; write aliases in brackets")
        above[_name(path, entry["alias"])] = [_name(path, alias) for alias in entry["parents"] or [] if alias]
    pairs = []
    for alias in titles:
        tops, open_ends, seen = [], deque([alias]), set[str]()
        while open_ends:
            here = open_ends.popleft()
            if here not in titles:
                raise SchemaError(f"{path}: {alias!r} has the parent {here!r}, which is not in the file")
            if here in seen:
                continue
            seen.add(here)
            if len(seen) > _ABOVE:
                raise SchemaError(f"{path}: {alias!r} has more than {_ABOVE:,} ancestors; flatten the taxonomy")
            open_ends += above[here]
            if not above[here]:
                tops.append(here)
        if not tops:
            raise SchemaError(f"{path}: {alias!r} is its own ancestor; remove the cycle")
        pairs += [(titles[alias], titles[top]) for top in tops]
    return pairs


def labelled(bundles: Iterable[Sequence[str]], *, taxonomy: Taxonomy | None = None, level: str = "fine") -> Labelled:
    """Convert the labels of each bundle to categories.

    Without a taxonomy each label is a category, in alphabetical order. With one, a label is a category under its
    parent. A label with two parents means those of them that the same bundle bears too, and all of them where it
    bears none. A parent that a bundle bears is implied by a category below it, and is a category of its own only
    where there is none. A label that the taxonomy does not know is left out, and named.

    Parameters
    ----------
    bundles : iterable of sequences of str
        The labels of each bundle; repeated and blank ones count once and not at all.
    taxonomy : Taxonomy, optional
        The two levels.
    level : {"fine", "coarse"}
        Which of them the categories are.

    Returns
    -------
    Labelled
        Categories that some bundle has; `parents` is None without a taxonomy and at the coarse level.

    Raises
    ------
    InputError
        The level is unknown, or coarse without a taxonomy.

    Examples
    --------
    >>> levels = Taxonomy(parents={"Bars": ("Food", "Nightlife"), "Tacos": ("Food",)}, tops=("Food", "Nightlife"))
    >>> made = labelled([["Bars", "Nightlife"], ["Tacos"], ["Food", "Taxis"]], taxonomy=levels)
    >>> made.categories, made.parents, made.category.tolist(), made.left_out
    (('Food', 'Tacos', 'Nightlife / Bars'), ('Food', 'Food', 'Nightlife'), [2, 1, 0], {'Taxis': [2]})
    """
    if level not in LEVELS:
        raise InputError(f"level: {level!r} is unknown; choose {' or '.join(LEVELS)}")
    if level == "coarse" and taxonomy is None:
        raise InputError("level: coarse needs two levels; name a taxonomy")
    pairs: list[tuple[int, tuple[str, str]]] = []
    left_out: dict[str, list[int]] = {}
    for number, labels in enumerate(bundles):
        bare = {tidy(label) for label in labels} - {""}
        if taxonomy is None:
            pairs += [(number, ("", label)) for label in bare]
            continue
        found, unknown = _resolved(bare, taxonomy)
        for label in unknown:
            left_out.setdefault(label, []).append(number)
        pairs += [(number, (parent, name)) for parent, name in found]
    keys = {key for _, key in pairs}
    if taxonomy is None:
        ordered = sorted(keys)
        names, parents = tuple(name for _, name in ordered), None
    elif level == "coarse":
        tops = {parent for parent, _ in keys}
        names, parents = tuple(top for top in taxonomy.tops if top in tops), None
    else:
        place = {name: spot for spot, name in enumerate([*taxonomy.tops, *taxonomy.parents])}
        ordered = sorted(keys, key=lambda key: (place[key[0]], key[0] != key[1], place[key[1]]))
        names, parents = pair_names(ordered, taxonomy.parents), tuple(parent for parent, _ in ordered)
    if level == "coarse":
        number_of = {name: number for number, name in enumerate(names)}
        spot = {key: number_of[key[0]] for key in keys}
    else:
        spot = {key: number for number, key in enumerate(ordered)}
    warn_of_case(names)
    members = np.array(sorted({(number, spot[key]) for number, key in pairs}), dtype=np.int64).reshape(-1, 2)
    return Labelled(
        owner=members[:, 0],
        category=members[:, 1],
        categories=names,
        parents=parents,
        left_out=left_out,
    )


def parents_of(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the parents of each category, in alphabetical order, from (parent, category) pairs."""
    parents: dict[str, list[str]] = {}
    for parent, category in sorted(set(pairs)):
        parents.setdefault(category, []).append(parent)
    return parents


def labelled_pairs(pairs: Sequence[tuple[str, str]], *, level: str, blank: str) -> Labelled:
    """Convert the (parent, category) pair of each bundle to categories, in alphabetical order of both.

    A category under two parents is one category in each of them. At the fine level a bundle without a category is
    left out, under the label `blank`.

    Examples
    --------
    >>> made = labelled_pairs([("DELI", "SALAD"), ("FOOD", "SALAD"), ("DELI", "")], level="fine", blank="(none)")
    >>> made.categories, made.category.tolist(), made.left_out
    (('DELI / SALAD', 'FOOD / SALAD'), [0, 1], {'(none)': [2]})
    """
    keys = [(parent, parent if level == "coarse" else category) for parent, category in pairs]
    ordered = sorted({key for key in keys if key[1]})
    spot = {key: number for number, key in enumerate(ordered)}
    rows = [(number, spot[key]) for number, key in enumerate(keys) if key in spot]
    owner, category = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    nameless = [number for number, key in enumerate(keys) if key not in spot]
    return Labelled(
        owner=owner,
        category=category,
        categories=pair_names(ordered, parents_of(keys)),
        parents=None if level == "coarse" else tuple(parent for parent, _ in ordered),
        left_out={blank: nameless} if nameless else {},
    )


def pair_names(pairs: Sequence[tuple[str, str]], parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return names of (parent, category) pairs: the category if its parent is unique, else both.

    Examples
    --------
    >>> pair_names([("Food", "Bars"), ("Food", "Tacos")], {"Bars": ["Food", "Nightlife"], "Tacos": ["Food"]})
    ('Food / Bars', 'Tacos')
    """
    return tuple(
        f"{parent} / {name}" if len(parents.get(name, ())) > 1 and parent != name else name for parent, name in pairs
    )


def _resolved(labels: set[str], taxonomy: Taxonomy) -> tuple[set[tuple[str, str]], set[str]]:
    found: set[tuple[str, str]] = set()
    for label in labels & taxonomy.parents.keys():
        own = taxonomy.parents[label]
        found.update((parent, label) for parent in ([p for p in own if p in labels] or own))
    tops = labels.intersection(taxonomy.tops)
    implied = {parent for parent, name in found if parent != name}
    # A top-level category that the file lists under itself exists already; it is placed with its categories.
    found = {(parent, name) for parent, name in found if parent != name or parent not in implied}
    found.update((top, top) for top in tops - implied)
    return found, labels - taxonomy.parents.keys() - set(taxonomy.tops)
