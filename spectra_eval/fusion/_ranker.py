"""The scores of a production ranker as a system: one distribution over categories for each user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval import simplex
from spectra_eval.arrays import Number, check_number
from spectra_eval.artifacts import file_digest
from spectra_eval.artifacts._files import as_file, as_path
from spectra_eval.baselines._table import with_rows
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.fusion._files import item_weights, numbers, read_cells
from spectra_eval.tables import Interactions, PreferenceTable

__all__ = ["DISTRIBUTIONS", "with_scores"]

DISTRIBUTIONS = ("softmax", "shares")
"""How scores become a distribution."""
MISSING = ("refuse", "drop")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Scores (M,) of `users` and `names` (items or categories), and what one of `names` gives each category (I, K)."""

    users: np.ndarray
    names: np.ndarray
    scores: np.ndarray
    row_of: Mapping[str, int]
    weights: np.ndarray
    level: str


def with_scores(
    table: PreferenceTable,
    path: str | os.PathLike[str],
    *,
    items: str | os.PathLike[str] | Interactions | None = None,
    distribution: str | None = None,
    temperature: Number = 1.0,
    missing: str = "refuse",
    mapping: Mapping[str, str] | None = None,
) -> PreferenceTable:
    r"""Return the table with the scores of a ranker as `theta_s`: a rival for `evaluate`, `compare` and `certify`.

    Parameters
    ----------
    table : PreferenceTable
        The table; its categories, and users in any number of records.
    path : path-like
        CSV, TSV, Parquet or JSON lines with `user`, `item`, `score`, and `category` unless `items` is given; or with
        `user`, `category`, `score`. Several categories of an item are joined by ``|`` or are a list.
    items : path-like or Interactions, optional
        The categories of the items: a file with `item` and `category`, or the interactions of a data set.
    distribution : {"softmax", "shares"}, optional
        ``softmax`` of the scores of each user over the given rows, or ``shares``: scores of at least 0 divided by
        their sum. The default is softmax for items and shares for categories.
    temperature : float
        Scores are divided by it before the softmax; above 0.
    missing : {"refuse", "drop"}
        What to do if users of the table have no scores: refuse, or leave their records out and count them.
    mapping : mapping of str to str, optional
        Column of the files by the name it should have.

    Returns
    -------
    PreferenceTable
        With the distributions as `theta_s`. The probability of an item goes to its categories: 1/g to each of g
        categories, or 1 to each (and the row is normalised) where the weighting of the table is ``count``. Items
        without a category are left out before the scores are read, and counted, as are users who are not in the
        table. All records of a user have the same distribution. The metadata hold the rule, the counts and the digest
        of the file. Whether the ranker was trained on evaluation windows is not known here, and is not checked.

    Raises
    ------
    InputError
        In one line: a score is no finite number or is negative where shares are taken, the scores of a user sum to 0,
        a pair occurs twice, a category or an item is unknown, users have no scores, or an option has no such value.
    SchemaError
        A column is missing, or the file is not one of these formats.

    Examples
    --------
    >>> import tempfile
    >>> table = PreferenceTable(users=["ann"], categories=("Crime", "Drama"), counts=[[1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "s.csv").write_text("user,item,score,category\nann,x,1,Crime|Drama\nann,y,1,Drama\n")
    ...     with_scores(table, Path(folder) / "s.csv").theta_s.tolist()
    [[0.25, 0.75]]
    """
    if missing not in MISSING:
        raise InputError(f"missing: {missing!r} is unknown; choose {' or '.join(MISSING)}")
    if distribution is not None and distribution not in DISTRIBUTIONS:
        raise InputError(f"distribution: {distribution!r} is unknown; choose {' or '.join(DISTRIBUTIONS)}")
    if not 0.0 < check_number("temperature", temperature) < np.inf:
        raise InputError(f"temperature: {temperature}; a finite number above 0")
    place = as_path(path)
    rows = _read(place, table, items, mapping or {})
    how = distribution or ("softmax" if rows.level == "item" else "shares")
    if how == "shares" and temperature != 1.0:
        raise InputError("temperature: it divides the scores before a softmax; leave it out, or take softmax")
    wanted = {user: number for number, user in enumerate(dict.fromkeys(table.users.tolist()))}
    known = np.fromiter((user in wanted for user in rows.users.tolist()), dtype=bool, count=len(rows.users))
    empty = np.asarray(~rows.weights.any(axis=1))
    item = np.fromiter((rows.row_of[name] for name in rows.names.tolist()), dtype=np.int64, count=len(rows.names))
    kept = np.flatnonzero(known & ~empty[item])
    user = np.fromiter((wanted[name] for name in rows.users[kept].tolist()), dtype=np.int64, count=len(kept))
    # In the order of users and names, so that the last bits do not depend on the order of the lines.
    order = np.lexsort((rows.names[kept].astype(str), user))
    kept, user = kept[order], user[order]
    seen = np.unique(user)
    mass = _mass(rows.scores[kept], user, how, float(temperature), place, rows, kept)
    theta = np.zeros((len(wanted), table.n_categories))
    theta[seen] = _spread(mass, item[kept], np.searchsorted(seen, user), rows.weights, len(seen))
    has = np.zeros(len(wanted), dtype=bool)
    has[seen] = True
    record = np.fromiter((wanted[name] for name in table.users.tolist()), dtype=np.int64, count=table.n_users)
    left = int((~has).sum())
    if left and (missing == "refuse" or not has.any()):
        first = next(name for name, number in wanted.items() if not has[number])
        raise InputError(
            f"{place}: {left} of {len(wanted)} users of the table have no scores, the first is {first!r}; add them, or "
            "leave them out with missing=drop"
        )
    about = {
        "name": "scores",
        "sees_window": False,
        "level": rows.level,
        "distribution": how,
        **({"temperature": float(temperature)} if how == "softmax" else {}),
        "digest": f"sha256:{file_digest(as_file(place))}",
        "users_without_scores": left,
        "users_not_in_the_table": len(set(rows.users[~known].tolist())),
        "items_without_category": len(set(rows.names[empty[item]].tolist())),
        "trained_on_windows": "not known and not checked",
    }
    selected = table.select(np.flatnonzero(has[record])) if left else table
    place_of = record[has[record]]
    support = selected.support

    def make(rows: slice) -> np.ndarray:
        return simplex.restricted(theta[place_of[rows]], None if support is None else support[rows])

    return with_rows(selected, make, about)


