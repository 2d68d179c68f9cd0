"""RecBole's atomic files: ``NAME.inter`` and ``NAME.item``, with a type after every column's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from spectra_eval.artifacts._files import missing
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._columns import check_encoding, named, wrong_encoding
from spectra_eval.data._items import check_unknown_items, read_items
from spectra_eval.data._join import text_column, tidied
from spectra_eval.data._log import Clock, EventLog, check_order, check_texts, file_digest, ratings
from spectra_eval.data._splitting import Splitter
from spectra_eval.data._taxonomy import labelled, read_taxonomy
from spectra_eval.errors import SchemaError

__all__ = ["load", "read"]

_ROWS = 200_000
_LONGEST = 1 << 20
_TYPES = ("token", "token_seq", "float", "float_seq")
_CATEGORIES = ("genre", "genres", "class", "category", "categories")
_TITLES = ("title", "movie_title", "item_name", "name")
_TIMELIKE = re.compile("time|date|stamp|when", re.IGNORECASE)
_PARTS = (("train", "training"), ("valid", "validation", "val", "dev"), ("test", "testing"))


def load(
    source: str | Path,
    *,
    user: str = "user_id",
    item: str = "item_id",
    time: str | None = None,
    categories: str | None = None,
    title: str | None = None,
    rating: str | None = None,
    separator: str | None = None,
    lists: str = "parse",
    item_key: str | None = None,
    unknown_items: str = "refuse",
    order: str = "time",
    time_unit: str = "s",
    encoding: str = "utf-8",
    taxonomy: str | Path | None = None,
    two_parents: str = "refuse",
    level: str = "fine",
) -> Log:
    r"""Read atomic files: one event a line of ``.inter``, the categories of its item from ``.item``.

    Parameters
    ----------
    source : str or Path
        The folder with one ``.inter`` and one ``.item`` file, or the ``.inter`` file of that name. Several files
        such as ``x.train.inter``, ``x.valid.inter`` and ``x.test.inter`` are the parts of one set, read in this order.
    user, item : str
        Columns of ``.inter``, without their types.
    time : str, optional
        Column of ``.inter``; where it is not given, ``timestamp``. A set without a column of times is in the order of
        its files.
    categories : str, optional
        Column of ``.item``; where it is not given, the one that is there of ``genre``, ``genres``, ``class``,
        ``category``, ``categories``.
    title : str, optional
        Column of ``.item``; where it is not given, the one of ``title``, ``movie_title``, ``item_name``, ``name``,
        and the item itself where there is none.
    rating : str, optional
        Column of ``.inter``; where it is not given, ``rating`` where there is one. Kept among the details.
    separator : str, optional
        Between the categories of an item. Where it is not given, a ``token_seq`` is divided at blanks, as RecBole
        does, and a ``token`` is one category. A name in the taxonomy that contains the separator is one name.
    lists : {"parse", "text"}
        As in `csv.read`.
    item_key : str, optional
        The column of ``.item`` with the item; the name of `item` where it is not given.
    unknown_items : {"refuse", "drop"}
        Events of items that ``.item`` does not hold: an error, or left out and counted.
    order : {"time", "file"}
        Events are ordered by their times, or are in the order of the files.
    time_unit : {"s", "ms", "us", "ns"}
        What the time counts since 1970.
    encoding : str
        Of both files; RecBole writes UTF-8.
    taxonomy : path-like, optional
        As in `csv.read`.
    two_parents : {"refuse", "pair"}
        As in `csv.read`.
    level : {"fine", "coarse"}
        As in `csv.read`.

    Returns
    -------
    Log
        `read` returns its `Interactions`, all at once.
        In the order of the ``.inter`` file.

    Raises
    ------
    InputError
        An option has no such value.
    SchemaError
        A file is missing or malformed; the message names file, entry and fix.

    References
    ----------
    .. [1] W. X. Zhao et al., "RecBole: towards a unified, comprehensive and efficient framework for recommendation
       algorithms", CIKM 2021. doi:10.1145/3459637.3482016

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "ml.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n1\t7\t88\n")
    ...     _ = Path(name, "ml.item").write_text(
    ...         "item_id:token\tgenre:token_seq\ttitle:token_seq\n7\tWar Sci-Fi\tAlien\n"
    ...     )
    ...     interactions = read(name)
    >>> interactions.categories, interactions.category.tolist(), interactions.titles
    (('Sci-Fi', 'War'), [0, 1], {'7': 'Alien'})
    """
    check_unknown_items(unknown_items)
    check_order(order)
    source = Path(source)
    parts, items = _files(source)
    levels = None if taxonomy is None else read_taxonomy(taxonomy, two_parents=two_parents)
    check_encoding(encoding)
    types = _header(items, encoding)
    category_column = _chosen(items, types, "categories", categories, _CATEGORIES)
    if category_column is None:
        raise SchemaError(
            f"{items}: no column of categories; it has {', '.join(types)}; name one (categories='COLUMN')"
        )
    title_column = _chosen(items, types, "title", title, _TITLES)
    if separator is None:
        separator = " " if types[category_column] == "token_seq" else None
    splitter = Splitter(
        items, category_column, separator=separator, known=() if levels is None else levels.names, lists=lists
    )
    key = item if item_key is None else item_key
    roles = {"item_key": key, "categories": category_column, "title": title_column or key}
    listed = read_items(items, _pieces(items, roles, encoding), splitter, column=key)
    log, columns = EventLog(parts[0] if len(parts) == 1 else source), dict[str, str]()
    for events in parts:
        found = _event_columns(events, encoding, user=user, item=item, time=time, rating=rating, order=order)
        if columns and found != columns:
            other = sorted(found.items() ^ columns.items())[0][1]
            raise SchemaError(f"{events}: {parts[0].name} and this part do not both have {other!r}; write it in both")
        columns = found
        clock, first = Clock(events, unit=time_unit), 1
        for piece in _pieces(events, columns, encoding):
            for role, column in (("user", user), ("item", item)):
                check_texts(events, column, piece[role], first=first)
                piece[role] = tidied(piece[role])
            log.add(
                user=piece["user"],
                item=piece["item"],
                time=clock.seconds(piece["time"], first=first) if "time" in columns else None,
                rating=ratings(events, piece["rating"], first) if "rating" in columns else None,
            )
            first += len(piece["user"])
    bundle, missing = listed.bundles(log, unknown_items=unknown_items)
    files = [*parts, items] + ([] if taxonomy is None else [Path(taxonomy)])
    named = {name: column for name, column in columns.items() if name != "rating"}
    return log.finish(
        labelled(listed.sets, taxonomy=levels, level=level),
        titles=listed.titles,
        n_bundles=len(listed.sets),
        bundle_of_item=bundle,
        metadata={
            "dataset": "recbole",
            "columns": {**named, "categories": category_column, "title": title_column},
            "level": level,
            "items_unknown": missing,
            "files": {path.name: file_digest(path) for path in files},
            **({"parts": [path.name for path in parts]} if len(parts) > 1 else {}),
        },
    )


read = at_once(load)


def _files(source: Path) -> tuple[list[Path], Path]:
    """Return the files of events and the file of items; a set in parts has several files of events."""
    parts = [source]
    if source.is_dir():
        parts = sorted(source.glob("*.inter"), key=_place)
        names = {path.name.split(".")[0] for path in parts}
        whole = [path for path in parts if path.name.count(".") == 1]
        if not parts or len(names) > 1 or (whole and len(parts) > 1):
            held = f"holds {len(parts)} files *.inter"
            if whole and len(names) == 1:
                held = f"holds {whole[0].name} and parts of it, such as {parts[-1].name}"
            raise SchemaError(f"{source}: {held}; name the one to read as SOURCE")
    name = parts[0].name.split(".")[0]
    items = parts[0].with_suffix(".item")
    if not items.is_file():
        items = parts[0].with_name(f"{name}.item")
    for path in (parts[0], items):
        if not path.is_file():
            raise SchemaError(
                f"{path}: {missing(path)}; SOURCE is a folder with one .item and one .inter file, or its parts"
            )
    return parts, items


def _place(path: Path) -> tuple[int, str]:
    """Return the place of a part: training, validation, test, then any others."""
    words = path.name.lower().split(".")[1:-1]
    known = next((number for number, names in enumerate(_PARTS) if set(words) & set(names)), len(_PARTS))
    return known if words else -1, path.name


def _event_columns(
    path: Path, encoding: str, *, user: str, item: str, time: str | None, rating: str | None, order: str
) -> dict[str, str]:
    """Return the columns of a file of events; without any column that may be a time, it has no ``time``."""
    types = _header(path, encoding)
    columns = {"user": user, "item": item}
    if time is not None or "timestamp" in types:
        columns |= {"time": time or "timestamp"} if order == "time" else {}
    elif order == "time" and (other := [name for name in types if _TIMELIKE.search(name)]):
        raise SchemaError(
            f"{path}: no column 'timestamp' for time; name the right one (time={other[0]!r}), or take the order of "
            "the file (order='file')"
        )
    height = _chosen(path, types, "rating", rating, ("rating",))
    return columns | ({} if height is None else {"rating": height})


def _header(path: Path, encoding: str) -> dict[str, str]:
    """Return the type of each column by its name."""
    try:
        with path.open(encoding=encoding) as file:
            line = file.readline(_LONGEST).removeprefix("\ufeff").rstrip("\r\n")
    except UnicodeError as error:
        raise wrong_encoding(path, encoding) from error
    types = {}
    for cell in line.split("\t"):
        name, colon, kind = cell.rpartition(":")
        if not colon or kind not in _TYPES or name in types:
            raise SchemaError(f"{path}: header cell {cell[:40]!r} is not NAME:TYPE with a type of {', '.join(_TYPES)}")
        types[name] = kind
    return types


def _chosen(path: Path, types: dict[str, str], role: str, name: str | None, usual: tuple[str, ...]) -> str | None:
    if name is not None:
        if name not in types:
            raise SchemaError(
                f"{path}: no column {name!r}; it has {', '.join(types)}; name one of them ({role}='COLUMN')"
            )
        return name
    found = [column for column in usual if column in types]
    if len(found) > 1:
        raise SchemaError(
            f"{path}: {found[0]!r} and {found[1]!r} may both be the {role}; name one of them ({role}='COLUMN')"
        )
    return found[0] if found else None


def _pieces(path: Path, wanted: dict[str, str], encoding: str) -> Iterator[dict[str, np.ndarray]]:
    """Yield the selected columns as texts, in blocks of lines."""
    columns = list(_header(path, encoding))
    for role, name in wanted.items():
        if name not in columns:
            raise SchemaError(f"{path}: no column {name!r} for {role}; {named(columns, role)}")
    places = {role: columns.index(name) for role, name in wanted.items()}
    first = 1
    try:
        # Only \n ends a line: a title may hold any other character that Python would break at.
        with path.open(encoding=encoding, newline="\n") as file:
            next(file)
            lines = (line.rstrip("\r\n") for line in file)
            rows = (line.split("\t") for line in lines if line)
            while piece := list(islice(rows, _ROWS)):
                for number, row in enumerate(piece, start=first):
                    if len(row) != len(columns):
                        raise SchemaError(f"{path}: entry {number}: {len(row)} cells under {len(columns)} columns")
                yield {role: text_column(row[place] for row in piece) for role, place in places.items()}
                first += len(piece)
    except UnicodeError as error:
        raise wrong_encoding(path, encoding) from error


DATASETS.add(
    Dataset(
        name="recbole",
        read=read,
        load=load,
        summary="RecBole's atomic files: NAME.inter and NAME.item with typed headers.",
        reference="Zhao et al. (2021), doi:10.1145/3459637.3482016",
        options=(
            "user",
            "item",
            "time",
            "categories",
            "title",
            "rating",
            "separator",
            "lists",
            "item_key",
            "unknown_items",
            "order",
            "time_unit",
            "encoding",
            "taxonomy",
            "two_parents",
            "level",
        ),
    )
)
