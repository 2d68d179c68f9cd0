"""What `prepare` keeps of every title when it is asked for details, beside what pandas finds in the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.data import DATASETS, prepare
from spectra_eval.errors import InputError, SchemaError, ShapeError
from spectra_eval.tables import Detail, PreferenceTable

REAL = Path(__file__).parents[3] / "examples/data/ml-latest-small"


def test_the_real_ratings_against_pandas(tmp_path: Path) -> None:
    table = prepare(DATASETS["movielens"].read(REAL, genre_set="20"), details=True, context_windows=[1, 3], limit=12)
    movies = pd.read_csv(REAL / "movies.csv")
    log = (
        pd.read_csv(REAL / "ratings.csv")
        .merge(movies, on="movieId")
        .sort_values(["userId", "timestamp", "movieId"], kind="stable")
    )
    assert table.history is not None and table.history_details is not None
    for row, user in enumerate(table.users.tolist()):
        own = log[log["userId"] == int(user)]
        cut = int(0.8 * len(own))
        shown = own.iloc[cut - len(table.history[row]) : cut]
        assert list(table.history[row]) == shown["title"].tolist()
        assert [(d.time, d.rating) for d in table.history_details[row]] == list(
            zip(shown["timestamp"].tolist(), shown["rating"].tolist(), strict=True)
        )
        assert [set(d.categories) for d in table.history_details[row]] == [
            set(text.split("|")) for text in shown["genres"]
        ]
    write_table(table, tmp_path / "t.parquet")
    again = read_table(tmp_path / "t.parquet")
    assert again.history_details is not None and again.history_details.tolist() == table.history_details.tolist()
    assert prepare(DATASETS["movielens"].read(REAL), limit=1).history_details is None


def folder_of(tmp_path: Path, dataset: str) -> Path:
    """Three choices of one user, rated 4, 2 and nothing (Yelp: 1)."""
    if dataset == "csv":
        rows = [f"ann,i{n},{n},A,{r}" for n, r in enumerate(["4", "2.5", " "])]
        (tmp_path / "log.csv").write_text("\n".join(["user,item,time,categories,stars", *rows]) + "\n")
        return tmp_path / "log.csv"
    if dataset == "recbole":
        rows = [f"ann\ti{n}\t{n}\t{r}" for n, r in enumerate(["4", "2.5", ""])]
        header = "user_id:token\titem_id:token\ttimestamp:float\trating:float"
        (tmp_path / "x.inter").write_text("\n".join([header, *rows]) + "\n")
        items = [f"i{n}\t{'AB'[n % 2]}" for n in range(3)]
        (tmp_path / "x.item").write_text("\n".join(["item_id:token\tclass:token", *items]) + "\n")
        return tmp_path
    places = [json.dumps({"business_id": f"i{n}", "name": f"P{n}", "categories": "A, B"}) for n in range(3)]
    (tmp_path / "business.json").write_text("\n".join(places))
    reviews = [
        {"user_id": "ann", "business_id": f"i{n}", "date": f"2020-01-0{n + 1}"} | stars
        for n, stars in enumerate([{"stars": 4}, {"stars": 2.5}, {}])
    ]
    (tmp_path / "review.json").write_text("\n".join(map(json.dumps, reviews)))
    return tmp_path


@pytest.mark.parametrize("dataset", ["csv", "recbole", "yelp"])
def test_every_reader_keeps_ratings(tmp_path: Path, dataset: str) -> None:
    options = {"rating": "stars"} if dataset == "csv" else {}
    events = DATASETS[dataset].read(folder_of(tmp_path, dataset), **options)
    first = np.unique(events.item, return_index=True)[1]
    assert events.rating is not None
    np.testing.assert_array_equal(events.rating[first], np.array([4, 2.5, np.nan], dtype=np.float32))
    if dataset != "csv":  # one category there
        (details,) = prepare(events, min_interactions=3, split=0.99, details=True).history_details or [()]
        assert [detail.rating for detail in details] == [4.0, 2.5]


def test_a_log_without_ratings_tells_none(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,time,categories\nann,x,5,A|B\nann,y,6,A\n")
    table = prepare(DATASETS["csv"].read(path), min_interactions=2, details=True)
    assert table.history_details is not None
    assert table.history_details[0] == (Detail(time=5, rating=None, categories=("A", "B")),)


@pytest.mark.parametrize("bad", ["good", "inf", "1,5"])
def test_a_rating_that_is_no_number_is_refused(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f'user,item,time,categories,rating\nann,x,5,A,3\nann,y,6,A,"{bad}"\n')
    with pytest.raises(SchemaError, match=r"entry 2: rating '.*'; write a number"):
        DATASETS["csv"].read(path, rating="rating")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,Heat,Crime\n")
    (tmp_path / "ratings.csv").write_text(f'userId,movieId,rating,timestamp\n1,1,3,5\n1,1,"{bad}",6\n')
    with pytest.raises(SchemaError, match=r"entry 2, column rating: .* but a number is expected"):
        DATASETS["movielens"].read(tmp_path)
    (tmp_path / "business.json").write_text('{"business_id": "b", "name": "B", "categories": "A"}')
    (tmp_path / "review.json").write_text(
        f'{{"user_id": "u", "business_id": "b", "date": "2020-01-01", "stars": "{bad}"}}'
    )
    with pytest.raises(SchemaError, match=r"line 1: stars is '.*'; a number is expected"):
        DATASETS["yelp"].read(tmp_path)


def test_details_belong_to_titles(tmp_path: Path) -> None:
    detail = Detail(time=1, rating=None, categories=("a",))
    plain = {"users": ["ann"], "categories": ("a", "b"), "counts": [[1, 1]]}
    with pytest.raises(InputError, match="present without history"):
        PreferenceTable(**plain, history_details=[(detail,)])
    with pytest.raises(ShapeError, match=r"row 1 \(user 'ann'\), column history_details: 1 entries for 2 titles"):
        PreferenceTable(**plain, history=[("x", "y")], history_details=[(detail,)])
    table = PreferenceTable(**plain, history=[("x",)], history_details=[(detail,)])
    path = tmp_path / "t.parquet"
    write_table(table, path)
    spoiled = pq.read_table(path).drop_columns("history_details")
    for column, said in ((pa.array([["x"]]), "lists of string"), (pa.array([[{"time": 1}]]), "no field 'rating'")):
        pq.write_table(spoiled.append_column("history_details", column), path)
        with pytest.raises(SchemaError, match=said):
            read_table(path)
