"""Reading MovieLens: ten lines of text, and the real files."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from spectra_eval.data import DATASETS
from spectra_eval.data.movielens import GENRE_SETS, read
from spectra_eval.errors import InputError, SchemaError

SMALL = Path(__file__).parents[3] / "examples/data/ml-latest-small"

MOVIES = """movieId,title,genres
1,"Matrix, The (1999)",Action|Sci-Fi|Thriller
2,Amélie (2001),Comedy|Romance
5,Nothing (2010),(no genres listed)
9,Everest (1998),Documentary|IMAX
"""
RATINGS = """userId,movieId,rating,timestamp
4,9,3.0,100
4,1,5.0,50
7,5,0.5,10
7,2,2.0,20
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "movies.csv").write_text(MOVIES, encoding="utf-8")
    (tmp_path / "ratings.csv").write_text(RATINGS, encoding="utf-8")
    return tmp_path


def _pairs(folder: Path, genre_set: str) -> list[tuple[str, str, str, int]]:
    made = read(folder, genre_set=genre_set)
    names = [made.categories[c] for c in made.category]
    return list(zip(made.user.tolist(), made.item.tolist(), names, made.time.tolist(), strict=True))


def test_each_rating_becomes_its_genres_in_file_order(folder: Path) -> None:
    assert _pairs(folder, "18") == [
        ("4", "9", "Documentary", 100),
        ("4", "1", "Action", 50),
        ("4", "1", "Sci-Fi", 50),
        ("4", "1", "Thriller", 50),
        ("7", "2", "Comedy", 20),
        ("7", "2", "Romance", 20),
    ]


def test_the_wider_sets_keep_what_the_narrow_one_drops(folder: Path) -> None:
    assert ("4", "9", "IMAX", 100) in _pairs(folder, "18+imax")
    assert ("7", "5", "(no genres listed)", 10) in _pairs(folder, "20")
    assert [len(genres) for genres in GENRE_SETS.values()] == [18, 19, 19, 20]


def test_what_is_dropped_is_counted(folder: Path) -> None:
    metadata = read(folder, genre_set="18").metadata
    assert metadata["events_read"] == 4
    assert metadata["events_without_category"] == 1
    assert metadata["labels_left_out"] == {"(no genres listed)": 1, "IMAX": 1}


def test_titles_keep_commas_and_accents(folder: Path) -> None:
    titles = read(folder).titles
    assert titles["1"] == "Matrix, The (1999)"
    assert titles["2"] == "Amélie (2001)"


def test_the_older_name_of_a_genre_and_a_repeated_label_count_once(folder: Path) -> None:
    (folder / "movies.csv").write_text(MOVIES.replace("Comedy|Romance", "Children's|Children|Comedy"))
    assert [row[2] for row in _pairs(folder, "18") if row[1] == "2"] == ["Children", "Comedy"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ratings.csv", "", "not a readable CSV file"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n", "no rows"),
        ("ratings.csv", "user,movieId,rating,timestamp\n1,1,3,4\n", "no column 'userId'"),
        ("ratings.csv", RATINGS + "8,two,1.0,3\n", "entry 5, column movieId: 'two'"),
        ("ratings.csv", RATINGS + "8,2,1.0\n", "entry 5, column timestamp"),
        ("ratings.csv", RATINGS + "8,2,1.0,-4\n", "entry 5, column timestamp: '-4'"),
        ("ratings.csv", RATINGS + "8,2,1.0,4,5,6\n", "not a readable CSV file"),
        ("movies.csv", "movieId,title,genres\n1,Matrix, The (1999),Action\n", "not a readable CSV file"),
        ("ratings.csv", RATINGS + "8,3,1.0,4\n", "rating 5 is of movieId 3"),
        ("movies.csv", MOVIES + "2,Again,Drama\n", "movieId 2 occurs twice"),
        ("movies.csv", MOVIES + "3,,Drama\n", "entry 5, column title"),
        ("movies.csv", "movieId,title,genres\n1,A,x\n2,B,x\n5,C,y\n9,D,z\n", "no rated movie has a genre"),
    ],
)
def test_a_malformed_file_is_said_in_one_line(folder: Path, name: str, text: str, said: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=said) as caught:
        read(folder)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_folder_a_wrong_encoding_and_an_unknown_set_are_refused(folder: Path) -> None:
    with pytest.raises(SchemaError, match="no such file"):
        read(folder / "nowhere")
    with pytest.raises(InputError, match="18\\+imax"):
        read(folder, genre_set="19")
    (folder / "movies.csv").write_bytes(MOVIES.encode("latin-1"))
    with pytest.raises(SchemaError, match="not a readable CSV file"):
        read(folder)


def test_the_real_files_against_the_csv_module() -> None:
    made = DATASETS["movielens"].read(SMALL, genre_set="18+imax")
    with (SMALL / "movies.csv").open(encoding="utf-8", newline="") as file:
        genres = {row["movieId"]: row["genres"].split("|") for row in csv.DictReader(file)}
    expected: Counter[tuple[str, str]] = Counter()
    with (SMALL / "ratings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            expected.update((row["userId"], name) for name in genres[row["movieId"]] if name != "(no genres listed)")
    got = Counter(zip(made.user.tolist(), (made.categories[c] for c in made.category), strict=True))
    assert got == expected
    assert made.metadata["events_read"] == 100_836
    assert made.metadata["events_without_category"] == 47
    assert np.all(made.weight == 1.0)
    assert "research" in DATASETS["movielens"].terms
