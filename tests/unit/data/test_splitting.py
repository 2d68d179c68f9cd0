"""Division of a cell into labels: written lists, known names that contain the separator, and refusals."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from spectra_eval.data._splitting import Splitter
from spectra_eval.data.csv import read
from spectra_eval.errors import InputError, SchemaError

LOGS = Path(__file__).parents[2] / "logs"


def labels(cell: str, *, separator: str | None = "|", known: tuple[str, ...] = (), lists: str = "parse") -> list[str]:
    return Splitter(Path("log.csv"), "kind", separator=separator, known=known, lists=lists).labels(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("[8]", ["8"]),
        ("[27, 9]", ["27", "9"]),
        (" [] ", []),
        ("['a', \"b\"]", ["a", "b"]),
        ('["a\\u00e9", "x\\"y", "\\/"]', ["aé", 'x"y', "/"]),
        (r"""['it\'s', 'q"r', '\xe9', "it's"]""", ["it's", 'q"r', "é", "it's"]),
        ("[8.0, 1e3, -2, 007, 2.5, None, nan]", ["8", "1000", "-2", "007", "2.5", "", ""]),
        ("['a|b', 'c']", ["a|b", "c"]),
        ("('a',)", ["a"]),
        ("{'a', 'b'}", ["a", "b"]),
        ("(2019)", ["(2019)"]),
        ("(no genres listed)|{x}", ["(no genres listed)", "{x}"]),
        ("[A] remix|B", ["[A] remix", "B"]),
        ("\x1fa|b\x1f[8]", ["a|b", "[8]"]),
    ],
)
def test_written_lists_and_other_texts(cell: str, expected: list[str]) -> None:
    assert labels(cell) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "['a' 'b']",  # as NumPy prints: Python would read one text
        "[1 2]", "[[1]]", "[Action, RPG]", "[a]|[b]", '{"a": 1}', '[{"id": 1}]', "['a", "['a'", "['a']]", "[1.2.3]",
        r"['\N{BULLET}']", "[a()]", "[" * 5000 + "]" * 5000, "[,]",
    ],
)  # fmt: skip
def test_other_brackets_are_refused_and_may_be_text(cell: str) -> None:
    with pytest.raises(SchemaError, match=r"log\.csv, column kind: .* \(lists='text'\)") as error:
        labels(cell)
    assert len(str(error.value)) < 300
    assert labels(cell, separator=None, lists="text") == [cell]


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match="lists: 'eval' is unknown; choose parse or text"):
        labels("a", lists="eval")
    with pytest.raises(InputError, match="separator: empty"):
        labels("a", separator="")


def test_names_of_the_taxonomy_may_contain_the_separator(tmp_path: Path) -> None:
    assert labels("Sci-Fi TV Movie Film Noir War", separator=" ", known=("TV Movie", "Film Noir", "War")) == [
        "Sci-Fi", "TV Movie", "Film Noir", "War",
    ]  # fmt: skip
    path, taxonomy = tmp_path / "log.csv", tmp_path / "levels.csv"
    path.write_text('user,item,time,categories\na,x,1,"Rock, Pop, Soul"\na,y,2,"Pop, Rock"\na,y,3,Folk\n')
    taxonomy.write_text('category,parent\n"Rock, Pop",Music\nSoul,Music\nRock,Music\n')
    made = read(path, separator=",", taxonomy=taxonomy)
    assert [made.categories[c] for c in made.category] == ["Rock, Pop", "Soul", "Rock"]
    assert made.metadata["labels_left_out"] == {"Folk": 1, "Pop": 1}


def test_lists_of_a_parquet_file_are_names_as_they_are(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"user": "a", "item": ["x", "y"], "time": [1, 2], "categories": [["R&B|Soul", "[8]"], ["Soul"]]}
    )
    frame.to_parquet(tmp_path / "log.parquet")
    assert read(tmp_path / "log.parquet").categories == ("R&B|Soul", "Soul", "[8]")
    frame.assign(categories=["['R&B|Soul', '[8]']", "Soul"]).to_parquet(tmp_path / "text.parquet")
    assert read(tmp_path / "text.parquet").categories == ("R&B|Soul", "Soul", "[8]")


def test_labels_that_are_left_out_are_counted_by_interaction(tmp_path: Path) -> None:
    (tmp_path / "levels.csv").write_text("category,parent\n8,X\n")
    made = read(LOGS / "brackets.csv", taxonomy=tmp_path / "levels.csv")
    assert (made.categories, made.metadata["labels_left_out"]) == (("8",), {"9": 12, "27": 6})
