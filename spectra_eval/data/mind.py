"""MIND, the Microsoft News Dataset: clicks on news, with categories and subcategories."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from spectra_eval.artifacts._files import missing
from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._columns import opened
from spectra_eval.data._join import Names, text_column, tidied
from spectra_eval.data._log import EventLog, check_texts, file_digest
from spectra_eval.data._taxonomy import LEVELS, labelled_pairs
from spectra_eval.data._years import check_moments
from spectra_eval.errors import InputError, SchemaError

__all__ = ["load", "read"]

_BEHAVIORS, _NEWS = "behaviors.tsv", "news.tsv"
_SHAPES = {
    _BEHAVIORS: (5, "impression, user, time, history, impressions"),
    _NEWS: (8, "news, category, subcategory, title, abstract, URL and two lists of entities"),
}
_LONGEST = 1 << 24
_ROWS = 100_000
_TIME = "%m/%d/%Y %I:%M:%S %p"
_BLANK = "(no subcategory)"
_TERMS = (
    "MIND (Microsoft) is for research under the Microsoft Research License Terms: name the source (Wu et al. 2020), no "
    "commercial use"
)


def load(source: str | Path, *, level: str = "fine") -> Log:
    r"""Read a folder of MIND: one event a click, its categories those of the news.

    The clicks of an impression are the entries of its last column that end in ``-1``; they have the time of the
    impression. The column of earlier clicks has no times and is not read.

    Parameters
    ----------
    source : str or Path
        The folder of one part, with ``behaviors.tsv`` and ``news.tsv``; neither has a header.
    level : {"fine", "coarse"}
        The categories are subcategories (their parents the categories), or categories. A subcategory under two
        categories is one category in each of them.

    Returns
    -------
    Log
        `read` returns its `Interactions`, all at once.
        In the order of the file; times are taken as UTC.

    Raises
    ------
    InputError
        The level is unknown.
    SchemaError
        A file is missing or malformed, or the impressions do not say which news was clicked.

    References
    ----------
    .. [1] F. Wu et al., "MIND: a large-scale dataset for news recommendation", ACL 2020.
       doi:10.18653/v1/2020.acl-main.331

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "news.tsv").write_text("N1\tsports\tgolf\tThe Open\t\t\t[]\t[]\n")
    ...     _ = Path(name, "behaviors.tsv").write_text("1\tU1\t11/15/2019 8:55:22 AM\tN7\tN1-1 N7-0\n")
    ...     interactions = read(name)
    >>> interactions.categories, interactions.parents, interactions.titles, interactions.time.tolist()
    (('golf',), ('sports',), {'N1': 'The Open'}, [1573808122])
    """
    if level not in LEVELS:
        raise InputError(f"level: {level!r} is unknown; choose {' or '.join(LEVELS)}")
    folder = Path(source)
    for path in (folder / _BEHAVIORS, folder / _NEWS):
        if not path.is_file():
            raise SchemaError(
                f"{path}: {missing(path)}; SOURCE is the folder of one part, with {_BEHAVIORS} and {_NEWS}"
            )
    known, titles, pairs = _news(folder / _NEWS)
    log = _clicks(folder / _BEHAVIORS)
    bundle = np.array([known.codes.get(name, -1) for name in log.items.codes], dtype=np.int64)
    if (bundle < 0).any():
        name = list(log.items.codes)[int(np.argmax(bundle < 0))]
        raise SchemaError(f"{log.source}: news {name!r} is not in {_NEWS}; take both files from one part")
    return log.finish(
        labelled_pairs(pairs, level=level, blank=_BLANK),
        titles=titles,
        n_bundles=len(pairs),
        bundle_of_item=bundle,
        metadata={
            "dataset": "mind",
            "level": level,
            "files": {name: file_digest(folder / name) for name in (_BEHAVIORS, _NEWS)},
        },
    )


read = at_once(load)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each line with its number; a cell may contain quotes, and only a tab ends it."""
    size, what = _SHAPES[path.name]
    with opened(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), start=1):
            try:
                cells = line.decode("utf-8").rstrip("\r\n").split("\t")
            except UnicodeDecodeError as error:
                raise SchemaError(f"{path}: line {number}: not UTF-8; take the file from the release again") from error
            if cells == [""]:
                continue
            if len(cells) != size:
                raise SchemaError(f"{path}: line {number}: {len(cells)} cells between tabs, not {size}: {what}")
            yield number, cells


def _news(path: Path) -> tuple[Names, dict[str, str], list[tuple[str, str]]]:
    """Return the place, the title, and the category and subcategory of each news."""
    known, titles, pairs = Names(), dict[str, str](), list[tuple[str, str]]()
    for number, (name, category, subcategory, title, *_) in _rows(path):
        name = name.strip()
        if not name or not category.strip():
            raise SchemaError(f"{path}: line {number}: no name or no category; every news has both")
        if known.encode_one(name) != len(pairs):
            raise SchemaError(f"{path}: line {number}: news {name!r} occurs twice; keep one of the two")
        pairs.append((category.strip(), subcategory.strip()))
        titles[name] = title if title.strip() else name
    return known, titles, pairs


def _clicks(path: Path) -> EventLog:
    """Read the clicks of the impressions, in blocks."""
    import pandas as pd

    log, lines = EventLog(path), _rows(path)
    while piece := list(islice(lines, _ROWS)):
        shown = pd.Series([cells[2] for _, cells in piece], dtype="str")
        moments = pd.to_datetime(shown, format=_TIME, errors="coerce")
        if moments.isna().any():
            number, cells = piece[int(np.argmax(moments.isna().to_numpy()))]
            raise SchemaError(f"{path}: line {number}, time: {cells[2]!r:.60} is not like 11/15/2019 8:55:22 AM")
        seconds = moments.dt.as_unit("s").astype("int64").to_numpy()
        check_moments(path, seconds, fix="take the file from the release again")
        clicks = [(row, name) for row, (number, cells) in enumerate(piece) for name in _clicked(path, number, cells[4])]
        rows = np.array([row for row, _ in clicks], dtype=np.int64)
        users = text_column(cells[1] for _, cells in piece)
        check_texts(path, "user", users, first=piece[0][0])
        log.add(user=tidied(users)[rows], item=text_column(name for _, name in clicks), time=seconds[rows])
    return log


def _clicked(path: Path, number: int, impressions: str) -> list[str]:
    """Return the names that end in ``-1``, without it."""
    found = []
    for entry in impressions.split():
        name, _, mark = entry.rpartition("-")
        if not name or mark not in ("0", "1"):
            raise SchemaError(
                f"{path}: line {number}: {entry[:40]!r} does not end in -1 (clicked) or -0; the test part does not say "
                "what was clicked, take the training or the validation part"
            )
        found += [name] if mark == "1" else []
    return found


DATASETS.add(
    Dataset(
        name="mind",
        read=read,
        load=load,
        summary="Clicks of the Microsoft News Dataset; categories are subcategories of news under categories.",
        reference="Wu et al. (2020), doi:10.18653/v1/2020.acl-main.331",
        terms=_TERMS,
        options=("level",),
    )
)
