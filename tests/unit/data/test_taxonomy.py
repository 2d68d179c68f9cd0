"""Two levels out of files, and out of the labels of items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.data._taxonomy import Taxonomy, labelled, read_taxonomy
from spectra_eval.errors import InputError, SchemaError

TWO = [("Tacos", "Food"), ("Bars", "Food"), ("Bars", "Nightlife"), ("Food", "Food")]


def write(folder: Path, form: str) -> Path:
    path = folder / ("levels.csv" if form == "csv" else "levels.json")
    documents: dict[str, Any] = {
        "tree": {"Food": ["Tacos", "Bars", "Food"], "Nightlife": ["Bars"]},
        "rows": [{"category": name, "parent": parent} for name, parent in TWO],
        "yelp": [
            {"alias": "tacos", "title": "Tacos", "parents": ["mexican"]},
            {"alias": "mexican", "title": "Mexican", "parents": ["food"]},
            {"alias": "bars", "title": "Bars", "parents": ["food", "nightlife"]},
            {"alias": "food", "title": "Food", "parents": []},
            {"alias": "nightlife", "title": "Nightlife", "parents": []},
        ],
    }
    if form == "csv":
        path.write_text("\ufeffparent,category\n" + "".join(f"{parent}, {name}\n" for name, parent in TWO) + "\n")
    else:
        path.write_text(json.dumps(documents[form]))
    return path


@pytest.mark.parametrize("form", ["csv", "tree", "rows", "yelp"])
def test_every_form_says_the_same(tmp_path: Path, form: str) -> None:
    taxonomy = read_taxonomy(write(tmp_path, form), two_parents="pair")
    assert taxonomy.parents["Tacos"] == ("Food",)
    assert taxonomy.parents["Bars"] == ("Food", "Nightlife")
    assert taxonomy.tops == ("Food", "Nightlife")


def test_yelps_third_level_is_led_to_the_top(tmp_path: Path) -> None:
    taxonomy = read_taxonomy(write(tmp_path, "yelp"), two_parents="pair")
    assert taxonomy.parents["Mexican"] == ("Food",)


@pytest.mark.parametrize("form", ["csv", "tree", "rows", "yelp"])
def test_two_parents_are_refused_by_name(tmp_path: Path, form: str) -> None:
    with pytest.raises(SchemaError, match=r"'Bars' has the parents 'Food' and 'Nightlife'.*two_parents='pair'"):
        read_taxonomy(write(tmp_path, form))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "category,above\nA,B\n", "no column 'parent'"),
        ("t.csv", "category,parent\n", "holds no category"),
        ("t.csv", "category,parent\nA\n", "line 2: 1 cells under 2"),
        ("t.csv", "category,parent\nA,\n", "both need a name"),
        ("t.csv", "category,parent\nA,B\nB,C\n", "two levels are read"),
        ("t.json", "{", "line 1, column 2: not JSON"),
        ("t.json", "[]", "no taxonomy; write"),
        ("t.json", '{"A": [1]}', "1 but the name"),
        ("t.json", '{"Food": ["\\ud83d"]}', "holds half a character"),
        ("t.json", '[{"alias": "a", "title": "A", "parents": ["b"]}]', "not in the file"),
        (
            "t.json",
            '[{"alias": "a", "title": "A", "parents": ["b"]}, {"alias": "b", "title": "B", "parents": ["a"]}]',
            "its own ancestor",
        ),
    ],
)
def test_a_malformed_taxonomy_is_said_in_one_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SchemaError, match=said) as caught:
        read_taxonomy(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_unknown_choices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no such file"):
        read_taxonomy(tmp_path / "no.csv")
    with pytest.raises(InputError, match="refuse or pair"):
        read_taxonomy(tmp_path / "no.csv", two_parents="both")
    with pytest.raises(InputError, match="coarse needs two levels"):
        labelled([["A"]], level="coarse")
    with pytest.raises(InputError, match="fine or coarse"):
        labelled([["A"]], level="both")


LEVELS = Taxonomy(
    parents={"Tacos": ("Food",), "Bars": ("Food", "Nightlife"), "Nightlife": ("Nightlife",)},
    tops=("Food", "Nightlife"),
)


@pytest.mark.parametrize(
    ("labels", "fine", "coarse"),
    [
        (["Tacos"], ["Tacos"], ["Food"]),
        (["Tacos", "Food"], ["Tacos"], ["Food"]),  # the parent is implied
        (["Food"], ["Food"], ["Food"]),  # and stands for itself where nothing is below it
        (["Nightlife"], ["Nightlife"], ["Nightlife"]),
        (["Bars"], ["Food / Bars", "Nightlife / Bars"], ["Food", "Nightlife"]),
        (["Bars", "Nightlife"], ["Nightlife / Bars"], ["Nightlife"]),
        (["Bars", "Nightlife", "Tacos"], ["Tacos", "Nightlife / Bars"], ["Food", "Nightlife"]),
        (["Bars", "Food", "Nightlife"], ["Food / Bars", "Nightlife / Bars"], ["Food", "Nightlife"]),
        ([" Tacos ", "", "Tacos", "Taxis"], ["Tacos"], ["Food"]),
    ],
)
def test_labels_become_categories_under_a_parent(labels: list[str], fine: list[str], coarse: list[str]) -> None:
    for level, expected in (("fine", fine), ("coarse", coarse)):
        made = labelled([[], labels], taxonomy=LEVELS, level=level)
        assert [made.categories[c] for c in made.category] == expected
        assert set(made.owner.tolist()) == {1}
        assert made.left_out == ({"Taxis": [1]} if "Taxis" in labels else {})
        if level == "fine":
            assert made.parents is not None
            assert sorted({made.parents[c] for c in made.category}) == coarse


def test_without_a_taxonomy_labels_are_categories_in_order() -> None:
    made = labelled([["b", "a"], ["c", "b"]])
    assert made.categories == ("a", "b", "c")
    assert (made.owner.tolist(), made.category.tolist()) == ([0, 0, 1, 1], [0, 1, 1, 2])
    assert made.parents is None
