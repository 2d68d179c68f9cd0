"""MovieLens: ratings and genres in every published file layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spectra_eval.data._base import DATASETS, Dataset
from spectra_eval.data._blocks import Log, at_once
from spectra_eval.data._join import Names, text_column
from spectra_eval.data._movielens_files import SHAPES, read_raw
from spectra_eval.data._taxonomy import events_left_out
from spectra_eval.data._years import check_moments
from spectra_eval.errors import InputError, SchemaError

__all__ = ["GENRE_SETS", "HELD", "load", "read"]

_GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_NONE = "(no genres listed)"
_ALIASES = {"Children's": "Children", "unknown": _NONE}

HELD = "held"
GENRE_SETS = {
    "18": _GENRES,
    "18+imax": (*_GENRES, "IMAX"),
    "18+none": (*_GENRES, _NONE),
    "20": (*_GENRES, "IMAX", _NONE),
}
"""The categories of each named set; ``held`` is those of ``18+imax`` that some movie bears.

ml-latest has 20 labels; its README names 19, of which it calls 18 genres.
"""
_NINETEEN = (
    "genre_set: '19' is two different sets; choose 18+imax (18 genres and IMAX) or 18+none (the 19 values that "
    "README.txt and u.genre list: 18 genres and 'no genre')"
)

_REFERENCE = "Harper and Konstan (2015), doi:10.1145/2827872"
_TERMS = (
    "MovieLens (GroupLens) is for research: name the source (Harper and Konstan 2015, doi:10.1145/2827872), no "
    "commercial use without permission, no implied endorsement; pass it on only under these conditions (README.txt)"
)


def load(source: str | Path, *, genre_set: str = HELD) -> Log:
    r"""Read a folder of MovieLens files into interactions: one event a rating, one category a genre.

    The folder holds one release in its own shape: ``ratings.csv`` and ``movies.csv`` (ml-latest, 20M, 25M, 32M),
    ``ratings.dat`` and ``movies.dat`` (1M, 10M), or ``u.data``, ``u.item`` and ``u.genre`` (100K). A rating of any
    height counts as an interaction. A genre outside the set is dropped from its movie; a rating whose movie has no
    genre left is dropped, and counted in the metadata. The older names ``Children's`` and ``unknown`` are read as
    ``Children`` and ``(no genres listed)``.

    CSV files are UTF-8. The older shapes do not say what they are (100K and 1M are Latin-1, 10M is UTF-8): a file
    whose bytes are valid UTF-8 is read as that, any other as Latin-1, and the metadata say which.

    Parameters
    ----------
    source : str or Path
        The folder.
    genre_set : {"held", "18", "18+imax", "18+none", "20"}
        The genres that are categories: 18; these and ``IMAX``; these and ``(no genres listed)``, the 19 values that
        GroupLens's texts list; or all 20. ``held`` is those of ``18+imax`` that some movie of the files bears: 100K, 1M
        and 10M know no ``IMAX``. A genre that no rated movie bears is named in the metadata (``categories_unused``).

    Returns
    -------
    Log
        `read` returns its `Interactions`, all at once.
        In the order of the file of ratings; every weight is 1.

    Raises
    ------
    InputError
        The genre set is unknown.
    SchemaError
        A file is missing or malformed; the message names file, line and fix.

    References
    ----------
    .. [1] F. M. Harper and J. A. Konstan, "The MovieLens datasets: history and context", ACM TiiS 5 (2015) 19.
       doi:10.1145/2827872

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "movies.dat").write_text("7::Alien (1979)::Horror|Sci-Fi\n")
    ...     _ = Path(name, "ratings.dat").write_text("1::7::4.5::964982703\n")
    ...     interactions = read(name)
    >>> [interactions.categories[c] for c in interactions.category], interactions.titles
    (['Horror', 'Sci-Fi'], {'7': 'Alien (1979)'})
    """
    if genre_set not in (HELD, *GENRE_SETS):
        known = f"genre_set: {genre_set!r} is unknown; choose {', '.join((HELD, *GENRE_SETS))}"
        raise InputError(_NINETEEN if genre_set == "19" else known)
    folder = Path(source)
    raw = read_raw(folder)
    ratings, movies, *_ = SHAPES[raw.shape]
    check_moments(folder / ratings, raw.time, fix="take the file from the release again")
    order = np.argsort(raw.ids, kind="stable")
    movie = order[np.minimum(np.searchsorted(raw.ids, raw.item, sorter=order), len(raw.ids) - 1)]
    missing = raw.ids[movie] != raw.item
    if missing.any():
        line = int(np.flatnonzero(missing)[0])
        raise SchemaError(
            f"{folder / ratings}: rating {line + 1} is of movieId {raw.item[line]}, which is not in {movies}; "
            "take both files from one release"
        )
    categories = _present_genres(raw.genres) if genre_set == HELD else GENRE_SETS[genre_set]
    owner, category, outside = _genres(raw.genres, categories)
    if not np.isin(movie, owner).any():
        raise SchemaError(f"{folder / movies}: no rated movie has a genre of the set {genre_set!r}")
    items = [str(number) for number in raw.ids.tolist()]
    names = Names()
    user = names.encode(raw.user)
    return Log(
        user=user,
        user_names=names.array(),
        item=movie,
        item_names=text_column(items),
        titles=dict(zip(items, raw.titles, strict=True)),
        time=raw.time,
        rating=raw.rating,
        bundle=movie,
        owner=owner,
        category=category,
        n_bundles=len(items),
        categories=categories,
        source=str(folder / movies),
        metadata={
            "dataset": "movielens",
            "shape": raw.shape,
            "encoding": raw.encoding,
            "genre_set": genre_set,
            "labels_left_out": events_left_out(outside, movie),
            "files": raw.files,
        },
    ).with_unused()


read = at_once(load)


def _present_genres(genres: list[list[str]]) -> tuple[str, ...]:
    borne = {_ALIASES.get(label, label) for labels in genres for label in labels}
    return tuple(name for name in GENRE_SETS["18+imax"] if name in borne)


def _genres(
    genres: list[list[str]], categories: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, dict[str, list[int]]]:
    """Return (movie, category) pairs in ascending order, and the movies that have each label outside the set."""
    place = {name: number for number, name in enumerate(categories)}
    outside: dict[str, list[int]] = {}
    pairs = []
    for movie, labels in enumerate(genres):
        # A movie without flags or names has no genre.
        known = {_ALIASES.get(label, label) for label in labels if label} or {_NONE}
        for label in known - place.keys():
            outside.setdefault(label, []).append(movie)
        pairs += [(movie, place[label]) for label in known if label in place]
    rows = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1], outside


DATASETS.add(
    Dataset(
        name="movielens",
        read=read,
        load=load,
        summary="Movie ratings of GroupLens (100K, 1M, 10M, 20M, 25M, 32M, ml-latest); categories are genres.",
        reference=_REFERENCE,
        terms=_TERMS,
        options=("genre_set",),
    )
)
