from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from spectra_eval.audit import Printed, checks, exact, printed
from spectra_eval.errors import InputError, ShapeError
from spectra_eval.simplex import js_nats
from spectra_eval.units import LN2

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


def test_aggregate_and_mean() -> None:
    assert checks.aggregate_at_most_mean(printed(".1"), printed(".2")).status == "pass"
    assert checks.aggregate_at_most_mean(printed(".21"), printed(".20")).status == "undetermined"
    assert checks.aggregate_at_most_mean(printed(".22"), printed(".20")).status == "fail"


def test_merged_cells() -> None:
    truth, model = [printed(".80"), printed(".20")], [printed(".30"), printed(".70")]
    nominal, least = checks.coarse_js_floor(truth, model)
    assert nominal == pytest.approx(js_nats(np.array([0.8, 0.2]), np.array([0.3, 0.7])) / LN2)
    corner = js_nats(np.array([0.795, 0.205]), np.array([0.305, 0.695])) / LN2
    assert least == pytest.approx(corner, rel=1e-6)
    assert checks.coarse_floor(Printed(nominal + 0.01), truth, model).status == "pass"
    assert checks.coarse_floor(Printed((nominal + least) / 2), truth, model).status == "undetermined"
    assert checks.coarse_floor(Printed(least - 0.001), truth, model).status == "fail"
    assert checks.coarse_js_floor(truth, truth)[0] == 0.0


def test_merged_cells_over_the_box_are_no_higher_than_any_cells_in_it() -> None:
    truth = [printed(".6"), printed(".3"), printed(".1")]
    model = [printed(".1"), printed(".3"), printed(".6")]
    _, least = checks.coarse_js_floor(truth, model)
    rng = np.random.default_rng(0)
    step = rng.uniform(-0.05, 0.05, (2000, 2, 3))
    step -= step.mean(axis=2, keepdims=True)
    inside = (np.abs(step) <= 0.05).all(axis=(1, 2))
    p = np.array([0.6, 0.3, 0.1]) + step[inside, 0]
    q = np.array([0.1, 0.3, 0.6]) + step[inside, 1]
    assert inside.sum() > 300 and (js_nats(p, q) / LN2 >= least - 1e-9).all()


def test_merged_cells_that_cannot_be() -> None:
    with pytest.raises(InputError, match="cannot sum to one"):
        checks.coarse_js_floor([printed(".5"), printed(".4")], [printed(".50"), printed(".40")])
    with pytest.raises(ShapeError, match="two or more"):
        checks.coarse_js_floor([exact(1)], [exact(1)])


def test_truncation_floor() -> None:
    assert checks.truncation_floor(printed(".43"), printed(".626")).status == "pass"
    assert checks.truncation_floor(printed(".419"), printed(".626")).status == "undetermined"
    assert checks.truncation_floor(printed(".40"), printed(".626")).status == "fail"


def test_mean_of_strata() -> None:
    strata = [printed(".20"), printed(".30"), printed(".25")]
    assert checks.mean_between_strata(printed(".22"), strata).status == "pass"
    assert checks.mean_between_strata(printed(".31"), strata).status == "undetermined"
    assert checks.mean_between_strata(printed(".19"), strata).status == "undetermined"
    assert checks.mean_between_strata(printed(".17"), strata).status == "fail"
    with pytest.raises(InputError, match="none given"):
        checks.mean_between_strata(printed(".2"), [])


def test_ranges() -> None:
    assert checks.in_range(printed(".9"), 0.0, 1.0).status == "pass"
    assert checks.in_range(printed("1.0004"), 0.0, 1.0).status == "fail"
    assert checks.in_range(printed("1.04"), 0.0, 1.0).status == "fail"
    assert checks.in_range(Printed(1.01, 0.05), 0.0, 1.0).status == "undetermined"
    assert checks.entropy_in_range(printed("1.58"), k=3, n_categories=4).status == "undetermined"
    assert checks.entropy_in_range(printed("1.2"), k=3, n_categories=4).status == "fail"
    with pytest.raises(InputError, match="unit"):
        checks.entropy_in_range(printed("1.2"), k=3, n_categories=4, unit="dit")


@pytest.mark.parametrize("case", GOLDEN["ci_width"])
def test_half_width(case: dict[str, Any]) -> None:
    mean, half, n = float(case["mean"]), float(case["half_width"]), case["n"]
    level = 2 * float(special.ndtr(float(case["z"]))) - 1
    share = float(case["ratio"])
    # The bound sits at half / ratio: just below it fails, just above it passes.
    for factor, status in ((1 - 1e-9, "pass"), (1 + 1e-9, "fail")):
        found = checks.half_width_is_possible(exact(mean), exact(half / share * factor), n=n, level=level)
        assert found.status == status
    digits = checks.half_width_is_possible(printed(case["mean"]), printed(case["half_width"]), n=n)
    assert digits.status == ("undetermined" if share > 1 else "pass")
    assert checks.half_width_is_possible(printed(".95"), printed(".9"), n=n).status == "fail"


def test_sums_and_counts() -> None:
    assert checks.zero_sum([printed(".10"), printed("-.05")], [1, 2]).status == "pass"
    assert checks.zero_sum([printed(".10"), printed("-.07")], [1, 2]).status == "fail"
    assert checks.count_product(6, users=2, n_categories=3).status == "pass"
    assert checks.count_product(7, users=2, n_categories=3).status == "fail"
    assert checks.groups_sum_to(exact(5), [exact(2), exact(2)]).status == "fail"
    assert checks.groups_sum_to(printed("1.0"), [printed(".33")] * 3).status == "pass"
    with pytest.raises(ShapeError, match="one size"):
        checks.zero_sum([printed(".1")], [1, 2])


def test_differences_ratios_and_changes() -> None:
    assert checks.difference(printed(".10"), printed(".35"), printed(".25")).status == "pass"
    assert checks.difference(printed(".12"), printed(".35"), printed(".25")).status == "fail"
    assert checks.ratio(printed("2.0"), printed(".41"), printed(".20")).status == "pass"
    assert checks.ratio(printed("2.6"), printed(".41"), printed(".20")).status == "fail"
    assert checks.ratio(printed("2.6"), printed(".41"), printed(".00")).status == "undetermined"
    assert checks.relative_change(printed("50 %"), printed(".61"), printed(".40")).status == "pass"
    assert checks.relative_change(printed("40 %"), printed(".61"), printed(".40")).status == "fail"


def test_ndcg_of_a_list() -> None:
    assert checks.list_ndcg_does_not_rise(printed(".50"), printed(".52"), length=5, cutoff=10).status == "pass"
    with pytest.raises(InputError, match="may rise"):
        checks.list_ndcg_does_not_rise(printed(".5"), printed(".5"), length=5, cutoff=3)


def test_envelope() -> None:
    assert checks.envelope_covers(printed(".64"), printed(".316")).status == "pass"
    assert checks.envelope_covers(printed(".636"), printed(".316")).status == "undetermined"
    assert checks.envelope_covers(printed(".63"), printed(".316")).status == "fail"
