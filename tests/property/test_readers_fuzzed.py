"""Every reader against bytes and against structure: it returns what it promises, or refuses in one line.

A few examples by default, a thousand a reader under the marker ``slow``.
"""

from __future__ import annotations

import gzip
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectra_eval.artifacts import iter_table, read_json, read_table, write_json, write_table
from spectra_eval.artifacts._side import read_columns, read_objects
from spectra_eval.audit.conformance import conform
from spectra_eval.data import complete_journey, mind, movielens, recbole, yelp
from spectra_eval.data import csv as logs
from spectra_eval.data._taxonomy import read_taxonomy
from spectra_eval.errors import SpectraError
from spectra_eval.fusion import read_item_scores
from spectra_eval.tables import PreferenceTable
from tests.property.drawn_files import (
    LOG_NAMES,
    NAMES,
    as_json,
    csv_bytes,
    entries,
    facts,
    groups,
    json_lines,
    npz_bytes,
    parquet_bytes,
    review,
    values,
)
from tests.unit.made_tables import WRITERS, make_table, write_long

CATEGORIES = ("Drama", "Noir", "War")
LOG = "user,item,time,categories,title\n" + "".join(f"ann,x{i},{1600000000 + i},Drama|Noir,Heat\n" for i in range(6))
SCORES = "user,item,score,category,truth\nann,x,0.5,Drama|Noir,1\nbob,x,1.5,Drama|Noir,0\n"

# ----------------------------------------------------------------------------------------------- readers


def table(path: Path) -> None:
    assert isinstance(read_table(path, empty_windows="keep"), PreferenceTable)


def blocks(path: Path) -> None:
    assert all(part.n_users <= 2 for part in iter_table(path, block=2))


def vectors(path: Path) -> None:
    conform(read_json(path))


def scores(path: Path) -> None:
    assert read_item_scores(path, CATEGORIES).shares.shape[1] == 3


def objects(path: Path) -> None:
    assert all(isinstance(entry, dict) for _, entry in read_objects(path, "{}"))


def columns(path: Path) -> None:
    cells, lines = read_columns(path)
    assert all(len(column) == len(lines) for column in cells.values())


def log(path: Path) -> None:
    assert logs.load(path).described["events_read"] > 0


def folder_of(load: Callable[[Path], Any], path: Path, name: str) -> None:
    """Read a folder in which one file is the fuzzed one and the others are good."""
    path.rename(path.with_name(name))
    load(path.parent)


# ----------------------------------------------------------------------------------------------- good files


