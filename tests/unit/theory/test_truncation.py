from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import ShapeError
from spectra_eval.simplex import hellinger_squared, js_nats, tv
from spectra_eval.theory import truncation as cut
from spectra_eval.units import LN2, Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["js_trunc"])
def test_floor(case: dict[str, Any]) -> None:
    m = float(case["m"])
    assert cut.truncated_js_lower(m).bits == pytest.approx(float(case["g_bits"]), rel=2e-15, abs=0)
    assert cut.truncated_js_slope(m) == pytest.approx(float(case["dg_dm"]), rel=1e-13)


@pytest.mark.parametrize("case", GOLDEN["js_trunc_inv"])
def test_inverse(case: dict[str, Any]) -> None:
    found = cut.missed_mass_from_js(Information.from_bits(float(case["g"])))
    assert found == pytest.approx(float(case["m"]), rel=1e-14, abs=0)


def test_inverse_of_arrays() -> None:
    m = np.concatenate([10.0 ** np.arange(-300, 0, 7), np.linspace(0.01, 0.999, 50)])
    again = cut.missed_mass_from_js(cut.truncated_js_lower(m))
    assert again == pytest.approx(m, rel=1e-12)


def test_the_optimum_on_the_list_attains_the_lemmas() -> None:
    star = np.array([[0.5, 0.3, 0.15, 0.05]])
    lists = np.array([[0, 2, -1]])
    best = cut.list_optimal(star, lists)
    m = cut.missed_mass(star, lists)
    assert m == pytest.approx([0.35])
    assert js_nats(star, best) / LN2 == pytest.approx(cut.truncated_js_lower(m).bits, rel=1e-13)
    assert tv(star, best) == pytest.approx(cut.truncated_tv_lower(m))
    assert hellinger_squared(star, best) == pytest.approx(cut.truncated_hellinger_squared_lower(m), rel=1e-12)


def test_repeats_and_strangers_count_once_or_not_at_all() -> None:
    assert cut.missed_mass([[0.5, 0.3, 0.2]], [[1, 1, -1, -2]]).tolist() == [0.7]
    assert cut.missed_mass([[0.5, 0.3, 0.2]], [[1, 0, 2]], k=1).tolist() == [0.7]
    assert np.isnan(cut.list_optimal([[1.0, 0.0]], [[1]])).all()


def test_refuses_lists_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="one list a user"):
        cut.missed_mass([[0.5, 0.5]], [0])
    with pytest.raises(ShapeError, match="no category"):
        cut.missed_mass([[0.5, 0.5]], [[2]])
