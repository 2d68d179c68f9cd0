"""The squared distance to the true distribution, without the window's own noise."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.theory import excess_squared_distance


@pytest.mark.parametrize("n", [2, 5, 20])
def test_it_is_unbiased(n: int) -> None:
    rng = np.random.default_rng(n)
    law, held = rng.dirichlet(np.full(6, 0.7)), rng.dirichlet(np.full(6, 1.0))
    windows = rng.multinomial(n, law, 20_000) / n
    found = excess_squared_distance(windows, np.tile(held, (20_000, 1)), n=np.full(20_000, n))
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - ((law - held) ** 2).sum()) < 3 * error
    raw = ((windows - held) ** 2).sum(axis=1)
    assert raw.mean() - ((law - held) ** 2).sum() > 10 * error  # what is subtracted is seen


def test_one_interaction_has_no_noise_estimate() -> None:
    assert np.isnan(excess_squared_distance([[1.0, 0.0]], [[0.5, 0.5]], n=[1])).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="without interactions"):
        excess_squared_distance([[1.0, 0.0]], [[0.5, 0.5]], n=[0])
    with pytest.raises(ShapeError, match="do not fit"):
        excess_squared_distance([[1.0, 0.0]], [[0.5, 0.5]], n=[3, 3])
