"""Clicks of MIND, beside pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from spectra_eval.data import mind
from spectra_eval.data.mind import read
from spectra_eval.errors import InputError, SchemaError

NEWS = (
    'N1\tsports\tgolf\t"The" Open\tabstract\turl\t[]\t[]\nN2\tnews\tvideo\tTwo\t\t\t[]\t[]\n'
    "N3\tsports\tvideo\t \t\t\t[]\t[]\nN4\tnews\t\tFour\t\t\t\t\n"
)
BEHAVIORS = (
    "1\tU1\t11/15/2019 8:55:22 AM\tN9\tN1-1 N2-0 N3-1\n\n2\tU2\t11/9/2019 12:00:01 AM\t\tN2-1\n"
    "3\tU1\t1/1/2020 12:00:00 PM\tN9 N1\tN1-0\n4\tU2\t11/15/2019 8:55:22 PM\tN9\tN4-1 N2-1\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "news.tsv").write_text(NEWS)
    (tmp_path / "behaviors.tsv").write_text(BEHAVIORS)
    return tmp_path


@pytest.mark.parametrize("rows", [1, 100])
def test_clicks_against_pandas(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(mind, "_ROWS", rows)
    made = read(folder)
    frame = pd.read_csv(
        folder / "behaviors.tsv", sep="\t", header=None, names=["n", "user", "time", "history", "shown"]
    )
    long = frame.assign(shown=frame["shown"].str.split()).explode("shown")
    long = long[long["shown"].str.endswith("-1") & ~long["shown"].str.startswith("N4")]
    when = pd.to_datetime(long["time"]).astype("datetime64[s]").astype("int64")
    assert list(zip(made.user, made.item, made.time.tolist(), strict=True)) == list(
        zip(long["user"], long["shown"].str[:2], when, strict=True)
    )
    assert made.categories == ("news / video", "golf", "sports / video") and made.parents == (
        "news",
        "sports",
        "sports",
    )
    assert made.titles["N1"] == '"The" Open' and made.titles["N3"] == "N3"
    assert made.metadata["labels_left_out"] == {"(no subcategory)": 1}
    assert read(folder, level="coarse").categories == ("news", "sports")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "behaviors.tsv",
            "1\tU1\t11/15/2019 8:55:22 AM\t\tN1 N2\n",
            "line 1: 'N1' does not end in -1 .* the test part",
        ),
        (
            "behaviors.tsv",
            "1\tU1\t15/11/2019 8:55:22 AM\t\tN1-1\n",
            "line 1, time: '15/11/2019 8:55:22 AM' is not like",
        ),
        (
            "behaviors.tsv",
            "1\tU1\t11/15/2019 8:55:22 AM\tN1-1\n",
            "line 1: 4 cells between tabs, not 5: impression, user",
        ),
        ("behaviors.tsv", "1\t \t11/15/2019 8:55:22 AM\t\tN1-1\n", "entry 1, column user: blank"),
        ("behaviors.tsv", "1\tU1\t11/15/2019 8:55:22 AM\t\tN7-1\n", r"news 'N7' is not in news\.tsv"),
        ("behaviors.tsv", "1\tU1\t11/15/2219 8:55:22 AM\t\tN1-1\n", "not in the years 1900 to 2099"),
        ("behaviors.tsv", "1\tU1\t11/15/2019 8:55:22 AM\t\tN1-0\n", "holds no interactions"),
        ("behaviors.tsv", "", "holds no interactions"),
        ("news.tsv", NEWS + NEWS, "line 5: news 'N1' occurs twice"),
        ("news.tsv", NEWS.replace("\tsports", "\t "), "line 1: no name or no category"),
        ("news.tsv", NEWS.replace("\t[]", ""), "line 1: 6 cells between tabs, not 8: news, category"),
    ],
)
def test_malformed_files_are_one_line(folder: Path, name: str, text: str, said: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(SchemaError, match=said) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_what_is_missing_or_unknown(folder: Path) -> None:
    (folder / "behaviors.tsv").write_bytes(b"\xff\xfe\t")
    with pytest.raises(SchemaError, match="line 1: not UTF-8"):
        read(folder)
    with pytest.raises(InputError, match="level: 'x' is unknown"):
        read(folder, level="x")
    (folder / "news.tsv").unlink()
    with pytest.raises(SchemaError, match=r"news\.tsv: no such file; SOURCE is the folder of one part"):
        read(folder)
