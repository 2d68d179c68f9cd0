"""Kernels whose digits are easily lost: the affinity of rows that hardly overlap, the entropy of a near corner."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from spectra_eval import simplex


def test_the_affinity_does_not_cancel_where_the_rows_hardly_overlap() -> None:
    p, q = np.array([1.0 - 1e-10, 1e-10]), np.array([1e-10, 1.0 - 1e-10])
    with mp.workdps(40):
        exact = float(2 * mp.sqrt(mpf(p[0]) * mpf(p[1])))
    assert simplex.affinity(p, q) == pytest.approx(exact, rel=1e-15, abs=0)
    assert 1 - simplex.hellinger_squared(p, q) != pytest.approx(exact, rel=1e-12, abs=0)
    assert simplex.affinity(np.array([1.0, 5e-324]), np.array([5e-324, 1.0])) > 0


@pytest.mark.parametrize("off", [1e-30, 1.4568e-17, 1e-16, 1e-14, 1e-9, 0.1, 0.49])
def test_the_entropy_of_a_near_corner(off: float) -> None:
    row = np.array([off / 2, 1.0 - off, off / 2])
    with mp.workdps(40):
        rest = 2 * mpf(off / 2)
        exact = float(-rest * mp.log(mpf(off / 2)) - (1 - rest) * mp.log1p(-rest))
    assert simplex.entropy_nats(row) == pytest.approx(exact, rel=1e-15, abs=0)


def test_the_entropy_of_corners_ties_and_no_rows() -> None:
    assert simplex.entropy_nats(np.eye(3)).tolist() == [0.0, 0.0, 0.0]
    assert simplex.entropy_nats(np.full((2, 2), 0.5)) == pytest.approx(np.log(2))
    assert simplex.entropy_nats(np.empty((0, 4))).shape == (0,)
