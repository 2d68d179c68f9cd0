"""The three file layouts of MovieLens releases, read into the same columns."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectra_eval.artifacts import file_digest
from spectra_eval.artifacts._files import missing, reading
from spectra_eval.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SHAPES", "Release", "read_raw"]

SHAPES = {
    "csv": ("ratings.csv", "movies.csv"),
    "dat": ("ratings.dat", "movies.dat"),
    "u": ("u.data", "u.item", "u.genre"),
}
"""Files of each shape: ml-latest, 20M, 25M, 32M (CSV); 1M, 10M (``::`` between fields); 100K (``u.*``)."""

_U_FIELDS = 5
_WHOLE = r"\d{1,18}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Release:
    """`user`, `item`, `time`: (M,) int64, `rating`: (M,) float32; `ids`: (I,) int64, each with title and genres."""

    shape: str
    encoding: str
    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    rating: np.ndarray
    ids: np.ndarray
    titles: list[str]
    genres: list[list[str]]
    files: dict[str, str]


def read_raw(folder: Path) -> Release:
    """Read a release in any layout; errors name the file, the place and the fix."""
    shape = _shape_of(folder)
    ratings, movies, *_ = SHAPES[shape]
    for name in SHAPES[shape]:
        if not (folder / name).is_file():
            what = missing(folder / name)
            raise SchemaError(f"{folder / name}: {what}; the shape {shape!r} is {', '.join(SHAPES[shape])}")
    if shape == "csv":
        ids, titles, genres = _csv_movies(folder / movies)
        encoding = "utf-8"
        user, item, time, rating = _csv_ratings(folder / ratings)
    else:
        lines, encoding = _lines(folder / movies)
        ids, titles, genres = _dat_movies(folder, lines) if shape == "dat" else _u_movies(folder, lines)
        user, item, time, rating = _plain_ratings(folder / ratings, shape)
    values, times = np.unique(ids, return_counts=True)
    if (times > 1).any():
        raise SchemaError(f"{folder / movies}: movieId {values[times > 1][0]} occurs twice; keep one of the two")
    return Release(
        shape=shape,
        encoding=encoding,
        user=user,
        item=item,
        time=time,
        rating=rating,
        ids=ids,
        titles=titles,
        genres=genres,
        files={name: _digest(folder / name) for name in SHAPES[shape]},
    )


def _shape_of(folder: Path) -> str:
    shapes = [shape for shape, names in SHAPES.items() if any((folder / name).is_file() for name in names[:2])]
    if not shapes:
        known = ", or ".join(" and ".join(names) for names in SHAPES.values())
        place = folder / "ratings.csv"
        raise SchemaError(f"{place}: {missing(place)}; SOURCE is the folder that holds {known}")
    if len(shapes) > 1:
        names = " and ".join(SHAPES[shape][0] for shape in shapes)
        raise SchemaError(f"{folder}: holds {names}, two releases; keep each in a folder of its own")
    return shapes[0]


def _csv_ratings(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    columns = {"userId": "int64", "movieId": "int64", "timestamp": "int64"}
    read = _numbers(path, dtype={**columns, "rating": "float32"})
    if read is None or read.empty or not set(columns) <= set(read.columns) or (read[list(columns)] < 0).any(axis=None):
        read = _table(path, columns)  # slow, but reports the place of an error
    user, item, time = (read[name].to_numpy() for name in columns)
    return user, item, time, _heights(path, read)


def _heights(path: Path, read: pd.DataFrame) -> np.ndarray:
    """Return the ratings themselves, (M,) float32; NaN where the file has no such column."""
    import pandas as pd

    if "rating" not in read.columns:
        return np.full(len(read), np.nan, dtype=np.float32)
    heights = pd.to_numeric(read["rating"], errors="coerce").to_numpy(dtype=np.float32)
    if not np.isfinite(heights).all():
        row = int(np.flatnonzero(~np.isfinite(heights))[0])
        raise SchemaError(
            f"{path}: entry {row + 1}, column rating: {read['rating'].iloc[row]!r} but a number is expected"
        )
    return heights


def _plain_ratings(path: Path, shape: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read user, item, rating, time without a header; ``::`` is read as an empty column between colons."""
    names = ["userId", "movieId", "rating", "timestamp"]
    if shape == "dat":
        names = ["userId", "", "movieId", " ", "rating", "  ", "timestamp"]
    how: dict[str, Any] = {"sep": ":" if shape == "dat" else "\t", "header": None, "names": names}
    kinds = {"userId": "int64", "movieId": "int64", "timestamp": "int64", "rating": "float32"}
    empty = {name: "str" for name in names if not name.strip()}
    read = _numbers(path, dtype={**kinds, **empty}, **how)
    columns = ("userId", "movieId", "timestamp")
    if read is None or read.empty or (read[list(columns)] < 0).any(axis=None):
        raise SchemaError(_plain_defect(path, "::" if shape == "dat" else "\t"))
    user, item, time = (read[name].to_numpy() for name in columns)
    return user, item, time, _heights(path, read)


