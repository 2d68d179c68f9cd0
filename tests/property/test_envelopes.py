"""Properties of the JS envelope, of the lemmas on lists, and of every registered bound (theory items 1, 2, 3, 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.testing.envelope_checks import known_range, quantity, violates
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
    apart = np.abs(star - held).max(axis=1) >= 1e-300
    assert (js[apart] > 0).all()  # what is closer may underflow


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


@given(both, unit, st.sampled_from([0.0, 1e-12, -1e-12, 1e-9, -1e-9, 1e-3, -1e-3]))
def test_every_registered_bound_holds_on_the_same_pairs(
    pair: tuple[np.ndarray, np.ndarray], place: float, step: float
) -> None:
    """One draw serves all entries; each is tried besides at its own tight pair, and a small step beside it."""
    rows = [(pair[0][u : u + 1], pair[1][u : u + 1]) for u in range(len(pair[0]))]
    for entry in ENVELOPES:
        if entry.valid is None:
            continue
        low, high = known_range(entry)
        at = low ** (1 - place) * high**place
        own = [] if entry.witness is None else [beside(entry.witness(at), step)]
        for star, held in [*rows, *own]:
            known = quantity(entry.given, entry.given_unit)(star, held)
            if entry.valid[0] <= known[0] <= entry.valid[1]:
                assert not violates(entry, star, held), entry.name
        points = np.array([0.999 * at, at])
        lower, upper = (None if curve is None else np.asarray(curve(points)) for curve in (entry.lower, entry.upper))
        for curve in (lower, upper):
            assert curve is None or curve[0] <= curve[1] + 1e-12, entry.name
        if lower is not None and upper is not None:
            assert (lower <= upper * (1 + 1e-11) + 1e-13).all(), entry.name


def beside(pair: tuple[np.ndarray, np.ndarray], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Move a little mass between the first two categories of the first of two distributions."""
    star, held = (np.array(np.atleast_2d(row), dtype=float) for row in pair)
    moved = min(max(step, -star[0, 0]), star[0, 1])
    star[0, 0] += moved
    star[0, 1] -= moved
    return star, held


@pytest.mark.parametrize("name", [entry.name for entry in ENVELOPES if entry.counterexample is not None])
def test_each_invalid_reading_is_broken_by_its_pair(name: str) -> None:
    entry = ENVELOPES[name]
    assert entry.counterexample is not None and entry.standing == "printed"
    assert violates(entry, *(np.atleast_2d(row) for row in entry.counterexample()))
