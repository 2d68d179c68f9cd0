"""Properties of two-level distributions: chain rules, and what a partial expansion loses (item 16)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.testing.strategies import thetas
from spectra_eval.theory import hierarchy as two
from spectra_eval.theory.truncation import truncated_tv_lower

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # rows with entries down to 5e-324


@st.composite
def hierarchies(draw: Any, sizes: list[int]) -> two.TwoLevel:
    def row(width: int) -> Any:
        return draw(thetas(users=1, categories=width))[0] if width > 1 else np.ones(1)

    return two.two_level(row(len(sizes)), [row(width) for width in sizes])


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(st.data(), shapes)
def test_chain_rules(data: Any, sizes: list[int]) -> None:
    star, held = data.draw(hierarchies(sizes)), data.draw(hierarchies(sizes))
    p, q = star.leaves(), held.leaves()
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    # Products of tiny shares underflow in the leaves, and not in the chain.
    tiny = {"rel": 1e-12, "abs": 1e-280}
    assert two.js_chain(star, held).total.nats == pytest.approx(simplex.js_nats(p, q), **tiny)
    chain = two.kl_chain(star, held)
    # Both factors are asked: their product may underflow to a leaf of zero, where the chain still sees the mass.
    held_by_star = (star.top.repeat(sizes) > 0) & (np.concatenate(star.branches) > 0)
    if ((p > 1e-290) == held_by_star).all() and (q[p > 0] > 1e-290).all():
        assert chain.total.nats == pytest.approx(simplex.kl_nats(p, q), rel=1e-12, abs=1e-15)
    assert (chain.within.nats >= 0).all() and chain.top.nats >= 0
    bounds = two.tv_chain(star, held)
    assert bounds.lower <= bounds.value + 1e-12 and bounds.value <= bounds.upper + 1e-12


@given(st.data(), shapes)
def test_the_parents_alone_bound_from_below(data: Any, sizes: list[int]) -> None:
    star, held = data.draw(hierarchies(sizes)), data.draw(hierarchies(sizes))
    p, q = star.leaves(), held.leaves()
    assert two.js_chain(star, held).top.nats <= simplex.js_nats(p, q) * (1 + 1e-9) + 1e-24
    if (q[p > 0] > 1e-290).all():
        assert two.kl_chain(star, held).top.nats <= simplex.kl_nats(p, q) * (1 + 1e-9) + 1e-15


@given(st.data(), shapes)
def test_what_a_partial_expansion_loses(data: Any, sizes: list[int]) -> None:
    full = data.draw(hierarchies(sizes))
    explored = data.draw(st.sets(st.integers(0, len(sizes) - 1)))
    part = two.expand(full, sorted(explored))
    leaves = full.leaves()
    for method in ("coarse", "uniform"):
        assert part.fill(method).sum() == pytest.approx(1.0, abs=1e-12) and (part.fill(method) >= 0).all()
    assert simplex.tv(part.fill("uniform"), leaves) <= part.uniform_fill_radius + 1e-12
    assert np.abs(part.merge(leaves) - part.fill("coarse")).max() <= 1e-12
    if part.residual < 1 - 1e-9:
        filled = part.fill("renormalise")
        assert simplex.tv(filled, leaves) == pytest.approx(part.residual, abs=1e-12)
        known = ~np.isnan(part.leaves)
        other = data.draw(thetas(users=1, categories=len(leaves)))[0] if len(leaves) > 1 else np.ones(1)
        # Lemma 1 binds the readout now: the list is what was explored.
        assert simplex.tv(filled, other) >= truncated_tv_lower(float(other[~known].sum())) - 1e-12
