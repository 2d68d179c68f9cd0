"""`spectra-eval prepare`."""

from __future__ import annotations

from pathlib import Path

import click

from spectra_eval_cli._group import common_options, log

__all__ = ["command"]


@click.command("prepare")
@click.argument("dataset")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The table.")
@click.option("--genres", default="18+imax", show_default=True, help="movielens: 18, 18+imax, or 20.")
@click.option(
    "--weighting",
    type=click.Choice(["fraction", "count"]),
    default="fraction",
    show_default=True,
    help="An item with g categories gives each 1/g (fraction) or 1 (count).",
)
@click.option("--split", type=float, default=0.8, show_default=True, help="Share of each user's past that is history.")
@click.option(
    "--ties",
    type=click.Choice(["file-order", "together"]),
    default="file-order",
    show_default=True,
    help="Interactions of one second: cut in file order, or kept on one side.",
)
@click.option("--min-interactions", type=int, default=5, show_default=True, help="Leave out users with fewer.")
@click.option("--limit", type=int, help="Only the first N users, for a quick look.")
@common_options
def command(
    dataset: str,
    source: Path,
    output: Path,
    genres: str,
    weighting: str,
    split: float,
    ties: str,
    min_interactions: int,
    limit: int | None,
    quiet: bool,
) -> None:
    """Turn the raw files of DATASET in SOURCE into a preference table.

    Each user's interactions are ordered by time; the first share is the history that a model is told, the rest is
    the window that it is held against. Terms of use are printed; nothing is downloaded.
    """
    from spectra_eval.artifacts import write_table
    from spectra_eval.data import DATASETS, prepare

    entry = DATASETS[dataset]
    options = {"genre_set": genres} if "genre_set" in entry.options else {}
    if entry.terms:
        log(f"terms: {entry.terms}", quiet=quiet)
    interactions = entry.read(source, **options)
    table = prepare(interactions, weighting=weighting, split=split, ties=ties, min_interactions=min_interactions)
    if limit is not None:
        table = table.select(slice(0, limit))
    write_table(table, output)
    log(f"table: {output}, {table.n_users} users x {table.n_categories} categories", quiet=quiet)
