"""Sums of weights do not depend on the order of the log, and equal sums are equal numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval.artifacts import TableDigest
from spectra_eval.data import prepare
from spectra_eval.data._exact import exact_sums
from spectra_eval.data.csv import read
from spectra_eval.data.movielens import read as read_movielens
from spectra_eval.metrics import category_ndcg
from spectra_eval.tables import Interactions

CASES = Path(__file__).parents[2] / "cases"
SMALL = Path(__file__).parents[3] / "examples/data/ml-latest-small"


def shuffled(events: Interactions, seed: int) -> Interactions:
    """Return the events in another order, the entries of one event together, users as they first appear."""
    names = ("user", "item", "category", "time", "weight")
    user, item, category, time, weight = (np.asarray(getattr(events, name)) for name in names)
    fresh = np.ones(len(user), dtype=bool)
    fresh[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1]) | (time[1:] != time[:-1])
    event = np.cumsum(fresh) - 1
    _, code = np.unique(user, return_inverse=True)
    rank = np.random.default_rng(seed).permutation(event[-1] + 1)
    order = np.lexsort((np.arange(len(user)), rank[event], code))
    columns = {"user": user, "item": item, "category": category, "time": time, "weight": weight}
    return Interactions(
        **{name: values[order] for name, values in columns.items()},
        categories=events.categories,
        titles=events.titles,
    )


def test_the_order_of_the_lines_changes_no_byte_of_the_table() -> None:
    first, second = (prepare(read(CASES / name)) for name in ("ties_a.csv", "ties_b.csv"))
    for column in ("counts", "theta_star", "history_counts"):
        assert getattr(first, column).tobytes() == getattr(second, column).tobytes()
    digests = TableDigest(), TableDigest()
    digests[0].update(first)
    digests[1].update(second)
    assert digests[0].hexdigest() == digests[1].hexdigest()
    # In exact fractions A and C have 11/6 each and D, E and F 7/6; the value is computed from these.
    history = first.history_counts / first.history_counts.sum()
    assert category_ndcg(first.theta_star, history, k=3) == pytest.approx(0.476619783308699527850587707894, rel=1e-14)


def test_real_fractions_are_the_same_bytes_for_every_order_of_the_lines() -> None:
    events = read_movielens(SMALL)
    one, other = (prepare(shuffled(events, seed), ties="together") for seed in (1, 2))
    assert one.users.tolist() == other.users.tolist()
    assert one.counts.tobytes() == other.counts.tobytes()
    assert one.history_counts.tobytes() == other.history_counts.tobytes()


weights = st.sampled_from([1.0, 2.0, 5.0, 0.1, 0.3, 3.7, 1e-6, 0.1 + 0.2, np.pi, 1e9 + 0.5, 1e300])


@given(st.lists(st.tuples(st.integers(0, 3), weights, st.integers(1, 60)), min_size=1, max_size=30), st.randoms())
def test_sums_are_correctly_rounded_and_independent_of_the_order(
    terms: list[tuple[int, float, int]], rng: object
) -> None:
    def summed(rows: list[tuple[int, float, int]]) -> np.ndarray:
        cell, weight, parts = zip(*rows, strict=True)
        return exact_sums(np.array(cell), np.array(weight), np.array(parts), n_cells=5)

    got = summed(terms)
    rng.shuffle(terms)  # type: ignore[attr-defined]
    assert summed(terms).tobytes() == got.tobytes()
    for place in range(5):
        own = [(weight, parts) for cell, weight, parts in terms if cell == place]
        if all(round(weight, 6) == weight and weight < 1e9 for weight, _ in own):
            exact = sum((Fraction(str(weight)) / parts for weight, parts in own), Fraction(0))
            assert got[place] == float(exact)
        else:
            assert got[place] == pytest.approx(float(sum(Fraction(weight) / parts for weight, parts in own)), rel=1e-15)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_many_divisors_are_exact_too(weight: float) -> None:
    """The common multiple of 1..60 has 25 digits: no double holds it."""
    parts = np.tile(np.arange(1, 61), 50)
    got = exact_sums(np.zeros(3000, dtype=np.int64), np.full(3000, weight), parts, n_cells=1)
    assert got[0] == float(sum(Fraction(str(weight)) / int(part) for part in parts))


def test_a_sum_beyond_all_numbers_is_infinite() -> None:
    assert exact_sums(np.zeros(2, dtype=np.int64), np.full(2, 1.5e308), np.ones(2, dtype=int), n_cells=1)[0] == np.inf
