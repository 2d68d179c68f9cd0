"""The two-level example: the real files, recomputed with pandas, and small ones with every quirk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spectra_eval.data import complete_journey, prepare
from spectra_eval.data._taxonomy import labelled_pairs
from spectra_eval.data.complete_journey import read
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import Interactions

REAL = Path(__file__).parents[3] / "examples/data/complete-journey-500"
PRODUCTS = """product_id,department,product_category,product_type
1,DELI,SALAD BAR,SALADS
2,SALAD BAR,SALAD BAR,
3,MISC,,
4,DELI,"CHEESE, SLICED",
"""
TRANSACTIONS = """household_id,basket_id,product_id,quantity,transaction_timestamp
9,1,1,2,2017-01-01 11:53:26
9,1,3,1,2017-01-01 11:53:26
9,1,77,1,2017-01-01 11:53:26
8,2,2,0,2017-01-02 00:00:00
8,2,4,3,2017-01-02 00:00:00
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "products.csv").write_text(PRODUCTS)
    (tmp_path / "transactions.csv").write_text(TRANSACTIONS)
    return tmp_path


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    events = pd.read_csv(REAL / "transactions.csv.gz", dtype=str)
    products = pd.read_csv(REAL / "products.csv", dtype=str, keep_default_na=False)
    return events.merge(products, on="product_id", how="left")


@pytest.fixture(scope="module")
def departments() -> Interactions:
    return read(REAL, level="coarse")


def test_the_real_pairs_against_pandas(frame: pd.DataFrame) -> None:
    made = read(REAL)
    known = frame[frame["product_category"].fillna("") != ""]
    expected = known.groupby(["household_id", "department", "product_category"]).size()
    assert made.parents is not None
    shorts = [name.removeprefix(f"{top} / ") for name, top in zip(made.categories, made.parents, strict=True)]
    got = pd.DataFrame(
        {
            "household_id": made.user,
            "department": [made.parents[c] for c in made.category],
            "product_category": [shorts[c] for c in made.category],
        }
    )
    pd.testing.assert_series_equal(got.groupby(list(got.columns)).size(), expected, check_index_type=False)
    assert (len(made.categories), len(set(shorts)), len(set(made.parents))) == (321, 297, 26)
    assert sum(" / " in name for name in made.categories) == 321 - 297 + 19
    assert made.metadata["events_read"] == 311_551
    assert made.metadata["items_unknown"] == 6
    assert made.metadata["events_without_category"] == len(frame) - len(known)
    seconds = pd.to_datetime(known["transaction_timestamp"]).astype("datetime64[s]").astype("int64")
    assert made.time.tolist() == seconds.tolist()


def test_the_real_departments_and_the_blank_as_a_category(frame: pd.DataFrame, departments: Interactions) -> None:
    coarse = departments
    counts = pd.Series([coarse.categories[c] for c in coarse.category]).value_counts()
    assert counts.to_dict() == frame["department"].value_counts().to_dict()
    assert len(coarse.categories) == 28
    assert counts["GROCERY"] / counts.sum() == pytest.approx(0.636, abs=5e-4)
    assert coarse.metadata["events_without_category"] == 1_015
    _, _, pairs = complete_journey._products(REAL / "products.csv")
    named = [(department, category or "none") for department, category in pairs]
    assert len(labelled_pairs(named, level="fine", blank="").categories) == 325


def test_the_real_households_are_prepared(frame: pd.DataFrame, departments: Interactions) -> None:
    table = prepare(departments, min_interactions=5)
    known = frame[frame["department"].notna()]
    sizes = known.groupby("household_id").size()
    assert table.metadata["users_with_too_few"] == (sizes < 5).sum()
    assert table.n_users == (sizes >= 5).sum()


def test_names_titles_and_weights(folder: Path) -> None:
    made = read(folder)
    assert made.categories == ("CHEESE, SLICED", "DELI / SALAD BAR", "SALAD BAR")
    assert made.parents == ("DELI", "DELI", "SALAD BAR")
    assert made.item.tolist() == ["1", "2", "4"]
    assert made.titles == {"1": "SALADS", "2": "SALAD BAR", "3": "3", "4": "CHEESE, SLICED", "77": "77"}
    assert made.metadata["labels_left_out"] == {"(no category)": 1}
    assert read(folder, counted="quantity").weight.tolist() == [2.0, 0.0, 3.0]
    own = read(folder, blanks="own")
    assert "(no category)" in own.categories and own.item.tolist() == ["1", "3", "2", "4"]


def test_a_category_under_two_departments_may_be_refused(folder: Path) -> None:
    with pytest.raises(SchemaError, match=r"'SALAD BAR' is in both 'DELI' and 'SALAD BAR'.*two_parents='pair'"):
        read(folder, two_parents="refuse")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("products.csv", PRODUCTS + "1,A,B,C\n", "product '1' occurs twice"),
        ("products.csv", PRODUCTS + "5,,B,C\n", "entry 5, column department: blank"),
        ("products.csv", "product_id,department\n1,A\n", "no column 'product_category'"),
        ("transactions.csv", TRANSACTIONS + "1,2,3,4\n", "entry 6: 4 cells under 5"),
        ("transactions.csv", TRANSACTIONS + "1,2,3,-4,2017-01-01\n", "column quantity: '-4'"),
        ("transactions.csv", TRANSACTIONS + "1,2,3,4,yesterday\n", "time: 'yesterday'"),
    ],
)
def test_malformed_files_are_said_in_one_line(folder: Path, name: str, text: str, said: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(SchemaError, match=said) as caught:
        read(folder, counted="quantity")
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"level": "x"}, {"two_parents": "x"}, {"blanks": "x"}, {"counted": "x"}])
def test_options_are_checked(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(options))}: 'x' is unknown"):
        read(folder, **options)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "products.csv").unlink()
    with pytest.raises(SchemaError, match=r"products\.csv: no such file"):
        read(folder)
