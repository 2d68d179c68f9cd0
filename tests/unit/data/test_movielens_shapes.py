"""The older shapes of MovieLens, in files that these tests write byte for byte as GroupLens does; pandas recomputes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from spectra_eval.data.movielens import GENRE_SETS, read
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions

MOVIES = [  # id, title, genres; Latin-1 letters, a comma, a colon, two colons, an id out of order, no genre
    (3, "Cité des enfants perdus, La (1995)", ["Adventure", "Sci-Fi"]),
    (1, "Toy Story (1995)", ["Animation", "Children's", "Comedy"]),
    (8, "Star Wars: Episode IV (1977)", ["Action", "War"]),
    (9, "Odd::Title (1990)", ["Drama"]),
    (12, "unknown", []),
]
RATINGS = [(6, 9, 3, 950), (6, 1, 5, 900), (2, 3, 4, 901), (2, 12, 1, 902), (6, 8, 2, 900)]
U_GENRES = ["unknown", *(name.replace("Children", "Children's") for name in GENRE_SETS["18"])]


def write_dat(folder: Path, encoding: str) -> Path:
    movies = "".join(f"{i}::{title}::{'|'.join(genres) or '(no genres listed)'}\n" for i, title, genres in MOVIES)
    (folder / "movies.dat").write_bytes(movies.encode(encoding))
    (folder / "ratings.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in RATINGS))
    return folder


def write_u(folder: Path) -> Path:
    lines = []
    for number, title, genres in MOVIES:
        flags = ["1" if name in (genres or ["unknown"]) else "0" for name in U_GENRES]
        lines.append("|".join([str(number), title, "01-Jan-1995", "", "http://us.imdb.com/M/title-exact", *flags]))
    (folder / "u.item").write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    (folder / "u.genre").write_text("".join(f"{name}|{code}\n" for code, name in enumerate(U_GENRES)) + "\n")
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    return folder


def rows(made: Interactions) -> Counter[tuple[str, str, int, str]]:
    names = [made.categories[c] for c in made.category]
    return Counter(zip(made.user.tolist(), made.item.tolist(), made.time.tolist(), names, strict=True))


def recomputed(genre_set: str) -> Counter[tuple[str, str, int, str]]:
    frame = pd.DataFrame(RATINGS, columns=["user", "item", "rating", "time"])
    movies = pd.DataFrame(MOVIES, columns=["item", "title", "genre"])
    movies["genre"] = movies["genre"].map(lambda names: names or ["(no genres listed)"])
    both = frame.merge(movies, on="item").explode("genre")
    both["genre"] = both["genre"].replace("Children's", "Children")
    both = both[both["genre"].isin(GENRE_SETS[genre_set])]
    return Counter((str(r.user), str(r.item), r.time, r.genre) for r in both.itertuples())


@pytest.mark.parametrize("genre_set", list(GENRE_SETS))
@pytest.mark.parametrize("shape", ["dat latin-1", "dat utf-8", "u latin-1"])
def test_a_shape_against_pandas(tmp_path: Path, shape: str, genre_set: str) -> None:
    kind, encoding = shape.split()
    made = read(write_dat(tmp_path, encoding) if kind == "dat" else write_u(tmp_path), genre_set=genre_set)
    assert rows(made) == recomputed(genre_set)
    assert made.titles == {str(number): title for number, title, _ in MOVIES}
    assert (made.metadata["shape"], made.metadata["encoding"]) == (kind, encoding)
    assert made.user.tolist()[0] == "6", "in the order of the file"


def test_a_movie_without_a_single_flag_has_no_genre(tmp_path: Path) -> None:
    item = write_u(tmp_path) / "u.item"
    last = item.read_bytes().decode("latin-1").rstrip("\n").split("\n")[-1].split("|")
    blank = "|".join([*last[:5], *["0"] * 19])
    item.write_bytes(item.read_bytes().replace("|".join(last).encode("latin-1"), blank.encode("latin-1")))
    assert rows(read(tmp_path, genre_set="18+none")) == recomputed("18+none")


@pytest.mark.parametrize("name", ["movies.dat", "ratings.dat", "u.item", "u.genre", "u.data"])
def test_blank_lines_are_skipped(tmp_path: Path, name: str) -> None:
    file = (write_u(tmp_path) if name.startswith("u.") else write_dat(tmp_path, "latin-1")) / name
    file.write_bytes(file.read_bytes().replace(b"\n", b"\n\n", 1))
    assert rows(read(tmp_path)) == recomputed("18")


def test_nineteen_is_refused_with_both_meanings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"18\+imax .* 18\+none"):
        read(write_dat(tmp_path, "utf-8"), genre_set="19")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ratings.dat", "", "holds no rows"),
        ("ratings.dat", "1::3::4::5\n1::3::4\n", "line 2: not user"),
        ("ratings.dat", "1::3::4::5\n1::x::4::6\n", "line 2: not user"),
        ("ratings.dat", "1:3:4:5\n", "line 1: not user"),
        ("ratings.dat", "1::3::4::-5\n", "line 1: not user"),
        ("ratings.dat", "1::3::good::5\n", "a rating is not a number"),
        ("ratings.dat", "1::4::4::5\n", "rating 1 is of movieId 4, which is not in movies.dat"),
        ("movies.dat", "", "holds no rows"),
        ("movies.dat", "3::No genres\n", "line 1: not number::title::genres"),
        ("movies.dat", "3:: ::Drama\n", "line 1: a blank title"),
        ("movies.dat", "3::A::Drama\n3::B::Drama\n", "movieId 3 occurs twice"),
    ],
)
def test_a_malformed_dat_file_is_said_in_one_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (write_dat(tmp_path, "utf-8") / name).write_text(text)
    with pytest.raises(SchemaError, match=said) as caught:
        read(tmp_path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("u.data", "1\t3\t4\n", "line 1: not user.*a tab"),
        ("u.item", "3|A|||" + "|0" * 18 + "\n", "line 1: not number"),
        ("u.item", "3|A|||" + "|2" * 19 + "\n", "line 1: not number"),
        ("u.genre", "Action\n", "line 1: 'Action'"),
        ("u.genre", "Action|0\nDrama|2\n", "not 0, 1, 2"),
    ],
)
def test_a_malformed_u_file_is_said_in_one_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (write_u(tmp_path) / name).write_text(text)
    with pytest.raises(SchemaError, match=said):
        read(tmp_path)


def test_half_a_release_and_two_releases_are_refused(tmp_path: Path) -> None:
    (write_u(tmp_path) / "u.genre").unlink()
    with pytest.raises(SchemaError, match=r"u\.genre: no such file"):
        read(tmp_path)
    with pytest.raises(SchemaError, match=r"holds ratings\.dat and u\.data, two releases"):
        read(write_dat(tmp_path, "utf-8"))
