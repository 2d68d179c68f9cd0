"""Properties of the bounds by KL, chi-squared, Hellinger and Linf, and of merging and averaging (items 4, 5, 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval import simplex
from spectra_eval.testing.strategies import adversarial_pairs, pairs, thetas
from spectra_eval.theory import chi_squared_envelope as chi
from spectra_eval.theory import hellinger_envelope as hell
from spectra_eval.theory import kl_envelope as kl
from spectra_eval.theory import linf_envelope as largest
from spectra_eval.units import LN2, Information

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # rows with entries down to 5e-324

both = st.one_of(adversarial_pairs(), pairs(max_users=2))
DIVERGENCES: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "tv": simplex.tv,
    "kl": simplex.kl_nats,
    "js": simplex.js_nats,
    "hellinger": simplex.hellinger_squared,
    "chi_squared": simplex.chi_squared,
}
amount = st.one_of(st.just(0.0), st.floats(1e-2, 40), st.floats(1e-300, 1e-2))  # a subnormal one has no digits to keep


def below(left: Any, right: Any, *, rtol: float = 1e-12, atol: float = 1e-300) -> bool:
    return bool(np.all(np.asarray(left) <= np.asarray(right) * (1 + rtol) + atol))


@given(both)
def test_kl_lies_between_js_and_chi_squared(pair: tuple[np.ndarray, np.ndarray]) -> None:
    star, held = pair
    kappa, js = simplex.kl_nats(star, held), np.minimum(simplex.js_nats(star, held), LN2)
    assert below(kl.kl_lower_from_js(Information(js)).nats, kappa)
    assert below(js / LN2, kl.js_upper_from_kl(Information(kappa)).bits)
    assert below(kappa, chi.kl_upper_from_chi_squared(simplex.chi_squared(star, held)).nats)


@given(both)
def test_every_upper_bound_covers_tv_and_linf(pair: tuple[np.ndarray, np.ndarray]) -> None:
    star, held = pair
    v, e = simplex.tv(star, held), simplex.linf(star, held)
    kappa, x = Information(simplex.kl_nats(star, held)), simplex.chi_squared(star, held)
    h = np.minimum(simplex.hellinger_squared(star, held), 1.0)
    bounds = [
        *(kl.tv_upper_from_kl(kappa, method=m) for m in ("exact", "pinsker", "bretagnolle_huber")),
        *(chi.tv_upper_from_chi_squared(x, method=m) for m in ("exact", "cauchy_schwarz", "via_kl")),
        hell.tv_upper_from_hellinger_squared(h),
    ]
    # A row sums to one within its last bit, which a pair that nearly agrees feels.
    for bound in bounds:
        assert below(v, bound, atol=1e-15) and below(e, bound, atol=1e-15)
    k = star.shape[1]
    assert below(hell.tv_lower_from_hellinger_squared(h), v) and below(e, v, atol=1e-15)
    assert below(v, largest.tv_upper_from_linf(e, n_categories=k), atol=1e-15)
    assert below(largest.linf_lower_from_tv(np.minimum(v, 1.0), n_categories=k), e, atol=1e-15)


@given(both)
def test_hellinger_and_kl(pair: tuple[np.ndarray, np.ndarray]) -> None:
    star, held = pair
    kappa = simplex.kl_nats(star, held)
    h = np.minimum(simplex.hellinger_squared(star, held), 1.0)
    assert below(h, hell.hellinger_squared_upper_from_kl(kappa))
    huber = kl.tv_upper_from_kl(Information(kappa), method="bretagnolle_huber")
    assert below(hell.tv_upper_from_hellinger_squared(h), huber)


@given(st.floats(1e-12, 0.999), amount)
def test_the_exact_envelope_of_the_kl(v: float, kappa: float) -> None:
    assert kl.tv_upper_from_kl(kl.kl_lower_from_tv(v)) == pytest.approx(v, rel=1e-13, abs=0)
    exact = kl.tv_upper_from_kl(Information(kappa))
    assert below(-np.expm1(-kappa), exact)
    assert below(exact, kl.tv_upper_from_kl(Information(kappa), method="pinsker"))
    assert below(exact, kl.tv_upper_from_kl(Information(kappa), method="bretagnolle_huber"))
    if 1e-20 < kappa < 15:  # beyond, one minus the total variation has lost too many digits to go back
        assert kl.kl_lower_from_tv(exact).nats == pytest.approx(kappa, rel=1e-12 * max(1.0, np.exp(kappa) / 1e3), abs=0)


@given(amount, st.floats(0, 1))
def test_the_exact_envelope_is_increasing_and_concave_in_the_kl(kappa: float, t: float) -> None:
    ends = [kl.tv_upper_from_kl(Information(x)) for x in (kappa, 2 * kappa)]
    assert below(ends[0], ends[1])
    middle = kl.tv_upper_from_kl(Information(kappa * (1 + t)))
    assert below((1 - t) * ends[0] + t * ends[1], middle)


@given(st.floats(1e-12, 0.999), st.one_of(amount, st.floats(0.1, 1e6)))
def test_the_rows_of_chi_squared_and_hellinger(v: float, x: float) -> None:
    assert chi.tv_upper_from_chi_squared(chi.chi_squared_lower_from_tv(v)) == pytest.approx(v, rel=1e-13, abs=0)
    exact = chi.tv_upper_from_chi_squared(x)
    assert below(exact, chi.tv_upper_from_chi_squared(x, method="cauchy_schwarz"))
    assert below(exact, chi.tv_upper_from_chi_squared(x, method="via_kl"))
    pinsker = kl.tv_upper_from_kl(chi.kl_upper_from_chi_squared(x), method="pinsker")
    assert below(pinsker, np.sqrt(x / 2))
    assert below(v, hell.tv_upper_from_hellinger_squared(v)) and below(
        hell.tv_upper_from_hellinger_squared(v), np.sqrt(2 * v)
    )


@given(amount)
def test_witnesses_are_pairs_on_the_curve(kappa: float) -> None:
    star, held = kl.binary_kl_pair(Information(kappa))
    assert star.sum() == pytest.approx(1.0, abs=1e-12) and held.sum() == pytest.approx(1.0, abs=1e-12)
    found = kl.tv_upper_from_kl(Information(simplex.kl_nats(star, held)[0]))
    assert simplex.tv(star, held)[0] == pytest.approx(found, rel=1e-6, abs=1e-8)


@given(st.data(), st.integers(2, 5), st.integers(2, 6))
def test_the_divergence_of_means_is_at_most_the_mean_divergence(data: Any, n: int, k: int) -> None:
    star, held = data.draw(thetas(users=n, categories=k)), data.draw(thetas(users=n, categories=k))
    for divergence in DIVERGENCES.values():
        means = divergence(star.mean(axis=0, keepdims=True), held.mean(axis=0, keepdims=True))
        with np.errstate(over="ignore"):
            average = divergence(star, held).mean()
        # The means are rounded, which a pair that nearly agrees feels.
        assert below(means[0], average, rtol=1e-9, atol=4e-15)


@given(st.data(), both)
def test_merging_categories_raises_no_divergence(data: Any, pair: tuple[np.ndarray, np.ndarray]) -> None:
    star, held = pair
    k = star.shape[1]
    group = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=k, max_size=k)))
    merge = (group[:, None] == np.arange(k)).astype(float)
    for divergence in DIVERGENCES.values():
        # So are the sums here.
        assert below(divergence(star @ merge, held @ merge), divergence(star, held), rtol=1e-9, atol=4e-15)
