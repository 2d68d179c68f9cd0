"""Reading and writing of item scores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts import write_text
from spectra_eval.artifacts._cells import as_lists, is_list, texts
from spectra_eval.artifacts._files import as_file, as_path, file_format, reading
from spectra_eval.artifacts._footer import check_groups, shared_texts
from spectra_eval.artifacts._limits import first_twice
from spectra_eval.artifacts._names import joined_names
from spectra_eval.artifacts._side import read_columns, read_objects
from spectra_eval.artifacts._writing import written_whole
from spectra_eval.errors import InputError, SchemaError, ShapeError

__all__ = ["ItemScores", "item_weights", "numbers", "read_cells", "read_item_scores", "write_fused"]

_NEEDED = ("user", "item", "score")
_SEPARATOR = "|"


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemScores:
    """Item scores, one row per user and item.

    Attributes
    ----------
    users, items : (M,) arrays of str
        Users and items; no pair occurs twice.
    scores : (M,) float array
        Of any recommender, the higher the better.
    shares : (I, K) float array
        Weights of the categories of each item, one over their number; rows sum to 1.
    item_row : (M,) int array
        The row of `shares` that belongs to each item.
    categories : tuple of K str
        Names of the categories.
    truth : (M,) float array, optional
        Relevance of the item for the user, 0 or more.

    Raises
    ------
    ShapeError
        A column has another length than `users`, or `shares` another width than `categories`.

    Examples
    --------
    >>> scores = ItemScores(
    ...     users=np.array(["ann"]), items=np.array(["Heat"]), scores=np.array([0.5]), item_row=np.array([0]),
    ...     shares=np.array([[0.5, 0.5, 0.0]]), categories=("Crime", "Drama", "War"),
    ... )
    >>> scores.truth is None
    True
    """

    users: np.ndarray
    items: np.ndarray
    scores: np.ndarray
    shares: np.ndarray
    item_row: np.ndarray
    categories: tuple[str, ...]
    truth: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that the columns fit together."""
        columns = {"items": self.items, "scores": self.scores, "item_row": self.item_row}
        for name, values in (columns | ({} if self.truth is None else {"truth": self.truth})).items():
            if len(values) != len(self.users):
                raise ShapeError(f"{name}: {len(values)} rows for {len(self.users)} users; give one each")
        if self.shares.ndim != 2 or self.shares.shape[1] != len(self.categories):
            raise ShapeError(f"shares: shape {self.shares.shape} for {len(self.categories)} categories")


def read_item_scores(
    path: str | os.PathLike[str],
    categories: Sequence[str],
    *,
    items: str | os.PathLike[str] | None = None,
    mapping: Mapping[str, str] | None = None,
) -> ItemScores:
    r"""Read scores of items from CSV, TSV, Parquet or JSON lines.

    Parameters
    ----------
    path : path-like
        Columns `user`, `item`, `score`; `category`, unless `items` has it; and optionally `truth`.
        Several categories of an item are joined by ``|``; an item without one has a uniform prior.
    categories : sequence of K str
        Those of the table.
    items : path-like, optional
        Columns `item` and `category`, one row per item or per pair.
    mapping : mapping of str to str, optional
        Column of the files by the name it should have.

    Returns
    -------
    ItemScores
        One row per pair, in the order of the file.

    Raises
    ------
    InputError, SchemaError
        In one line, with the file and the row: a column is missing, a value is no finite number, a category is
        unknown, a pair occurs twice, an item is not in the second file or has other categories elsewhere.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "s.csv").write_text("user,item,score,category\nann,Heat,0.5,Crime|Drama\n")
    ...     read_item_scores(Path(folder) / "s.csv", ["Crime", "Drama", "War"]).shares.tolist()
    [[0.5, 0.5, 0.0]]
    """
    import pandas as pd

    place = as_path(path)
    frame = read_cells(place, mapping or {}, (*_NEEDED, *(() if items is not None else ("category",))))
    if items is not None and "category" in frame:
        raise SchemaError(f"{place}: column category: also given by the file of items; drop one of the two")
    users, names = frame["user"], frame["item"]
    pairs = pd.DataFrame({"user": users, "item": names}).duplicated().to_numpy()
    if pairs.any():
        row = int(np.flatnonzero(pairs)[0])
        raise InputError(f"{place}: row {row + 1} (user {users[row]!r}, item {names[row]!r}): occurs twice; keep one")
    scores = numbers(frame["score"], "score", place)
    truth = numbers(frame["truth"], "truth", place) if "truth" in frame else None
    if truth is not None and (truth < 0).any():
        row = int(np.flatnonzero(truth < 0)[0])
        raise InputError(f"{place}: row {row + 1}, column truth: {truth[row]:g} is negative; a gain is 0 or more")
    source, item_frame = place, frame
    if items is not None:
        source = Path(items)
        item_frame = read_cells(source, mapping or {}, ("item", "category"))
    row_of, shares = item_weights(item_frame, source, tuple(categories))
    shares[~shares.any(axis=1)] = 1.0 / len(categories)
    missing = [name for name in names if name not in row_of]
    if missing:
        raise InputError(f"{source}: item {missing[0]!r} of {place.name} is not in it; add its categories")
    return ItemScores(
        users=users,
        items=names,
        scores=scores,
        shares=shares,
        item_row=np.array([row_of[name] for name in names], dtype=np.int64),
        categories=tuple(categories),
        truth=truth,
    )


