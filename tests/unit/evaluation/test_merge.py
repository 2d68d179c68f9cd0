"""Merged taxonomies: what is added up, what is left out, and that no divergence increases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectra_eval.errors import InputError
from spectra_eval.evaluation import evaluate, merge_categories, merge_rarest
from spectra_eval.metrics import METRICS, chi_squared, hellinger, js_divergence, kl_divergence, total_variation
from spectra_eval.tables import PreferenceTable

NAMES = tuple(f"c{i}" for i in range(19))


def made(seed: int, n: int = 12) -> PreferenceTable:
    rng = np.random.default_rng(seed)
    return PreferenceTable(
        users=[f"u{i}" for i in range(n)],
        categories=NAMES,
        counts=rng.multinomial(25, rng.dirichlet(np.full(19, 0.3)), size=n),
        history_counts=rng.poisson(3.0, size=(n, 19)) + 0.5,
        theta_s=rng.dirichlet(np.full(19, 0.4), size=n),
        dg=np.argsort(rng.random((n, 19)), axis=1)[:, :6],
    )


@given(seed=st.integers(0, 10**6), first=st.integers(2, 18), data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_divergence_increases(seed: int, first: int, data: st.DataObject) -> None:
    table = made(seed)
    groups = data.draw(st.lists(st.integers(0, first - 1), min_size=19, max_size=19).filter(lambda g: len(set(g)) > 1))
    merged = merge_categories(table, {name: f"g{group}" for name, group in zip(NAMES, groups, strict=True)})
    for divergence in (js_divergence, kl_divergence, total_variation, hellinger, chi_squared):
        before, after = (divergence(t.theta_star, t.theta_s) for t in (table, merged))
        fine, coarse = (np.asarray(getattr(value, "nats", value)) for value in (before, after))
        assert (coarse <= fine * (1 + 1e-9) + 1e-12).all()


def test_the_papers_chain_of_taxonomies() -> None:
    """19 to 15 to 10: every mean of a metric that is declared monotone under merging goes down or stays."""
    tables = [made(3, n=60)]
    for size in (15, 10):
        tables.append(merge_rarest(tables[-1], size))
    assert [table.n_categories for table in tables] == [19, 15, 10]
    assert all("Other" in table.categories for table in tables[1:])
    monotone = [
        metric.name
        for metric in METRICS
        if "merging_never_increases" in metric.properties
        and metric.name not in ("true_tail_mass", "wasserstein_ordinal")
        and not metric.takes_cutoff
    ]
    assert "js_divergence" in monotone
    found = [evaluate(table, metrics=monotone, systems=["theta_s"], bootstrap=0) for table in tables]
    for name in monotone:
        values = [one[name, "theta_s"].value for one in found]
        if None not in values:
            assert values[0] >= values[1] - 1e-12 and values[1] >= values[2] - 1e-12, name  # type: ignore[operator]
    assert tables[2].metadata["merged"]["before"]["from"] == list(NAMES)


def test_everything_is_added_up_and_lists_move_up() -> None:
    table = PreferenceTable(
        users=["a", "b"],
        categories=("w", "x", "y", "z"),
        parents=("p", "p", "q", "q"),
        counts=[[1, 2, 3, 4], [0, 0, 0, 0]],
        theta_s=[[0.1, 0.2, 0.3, 0.4]] * 2,
        scores=[[1.0, 2.0, 3.0, 4.0]] * 2,
        answer_mass=[[0.5] * 4] * 2,
        dg=[[3, 2, -1, 0, 1], [1, -2, -2, -2, -2]],
    )
    merged = merge_categories(table, {"z": "w"})
    assert merged.categories == ("w", "x", "y") and merged.parents is None
    assert np.asarray(merged.counts).tolist() == [[5, 2, 3], [0, 0, 0]]
    assert merged.theta_star[0] == pytest.approx([0.5, 0.2, 0.3]) and np.isnan(merged.theta_star[1]).all()
    assert np.asarray(merged.theta_s)[0] == pytest.approx([0.5, 0.2, 0.3])
    assert np.asarray(merged.dg).tolist() == [[0, 2, -1, 1, -2], [1, -2, -2, -2, -2]]
    assert merged.scores is None and merged.answer_mass is None
    assert merge_categories(table, {"y": "Q", "z": "Q"}).parents == ("p", "p", "q")


def test_bad_merges_are_named() -> None:
    table = made(0)
    with pytest.raises(InputError, match="'c99' is no category"):
        merge_categories(table, {"c99": "x"})
    with pytest.raises(InputError, match="one category is left"):
        merge_categories(table, dict.fromkeys(NAMES, "x"))
    for size in (1, 19):
        with pytest.raises(InputError, match="choose from 2 to 18"):
            merge_rarest(table, size)


def test_the_windows_do_not_rank_categories() -> None:
    """They are what is predicted: without histories the order is given, or the merge is refused."""
    table = made(1)
    for blind in (table.replace(history_counts=None), table.replace(history_counts=np.zeros((12, 19)))):
        with pytest.raises(InputError, match=r"no history_counts, .* what is predicted; give the order .*--order"):
            merge_rarest(blind, 5)
        told = merge_rarest(blind, 5, order=["c7", "c3", "c18", "c0", "c1"])
        assert set(told.categories) == {"c7", "c3", "c18", "c0", "Other"}
    # Other windows give the same categories.
    other = table.replace(counts=np.asarray(table.counts)[:, ::-1], theta_star=table.theta_star[:, ::-1])
    assert merge_rarest(other, 5).categories == merge_rarest(table, 5).categories


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (["c1", "Noir"], "names 'Noir', which is no category"),
        (["c1", "c2", "c1"], "names 'c1' twice"),
        (["c1", "c2"], "names 2 categories; name at least the 4 kept"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(order: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        merge_rarest(made(1), 5, order=order)