def _read(place: Path, table: PreferenceTable, items: Any, mapping: Mapping[str, str]) -> _Rows:
    """Read the rows of either level, with the categories of the items."""
    found = read_cells(place, mapping, ("user", "score"))
    level = "item" if "item" in found else "category"
    if level not in found:
        raise SchemaError(f"{place}: neither a column item nor a column category; write user,item,score or "
                          "user,category,score")  # fmt: skip
    if level == "category" and items is not None:
        raise InputError(f"{place}: scores of categories, without a column item; leave the file of items out")
    names = found[level]
    if (
        level == "category"
        and (listed := next((row for row, name in enumerate(names) if isinstance(name, tuple)), None)) is not None
    ):
        raise InputError(
            f"{place}: row {listed + 1}, column category: a list; write one category a row, or name the item"
        )
    twice = _repeated(found["user"], names)
    if twice is not None:
        where = f"row {twice + 1} (user {found['user'][twice]!r}, {level} {names[twice]!r})"
        raise InputError(f"{place}: {where}: occurs twice; keep one")
    if level == "category":
        row_of = {name: row for row, name in enumerate(table.categories)}
        unknown = next((row for row, name in enumerate(names.tolist()) if name not in row_of), None)
        if unknown is not None:
            raise InputError(
                f"{place}: row {unknown + 1}, column category: {names[unknown]!r} is not a category of the table"
            )
        weights = np.eye(table.n_categories)
    else:
        row_of, weights = _of_items(place, found, table, items, mapping)
    return _Rows(
        users=found["user"],
        names=names,
        scores=numbers(found["score"], "score", place),
        row_of=row_of,
        weights=weights,
        level=level,
    )


