"""Records with options of their own: probing, fusing, fine-tuning offsets, reports and the commands go by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.errors import InputError
from spectra_eval.fusion import ItemScores, fuse
from spectra_eval.probing import probe
from spectra_eval.probing.backends.mocked import open_mocked
from spectra_eval.probing.readouts._scale import fit_temperature
from spectra_eval.tables import PreferenceTable
from spectra_eval.training import stacked, with_offset
from spectra_eval_cli.main import main

N, CATEGORIES = 21, ("Noir", "War", "Drama", "Western")


@pytest.fixture(scope="module")
def table() -> PreferenceTable:
    rng = np.random.default_rng(5)
    support = rng.random((N, 4)) < 0.6
    support[:, :2] |= support.sum(axis=1, keepdims=True) < 2
    support[0] = True
    return PreferenceTable(
        users=[f"u{i:02}" for i in range(N)],
        categories=CATEGORIES,
        counts=rng.integers(1, 9, (N, 4)) * support,
        history=[tuple(f"title {i}-{j}" for j in range(i % 5)) for i in range(N)],
        history_counts=rng.integers(0, 9, (N, 4)),
        support=support,
    )


@pytest.mark.parametrize("temperature", [1.0, "fitted"])
def test_a_probed_table_keeps_the_options_and_the_readout_is_given_them(
    table: PreferenceTable, tmp_path: Path, temperature: Any
) -> None:
    made = {}
    for name, some in {"own": table, "all": table.replace(support=None)}.items():
        with open_mocked("random", seed=3, noise=0.2) as session:
            made[name] = probe(some, session, run=tmp_path / name, list_length=3, temperature=temperature)
    own, whole = made["own"], made["all"]
    assert own.support.tolist() == table.support.tolist()
    assert own.theta_s[~table.support].max() == 0
    np.testing.assert_array_equal(own.scores, whole.scores)
    if temperature == 1.0:
        expected = np.where(table.support, whole.theta_s, 0)
        np.testing.assert_allclose(own.theta_s, expected / expected.sum(axis=1, keepdims=True), rtol=1e-12)
    off = ~np.take_along_axis(table.support, np.maximum(whole.dg, 0), axis=1) & (whole.dg >= 0)
    assert off.any()
    assert own.dg.tolist() == np.where(off, -1, whole.dg).tolist()
    assert own.metadata["dg_out_of_vocabulary"] == whole.metadata["dg_out_of_vocabulary"] + int(off.sum())
    assert read_table(tmp_path / "own").support.tolist() == table.support.tolist()


def test_what_no_temperature_can_reach_leaves_the_fit_to_the_options() -> None:
    rng = np.random.default_rng(2)
    law = rng.dirichlet(np.ones(3), 9)
    scores = np.column_stack([2.5 * np.log(law), np.full(9, -1e30)])
    truth = np.column_stack([law, np.zeros(9)])
    assert fit_temperature(scores, truth) == pytest.approx(2.5, rel=1e-9)


def test_an_offset_gives_no_probability_to_what_is_no_option() -> None:
    table = PreferenceTable(
        users=["a"],
        categories=("X", "Y", "Z"),
        counts=[[1, 0, 0]],
        history_counts=[[3, 1, 0]],
        scores=[[0.0, np.log(3), 9.0]],
        support=[[1, 1, 0]],
    )
    assert with_offset(table, "history").theta_s.round(12).tolist() == [[0.5, 0.5, 0.0]]
    assert stacked([table, table]).support.tolist() == [[True, True, False]] * 2


def items(shares: Any) -> ItemScores:
    return ItemScores(
        users=np.array(["ann"] * 2),
        items=np.array(["x", "y"]),
        scores=np.array([2.0, 1.0]),
        shares=np.array(shares),
        item_row=np.array([0, 1]),
        categories=("Noir", "War", "Drama"),
    )


def test_smoothing_of_a_fusion_is_over_the_options() -> None:
    table = PreferenceTable(
        users=["ann"],
        categories=("Noir", "War", "Drama"),
        counts=[[1, 1, 0]],
        theta_s=[[1.0, 0.0, 0.0]],
        support=[[1, 1, 0]],
    )
    made = fuse(table, items([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), weight=1.0, smoothing=0.2)
    np.testing.assert_allclose(np.exp(made.log_prior), [0.9, 0.1])
    with pytest.raises(InputError, match="item 'y' of user 'ann': none of its categories is an option"):
        fuse(table, items([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), weight=1.0)


def run(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def source(table: PreferenceTable, tmp_path: Path) -> str:
    with open_mocked("random", seed=3, noise=0.2) as session:
        write_table(probe(table, session, run=None, list_length=3), tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


def test_a_report_goes_by_the_options(source: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    run("report", source, "-k", "2", "-o", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert "the options of each record (2 to 4 of 4 categories)" in page


def test_the_commands_go_by_the_options(table: PreferenceTable, source: str, tmp_path: Path) -> None:
    run("baseline", source, "--method", "laplace", "-o", str(tmp_path / "b.parquet"))
    assert read_table(tmp_path / "b.parquet").theta_s[~table.support].max() == 0
    said = run("compare", source, str(tmp_path / "b.parquet"), "--bootstrap", "0")
    assert "21 of 21 records offer 4 options or fewer" in said
    assert "further users are left out" in " ".join(run("certify", source, "-k", "2").split())
