"""The betting bound takes the users in an order that nobody who writes rows can choose."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from spectra_eval.certification import Options, certify, verify
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.tables import PreferenceTable
from spectra_eval.theory import betting_lower

N = 120


def cohort(ahead: np.ndarray, users: list[str]) -> PreferenceTable:
    """Users of whom some are ahead of their list by 0.9 in total variation, and the others behind by as much."""
    held = np.where(ahead[:, None], [0.1, 0.9], [0.9, 0.1])
    truth = np.tile([0.0, 1.0], (len(ahead), 1))
    lists = np.where(ahead[:, None], [[0]], [[1]])
    return PreferenceTable(users=users, categories=("a", "b"), theta_star=truth, theta_s=held, dg=lists)


def bound(table: PreferenceTable, seed: int | None = None) -> float:
    claim = certify(table, k=1, scope="population", bound="betting", claims=["mean.law"], seed=seed)["mean.law"]
    assert claim.bound is not None
    return claim.bound


def best_first(ahead: np.ndarray) -> np.ndarray:
    """Rows such that the shuffle by position of earlier versions meets every user who is ahead first."""
    layout = np.empty(len(ahead), dtype=int)
    layout[np.random.default_rng(20250924).permutation(len(ahead))] = np.argsort(~ahead, kind="stable")
    return layout


def test_rows_that_were_laid_out_for_it_claim_no_more_than_rows_as_drawn() -> None:
    names = [f"u{i:03}" for i in range(N)]
    held = {"as drawn": 0, "laid out": 0, "named by row": 0}
    for seed in range(61):
        ahead = np.random.default_rng(seed).random(N) < 0.5
        layout = best_first(ahead)
        tables = {
            "as drawn": cohort(ahead, names),
            "laid out": cohort(ahead[layout], [names[i] for i in layout]),
            "named by row": cohort(ahead[layout], names),
        }
        bounds = {name: bound(table) for name, table in tables.items()}
        assert bounds["as drawn"] == bounds["laid out"]
        for name, value in bounds.items():
            held[name] += value > 0
    # Five in a hundred may, and 9 or more of 61 do with a chance below 0.004.
    assert max(held.values()) <= 8, held


def test_the_order_is_that_of_a_keyed_hash_and_the_seed_is_recorded() -> None:
    ahead = np.random.default_rng(3).random(N) < 0.7
    names = [f"u{i:03}" for i in range(N)]
    table = cohort(ahead, names)
    assert len({bound(table, seed) for seed in range(5)}) > 1
    assert bound(table, None) == bound(table, 0)
    document = certify(table, k=1, scope="population", bound="betting", seed=7, claims=["mean.law"]).to_json()
    assert document["options"]["seed"] == 7 and document["claims"][0]["method"] == "betting (order by seed 7)"
    place = [hashlib.blake2b(name.encode(), digest_size=8, key=b"7").digest() for name in names]
    values = np.where(ahead, 0.95, 0.05)[np.argsort(place)]  # (W + 1) / 2
    assert document["claims"][0]["bound"] == pytest.approx(2 * betting_lower(values, error=0.05) - 1)
    assert verify(document, table).agrees
    moved = {**document, "options": {**document["options"], "seed": 8}}
    assert any(line.startswith("claims[mean.law].bound") for line in verify(moved, table).differences)


def test_a_seed_that_orders_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="only betting has a seed"):
        Options(seed=3)
    assert Options().seed is None and Options(scope="population", bound="betting").seed == 0


def test_a_betting_certificate_by_position_is_refused_in_one_line() -> None:
    table = cohort(np.ones(N, dtype=bool), [f"u{i:03}" for i in range(N)])
    document = certify(table, k=1, scope="population", bound="betting").to_json()
    del document["together"], document["options"]["seed"], document["options"]["claims"]
    with pytest.raises(SchemaError, match="used the order of the rows"):
        verify(document, table)
