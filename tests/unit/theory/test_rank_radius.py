from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import AssumptionError
from spectra_eval.simplex import js_nats
from spectra_eval.theory.js_envelope import phi_star, psi
from spectra_eval.theory.rank_radius import js_ceiling, rank_flip, rank_radii
from spectra_eval.units import LN2

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["rank_radius"])
def test_golden(case: dict[str, Any]) -> None:
    radii = rank_radii([float(x) for x in case["theta"]], k=case["k"])
    assert radii.gap == pytest.approx(float(case["gap"]), rel=1e-12)
    assert radii.linf == radii.tv == pytest.approx(float(case["tv_radius"]), rel=1e-12)
    assert radii.kl.nats == pytest.approx(float(case["kl_radius_nats"]), rel=1e-12)
    assert radii.js.bits == pytest.approx(float(case["js_radius_bits"]), rel=1e-12)
    assert psi(radii.tv).bits == pytest.approx(float(case["js_radius_via_phi_star_bits"]), rel=1e-12)


def test_ceilings() -> None:
    found = [js_ceiling(k).bits for k in (1, 2, 3, 5, 10)]
    assert found == pytest.approx([0.31128, 0.15110, 0.09968, 0.05929, 0.02945], abs=5e-6)
    for k in (1, 2, 3, 5, 10):
        flat = np.full(k + 3, 0.0)
        flat[:k] = 1 / k
        assert rank_radii(flat, k=k).js.bits == pytest.approx(js_ceiling(k).bits, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_sharp(seed: int) -> None:
    """Just past the radius a pair exists that loses the top k; no nearer one was found among a million draws."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 5))
    star = rng.dirichlet(np.full(6, 0.8))
    radius = rank_radii(star, k=k).js.bits
    flip = rank_flip(star, k=k, past=1e-9)
    assert set(np.argsort(-flip)[:k]) != set(np.argsort(-star)[:k])
    assert js_nats(star, flip) / LN2 == pytest.approx(radius, rel=1e-5, abs=1e-9)
    near = rng.dirichlet(1 + 400 * rank_flip(star, k=k), size=20000)
    lost = np.sort(np.argsort(-near, axis=1)[:, :k], axis=1) != np.sort(np.argsort(-star)[:k])
    lost = lost.any(axis=1)
    assert lost.any()
    assert (js_nats(star, near[lost]) / LN2 >= radius).all()


def test_the_envelope_alone_is_weaker() -> None:
    star = np.random.default_rng(0).dirichlet(np.full(8, 0.5), size=500)
    radii = rank_radii(star, k=3)
    assert (phi_star(radii.js.bits) >= radii.tv * (1 - 1e-9)).all()


def test_ties_and_edges() -> None:
    radii = rank_radii([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], k=1)
    assert radii.tv.tolist() == [0.0, 0.5] and radii.js.bits[0] == pytest.approx(0, abs=1e-15)
    assert rank_radii([0.5, 0.3, 0.2], k=2).tv == pytest.approx(0.05)
    with pytest.raises(AssumptionError, match="k < 2"):
        rank_radii([0.5, 0.5], k=2)


def test_ties_at_nothing_and_tiny_shares() -> None:
    assert rank_radii([1.0, 0.0, 0.0], k=2).js.nats == 0.0
    tiny = rank_radii([1.0, 1e-30, 0.0], k=2).js.nats
    third = 1e-30 / 3  # the share at which the two tie
    assert tiny == pytest.approx(js_nats(np.array([1.0, 1e-30, 0.0]), np.array([1.0, third, third])), rel=1e-9, abs=0)


def test_two_categories_have_no_third_one() -> None:
    """1 - a - b is often 5.6e-17 where there is nothing left: a share made of rounding takes part in the minimum."""
    shares = np.linspace(0.5001, 0.9999, 400)
    found = rank_radii(np.stack([shares, 1 - shares], axis=1), k=1).js.nats
    for a, value in zip(shares, found, strict=True):
        tied = js_nats(np.array([a, 1 - a]), np.array([0.5, 0.5]))
        assert value == pytest.approx(tied, rel=1e-14, abs=0)
        assert rank_flip([a, 1 - a], k=1).tolist() == [0.5, 0.5]


def test_the_others_are_summed_and_not_what_is_left_of_one() -> None:
    row = np.array([0.7, 0.3 - 1e-13, 7e-14, 3e-14])
    expected = min(
        float(js_nats(row, np.array([s, s, (1 - 2 * s) * 0.7, (1 - 2 * s) * 0.3])))
        for s in 0.5 - np.geomspace(1e-16, 1e-11, 4001)
    )
    assert rank_radii(row, k=1).js.nats == pytest.approx(expected, rel=1e-13, abs=0)