def _of_items(
    place: Path, found: Mapping[str, np.ndarray], table: PreferenceTable, items: Any, mapping: Mapping[str, str]
) -> tuple[dict[str, int], np.ndarray]:
    """Return the row of each item, and what it gives each category, (I, K); zero for an item without a category."""
    if items is None and "category" not in found:
        raise SchemaError(f"{place}: column category: missing; add it, or name a file of items with item and category")
    if items is not None and "category" in found:
        raise SchemaError(f"{place}: column category: also given by the items; drop one of the two")
    if isinstance(items, Interactions):
        row_of, weights = _of_interactions(items, table)
        source = "the interactions"
    else:
        file = place if items is None else as_path(items)
        frame = found if items is None else read_cells(file, mapping, ("item", "category"))
        row_of, weights = item_weights(frame, file, table.categories)
        source = str(file)
    absent = next((name for name in found["item"].tolist() if name not in row_of), None)
    if absent is not None:
        raise InputError(f"{source}: item {absent!r} of {place.name} is not in it; add its categories")
    if table.metadata.get("weighting") == "count":
        weights = (weights > 0).astype(np.float64)
    return row_of, weights


def _of_interactions(interactions: Interactions, table: PreferenceTable) -> tuple[dict[str, int], np.ndarray]:
    """Return the same from the events of a data set; a category that the table does not have is left out."""
    index = {name: column for column, name in enumerate(table.categories)}
    column = np.array([index.get(name, -1) for name in interactions.categories], dtype=np.int64)
    names = dict.fromkeys(interactions.item.tolist())
    row_of = {str(name): row for row, name in enumerate(names)}
    rows = np.fromiter((row_of[str(name)] for name in interactions.item.tolist()), dtype=np.int64)
    places = column[interactions.category]
    member = np.zeros((len(row_of), table.n_categories))
    member[rows[places >= 0], places[places >= 0]] = 1.0
    size = member.sum(axis=1, keepdims=True)
    return row_of, member / np.where(size > 0, size, 1.0)


def _repeated(users: np.ndarray, names: np.ndarray) -> int | None:
    import pandas as pd

    twice = pd.DataFrame({"user": users, "name": names}).duplicated().to_numpy()
    return int(np.flatnonzero(twice)[0]) if twice.any() else None


def _mass(
    scores: np.ndarray, user: np.ndarray, how: str, temperature: float, place: Path, rows: _Rows, kept: np.ndarray
) -> np.ndarray:
    """Return the weight of each row within its user, (M,); not yet normalised."""
    if not len(scores):
        raise InputError(f"{place}: no user of the table has a score with a category; check the names of the users")
    first = np.flatnonzero(np.diff(user, prepend=-1))
    size = np.diff(first, append=len(user))
    if how == "softmax":
        with np.errstate(over="ignore"):
            return np.asarray(np.exp((scores - np.repeat(np.maximum.reduceat(scores, first), size)) / temperature))
    if (scores < 0).any():
        row = int(kept[np.flatnonzero(scores < 0)[0]])
        raise InputError(
            f"{place}: row {row + 1}, column score: {rows.scores[row]:g} is negative; shares need scores of at "
            "least 0; or take softmax"
        )
    top = np.maximum.reduceat(scores, first)
    if (top == 0).any():
        row = int(kept[first[np.flatnonzero(top == 0)[0]]])
        raise InputError(
            f"{place}: the scores of user {rows.users[row]!r} are all 0; give one above 0, or take softmax"
        )
    return np.asarray(scores / np.repeat(top, size))


def _spread(mass: np.ndarray, item: np.ndarray, user: np.ndarray, weights: np.ndarray, n_users: int) -> np.ndarray:
    """Return the distribution of each user over categories, (U, K)."""
    from scipy.sparse import csr_matrix

    of_items = csr_matrix((mass, (user, item)), shape=(n_users, len(weights)))
    theta = np.asarray(of_items @ weights)
    theta /= theta.sum(axis=1, keepdims=True)
    return theta
