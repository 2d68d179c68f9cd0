"""A log in a CSV, JSON lines or Parquet file with one row per event: user, item, time, categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._files import as_file, missing
from spectra_eval.artifacts._limits import first_twice
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._items import Items, check_unknown_items, read_items
from spectra_eval.data._join import Names, tidied
from spectra_eval.data._log import Clock, EventLog, check_order, check_texts, file_digest, ratings
from spectra_eval.data._rows import rows_of
from spectra_eval.data._splitting import Splitter
from spectra_eval.data._taxonomy import labelled, read_taxonomy
from spectra_eval.errors import InputError, SchemaError

__all__ = ["load", "read"]


def load(
    source: str | Path,
    *,
    user: str = "user",
    item: str = "item",
    time: str = "time",
    categories: str = "categories",
    title: str | None = None,
    weight: str | None = None,
    rating: str | None = None,
    separator: str = "|",
    lists: str = "parse",
    delimiter: str | None = None,
    header: str | None = None,
    items: str | Path | None = None,
    item_key: str | None = None,
    unknown_items: str = "refuse",
    order: str = "time",
    time_unit: str = "s",
    encoding: str = "utf-8",
    taxonomy: str | Path | None = None,
    two_parents: str = "refuse",
    level: str = "fine",
) -> Log:
    r"""Read a file with one row an event, in pieces.

    Parameters
    ----------
    source : str or Path
        CSV, TSV or JSON lines (also ``.gz``, ``.bz2``, ``.xz``), or Parquet.
    user, item, time, categories : str
        The columns. Names are read in Unicode's composed form (NFC) and without outer blanks. Times are numbers
        since 1970 or ISO dates (UTC where they name no zone), from 1900 to 2099.
    title : str, optional
        The column that names the item as a model is shown it; without it the column ``title`` where there is one,
        and the item itself where there is none. The first title of an item holds.
    weight : str, optional
        The column of what an event counts for; without it every event counts 1.
    rating : str, optional
        The column of what the user thought of the item, a number or blank; `prepare` keeps it among the details.
    separator : str
        The separator of the categories of one event; a Parquet list needs none. A blank cell is no category: the
        event is dropped, and counted in the metadata. A name in the taxonomy that contains the separator is one name.
    lists : {"parse", "text"}
        A cell such as ``[8, 9]`` or ``['Action', "Indie"]`` is a list of names or numbers, or text as any other cell.
    delimiter : str, optional
        Between the cells of a CSV file, one character or its name (``tab``, ``comma``, ``semicolon``, ``pipe``,
        ``space``); a tab in a file named ``.tsv``, else a comma.
    header : str, optional
        The names of all columns of a CSV file without a header, separated by commas.
    items : str or Path, optional
        A file of the same formats with one row per item; the columns of categories and titles are read from it.
    item_key : str, optional
        The column of `items` with the item; the name of `item` where it is not given.
    unknown_items : {"refuse", "drop"}
        Events of items that `items` does not have: an error, or left out and counted.
    order : {"time", "file"}
        Events are ordered by their times, or a log without times is in the order of the file.
    time_unit : {"s", "ms", "us", "ns"}
        What a number in the time column counts.
    encoding : str
        Of a CSV file.
    taxonomy : str or Path, optional
        A file with the parent of each category; see `_taxonomy.read_taxonomy`.
    two_parents : {"refuse", "pair"}
        A category with two parents is an error, or is split by pair.
    level : {"fine", "coarse"}
        Which level of the taxonomy the categories are.

    Returns
    -------
    Log
        `read` returns its `Interactions`, all at once.
        In the order of the file.

    Raises
    ------
    InputError
        An option has no such value.
    SchemaError
        A file is missing or malformed; the message names file, entry and fix.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name, "log.csv")
    ...     _ = path.write_text("who,what,time,categories\nann,Heat,2020-01-01,Noir|Drama\n")
    ...     interactions = read(path, user="who", item="what")
    >>> interactions.user.tolist(), interactions.category.tolist(), interactions.categories
    (['ann', 'ann'], [0, 1], ('Drama', 'Noir'))
    """
    path = as_file(Path(source))
    if not path.is_file():
        raise SchemaError(f"{path}: {missing(path)}; SOURCE is a CSV, JSON lines or Parquet file with one row an event")
    check_unknown_items(unknown_items)
    check_order(order)
    levels = None if taxonomy is None else read_taxonomy(taxonomy, two_parents=two_parents)
    catalogue = None if items is None else as_file(Path(items))
    splitter = Splitter(
        catalogue or path, categories, separator=separator, known=() if levels is None else levels.names, lists=lists
    )
    how: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding}
    listed = None
    if catalogue is not None:
        listed = _items(catalogue, splitter, key=item_key or item, title=title, **how)
    elif item_key is not None:
        raise InputError("item_key: it is a column of the file of items; name that too (items='FILE')")
    named = {"time": time if order == "time" else None, "weight": weight, "rating": rating}
    named |= {"categories": categories, "title": title} if listed is None else {}
    wanted = {"user": user, "item": item} | {name: column for name, column in named.items() if column is not None}
    clock, log, cells, titles = Clock(path, unit=time_unit), EventLog(path), Names(), dict[str, str]()
    first = 1
    for piece in rows_of(path, wanted, header=None if header is None else _names(header), **how):
        for role in ("user", "item"):
            check_texts(path, wanted[role], piece[role], first=first)
            piece[role] = tidied(piece[role])
        log.add(
            user=piece["user"],
            item=piece["item"],
            time=clock.seconds(piece["time"], first=first) if order == "time" else None,
            bundle=cells.encode(piece["categories"]) if listed is None else None,
            weight=_weights(path, piece["weight"], first) if "weight" in piece else None,
            rating=ratings(path, piece["rating"], first) if "rating" in piece else None,
        )
        if listed is None:
            for name, shown in zip(piece["item"].tolist(), piece.get("title", piece["item"]).tolist(), strict=True):
                titles.setdefault(name, shown if shown.strip() else name)
        first += len(piece["user"])
    files = [path, *(Path(file) for file in (catalogue, taxonomy) if file is not None)]
    metadata: dict[str, Any] = {
        "dataset": "csv",
        "columns": wanted,
        "files": {file.name: file_digest(file) for file in files},
        "level": level,
        **({"two_parents": two_parents} if taxonomy is not None else {}),
    }
    if listed is None:
        labels = labelled(map(splitter.labels, cells.codes), taxonomy=levels, level=level)
        return log.finish(labels, titles=titles, metadata=metadata, n_bundles=len(cells))
    bundle, absent = listed.bundles(log, unknown_items=unknown_items)
    return log.finish(
        labelled(listed.sets, taxonomy=levels, level=level),
        titles=listed.titles,
        metadata={**metadata, "items_unknown": absent},
        n_bundles=len(listed.sets),
        bundle_of_item=bundle,
    )


read = at_once(load)


def _items(path: Path, splitter: Splitter, *, key: str, title: str | None, **how: Any) -> Items:
    """Read the file of items."""
    if not path.is_file():
        raise SchemaError(f"{path}: {missing(path)}; it is a file with one row an item (items='FILE')")
    roles = {"item_key": key, "categories": splitter.column} | ({} if title is None else {"title": title})
    return read_items(path, rows_of(path, roles, **how), splitter, column=key)


def _names(header: str) -> list[str]:
    """Return the names of all columns of a file without a header."""
    names = [name.strip() for name in header.split(",")]
    if (twice := first_twice(name for name in names if name)) is not None:
        raise InputError(f"header: {twice!r} occurs twice; name each column once, in the order of the file")
    return names


def _weights(path: Path, texts: np.ndarray, first: int) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(pd.Series(texts, dtype="str"), errors="coerce").to_numpy(dtype=np.float64)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise SchemaError(f"{path}: entry {first + row}: weight {texts[row]!r}; it must be finite and not negative")
    return values


DATASETS.add(
    Dataset(
        name="csv",
        read=read,
        load=load,
        summary="Any CSV, JSON lines or Parquet file with one row an event: user, item, time, categories.",
        reference="the file itself; columns are named by options",
        options=(
            "user",
            "item",
            "time",
            "categories",
            "title",
            "weight",
            "rating",
            "separator",
            "lists",
            "delimiter",
            "header",
            "items",
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