def bytes_of(suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t.{suffix}"
        write = partial(write_long, mark="\t") if suffix == "tsv" else WRITERS[f"results.{suffix}"]
        write(make_table(), path)
        return path.read_bytes()


def own_table() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_table(make_table(), Path(folder) / "t.parquet")
        return (Path(folder) / "t.parquet").read_bytes()


def log_parquet() -> bytes:
    stream = pa.BufferOutputStream()
    columns = {"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2], "categories": [["A"], ["B"]]}
    pq.write_table(pa.table(columns), stream)
    return bytes(stream.getvalue().to_pybytes())


GOOD_FILES: dict[str, dict[str, str]] = {
    "movielens": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,7,4.5,964982703\n",
        "movies.csv": "movieId,title,genres\n7,Alien (1979),Horror|Sci-Fi\n",
    },
    "movielens dat": {"ratings.dat": "1::7::4.5::964982703\n", "movies.dat": "7::Alien (1979)::Horror|Sci-Fi\n"},
    "movielens u": {
        "u.data": "1\t7\t4\t964982703\n",
        "u.item": "7|Alien (1979)|a|b|c|1|0\n",
        "u.genre": "Horror|0\nSci-Fi|1\n",
    },
    "recbole": {
        "d.inter": "user_id:token\titem_id:token\ttimestamp:float\nann\t7\t88\n",
        "d.item": "item_id:token\tgenre:token_seq\n7\tA B\n",
    },
    "yelp": {
        "review.json": '{"user_id": "u", "business_id": "b", "stars": 5.0, "date": "2018-07-07 22:09:11"}\n',
        "business.json": '{"business_id": "b", "name": "Casa", "categories": "Mexican, Bars"}\n',
    },
    "mind": {
        "news.tsv": "N1\tsports\tgolf\tThe Open\t\t\t[]\t[]\n",
        "behaviors.tsv": "1\tU1\t11/15/2019 8:55:22 AM\tN7\tN1-1 N7-0\n",
    },
    "complete_journey": {
        "products.csv": "product_id,department,product_category,product_type\n7,DELI,SALAD BAR,SALADS\n",
        "transactions.csv": "household_id,product_id,quantity,transaction_timestamp\n1,7,1,2017-01-01 11:53:26\n",
    },
}
LOADERS: dict[str, Callable[[Path], Any]] = {
    "movielens": movielens.load,
    "recbole": recbole.load,
    "yelp": yelp.load,
    "mind": mind.load,
    "complete_journey": complete_journey.load,
}

TARGETS: dict[str, tuple[str, Callable[[], bytes], Callable[[Path], None]]] = {
    "table CSV": ("t.csv", partial(bytes_of, "csv"), table),
    "table TSV": ("t.tsv", partial(bytes_of, "tsv"), table),
    "table JSON lines": ("t.jsonl", partial(bytes_of, "jsonl"), table),
    "table gzip": ("t.csv.gz", lambda: gzip.compress(bytes_of("csv")), table),
    "table NPZ": ("t.npz", partial(bytes_of, "npz"), table),
    "table Parquet": ("t.parquet", own_table, table),
    "blocks Parquet": ("t.parquet", own_table, blocks),
    "blocks CSV": ("t.csv", partial(bytes_of, "csv"), blocks),
    "JSON": ("t.json", lambda: b'{"a": [1, 2.5, "b", null, {"c": true}]}', read_json),
    "vectors": ("t.json", lambda: b'{"groups": {"psi": [{"v": "1.0", "js_bits": "1.0"}]}}', vectors),
    "scores CSV": ("t.csv", SCORES.encode, scores),
    "columns": ("t.csv", SCORES.encode, columns),
    "objects": ("t.jsonl", lambda: b'{"user": "ann", "text": "Heat"}\n{"text": "Laura"}\n', objects),
    "taxonomy CSV": ("t.csv", lambda: b"category,parent\nA,B\nC,B\n", read_taxonomy),
    "taxonomy JSON": ("t.json", lambda: b'[{"alias": "a", "title": "A", "parents": []}]', read_taxonomy),
    "log JSON lines": (
        "t.jsonl",
        lambda: b'{"user": "a", "item": "x", "time": 1, "categories": ["A", "B"]}\n',
        log,
    ),
    "log with written lists": ("t.csv", lambda: b"user,item,time,categories\na,x,1,\"['A', 7]\"\n", log),
    "log CSV": ("t.csv", LOG.encode, log),
    "log gzip": ("t.csv.gz", lambda: gzip.compress(LOG.encode()), log),
    "log Parquet": ("t.parquet", log_parquet, log),
}
for kind, files in GOOD_FILES.items():
    for name, text in files.items():
        reader = partial(folder_of, LOADERS[kind.split()[0]], name=name)
        TARGETS[f"{kind}: {name}"] = (f"fuzzed-{name}", text.encode, reader)


def refuses_or_reads(reader: Callable[[Path], Any], name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for files in GOOD_FILES.values():
            for own, text in files.items() if name.removeprefix("fuzzed-") in files else ():
                if name != f"fuzzed-{own}":
                    (Path(folder) / own).write_text(text)
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            reader(path)
        except SpectraError as error:
            said = str(error)
            assert said and "\n" not in said and len(said) < 2000, said


def examples(number: int) -> Any:
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


OFTEN = pytest.mark.parametrize("number", [8, pytest.param(1000, marks=pytest.mark.slow)])


# ----------------------------------------------------------------------------------------------- bytes


def changed(good: bytes, seed: int) -> bytes:
    """Change, cut out, insert or repeat some bytes."""
    rng, data = random.Random(seed), bytearray(good)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(data) + 1)
        piece = rng.choice((b"", b"\x00", b"\xff", b'"', b",", b"\n", b"[", b"{", b"9" * 30, b"\xc3", rng.randbytes(4)))
        data[at : at + rng.choice((0, 1, 1, 4, 40))] = piece
    return bytes(data)


@OFTEN
@pytest.mark.parametrize("target", list(TARGETS))
def test_changed_bytes(target: str, number: int) -> None:
    name, make, reader = TARGETS[target]
    good = make()
    refuses_or_reads(reader, name, good)

    @examples(number)
    @given(st.one_of(st.integers(0, 2**32).map(partial(changed, good)), st.binary(max_size=200)))
    def run(data: bytes) -> None:
        refuses_or_reads(reader, name, data)

    run()


# ----------------------------------------------------------------------------------------------- structure

STRUCTURES: dict[str, tuple[str, Any, Callable[[Path], Any]]] = {
    "table CSV": ("t.csv", csv_bytes(NAMES), table),
    "blocks CSV": ("t.csv", csv_bytes(NAMES), blocks),
    "table JSON": ("t.jsonl", json_lines(), table),
    "table Parquet": ("t.parquet", parquet_bytes(NAMES), table),
    "blocks Parquet": ("t.parquet", parquet_bytes(NAMES), blocks),
    "table NPZ": ("t.npz", npz_bytes(), table),
    "JSON": ("t.json", values.map(as_json), read_json),
    "vectors": (
        "t.json",
        st.one_of(st.dictionaries(groups, st.lists(facts, max_size=2)), values).map(
            lambda held: as_json({"groups": held})
        ),
        vectors,
    ),
    "scores CSV": ("t.csv", csv_bytes(("user", "item", "score", "category", "truth")), scores),
    "scores Parquet": ("t.parquet", parquet_bytes(("user", "item", "score", "category", "truth")), scores),
    "columns": ("t.csv", csv_bytes(LOG_NAMES), columns),
    "objects": ("t.jsonl", json_lines(), objects),
    "taxonomy CSV": ("t.csv", csv_bytes(("category", "parent", "x")), read_taxonomy),
    "taxonomy JSON": ("t.json", st.one_of(values, st.lists(entries, max_size=4)).map(as_json), read_taxonomy),
    "log JSON lines": (
        "t.jsonl",
        st.lists(st.dictionaries(st.sampled_from(["user", "item", "time", "categories"]), values)).map(
            lambda held: b"\n".join(map(as_json, held))
        ),
        log,
    ),
    "written lists": (
        "t.csv",
        st.text(alphabet="[]{}()'\"\\,| 08.eA", max_size=24).map(
            lambda cell: f'user,item,time,categories\na,x,1,"{cell.replace(chr(34), 2 * chr(34))}"\n'.encode()
        ),
        log,
    ),
    "log CSV": ("t.csv", csv_bytes(("user", "item", "time", "categories", "title")), log),
    "log Parquet": ("t.parquet", parquet_bytes(("user", "item", "time", "categories", "title")), log),
    "review": (
        "fuzzed-review.json",
        st.lists(st.fixed_dictionaries({}, optional=review)).map(lambda held: b"\n".join(map(as_json, held))),
        partial(folder_of, yelp.load, name="review.json"),
    ),
    "business": (
        "fuzzed-business.json",
        st.lists(st.dictionaries(st.sampled_from(["business_id", "name", "categories"]), values)).map(
            lambda held: b"\n".join(map(as_json, held))
        ),
        partial(folder_of, yelp.load, name="business.json"),
    ),
}


@pytest.mark.filterwarnings("ignore:categories .* differ by case:UserWarning")
@OFTEN
@pytest.mark.parametrize("target", list(STRUCTURES))
def test_drawn_structure(target: str, number: int) -> None:
    name, strategy, reader = STRUCTURES[target]

    @examples(number)
    @given(strategy)
    def run(data: bytes) -> None:
        refuses_or_reads(reader, name, data)

    run()


@OFTEN
def test_what_is_written_is_read(number: int) -> None:
    @examples(number)
    @given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), st.integers() | st.booleans()))
    def run(document: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_json(document, Path(folder) / "d.json")
            assert read_json(Path(folder) / "d.json") == document

    run()
