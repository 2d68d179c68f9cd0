"""`spectra-eval fuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._group import common_options, emit, log, parse_mapping, table_options
from spectra_eval_cli.probe import parse_number

__all__ = ["command"]


@click.command("fuse")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--scores",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV, TSV or Parquet with columns user, item, score, category (several joined by |), and optionally truth.",
)
@click.option(
    "--items", type=click.Path(path_type=Path), help="A separate file of categories, with columns item and category."
)
@click.option("--scores-map", multiple=True, metavar="NAME=COLUMN", help="Read column NAME of the scores from COLUMN.")
@click.option(
    "--weight", default="fitted", show_default=True, help="A number, or 'fitted': cross-fitted on other users."
)
@click.option("-k", "k", type=int, default=10, show_default=True, help="Cut-off of NDCG and recall.")
@click.option(
    "--smoothing", type=float, default=1e-3, show_default=True, help="Weight of the uniform distribution in the prior."
)
@click.option("--bootstrap", type=int, default=1000, show_default=True, help="Resamples of users; 0 for no intervals.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Level of the intervals.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the resamples.")
@click.option("--format", "style", type=click.Choice(["table", "json", "markdown", "csv"]), default="table")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The fused scores, CSV or Parquet."
)
@table_options
@common_options
def command(
    table: Path,
    scores: Path,
    items: Path | None,
    scores_map: tuple[str, ...],
    weight: str,
    k: int,
    smoothing: float,
    bootstrap: int,
    level: float,
    seed: int,
    style: str,
    output: Path | None,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Use theta_s as a category prior for item scores.

    TABLE has theta_s; the scores are those of any recommender. The fused score is the user's standardised score (mean
    0, standard deviation 1) plus the weight times the logarithm of the probability that theta_s gives to the item's
    categories. With a column truth, both rankings are evaluated.
    """
    import numpy as np

    from spectra_eval.artifacts import read_table
    from spectra_eval.fusion import fuse, read_item_scores, write_fused

    wanted = parse_number(weight, "--weight")
    read = read_table(table, **reading)
    given = read_item_scores(scores, read.categories, items=items, mapping=parse_mapping(scores_map))
    found = fuse(
        read,
        given,
        weight=wanted,
        k=k,
        smoothing=smoothing,
        bootstrap=bootstrap,
        level=level,
        rng=np.random.default_rng(seed),
    )
    rows = [
        {
            "metric": r.metric,
            "system": r.system,
            "value": f"{r.value:.4f}",
            "interval": "" if r.interval is None else f"{r.interval.low:.4f}, {r.interval.high:.4f}",
            "users": str(r.n_users),
        }
        for r in found.results
    ]
    document = {
        "schema": "spectra-eval/fusion",
        "weights": list(found.fold_weights),
        "n_left_out": found.n_left_out,
        "results": [
            {
                "metric": r.metric,
                "unit": r.unit,
                "system": r.system,
                "value": r.value,
                "interval": None if r.interval is None else vars(r.interval),
                "n_users": r.n_users,
            }
            for r in found.results
        ],
    }
    if rows or style == "json":
        emit(rows, style=style, document=document, right=("value", "users"))
    weights = ", ".join(f"{w:g}" for w in found.fold_weights)
    log(f"weight: {weights}" + (" (by fold of users)" if len(found.fold_weights) > 1 else ""), quiet=quiet)
    if found.n_left_out:
        log(f"{found.n_left_out} users have no relevant item and are left out", quiet=quiet)
    if output is not None:
        parts = {"standardised": found.standardised, "log_prior": found.log_prior, "fused": found.fused}
        write_fused({"user": given.users, "item": given.items, **parts}, output)
        log(f"fused: {output}, {len(given.users)} rows", quiet=quiet)
