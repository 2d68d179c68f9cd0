"""A log in a CSV or Parquet file with one row per event: user, item, time, categories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._cells import as_lists, is_list, texts, times
from spectra_eval.artifacts._files import as_file, missing, reading
from spectra_eval.artifacts._footer import batches, check_groups, shared_texts
from spectra_eval.artifacts._limits import check_size, first_twice
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._columns import ROWS, columns_of, found_columns
from spectra_eval.data._join import Names, text_column, tidied
from spectra_eval.data._log import Clock, EventLog, check_texts, file_digest, ratings
from spectra_eval.data._splitting import MARK, Splitter
from spectra_eval.data._taxonomy import labelled, read_taxonomy
from spectra_eval.errors import InputError, SchemaError

__all__ = ["load", "read"]

_PARQUET = (".parquet", ".pq")


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
        CSV or TSV (also ``.gz``, ``.bz2``, ``.xz``) with a header, or Parquet.
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
        Between the cells of a CSV file, one character or ``tab``; a tab in a file named ``.tsv``, else a comma.
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
        The file is missing or malformed; the message names file, entry and fix.

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
        raise SchemaError(f"{path}: {missing(path)}; SOURCE is a CSV or Parquet file with one row an event")
    levels = None if taxonomy is None else read_taxonomy(taxonomy, two_parents=two_parents)
    known = () if levels is None else levels.names
    splitter = Splitter(path, categories, separator=separator, known=known, lists=lists)
    clock, log, cells, titles = Clock(path, unit=time_unit), EventLog(path), Names(), dict[str, str]()
    wanted = {"user": user, "item": item, "time": time, "categories": categories}
    wanted |= {
        name: column
        for name, column in (("title", title), ("weight", weight), ("rating", rating))
        if column is not None
    }
    first = 1
    if path.suffix.lower() in _PARQUET or _is_parquet(path):
        pieces = _batches(path, wanted)
    else:
        pieces = columns_of(path, wanted, delimiter=_delimiter(path, delimiter), encoding=encoding)
    for piece in pieces:
        for role in ("user", "item"):
            check_texts(path, wanted[role], piece[role], first=first)
            piece[role] = tidied(piece[role])
        log.add(
            user=piece["user"],
            item=piece["item"],
            time=clock.seconds(piece["time"], first=first),
            bundle=cells.encode(piece["categories"]),
            weight=_weights(path, piece["weight"], first) if "weight" in piece else None,
            rating=ratings(path, piece["rating"], first) if "rating" in piece else None,
        )
        for name, shown in zip(piece["item"].tolist(), piece.get("title", piece["item"]).tolist(), strict=True):
            titles.setdefault(name, shown if shown.strip() else name)
        first += len(piece["user"])
    labels = labelled(map(splitter.labels, cells.codes), taxonomy=levels, level=level)
    files = {path.name: file_digest(path)}
    if taxonomy is not None:
        files[Path(taxonomy).name] = file_digest(Path(taxonomy))
    metadata: dict[str, Any] = {"dataset": "csv", "columns": wanted, "files": files, "level": level}
    metadata |= {"two_parents": two_parents} if taxonomy is not None else {}
    return log.finish(labels, titles=titles, metadata=metadata, n_bundles=len(cells))


read = at_once(load)


def _delimiter(path: Path, delimiter: str | None) -> str:
    if delimiter is None:
        return "\t" if ".tsv" in path.suffixes else ","
    delimiter = "\t" if delimiter in ("tab", "\\t") else delimiter
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise InputError(f"delimiter: {delimiter!r} is not one character; write it, or tab")
    return delimiter


def _is_parquet(path: Path) -> bool:
    """Return whether a file begins as Parquet does, whatever its name; a pipe has no suffix."""
    with reading(path, "file"), path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _batches(path: Path, wanted: dict[str, str]) -> Iterator[dict[str, np.ndarray]]:
    """Yield the wanted columns of a Parquet file as texts; a list of labels becomes one text."""
    import pyarrow.parquet as pq

    with reading(path, "Parquet file of events"):
        file = pq.ParquetFile(path)
    with file:
        names = file.schema_arrow.names
        if (duplicate := first_twice(name for name in names if name in wanted.values())) is not None:
            raise SchemaError(f"{path}: column {duplicate!r} occurs twice; rename one of the two")
        columns = found_columns(path, wanted, names)
        read = list(dict.fromkeys(columns.values()))
        check_groups(path, file, read)
        shared = shared_texts(file, read)
    with reading(path, "Parquet file of events"):
        file = pq.ParquetFile(path, read_dictionary=shared)
    with file:
        first = 1
        cells = _Cells(path)
        parts = batches(file, read, ROWS)
        while True:
            with reading(path, "Parquet file of events"):
                batch = next(parts, None)
            if batch is None:
                return
            yield {role: _texts(cells, batch.column(name), role, name, first) for role, name in columns.items()}
            first += batch.num_rows


class _Cells:
    """Conversion of lists of labels to one text each, once per distinct list."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made: dict[tuple[str, ...], str] = {}
        self._size = 0

    def text(self, labels: tuple[str, ...]) -> str:
        """Return the labels as one text; the total size is limited."""
        if labels not in self._made:
            self._size += sum(map(len, labels)) + len(labels)
            check_size(self.path, self._size, "the lists of its categories")
            self._made[labels] = MARK + MARK.join(labels)
        return self._made[labels]


def _texts(cells: _Cells, array: Any, role: str, name: str, first: int) -> np.ndarray:
    def fail(row: int | None, message: str) -> InputError:
        place = "" if row is None else f"entry {first + row}, "
        return SchemaError(f"{cells.path}: {place}column {name}: {message}")

    if role == "categories" and is_list(array.type):
        lists = as_lists(array, fail)
        return text_column(cells.text(tuple(label or "" for label in labels or ())) for labels in lists)
    found = times(array, fail) if role == "time" else texts(array, fail, names=role not in ("weight", "rating"))
    if None in found and role not in ("categories", "title", "rating"):
        raise fail(found.index(None), "null; every event needs a value there")
    return text_column(text or "" for text in found)


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
        summary="Any CSV or Parquet file with one row an event: user, item, time, categories.",
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
            "time_unit",
            "encoding",
            "taxonomy",
            "two_parents",
            "level",
        ),
    )
)
