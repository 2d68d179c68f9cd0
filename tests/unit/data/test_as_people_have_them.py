"""Logs in other encodings, units, notations and spellings: read alike, or refused with the option that reads them."""

from __future__ import annotations

import gzip
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from spectra_eval.data import movielens, recbole
from spectra_eval.data._log import Clock
from spectra_eval.data.csv import load, read
from spectra_eval.data.movielens import GENRE_SETS
from spectra_eval.errors import InputError, SchemaError

HEADER = "user,item,time,categories\n"
NOW = 1_600_000_000


def seconds(*texts: str, unit: str = "s") -> list[int]:
    return Clock(Path("log.csv"), unit=unit).seconds(np.array(texts, dtype=object), first=1).tolist()


def test_numbers_of_any_notation_are_times() -> None:
    assert seconds("1.6e9", "1.6000000005E+09", "+1600000000", "1600000000.", "16e8") == [NOW] * 5
    assert seconds("1600000000000000000", unit="ns") == [NOW]
    assert seconds("1.6e18", "1600000000999999999", unit="ns") == [NOW, NOW]
    assert seconds("-1", "-1.5", ".5") == [-1, -1, 0]


@pytest.mark.parametrize(("text", "words"), [("e9", "a number since 1970"), ("1e", "a number"), ("1e9999", "a number")])
def test_what_only_begins_like_a_number_is_refused(text: str, words: str) -> None:
    with pytest.raises(SchemaError, match=f"entry 2, time: '{text}' but {words}"):
        seconds("1.6e9", text)


@pytest.mark.parametrize(
    ("text", "unit", "likely"),
    [
        (f"{NOW}000", "s", r"it looks like milliseconds \(time_unit='ms'\)"),
        (f"{NOW}000000", "s", r"it looks like microseconds \(time_unit='us'\)"),
        (f"{NOW}000000000", "s", r"it looks like nanoseconds \(time_unit='ns'\)"),
        ("1.6e12", "s", r"it looks like milliseconds \(time_unit='ms'\)"),
        (f"{NOW}000000", "ms", r"it looks like microseconds \(time_unit='us'\)"),
        (f"{NOW}000000000", "us", r"it looks like nanoseconds \(time_unit='ns'\)"),
        ("9e99", "s", r"name the unit of the numbers \(now time_unit='s'\), or correct it"),
        ("-9e99", "ns", r"name the unit of the numbers"),
        ("-2208988801", "s", r"is not in the years 1900 to 2099"),
        ("4102444800", "s", r"is not in the years 1900 to 2099"),
    ],
)
def test_moments_that_no_log_holds_name_the_unit(text: str, unit: str, likely: str) -> None:
    with pytest.raises(SchemaError, match=rf"log.csv: entry 2, time: '.*' read in {unit} .*{likely}"):
        seconds("1", text, unit=unit)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_seconds_read_in_a_finer_unit_are_all_in_1970(unit: str) -> None:
    with pytest.raises(SchemaError, match=r"is in the year 1970, as all are; they look like seconds \(time_unit='s'\)"):
        seconds(str(NOW), str(NOW + 9), unit=unit)
    assert seconds("0", str(NOW), unit=unit)[0] == 0  # a clock that starts with the log


def test_the_years_that_are_read_have_ends() -> None:
    assert seconds("-2208988800", "4102444799") == [-2208988800, 4102444799]
    assert seconds("1900-01-01", "2099-12-31") == [-2208988800, 4102358400]
    with pytest.raises(SchemaError, match="entry 2, time: '2100-01-01' is not in the years 1900 to 2099"):
        seconds("2020-01-01", "2100-01-01")
    with pytest.raises(SchemaError, match="entry 2, time: '9999-12-31'"):
        seconds("2020-01-01", "9999-12-31")


