"""The predictors without a model."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.baselines import BASELINES, Baseline, Prediction, RowSystem, row_system, system, with_baseline
from spectra_eval.errors import InputError, ShapeError, SimplexError, UnknownNameError
from spectra_eval.tables import PreferenceTable, System


@pytest.fixture
def table() -> PreferenceTable:
    """Three users: one even, one of one mind, one without a history and without a window."""
    return PreferenceTable(
        users=["a", "b", "c"],
        categories=("x", "y", "z"),
        counts=[[0, 0, 4], [1, 1, 0], [0, 0, 0]],
        history_counts=[[2, 2, 0], [9, 0, 0], [0, 0, 0]],
        theta_s=[[0.2, 0.3, 0.5]] * 3,
        scores=[[0.2, 0.3, 0.5]] * 3,
        answer_mass=[[0.9, 0.9, 0.9]] * 3,
        dg=[[2, 0], [1, -1], [0, 1]],
        metadata={"dataset": "toy", "model": "m", "readout": "likelihood", "weighting": "count"},
    )


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("uniform", [[1 / 3] * 3] * 3),
        ("popularity", [[0.75, 0.25, 0.0]] * 3),
        ("history", [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.75, 0.25, 0.0]]),
        ("laplace", [[3 / 7, 3 / 7, 1 / 7], [10 / 12, 1 / 12, 1 / 12], [1 / 3] * 3]),
        ("oracle", [[0.0, 0.0, 1.0], [0.5, 0.5, 0.0], [1 / 3] * 3]),
    ],
)
def test_by_hand(table: PreferenceTable, method: str, expected: list[list[float]]) -> None:
    made = system(table, method)
    assert made.name == method and made.lists is None
    assert made.theta == pytest.approx(np.array(expected), abs=1e-15)


@pytest.mark.parametrize("entry", BASELINES, ids=lambda entry: entry.name)
def test_a_baseline_row_by_row_is_the_same_to_the_last_bit(table: PreferenceTable, entry: Baseline) -> None:
    if entry.rows is None:
        assert isinstance(row_system(table, "linear"), System)
        return
    by_rows, whole = row_system(table, entry.name), system(table, entry.name)
    assert isinstance(by_rows, RowSystem) and by_rows.name == entry.name and by_rows.lists is None
    assert np.array_equal(by_rows.predicted(slice(None)), whole.theta)
    assert np.array_equal(np.vstack([by_rows.predicted(slice(0, 2)), by_rows.predicted(slice(2, 3))]), whole.theta)


@pytest.mark.parametrize("method", ["uniform", "popularity", "history", "laplace"])
def test_only_the_oracle_looks_at_the_window(table: PreferenceTable, method: str) -> None:
    other = table.replace(counts=np.array([[5, 0, 0], [0, 0, 2], [0, 3, 0]]), theta_star=None, n_window=None)
    assert np.array_equal(system(table, method).theta, system(other, method).theta)
    assert not np.array_equal(system(table, "oracle").theta, system(other, "oracle").theta)
    assert [entry.name for entry in BASELINES if entry.sees_window] == ["oracle"]


def test_a_table_with_a_baseline_says_so_and_keeps_the_decoded_lists(table: PreferenceTable) -> None:
    made = with_baseline(table, "history")
    assert made.theta_s is not None and made.theta_s[0].tolist() == [0.5, 0.5, 0.0]
    assert made.scores is None and made.answer_mass is None
    assert made.dg is not None and made.dg.tolist() == [[2, 0], [1, -1], [0, 1]]
    assert made.metadata["baseline"] == {"name": "history", "sees_window": False, "users_without_history": 1}
    assert made.metadata["replaced"] == {"model": "m", "readout": "likelihood"}
    assert made.metadata["weighting"] == "count" and "model" not in made.metadata
    again = with_baseline(made, "oracle")
    assert again.metadata["baseline"] == {"name": "oracle", "sees_window": True, "users_without_window": 1}
    assert again.metadata["replaced"]["baseline"]["name"] == "history"


@pytest.mark.parametrize("entry", BASELINES, ids=lambda entry: entry.name)
def test_every_baseline_says_what_it_needs(table: PreferenceTable, entry: Baseline) -> None:
    bare = table.replace(history_counts=None, theta_s=None)
    assert entry.summary and entry.reference
    if entry.needs:
        with pytest.raises(InputError, match=f"has no {entry.needs[0]}"):
            system(bare, entry.name)
    else:
        assert with_baseline(bare, entry.name).theta_s is not None


def test_histories_that_are_all_empty_have_no_popularity(table: PreferenceTable) -> None:
    empty = table.replace(history_counts=np.zeros((3, 3)))
    with pytest.raises(InputError, match="all zero"):
        system(empty, "popularity")
    assert system(empty, "laplace").theta == pytest.approx(1 / 3)


def test_an_unknown_name_is_answered_with_a_near_one(table: PreferenceTable) -> None:
    with pytest.raises(UnknownNameError, match="near: history"):
        with_baseline(table, "histori")


@pytest.mark.parametrize(
    ("theta", "error"),
    [(np.ones((3, 3)), SimplexError), (np.full((3, 3), np.nan), SimplexError), (np.ones(3), ShapeError)],
)
def test_what_a_plug_in_gives_is_checked(
    table: PreferenceTable, monkeypatch: pytest.MonkeyPatch, theta: np.ndarray, error: type[Exception]
) -> None:
    names = BASELINES.names()
    monkeypatch.setattr(BASELINES, "_entries", {name: BASELINES[name] for name in names})
    BASELINES.add(Baseline(name="odd", predict=lambda _: Prediction(theta=theta), summary="odd", reference="none"))
    with pytest.raises(error, match="baseline 'odd'"):
        system(table, "odd")
