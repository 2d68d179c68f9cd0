from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.testing.envelope_checks import violates
from spectra_eval.theory import ENVELOPES
from spectra_eval.theory.js_envelope import phi_star
from spectra_eval.theory.printed import paper_phi, printed_crossover, readings, valid_interval
from spectra_eval.units import Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]
PRINTED = [entry for entry in ENVELOPES if entry.standing == "printed"]


@pytest.mark.parametrize("case", GOLDEN["phi_paper"])
def test_values_and_validity(case: dict[str, Any]) -> None:
    js = Information.from_bits(float(case["j_bits"]))
    for key, expected in case["values"].items():
        name, reading = key.split("_", 1)
        printed = paper_phi(name, js, reading=reading)
        assert printed.value == pytest.approx(float(expected), rel=1e-14, abs=0)
        assert printed.valid is case["is_upper_bound_here"][key], key


@pytest.mark.parametrize("data", ["movielens", "yelp_l1"])
def test_the_anchors_of_the_paper(data: str) -> None:
    anchors = GOLDEN["paper_anchors"]
    name = next(key for key in anchors if key.startswith(data.split("_")[0]))
    for reading in anchors[name]["readings"].values():
        js = float(reading["delta_bits"])
        assert phi_star(js) == pytest.approx(float(reading["phi_star"]), rel=1e-14)
        for key, expected in reading["phi_paper"].items():
            form, unit = key.split("_", 1)
            assert paper_phi(form, Information.from_bits(js), reading=unit).value == pytest.approx(float(expected))


def test_where_each_form_is_a_bound() -> None:
    grid = np.linspace(1e-4, 1 - 1e-4, 4001)
    for name in ("ps", "bh", "js", "th"):
        for reading in readings(name):
            printed = paper_phi(name, Information.from_bits(grid), reading=reading)
            truly = printed.value >= phi_star(grid) * (1 - 1e-12)
            assert (printed.valid == truly).all(), (name, reading)
    assert valid_interval("bh", "nats") == pytest.approx((0, 0.574256), abs=1e-6)
    assert valid_interval("bh", "bits") == pytest.approx((0, 0.846053), abs=1e-6)


@pytest.mark.parametrize("entry", [e for e in PRINTED if e.counterexample], ids=lambda e: e.name)
def test_the_counterexample_breaks_it(entry: Any) -> None:
    assert violates(entry, *entry.counterexample())


def test_every_form_that_is_no_bound_has_a_counterexample() -> None:
    without = [e.name for e in PRINTED if e.valid is None and e.counterexample is None]
    assert not without
    assert sum(e.counterexample is not None for e in PRINTED) == 7


def test_the_printed_numbers_come_from_the_third_arithmetic() -> None:
    low, high = Information.from_bits(0.062), Information.from_bits(0.399)
    found = [
        round(paper_phi(name, js, reading=reading).value, 3)
        for name, reading, js in (
            ("ps", "printed", low),
            ("ps", "printed", high),
            ("bh", "printed", low),
            ("bh", "printed", high),
            ("th", "printed_a", low),
            ("th", "printed_b", high),
        )
    ]
    assert found == [0.207, 0.526, 0.287, 0.652, 0.586, 0.744]


def test_the_crossover() -> None:
    d, j = printed_crossover()
    assert d == pytest.approx(1.593624, abs=1e-6) and j == pytest.approx(0.552308, abs=1e-6)
    assert paper_phi("ps", Information.from_bits(j), reading="bits").value == pytest.approx(
        paper_phi("bh", Information.from_bits(j), reading="bits").value
    )


def test_refuses_what_it_does_not_know() -> None:
    with pytest.raises(InputError, match="printed ones"):
        paper_phi("xx", Information(0.1), reading="nats")
    with pytest.raises(InputError, match="reading"):
        paper_phi("th", Information(0.1), reading="printed")


def test_a_subnormal_js_keeps_its_digits() -> None:
    """All forms are sqrt(c j) there; the product c j of a subnormal j would have a digit or two left."""
    js = Information.from_bits(5e-324)
    tiny = {"ps": 1 / np.log(2), "bh": 2 / np.log(2), "js": 2.0, "th": 4 / np.log(2)}
    for name, factor in tiny.items():
        value = paper_phi(name, js, reading="bits").value
        assert value == pytest.approx(np.sqrt(factor) * np.sqrt(js.bits), rel=1e-15, abs=0)