@pytest.mark.parametrize(("mark", "name"), [(";", ";"), ("\t", "tab"), ("|", r"\|")])
def test_another_delimiter_is_named(tmp_path: Path, mark: str, name: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text((HEADER + "ann,x,1,A\n").replace(",", mark))
    with pytest.raises(SchemaError, match=rf"separated by .*, not ','; name it \(delimiter='{name}'\)"):
        read(path)
    assert read(path, delimiter="tab" if mark == "\t" else mark, separator="/").user.tolist() == ["ann"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04rest", "not a CSV file but a ZIP archive; unpack it"),
        (b"\x28\xb5\x2f\xfdrest", "compressed with zstd; unpack it"),
        (b"PAR1rest", "not a readable Parquet file"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "log.csv").write_bytes(data)
    with pytest.raises(SchemaError, match=words):
        read(tmp_path / "log.csv")


def test_a_packed_log_needs_no_suffix(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(gzip.compress((HEADER + "ann,x,1,A\n").encode()))
    assert read(tmp_path / "log.csv").user.tolist() == ["ann"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes((HEADER + "Zoé,x,1,Café\n").encode(encoding))
    wrong = "ascii" if encoding == "utf-8" else "utf-8"
    with pytest.raises(SchemaError, match=rf"log.csv: not text in {wrong}; .*\(encoding='{encoding}'\)"):
        read(path, encoding=wrong)
    made = read(path, encoding=encoding)
    assert made.user.tolist() == ["Zoé"] and made.categories == ("Café",)
    for name in ("base64", "klingon", "rot13", "a\x00"):
        with pytest.raises(InputError, match=r"encoding: .* is unknown"):
            read(path, encoding=name)


def test_recbole_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "d.inter").write_bytes("user_id:token\titem_id:token\ttimestamp:float\nZoé\t7\t88\n".encode("latin-1"))
    (tmp_path / "d.item").write_text("item_id:token\tgenre:token_seq\n7\tA\n", encoding="latin-1")
    with pytest.raises(SchemaError, match=r"d.inter: not text in utf-8; .*\(encoding='latin-1'\)"):
        recbole.read(tmp_path)
    assert recbole.read(tmp_path, encoding="latin-1").user.tolist() == ["Zoé"]


def test_names_that_differ_by_blanks_or_unicode_form_are_one(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "Café")
    assert apart != "Café"
    path = tmp_path / "log.csv"
    rows = ["Zoé,x,1,Café", f" {unicodedata.normalize('NFD', 'Zoé')}, x ,2, {apart} | Bar", "Zoé\u00a0,x,3,\u00a0Bar"]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    made = read(path)
    assert set(made.user.tolist()) == {"Zoé"} and set(made.item.tolist()) == {"x"}
    assert made.categories == ("Bar", "Café") and made.category.tolist() == [1, 0, 1, 0]


def test_names_that_differ_by_case_stay_apart_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "ann,x,1,Drama|drama|War\n")
    with pytest.warns(UserWarning, match="categories 'Drama' and 'drama' differ by case alone and stay apart"):
        made = read(path)
    assert made.categories == ("Drama", "War", "drama")


def test_a_packed_log_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRA_EVAL_MAX_UNPACKED", "1M")
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "a" * (4 << 20)).encode()))
    with pytest.raises(SchemaError, match=r"unpacks to more than 1.0 MiB, .* set SPECTRA_EVAL_MAX_UNPACKED"):
        read(path)


def test_more_categories_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "".join(f"ann,x{i},{i},c{i}\n" for i in range(11)))
    monkeypatch.setenv("SPECTRA_EVAL_MAX_CATEGORIES", "10")
    with pytest.raises(SchemaError, match="11 categories, and the limit is 10"):
        read(path)


def small_movielens(folder: Path) -> Path:
    (folder / "movies.dat").write_text("7::Alien (1979)::Horror|Sci-Fi\n8::Heat (1995)::Crime\n")
    (folder / "ratings.dat").write_text("1::7::4.5::964982703\n")
    return folder


def test_the_default_genres_are_those_of_the_files(tmp_path: Path) -> None:
    folder = small_movielens(tmp_path)
    made = movielens.load(folder)
    assert made.categories == ("Crime", "Horror", "Sci-Fi")
    assert made.described["categories_unused"] == ["Crime"] and made.described["genre_set"] == "held"
    asked = movielens.load(folder, genre_set="18+imax")
    assert asked.categories == GENRE_SETS["18+imax"]
    assert asked.described["categories_unused"] == [
        name for name in GENRE_SETS["18+imax"] if name not in ("Horror", "Sci-Fi")
    ]


def test_ratings_in_milliseconds_are_refused(tmp_path: Path) -> None:
    folder = small_movielens(tmp_path)
    (folder / "ratings.dat").write_text("1::7::4.5::964982703\n1::8::4::964982703000\n")
    with pytest.raises(SchemaError, match=r"ratings.dat: entry 2, time: 964982703000 .* not in the years 1900 to 2099"):
        movielens.read(folder)


def test_a_number_that_pandas_cannot_hold_is_one_line(tmp_path: Path) -> None:
    folder = small_movielens(tmp_path)
    (folder / "ratings.dat").write_text("1::7::4.5::964982703\n1::79999999999999999999999999999994::4::964982703\n")
    with pytest.raises(SchemaError, match=r"ratings.dat: .* more than 18 digits"):
        movielens.read(folder)


def test_a_category_of_items_that_nobody_chose_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\nann\t7\t88\n")
    (tmp_path / "d.item").write_text("item_id:token\tgenre:token_seq\n7\tA\n8\tB\n")
    made = recbole.read(tmp_path)
    assert made.categories == ("A", "B") and made.metadata["categories_unused"] == ["B"]
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "ann,x,1,A|B\n")
    assert "categories_unused" not in load(path).described