def write_fused(columns: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    r"""Write columns of one length as CSV, TSV or Parquet.

    Parameters
    ----------
    columns : mapping of str to (M,) array
        The columns by name.
    path : path-like
        The file. Names that end in ``.parquet`` or ``.tsv`` decide the format; any other name means CSV. It is written
        completely or not at all.

    Raises
    ------
    InputError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_fused({"user": np.array(["ann"]), "fused": np.array([0.5])}, Path(folder) / "f.csv")
    ...     (Path(folder) / "f.csv").read_text()
    'user,fused\nann,0.5\n'
    """
    import pandas as pd

    place = as_path(path)
    frame = pd.DataFrame(dict(columns))
    if place.suffix == ".parquet":
        with written_whole(place) as stream:
            frame.to_parquet(stream, index=False)
        return
    write_text(frame.to_csv(index=False, lineterminator="\n", sep="\t" if place.suffix == ".tsv" else ","), place)


def read_cells(place: Path, mapping: Mapping[str, str], needed: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the columns of one file: names are texts, several categories of an item a tuple."""
    for name in mapping:
        if name not in (*_NEEDED, "category", "truth"):
            raise InputError(f"{place}: no column {name!r} is read; map one of user, item, score, category, truth")
    place = as_file(place)
    kind = file_format(place)
    readers = {"parquet": _parquet, "csv": _csv, "tsv": _csv, "jsonl": _json_lines}
    if kind not in readers:
        raise SchemaError(f"{place}: a file of kind {kind}; write CSV, TSV, Parquet or JSON lines")
    names, found = readers[kind](place, mapping)
    for name in needed:
        if name not in found:
            have = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            column = mapping.get(name, name)
            raise SchemaError(f"{place}: column {column}: missing; it has {have}; name it with a mapping {name}=COLUMN")
    if not len(found[needed[0]]):
        raise SchemaError(f"{place}: no rows; at least one is needed")
    for name in ("user", "item"):
        if name in found and (blank := np.flatnonzero(found[name] == "")).size:
            raise SchemaError(f"{place}: row {blank[0] + 1}, column {name}: blank; give every row a name")
    return found


def _columns(names: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the column of a file for each name; the two files may differ in which name they use."""
    mapped = {name: mapping.get(name, name) for name in (*_NEEDED, "category", "truth")}
    mapped = {name: column if column in names else name for name, column in mapped.items()}
    return {name: column for name, column in mapped.items() if column in names}


def _csv(place: Path, mapping: Mapping[str, str]) -> tuple[list[str], dict[str, np.ndarray]]:
    selected = {*_NEEDED, "category", "truth", *mapping.values()}
    cells, _ = read_columns(place, selected, delimiter="\t" if file_format(place) == "tsv" else ",")
    return list(cells), {name: _texts(cells[column]) for name, column in _columns(list(cells), mapping).items()}


def _json_lines(place: Path, mapping: Mapping[str, str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Read one object a line; a category may be a list, and a score a number or a text."""
    form = '{"user": "ann", "item": "Heat", "score": 0.5}'
    entries = list(read_objects(place, form))
    names = list(dict.fromkeys(name for _, entry in entries for name in entry))
    found: dict[str, np.ndarray] = {}
    for name, column in _columns(names, mapping).items():
        cells = []
        for line, entry in entries:
            if column not in entry and name != "category":
                raise SchemaError(f"{place}: line {line}: no {column!r}; write {form}")
            cells.append(_cell(entry.get(column), name, f"{place}: line {line}, {column}"))
        found[name] = _texts(cells)
    return names, found


def _labels(cell: str | tuple[str, ...], longer: Mapping[tuple[str, ...], str]) -> list[str]:
    """Return the categories of a cell: a list, or a text with names joined by the separator."""
    if isinstance(cell, str):
        cell = tuple(joined_names([name.strip() for name in cell.split(_SEPARATOR)], longer))
    return [name.strip() for name in cell if name.strip()]


def _cell(value: Any, name: str, where: str) -> str | tuple[str, ...]:
    """Return a value as a text cell; several categories as a tuple."""
    if name == "category" and isinstance(value, list) and all(isinstance(label, str) for label in value):
        return tuple(value)
    if name == "category" and value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or name == "category":
        raise SchemaError(f"{where}: {str(value)[:40]!r} is no text{'' if name == 'category' else ' and no number'}")
    if isinstance(value, float) and name in ("user", "item"):
        raise SchemaError(f"{where}: {value!r} is no name; write a text or a whole number")
    return repr(value)


def _parquet(place: Path, mapping: Mapping[str, str]) -> tuple[list[str], dict[str, np.ndarray]]:
    import pyarrow.parquet as pq

    with reading(place, "Parquet file"):
        file = pq.ParquetFile(place)
    with file:
        names = file.schema_arrow.names
        columns_of = _columns(names, mapping)
        if (duplicate := first_twice(name for name in names if name in columns_of.values())) is not None:
            raise SchemaError(f"{place}: column {duplicate!r} occurs twice; rename one")
        check_groups(place, file, columns_of.values())
        shared = shared_texts(file, columns_of.values())
    with reading(place, "Parquet file"), pq.ParquetFile(place, read_dictionary=shared) as file:
        table = file.read(columns=list(columns_of.values()))
        columns = {name: table.column(column) for name, column in columns_of.items()}
    found = {}
    for name, array in columns.items():

        def fail(row: int | None, message: str, column: str = columns_of[name]) -> SchemaError:
            at = "" if row is None else f"row {row + 1}, "
            return SchemaError(f"{place}: {at}column {column}: {message}")

        if name == "category" and is_list(array.type):
            found[name] = _texts(tuple(label or "" for label in labels or ()) for labels in as_lists(array, fail))
        else:
            found[name] = _texts(text or "" for text in texts(array, fail, names=name not in ("score", "truth")))
    return names, found


def _texts(cells: Iterable[str | tuple[str, ...]]) -> np.ndarray:
    texts = list(cells)
    column = np.empty(len(texts), dtype=object)
    column[:] = texts
    return column


def numbers(values: np.ndarray, name: str, place: Path) -> np.ndarray:
    import pandas as pd

    found = pd.to_numeric(pd.Series(values, dtype="str"), errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        shown = str(values[bad[0]])[:40]
        raise InputError(f"{place}: row {bad[0] + 1}, column {name}: {shown!r} is no finite number")
    return found


def item_weights(
    frame: Mapping[str, np.ndarray], place: Path, categories: tuple[str, ...]
) -> tuple[dict[str, int], np.ndarray]:
    """Return the row of each item, and the weights of its categories: one over their number, 0 without any."""
    index = {name: i for i, name in enumerate(categories)}
    longer = {tuple(map(str.strip, name.split(_SEPARATOR))): name for name in categories if _SEPARATOR in name}
    found: dict[str, frozenset[int]] = {}
    per_pair = "score" not in frame  # a file of items may have one row per pair
    for row, (item, text) in enumerate(zip(frame["item"], frame["category"], strict=True), start=1):
        named = _labels(text, longer)
        unknown = [name for name in named if name not in index]
        if unknown:
            raise InputError(
                f"{place}: row {row} (item {item!r}), column category: {unknown[0]!r} is not a category of the table"
            )
        places = frozenset(index[name] for name in named)
        if item in found and per_pair:
            places |= found[item]
        elif item in found and found[item] != places:
            raise InputError(
                f"{place}: row {row}: item {item!r} has other categories than in an earlier row; give each item one set"
            )
        found[item] = places
    shares = np.zeros((len(found), len(categories)))
    for place_of, places in enumerate(found.values()):
        if places:
            shares[place_of, sorted(places)] = 1.0 / len(places)
    return {item: i for i, item in enumerate(found)}, shares
