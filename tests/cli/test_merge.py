"""`spectra-eval merge`: 19 to 15 to 10 categories on the command line, and what stands in the table afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.simplex import js_nats
from spectra_eval_cli.main import main

DATA = Path(__file__).parents[2] / "examples/data/ml-latest-small"


def run(*words: object) -> Any:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("merge")
    done = run("prepare", "movielens", DATA, "--limit", 60, "--title-categories", "-o", made / "19.parquet")
    assert done.exit_code == 0, done.output
    for start, n in ((19, 15), (15, 10)):
        done = run("merge", made / f"{start}.parquet", "--to", n, "-o", made / f"{n}.parquet")
        assert done.exit_code == 0 and f"{start} categories became {n}" in done.stderr, done.output
    return made


def test_the_papers_merges(folder: Path) -> None:
    fine, middle, coarse = (read_table(folder / f"{n}.parquet") for n in (19, 15, 10))
    told = np.asarray(fine.history_counts).sum(axis=0)
    kept = [fine.categories[c] for c in np.argsort(-told, kind="stable")[:9]]
    assert set(coarse.categories) == {*kept, "Other"} and len(middle.categories) == 15
    other = coarse.categories.index("Other")
    rest = [c for c, name in enumerate(fine.categories) if name not in kept]
    assert np.asarray(coarse.counts)[:, other] == pytest.approx(np.asarray(fine.counts)[:, rest].sum(axis=1))
    assert np.asarray(coarse.counts).sum() == pytest.approx(np.asarray(fine.counts).sum())


@pytest.mark.parametrize("method", ["history", "markov", "linear"])
def test_a_merged_table_takes_baselines_and_no_divergence_has_grown(folder: Path, method: str, tmp_path: Path) -> None:
    done = run("baseline", folder / "19.parquet", "--method", method, "-o", tmp_path / "fine.parquet")
    assert done.exit_code == 0, done.output
    assert run("merge", tmp_path / "fine.parquet", "--to", 10, "-o", tmp_path / "coarse.parquet").exit_code == 0
    fine, coarse = (read_table(tmp_path / f"{name}.parquet") for name in ("fine", "coarse"))
    js = [js_nats(t.theta_star, t.theta_s) for t in (fine, coarse) if t.theta_s is not None]
    assert (js[1] <= js[0] + 1e-12).all() and js[1].mean() < js[0].mean()
    done = run("baseline", folder / "10.parquet", "--method", method, "-o", tmp_path / "again.parquet")
    assert done.exit_code == 0, done.output


def test_without_the_categories_of_titles_markov_says_how_to_keep_them(tmp_path: Path) -> None:
    assert run("prepare", "movielens", DATA, "--limit", 20, "-o", tmp_path / "t.parquet").exit_code == 0
    done = run("baseline", tmp_path / "t.parquet", "--method", "markov", "-o", tmp_path / "out.parquet")
    assert done.exit_code == 3 and "prepare --title-categories" in done.stderr and done.stderr.count("\n") == 1


def test_groups_of_a_file_and_parents(folder: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("category,parent\nFilm-Noir,Dark\nHorror,Dark\nThriller,Dark\n")
    assert run("merge", folder / "19.parquet", "--groups", groups, "-o", tmp_path / "dark.parquet").exit_code == 0
    assert len(read_table(tmp_path / "dark.parquet").categories) == 17
    made = run("prepare", "synthetic", "-O", "users=5", "-O", "categories=8", "-o", tmp_path / "fine.parquet")
    assert made.exit_code == 0
    assert run("merge", tmp_path / "fine.parquet", "-o", tmp_path / "coarse.parquet").exit_code == 0
    fine = read_table(tmp_path / "fine.parquet")
    assert fine.parents is not None
    assert set(read_table(tmp_path / "coarse.parquet").categories) == set(fine.parents)


def test_the_order_of_a_file(folder: Path, tmp_path: Path) -> None:
    """A table without histories is not ranked by its windows."""
    blind = read_table(folder / "19.parquet").replace(history_counts=None)
    write_table(blind, tmp_path / "blind.parquet")
    done = run("merge", tmp_path / "blind.parquet", "--to", 3, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 3 and "--order" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out.parquet").exists()
    order = tmp_path / "order.csv"
    order.write_text("category,titles\nWar,12\nDrama,9\nComedy,3\n")
    words = ("merge", tmp_path / "blind.parquet", "--to", 3, "--order", order, "-o", tmp_path / "out.parquet")
    assert run(*words).exit_code == 0
    assert set(read_table(tmp_path / "out.parquet").categories) == {"War", "Drama", "Other"}
    order.write_text("category\nWar\nNoir\n")
    done = run(*words)
    assert done.exit_code == 3 and f"{order}: the order names 'Noir'" in done.stderr
    order.write_text("name\nWar\n")
    done = run(*words)
    assert done.exit_code == 3 and f"{order}: no column category" in done.stderr
    assert run("merge", folder / "19.parquet", "--order", order, "-o", tmp_path / "x").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "19"], "error: --to: 19; choose from 2 to 18"),
        ([], "error: merge: the table has no parents"),
    ],
)
def test_what_cannot_be_merged_is_one_line(folder: Path, tmp_path: Path, words: list[str], said: str) -> None:
    done = run("merge", folder / "19.parquet", *words, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 3 and done.stderr.startswith(said) and done.stderr.count("\n") == 1
    assert not (tmp_path / "out.parquet").exists()
