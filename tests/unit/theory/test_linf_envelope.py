from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.simplex import js_nats, linf, tv
from spectra_eval.theory import linf_envelope as env
from spectra_eval.units import LN2


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20])
@pytest.mark.parametrize("v", [0.0, 0.3, 1.0])
def test_both_sides_are_attained(n: int, v: float) -> None:
    star, held = env.small_linf_pair(v, n_categories=n)
    assert star.sum() == pytest.approx(1.0) and held.sum() == pytest.approx(1.0)
    assert tv(star, held)[0] == pytest.approx(v)
    assert linf(star, held)[0] == pytest.approx(env.linf_lower_from_tv(v, n_categories=n))
    assert env.tv_upper_from_linf(linf(star, held)[0], n_categories=n) == pytest.approx(v)


def test_random_pairs_lie_between() -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 5, 8):
        star, held = rng.dirichlet(np.full(n, 0.4), 200), rng.dirichlet(np.full(n, 0.4), 200)
        v, e = tv(star, held), linf(star, held)
        assert (env.tv_lower_from_linf(e) <= v + 1e-12).all() and (env.linf_upper_from_tv(v) >= e - 1e-12).all()
        assert (env.tv_upper_from_linf(e, n_categories=n) >= v - 1e-12).all()
        assert (env.linf_lower_from_tv(v, n_categories=n) <= e + 1e-12).all()


def test_lower_bounds_on_tv_do_not_carry_over() -> None:
    star, held = env.small_linf_pair(1.0, n_categories=20)
    assert js_nats(star, held)[0] / LN2 == pytest.approx(1.0) and linf(star, held)[0] == pytest.approx(0.1)


def test_one_category_and_nonsense() -> None:
    assert env.tv_upper_from_linf(0.0, n_categories=1) == 0.0 and env.linf_lower_from_tv(0.0, n_categories=1) == 0.0
    with pytest.raises(InputError, match="below 1"):
        env.tv_upper_from_linf(0.1, n_categories=0)
    with pytest.raises(InputError, match="no room"):
        env.small_linf_pair(0.1, n_categories=1)
    with pytest.raises(InputError, match="outside"):
        env.linf_upper_from_tv(2.0)
