from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from spectra_eval.errors import AssumptionError, InputError, ShapeError, SimplexError
from spectra_eval.simplex import js_nats, kl_nats, tv
from spectra_eval.theory import hierarchy as two
from spectra_eval.units import LN2

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


def numbers(rows: Any) -> list[list[float]]:
    return [[float(x) for x in row] for row in rows]


@pytest.mark.parametrize("case", GOLDEN["hierarchy"])
def test_golden(case: dict[str, Any]) -> None:
    def near(key: str) -> Any:
        return pytest.approx(float(case[key]), rel=float(case["rtol"]), abs=0)

    star = two.two_level([float(x) for x in case["P1"]], numbers(case["P2"]))
    held = two.two_level([float(x) for x in case["Q1"]], numbers(case["Q2"]))
    bounds = two.tv_chain(star, held)
    assert bounds.value == near("tv") and bounds.upper == near("tv_bound") and bounds.lower == near("tv_l1")
    assert bounds.lower <= bounds.value <= bounds.upper
    assert kl_nats(star.leaves(), held.leaves()) == near("kl_nats")
    assert two.kl_chain(star, held).total.nats == near("kl_chain_nats")
    js = two.js_chain(star, held)
    assert js_nats(star.leaves(), held.leaves()) / LN2 == near("js_bits")
    assert js.total.bits == near("js_chain_bits") and js.top.bits == near("js_l1_bits")
    part = two.expand(star, case["explored"])
    full = star.leaves()
    assert part.residual == near("residual")
    assert tv(part.fill("renormalise"), full) == near("tv_renormalised_vs_full")
    assert tv(part.fill("uniform"), full) == near("tv_uniform_fill_vs_full")
    assert tv(part.fill("uniform"), full) <= part.uniform_fill_radius + 1e-15


def test_batches_of_users() -> None:
    rng = np.random.default_rng(0)
    p = two.two_level(rng.dirichlet([1, 1], 5), [rng.dirichlet([0.3] * 3, 5), rng.dirichlet([1] * 2, 5)])
    q = two.two_level(rng.dirichlet([1, 1], 5), [rng.dirichlet([0.3] * 3, 5), rng.dirichlet([1] * 2, 5)])
    assert two.js_chain(p, q).within.shape == (5, 2)
    assert two.js_chain(p, q).total.nats == pytest.approx(js_nats(p.leaves(), q.leaves()), rel=1e-12, abs=0)
    assert two.kl_chain(p, q).total.nats == pytest.approx(kl_nats(p.leaves(), q.leaves()), rel=1e-12, abs=0)
    assert (two.tv_chain(p, q).upper >= two.tv_chain(p, q).value).all()
    part = two.expand(p, [0])
    assert part.fill("coarse").shape == (5, 4) and part.fill("coarse").sum(axis=1) == pytest.approx(np.ones(5))
    assert part.merge(p.leaves()) == pytest.approx(part.fill("coarse"))


def test_parents_that_only_one_side_has() -> None:
    p, q = two.two_level([1.0, 0.0], [[0.5, 0.5], [1.0]]), two.two_level([0.5, 0.5], [[0.5, 0.5], [1.0]])
    assert two.js_chain(p, q).total.bits == pytest.approx(js_nats(p.leaves(), q.leaves()) / LN2)
    assert two.kl_chain(p, q).total.nats == pytest.approx(LN2)
    assert two.kl_chain(q, p).total.nats == np.inf
    both = two.two_level([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]]), two.two_level([1.0, 0.0], [[0.5, 0.5], [1.0, 0.0]])
    assert two.kl_chain(*both).total.nats == 0.0 and two.js_chain(*both).total.nats == 0.0


