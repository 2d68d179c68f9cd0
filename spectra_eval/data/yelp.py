"""The Yelp Open Dataset: reviews and businesses as JSON lines, read as a stream."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts._files import missing
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._columns_json import objects
from spectra_eval.data._join import Names, text_column
from spectra_eval.data._log import Clock, EventLog, file_digest
from spectra_eval.data._splitting import MARK, Splitter
from spectra_eval.data._taxonomy import labelled, read_taxonomy
from spectra_eval.data._yelp_names import NAMES
from spectra_eval.errors import InputError, SchemaError

__all__ = ["load", "read"]

_REVIEWS = ("yelp_academic_dataset_review.json", "review.json")
_BUSINESSES = ("yelp_academic_dataset_business.json", "business.json")
_UNKNOWN = ("refuse", "drop")
_ROWS = 100_000
_TERMS = (
    "the Yelp Open Dataset is for academic use under the Yelp Dataset Terms of Use that came with your download: no "
    "commercial use, no passing on of the data"
)


def load(
    source: str | Path,
    *,
    taxonomy: str | Path | None = None,
    two_parents: str = "refuse",
    level: str = "fine",
    unknown_items: str = "refuse",
) -> Log:
    r"""Read reviews and businesses: one event a review, the categories of its business.

    Published category names that contain a comma, such as ``Beer, Wine & Spirits``, are read as one category, and so
    are those of the taxonomy.

    Reviews are read line by line, and only user, business, date and stars are kept: memory grows with the number of
    reviews and of names (some 24 bytes a review, some 200 a name), not with the length of the texts. A review of any
    number of stars counts. A business without categories leaves its reviews without one: they are dropped, and counted.

    Parameters
    ----------
    source : str or Path
        The folder with ``yelp_academic_dataset_review.json`` and ``yelp_academic_dataset_business.json``
        (or ``review.json`` and ``business.json``).
    taxonomy : str or Path, optional
        A file with the parent of each category; Yelp's own ``categories.json`` is one. See `_taxonomy.read_taxonomy`.
    two_parents : {"refuse", "pair"}
        A category with two parents is an error, or is split by pair.
    level : {"fine", "coarse"}
        Which level of the taxonomy the categories are.
    unknown_items : {"refuse", "drop"}
        Reviews of businesses that the file of businesses does not hold: an error, or left out and counted.

    Returns
    -------
    Log
        `read` returns its `Interactions`, all at once.
        In the order of the reviews; every weight is 1; times are seconds, taken as UTC (Yelp names no zone).

    Raises
    ------
    InputError
        An option has no such value.
    SchemaError
        A file is missing or malformed; the message names file, line and fix.

    References
    ----------
    .. [1] Yelp Open Dataset, https://business.yelp.com/data/resources/open-dataset/

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "business.json").write_text(
    ...         '{"business_id": "b", "name": "Casa", "categories": "Mexican, Bars"}\n'
    ...     )
    ...     _ = Path(name, "review.json").write_text(
    ...         '{"user_id": "u", "business_id": "b", "stars": 5.0, "date": "2018-07-07 22:09:11", "text": "..."}\n'
    ...     )
    ...     interactions = read(name)
    >>> interactions.categories, interactions.time.tolist()
    (('Bars', 'Mexican'), [1531001351, 1531001351])
    """
    if unknown_items not in _UNKNOWN:
        raise InputError(f"unknown_items: {unknown_items!r} is unknown; choose {' or '.join(_UNKNOWN)}")
    folder = Path(source)
    reviews, businesses = _found(folder, _REVIEWS), _found(folder, _BUSINESSES)
    levels = None if taxonomy is None else read_taxonomy(taxonomy, two_parents=two_parents)
    names = NAMES if levels is None else (*NAMES, *levels.names)
    splitter = Splitter(businesses, "categories", separator=", ", known=names)
    known, titles, sets = _businesses(businesses, splitter)
    labels = labelled(sets, taxonomy=levels, level=level)
    log = _reviews(reviews)
    missing = [name for name in log.items.codes if name not in known.codes]
    if missing and unknown_items == "refuse":
        raise SchemaError(
            f"{reviews}: business {missing[0]!r} is not in {businesses.name}; take both files from one release, or "
            "leave such reviews out (unknown_items='drop')"
        )
    files = [reviews, businesses] + ([] if taxonomy is None else [Path(taxonomy)])
    return log.finish(
        labels,
        titles=titles,
        n_bundles=len(sets),
        bundle_of_item=np.array([known.codes.get(name, -1) for name in log.items.codes], dtype=np.int64),
        metadata={
            "dataset": "yelp",
            "level": level,
            "items_unknown": len(missing),
            "files": {path.name: file_digest(path) for path in files},
        },
    )


read = at_once(load)


def _found(folder: Path, names: tuple[str, ...]) -> Path:
    present = [folder / name for name in names if (folder / name).is_file()]
    if not present:
        place = folder / names[0]
        what = f"SOURCE is the folder that holds {_REVIEWS[0]} and {_BUSINESSES[0]}"
        raise SchemaError(f"{place}: {missing(place)}; {what}")
    if len(present) > 1:
        raise SchemaError(f"{folder}: holds {names[0]} and {names[1]}; keep one of the two")
    return present[0]


def _businesses(path: Path, splitter: Splitter) -> tuple[Names, dict[str, str], list[list[str]]]:
    known, titles, sets = Names(), dict[str, str](), list[list[str]]()
    for number, entry in objects(path):
        name = _text(path, number, entry, "business_id")
        if known.encode_one(name) != len(sets):
            raise SchemaError(f"{path}: line {number}: business {name!r} occurs twice; keep one of the two")
        shown, cell = entry.get("name"), entry.get("categories")
        if isinstance(cell, list) and all(isinstance(label, str) for label in cell):  # the releases before 2018
            cell = MARK + MARK.join(cell)
        if not (cell is None or isinstance(cell, str)) or not (shown is None or isinstance(shown, str)):
            raise SchemaError(f"{path}: line {number}: name or categories are no text; take the file as Yelp made it")
        titles[name] = shown if shown and not shown.isspace() else name
        sets.append(splitter.labels(cell or ""))
    return known, titles, sets


def _reviews(path: Path) -> EventLog:
    """Yield four values of each review, without its text."""
    log, clock, first = EventLog(path), Clock(path), 1
    entries = objects(path)
    while piece := [
        (
            *(_text(path, number, entry, name) for name in ("user_id", "business_id", "date")),
            _stars(path, number, entry),
        )
        for number, entry in islice(entries, _ROWS)
    ]:
        *texts, stars = zip(*piece, strict=True)
        user, item, date = map(text_column, texts)
        log.add(user=user, item=item, time=clock.seconds(date, first=first), rating=np.array(stars, dtype=np.float32))
        first += len(piece)
    return log


def _text(path: Path, number: int, entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value or value.isspace():
        raise SchemaError(f"{path}: line {number}: {name} is {value!r}; every entry needs a text")
    return value


def _stars(path: Path, number: int, entry: dict[str, Any]) -> float:
    value = entry.get("stars", math.nan)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SchemaError(f"{path}: line {number}: stars is {value!r}; a number is expected")
    return float(value)


DATASETS.add(
    Dataset(
        name="yelp",
        read=read,
        load=load,
        summary="Reviews of the Yelp Open Dataset (JSON lines, streamed); categories are those of the business.",
        reference="Yelp Open Dataset, https://business.yelp.com/data/resources/open-dataset/",
        terms=_TERMS,
        options=("taxonomy", "two_parents", "level", "unknown_items"),
    )
)