def _plain_defect(path: Path, separator: str) -> str:
    """Find the line that made the quick reading fail."""
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            cells = line.decode("latin-1").strip("\r\n").split(separator)
            whole = len(cells) == 4 and all(cells[place].isascii() and cells[place].isdigit() for place in (0, 1, 3))
            if cells != [""] and not whole:
                shown = "::" if separator == "::" else "a tab"
                return f"{path}: line {number}: not user, movie, rating and time in whole seconds with {shown} between"
    if not number:
        return f"{path}: holds no rows; take the file from the release again"
    return (
        f"{path}: a rating is not a number, or a number has more than 18 digits; take the file from the release again"
    )


def _numbers(path: Path, **how: Any) -> pd.DataFrame | None:
    """Return the columns as numbers, or None if an entry is not a number."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, index_col=False, encoding="utf-8", keep_default_na=False, **how)
    except Exception:  # any error of pandas: the caller finds the line and reports it
        return None


def _csv_movies(path: Path) -> tuple[np.ndarray, list[str], list[list[str]]]:
    movies = _table(path, {"movieId": "int64", "title": "str", "genres": "str"})
    return movies["movieId"].to_numpy(), movies["title"].tolist(), [text.split("|") for text in movies["genres"]]


def _lines(path: Path) -> tuple[list[str], str]:
    """Read a text as UTF-8 where its bytes can be that (10M), and as Latin-1 otherwise (100K, 1M)."""
    data = path.read_bytes()
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "latin-1"
    return text.replace("\r\n", "\n").split("\n"), encoding  # splitlines would also break at Latin-1 control bytes


def _dat_movies(folder: Path, lines: list[str]) -> tuple[np.ndarray, list[str], list[list[str]]]:
    path = folder / "movies.dat"
    ids, titles, genres = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        cells = line.split("::")
        # A title may contain the separator: only the first and the last separate fields.
        ids.append(_whole(path, number, cells[0], enough=len(cells) >= 3))
        titles.append(_title(path, number, "::".join(cells[1:-1])))
        genres.append(cells[-1].split("|"))
    return _ids(path, ids), titles, genres


def _u_movies(folder: Path, lines: list[str]) -> tuple[np.ndarray, list[str], list[list[str]]]:
    path, names = folder / "u.item", _u_genres(folder / "u.genre")
    ids, titles, genres = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        cells = line.split("|")
        flags = cells[_U_FIELDS:]
        ids.append(_whole(path, number, cells[0], enough=len(flags) == len(names) and set(flags) <= {"0", "1"}))
        titles.append(_title(path, number, cells[1]))
        genres.append([name for name, flag in zip(names, flags, strict=True) if flag == "1"])
    return _ids(path, ids), titles, genres


def _u_genres(path: Path) -> list[str]:
    """Return the names of the genres in the order of their numbers."""
    numbered: dict[int, str] = {}
    lines, _ = _lines(path)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, bar, code = line.strip().rpartition("|")
        if not (bar and name and code.isascii() and code.isdigit()):
            raise SchemaError(f"{path}: line {number}: {line!r} but a name, a bar and a number are expected")
        numbered[int(code)] = name
    if sorted(numbered) != list(range(len(numbered))) or not numbered:
        raise SchemaError(f"{path}: the numbers are not 0, 1, 2 and so on; take the file from the release again")
    return [numbered[code] for code in range(len(numbered))]


def _whole(path: Path, number: int, cell: str, *, enough: bool) -> int:
    if not (enough and cell.isascii() and cell.isdigit() and len(cell) <= 18):
        shape = "number::title::genres" if path.suffix == ".dat" else "number|title|three fields|a flag each genre"
        raise SchemaError(f"{path}: line {number}: not {shape}; take the file from the release again")
    return int(cell)


def _title(path: Path, number: int, title: str) -> str:
    if not title.strip():
        raise SchemaError(f"{path}: line {number}: a blank title; name every movie")
    return title


def _ids(path: Path, ids: list[int]) -> np.ndarray:
    if not ids:
        raise SchemaError(f"{path}: holds no rows; take the file from the release again")
    return np.array(ids, dtype=np.int64)


def _table(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """Read some columns of a CSV file; errors are one line."""
    import pandas as pd

    with reading(path, "CSV file of MovieLens"), warnings.catch_warnings():
        # A line with too many fields is only warned of, and would shift its columns.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        read = pd.read_csv(path, dtype="str", index_col=False, encoding="utf-8", keep_default_na=False)
    missing = [column for column in columns if column not in read.columns]
    if missing:
        raise SchemaError(f"{path}: no column {missing[0]!r}; the first line must name {', '.join(columns)}")
    if read.empty:
        raise SchemaError(f"{path}: holds no rows below its header")
    for column, kind in columns.items():
        texts = read[column]
        bad = ~texts.str.fullmatch(_WHOLE) if kind == "int64" else texts.str.strip() == ""
        if bad.any():
            row = int(np.flatnonzero(bad.to_numpy())[0])
            what = "a whole number" if kind == "int64" else "a text that is not blank"
            raise SchemaError(f"{path}: entry {row + 1}, column {column}: {texts[row]!r} but {what} is expected")
        if kind == "int64":
            read[column] = texts.astype("int64")
    return read


def _digest(path: Path) -> str:
    return f"sha256:{file_digest(path)}"