def test_near_pairs_keep_their_digits() -> None:
    step = 2.0**-30
    p = two.two_level([0.5, 0.5], [[0.5, 0.5], [1.0]])
    q = two.two_level([0.5, 0.5], [[0.5 + step, 0.5 - step], [1.0]])
    assert two.js_chain(p, q).total.nats == pytest.approx(js_nats(p.leaves(), q.leaves()), rel=1e-13, abs=0)


def test_a_weight_near_zero_does_not_overflow() -> None:
    p = two.two_level([3.8e-306, 1.0], [[1.0, 0.0], [1.0]])
    q = two.two_level([1.0, 0.0], [[0.0, 1.0], [1.0]])
    for one, other in ((p, q), (q, p)):
        assert two.js_chain(one, other).total.bits == pytest.approx(1.0)
        assert np.isfinite(two.js_chain(one, other).within.nats).all()


def test_the_fillings() -> None:
    part = two.expand(two.two_level([0.2, 0.3, 0.5], [[0.5, 0.5], [1.0], [0.25] * 4]), [1, 0, 1])
    assert part.explored == (0, 1) and part.residual == 0.5 and part.residuals.tolist() == [0.0, 0.0, 0.5]
    assert np.isnan(part.leaves[3:]).all()
    assert part.fill().tolist() == [0.1, 0.1, 0.3, 0.5]
    assert part.fill("renormalise").tolist() == pytest.approx([0.2, 0.2, 0.6, 0, 0, 0, 0])
    assert part.fill("uniform").tolist() == pytest.approx([0.1, 0.1, 0.3, 0.125, 0.125, 0.125, 0.125])
    assert part.uniform_fill_radius == 0.375
    empty = two.expand(two.two_level([0.0, 1.0], [[1.0], [0.5, 0.5]]), [0])
    with pytest.raises(AssumptionError, match="no mass"):
        empty.fill("renormalise")
    with pytest.raises(InputError, match="method"):
        part.fill("zeros")
    with pytest.raises(ShapeError, match="leaves"):
        part.merge([0.5, 0.5])


def test_each_row_of_a_batch_has_its_own_residual() -> None:
    top, branches = [[0.2, 0.8], [0.6, 0.4]], [[[1.0], [1.0]], [[0.5, 0.5], [1.0, 0.0]]]
    assert two.expand(two.two_level(top, branches), [0]).residual.tolist() == [0.8, 0.4]


def test_flat_and_hierarchical_agree_with_the_right_parent_scores_only() -> None:
    rng = np.random.default_rng(3)
    scores, parents, tau = rng.normal(size=7), np.array([0, 0, 0, 1, 2, 2, 2]), 0.7
    flat = special.softmax(scores / tau)
    branches = [special.softmax(scores[parents == a] / tau) for a in range(3)]
    top = special.softmax(two.parent_scores(scores, parents, temperature=tau) / tau)
    assert two.two_level(top, branches).leaves() == pytest.approx(flat, rel=1e-12, abs=0)
    means = special.softmax(np.array([scores[parents == a].mean() for a in range(3)]) / tau)
    assert tv(two.two_level(means, branches).leaves(), flat) > 0.01
    with pytest.raises(ShapeError, match="every one used"):
        two.parent_scores(scores, parents * 2)
    with pytest.raises(InputError, match="positive"):
        two.parent_scores(scores, parents, temperature=0.0)


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="one a parent"):
        two.two_level([0.5, 0.5], [[1.0]])
    with pytest.raises(ShapeError, match="leading axes"):
        two.two_level([[0.5, 0.5]], [[1.0], [1.0]])
    with pytest.raises(SimplexError, match=r"branches\[1\]"):
        two.two_level([0.5, 0.5], [[1.0], [0.7, 0.7]])
    p = two.two_level([0.5, 0.5], [[1.0], [0.5, 0.5]])
    with pytest.raises(ShapeError, match="differ"):
        two.js_chain(p, two.two_level([0.5, 0.5], [[0.5, 0.5], [1.0]]))
    with pytest.raises(InputError, match="no parent"):
        two.expand(p, [2])
