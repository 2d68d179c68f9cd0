"""Properties of the JS envelope, of the lemmas on lists, and of every registered bound (theory items 1, 2, 3, 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.testing.checks import of
from spectra_eval.testing.strategies import adversarial_pairs, lists, pairs, thetas
from spectra_eval.theory import ENVELOPES
from spectra_eval.theory import js_envelope as env
from spectra_eval.theory import truncation as cut
from spectra_eval.units import LN2, Information

both = st.one_of(adversarial_pairs(), pairs(max_users=2))
unit = st.floats(0, 1)


@given(both)
def test_js_is_symmetric_bounded_and_between_its_curves(pair: tuple[np.ndarray, np.ndarray]) -> None:
    star, held = pair
    js = simplex.js_nats(star, held)
    assert (js == simplex.js_nats(held, star)).all()
    assert (js >= 0).all() and (js <= LN2 * (1 + 1e-15)).all()
    distance = simplex.tv(star, held)
    assert (js / LN2 <= distance * (1 + 1e-12) + 1e-300).all()
    assert (simplex.psi_nats(np.minimum(distance, 1.0)) <= js * (1 + 1e-12) + 1e-300).all()
    assert (simplex.js_nats(star, star) == 0).all()


@given(st.data(), st.integers(2, 7))
def test_the_root_of_js_is_a_metric(data: Any, k: int) -> None:
    first, second, third = (data.draw(thetas(users=1, categories=k)) for _ in range(3))
    root = [np.sqrt(simplex.js_nats(a, b)) for a, b in ((first, third), (first, second), (second, third))]
    assert (root[0] <= root[1] + root[2] + 1e-9).all()


@given(both)
def test_no_pair_leaves_the_envelope(pair: tuple[np.ndarray, np.ndarray]) -> None:
    star, held = pair
    js = np.minimum(simplex.js_nats(star, held) / LN2, 1.0)
    phi = env.phi_star(js)
    assert (simplex.tv(star, held) <= phi * (1 + 1e-12) + 1e-300).all()
    assert (simplex.linf(star, held) <= phi * (1 + 1e-12) + 1e-300).all()


@given(st.floats(0, 1 - 1e-3), unit)
def test_phi_star_inverts_psi(v: float, j: float) -> None:
    assert env.phi_star(env.psi(v).bits) == pytest.approx(v, rel=1e-13, abs=1e-160)
    # Near one the slope of psi is infinite: an error of phi* in its last place is worth that much more.
    assert env.psi(env.phi_star(j)).bits == pytest.approx(j, rel=1e-12, abs=1e-300)


@given(unit, unit, unit)
def test_phi_star_is_increasing_and_concave_and_below_its_closed_forms(a: float, b: float, t: float) -> None:
    low, high = sorted((a, b))
    assert env.phi_star(low) <= env.phi_star(high)
    between = t * low + (1 - t) * high
    assert env.phi_star(between) >= (t * env.phi_star(low) + (1 - t) * env.phi_star(high)) * (1 - 1e-12)
    js = Information.from_bits(a)
    exact = env.phi_star(a)
    topsoe, root = (env.tv_upper_from_js(js, method=m) for m in ("topsoe", "sqrt"))
    assert exact * (1 - 1e-15) <= topsoe <= exact + 0.00738
    assert exact * (1 - 1e-15) <= root


@given(st.data(), st.integers(2, 7))
def test_no_distribution_on_a_list_gets_below_the_lemmas(data: Any, k: int) -> None:
    star = data.draw(thetas(users=2, categories=k))
    listed = data.draw(lists(users=2, categories=k))
    weights = data.draw(thetas(users=2, categories=k))
    on = np.stack([np.isin(np.arange(k), row[row >= 0]) for row in listed])
    kept = np.where(on, weights, 0.0)
    # An underflowed weight may leave nothing on a list; then the list's first category takes all.
    kept[(kept.sum(axis=1) == 0)[:, None] & on] = 1.0
    some = on.any(axis=1)
    if not some.any():
        return
    dg = kept[some] / kept[some].sum(axis=1, keepdims=True)
    star, listed = star[some], listed[some]
    m = np.minimum(cut.missed_mass(star, listed), 1.0)
    # The rows sum to one up to the last place of one only.
    assert (simplex.tv(star, dg) >= m * (1 - 1e-12) - 2e-15).all()
    floor = cut.truncated_js_lower(m)
    assert (simplex.js_nats(star, dg) >= floor.nats * (1 - 1e-11) - 2e-15).all()
    # 1 - H² is at most sqrt(1 - m): squared, so that the root does not magnify the rounding of m near one.
    affinity = 1 - simplex.hellinger_squared(star, dg)
    assert (affinity**2 <= 1 - m + 4e-15).all()
    assert (cut.truncated_hellinger_squared_lower(m) <= 1).all()
    best = cut.list_optimal(star, listed)
    there = ~np.isnan(best).any(axis=1) & (m < 1 - 1e-12)
    if there.any():
        attained = simplex.js_nats(star[there], best[there])
        assert attained == pytest.approx(np.atleast_1d(floor.nats)[there], rel=1e-9, abs=1e-12)


@given(unit, unit, unit)
def test_the_floor_is_convex_and_lies_where_it_says(a: float, b: float, t: float) -> None:

    def g(m: float) -> float:
        return float(cut.truncated_js_lower(m).bits)

    assert a / 2 * (1 - 1e-15) <= g(a) <= a * (1 + 1e-15)
    assert g(a) >= env.psi(a).bits * (1 - 1e-14)
    assert g(t * a + (1 - t) * b) <= (t * g(a) + (1 - t) * g(b)) * (1 + 1e-12) + 1e-300
    assert cut.missed_mass_from_js(Information.from_bits(g(a))) == pytest.approx(a, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("entry", list(ENVELOPES), ids=lambda e: e.name)
def test_every_registered_bound_passes_the_kit(entry: Any) -> None:
    for check in of(entry):
        check()
