"""Tables that are changed block by block: the same as when they are changed at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spectra_eval.baselines import BASELINES, with_baseline
from spectra_eval.errors import InputError, SimplexError
from spectra_eval.evaluation import merge_categories
from spectra_eval.tables import PreferenceTable
from spectra_eval.tables._stack import by_blocks

K = 30
MATRICES = ("counts", "theta_star", "theta_s", "history_counts", "support", "dg", "n_window")


def made(*, support: bool = False, n: int = 40, **columns: Any) -> PreferenceTable:
    """Return a table of several records per user, mostly zero weights, and some records without window or history."""
    rng = np.random.default_rng(n)
    offered = rng.random((n, K)) < 0.7
    offered[:, :2] = True
    offered[: n // 2] = True  # the first blocks have no support of their own
    law = rng.dirichlet(np.full(K, 0.2), size=n)
    law = law * offered if support else law
    law /= law.sum(axis=1, keepdims=True)
    counts, history = (np.array([rng.multinomial(size, row) for row in law]).astype(float) for size in (2, 3))
    counts[5] = history[7] = 0
    values: dict[str, Any] = {
        "users": [f"u{row // 2}" for row in range(n)],
        "context_window": np.arange(n) % 2,
        "categories": tuple(f"c{place}" for place in range(K)),
        "counts": counts,
        "history_counts": history,
        "theta_s": law,
        "support": offered if support else None,
        "dg": np.argsort(-law, axis=1)[:, :3],
        "history": [(f"t{row % 5}",) * (row % 3) for row in range(n)],
        "metadata": {"model": "m", "title_categories": {f"t{place}": [f"c{place}"] for place in range(5)}},
    }
    return PreferenceTable(**{**values, **columns})


def assert_same(one: PreferenceTable, other: PreferenceTable) -> None:
    for name in MATRICES:
        first, second = getattr(one, name), getattr(other, name)
        if first is None or second is None:
            assert first is None and second is None, name
        else:
            assert np.array_equal(first, second, equal_nan=name == "theta_star"), name
    assert one.users.tolist() == other.users.tolist() and one.metadata == other.metadata


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks of four records."""
    monkeypatch.setattr("spectra_eval.arrays._blocks.CELLS", 4 * K)


@pytest.mark.parametrize("support", [False, True])
@pytest.mark.parametrize("method", [entry.name for entry in BASELINES if entry.name not in ("linear", "markov")])
def test_a_baseline_is_the_same_in_blocks(method: str, support: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = with_baseline(made(support=support), method)
    monkeypatch.setattr("spectra_eval.arrays._blocks.CELLS", 4 * K)
    assert_same(with_baseline(made(support=support), method), whole)


@pytest.mark.parametrize("support", [False, True])
def test_merged_categories_are_the_same_in_blocks(support: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = {f"c{place}": f"group {place % 4}" for place in range(4, K)}
    whole = merge_categories(made(support=support), mapping)
    monkeypatch.setattr("spectra_eval.arrays._blocks.CELLS", 4 * K)
    assert_same(merge_categories(made(support=support), mapping), whole)


@pytest.mark.usefixtures("small")
def test_proportions_that_do_not_follow_from_the_counts_are_kept() -> None:
    truth = np.array(made().theta_star)
    truth[30] = 1.0 / K
    table = made(theta_star=truth)
    assert_same(by_blocks(lambda block, _: block.replace(parents=None), table), table)


@pytest.mark.usefixtures("small")
def test_an_error_names_the_row_of_the_table() -> None:
    table = made()
    theta = np.array(table.theta_s)
    theta[30] *= 2
    with pytest.raises(SimplexError, match="row 31"):
        by_blocks(lambda block, rows: block.replace(theta_s=theta[rows]), table)


def test_without_drops_optional_columns_only() -> None:
    table = made()
    rest = table.without("theta_s", "dg")
    assert (
        rest.theta_s is None and rest.dg is None and np.array_equal(rest.theta_star, table.theta_star, equal_nan=True)
    )
    assert table.theta_s is not None
    with pytest.raises(InputError, match="no optional column 'counts'"):
        table.without("counts")
