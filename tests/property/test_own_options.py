"""A table whose records have options of their own gives the mean of what each record gives alone on its options."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings

from spectra_eval.artifacts import TableDigest, read_table, write_table
from spectra_eval.baselines import system
from spectra_eval.evaluation import evaluate
from spectra_eval.metrics import METRICS
from spectra_eval.tables import PAD, PreferenceTable
from spectra_eval.testing import strategies

MEANS = [
    name
    for name in METRICS.names()
    if METRICS[name].is_mean and name not in ("tail_mass", "true_tail_mass", "category_ndcg_tail", "category_ndcg_head")
]  # the tail is cut by all records together


def alone(table: PreferenceTable, row: int) -> PreferenceTable:
    """Make the table of one record, of the categories that it offers alone."""
    own = np.flatnonzero(table.offered[row])
    place = np.full(table.n_categories, -1)
    place[own] = np.arange(len(own))
    lists = table.dg[row]
    return PreferenceTable(
        users=table.users[row : row + 1],
        categories=tuple(table.categories[column] for column in own),
        counts=table.counts[row : row + 1, own],
        theta_s=table.theta_s[row : row + 1, own],
        dg=np.where(lists >= 0, place[np.maximum(lists, 0)], lists)[None],
        history_counts=table.history_counts[row : row + 1, own],
    )


SYSTEMS = ("theta_s", "dg", "uniform", "laplace")


def values(table: PreferenceTable) -> np.ndarray:
    """Give the value of each metric and system; NaN where there is none."""
    most = min(3, int(table.n_options.max()))
    names = [f"{name}@{most}" if METRICS[name].takes_cutoff else name for name in MEANS]
    found = evaluate(table, metrics=names, systems=SYSTEMS, bootstrap=0, threads=1)
    made = []
    for name in names:
        for who in SYSTEMS:
            row = found[name, who]
            infinite = row.reason is not None and "infinite" in row.reason
            made.append(np.inf if infinite else np.nan if row.value is None else row.value)
    return np.array(made)


@given(table=strategies.preference_tables(own_options=True, max_users=3, max_categories=5))
@settings(deadline=None, max_examples=25)
def test_a_mean_metric_is_the_mean_of_the_records_alone(table: PreferenceTable) -> None:
    rows = np.array([values(alone(table, row)) for row in range(table.n_users)])
    known = ~np.isnan(rows)
    expected = [column[some].mean() if some.any() else np.nan for column, some in zip(rows.T, known.T, strict=True)]
    np.testing.assert_allclose(values(table), expected, rtol=0, atol=1e-9)


@given(table=strategies.preference_tables(own_options=True))
@settings(deadline=None, max_examples=25)
def test_a_table_is_written_and_read_with_its_options(table: PreferenceTable) -> None:
    if table.dg is not None and (table.dg == PAD).all():
        table = table.replace(dg=None)  # a file does not tell lists of nothing from no lists
    digests = []
    with TemporaryDirectory() as folder:
        write_table(table, Path(folder) / "t.parquet")
        for one in (table, read_table(Path(folder) / "t.parquet")):
            running = TableDigest()
            running.update(one)
            digests.append((running.hexdigest(), one.offered.tolist()))
    assert digests[0] == digests[1]


@given(table=strategies.preference_tables(own_options=True))
@settings(deadline=None, max_examples=25)
def test_frequencies_stay_on_the_options(table: PreferenceTable) -> None:
    for name in ("uniform", "laplace", "oracle"):
        made = system(table, name).theta
        assert made[~table.offered].sum() == 0
        rows = [system(alone(table, row), name).theta[0] for row in range(table.n_users)]
        for row, expected in enumerate(rows):
            np.testing.assert_allclose(made[row, table.offered[row]], expected, rtol=1e-12)
