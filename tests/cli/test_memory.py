"""Memory of commands on wide tables: blocks are counted in cells, so few users with many categories need little."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import write_table
from spectra_eval.tables import PreferenceTable
from spectra_eval_cli.main import main

K = 1001


def wide_table(n: int) -> PreferenceTable:
    """Return N users with windows of 30 interactions out of 1,001 categories, histories of 60 and lists of ten."""
    rng = np.random.default_rng(n)
    law = rng.dirichlet(np.full(K, 0.1), size=n)
    return PreferenceTable(
        users=[f"u{row:05d}" for row in range(n)],
        categories=tuple(f"c{place}" for place in range(K)),
        counts=rng.multinomial(30, law).astype(float),
        n_window=np.full(n, 30),
        theta_s=0.8 * law + 0.2 / K,
        dg=np.argsort(-law, axis=1)[:, 2:12],
        history_counts=rng.multinomial(60, law).astype(float),
    )


def peak(*arguments: object) -> int:
    """Run a command; return the most bytes that Python and NumPy held in addition to those before."""
    gc.collect()
    tracemalloc.start()
    try:
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.exit_code == 0, done.output
    return most


@pytest.fixture
def tables(tmp_path: Path) -> dict[int, Path]:
    """Write tables of 300 and of 1,200 users, which are read and processed in blocks of 261 users."""
    paths = {n: tmp_path / f"{n}.parquet" for n in (300, 1200)}
    for n, path in paths.items():
        write_table(wide_table(n), path)
    return paths


def test_certify_and_verify_need_no_more_memory_for_more_users(tables: dict[int, Path], tmp_path: Path) -> None:
    certified = {n: peak("certify", path, "-o", tmp_path / f"{n}.json", "--quiet") for n, path in tables.items()}
    assert certified[1200] - certified[300] < 2 * 900 * K * 8  # 15 copies of the further rows, where users are counted
    verified = peak("verify", tmp_path / "1200.json", tables[1200], "--quiet")
    assert verified - certified[300] < 2 * 900 * K * 8


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process and write blocks of 65 users, so that a table of 300 has several."""
    monkeypatch.setattr("spectra_eval.arrays._blocks.CELLS", 1 << 16)
    monkeypatch.setattr("spectra_eval.artifacts._parquet._FEWEST", 1)
    monkeypatch.setattr("spectra_eval.artifacts._parquet._GROUP_CELLS", 1 << 16)


def copies(tables: dict[int, Path], *arguments: object) -> float:
    """Return the memory that a command needs for 900 more users, in copies of one of their matrices."""
    _, few, many = (peak(arguments[0], tables[n], *arguments[1:]) for n in (300, 300, 1200))  # the first one imports
    return (many - few) / (900 * K * 8)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("method", ["uniform", "popularity", "history", "laplace", "mixture", "oracle"])
def test_baseline_needs_less_than_two_copies(tables: dict[int, Path], tmp_path: Path, method: str) -> None:
    assert copies(tables, "baseline", "--method", method, "-o", tmp_path / "o.parquet", "--quiet") < 2


@pytest.mark.usefixtures("small_blocks")
def test_merge_needs_less_than_three_copies(tables: dict[int, Path], tmp_path: Path) -> None:
    assert copies(tables, "merge", "--to", 500, "-o", tmp_path / "o.parquet", "--quiet") < 3


@pytest.mark.usefixtures("small_blocks")
def test_fuse_needs_less_memory_than_the_categories_of_each_score(tables: dict[int, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"u{user:05d},i{item},{rng.random():.3f},c{item}" for user in range(300) for item in range(20)]
    scores = tmp_path / "scores.csv"
    scores.write_text("\n".join(["user,item,score,category", *lines]))
    fuse = ("--scores", scores, "--weight", 1, "-o", tmp_path / "o.csv", "--quiet")
    assert copies(tables, "fuse", *fuse) < 1.5
    assert peak("fuse", tables[300], *fuse) < len(lines) * K * 8 / 2


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_evaluate_and_report_need_few_copies(tables: dict[int, Path], tmp_path: Path, command: str) -> None:
    """One system and two resamples, so that the memory is that of the readout and of the statistics of a part."""
    options = ("--systems", "theta_s", "--bootstrap", 2, "--quiet", "-o", tmp_path / "out")
    assert copies(tables, command, *options) < 3.5  # where whole matrices are computed: 7 and 16
