from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.simplex import hellinger_squared, kl_nats, tv
from spectra_eval.theory import hellinger_envelope as env
from spectra_eval.theory.kl_envelope import tv_upper_from_kl
from spectra_eval.units import Information

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["hellinger_to_tv"])
def test_hellinger_to_tv(case: dict[str, Any]) -> None:
    h = float(case["h2"])
    upper = env.tv_upper_from_hellinger_squared(h)
    assert upper == pytest.approx(float(case["tv_upper"]), rel=1e-13, abs=0)
    assert env.tv_lower_from_hellinger_squared(h) == pytest.approx(float(case["tv_lower"]), rel=1e-13, abs=0)
    assert upper <= float(case["paper_normalised"]) * (1 + 1e-15)
    assert float(case["paper_unnormalised"]) == pytest.approx(math.sqrt(2) * float(case["paper_normalised"]))


@pytest.mark.parametrize("h", [0.0, 1e-9, 0.1, 0.5, 0.97, 1.0])
def test_the_witness_attains_it(h: float) -> None:
    star, held = env.hellinger_pair(h)
    assert hellinger_squared(star, held)[0] == pytest.approx(h, rel=1e-6, abs=0)
    assert tv(star, held)[0] == pytest.approx(env.tv_upper_from_hellinger_squared(h), rel=1e-12)


@pytest.mark.parametrize("v", [0.0, 0.25, 0.8])
def test_the_lower_side_is_attained_by_disjoint_leftovers(v: float) -> None:
    star, held = np.array([[v, 0, 1 - v]]), np.array([[0, v, 1 - v]])
    assert env.tv_lower_from_hellinger_squared(hellinger_squared(star, held)[0]) == pytest.approx(tv(star, held)[0])


def test_through_the_kl() -> None:
    kl = np.linspace(0, 9, 50)
    via = env.tv_upper_from_hellinger_squared(env.hellinger_squared_upper_from_kl(kl))
    assert via == pytest.approx(tv_upper_from_kl(Information(kl), method="bretagnolle_huber"), rel=1e-12)
    witness = env.HELLINGER_SQUARED_UPPER_FROM_KL.witness
    assert witness is not None
    star, held = witness(1.5)
    assert kl_nats(star, held)[0] == pytest.approx(1.5)
    assert hellinger_squared(star, held)[0] == pytest.approx(env.hellinger_squared_upper_from_kl(1.5))


def test_an_unhalved_distance_is_refused() -> None:
    with pytest.raises(InputError, match="outside"):
        env.tv_upper_from_hellinger_squared([0.5, 1.7])
