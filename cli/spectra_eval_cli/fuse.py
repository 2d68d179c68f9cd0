"""`spectra-eval fuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, log, read_results

__all__ = ["command"]


@click.command("fuse")
@opt.table_argument
@click.option(
    "--scores",
    required=True,
    type=opt.PATH,
    help="CSV, TSV, Parquet or JSON lines with columns user, item, score, category (several joined by |), and "
    "optionally truth.",
)
@click.option("--items", type=opt.PATH, help="A separate file of categories, with columns item and category.")
@opt.pairs_option(
    "--scores-map", metavar="NAME=COLUMN", form=opt.MAPPING, help="Read column NAME of the scores from COLUMN."
)
@click.option(
    "--weight",
    default="fitted",
    show_default=True,
    callback=opt.number_or_fitted,
    help="A number, or 'fitted': cross-fitted on other users.",
)
@opt.cutoff_option("Cut-off of NDCG and recall.", default=10)
@click.option(
    "--smoothing", type=float, default=1e-3, show_default=True, help="Weight of the uniform distribution in the prior."
)
@opt.bootstrap_option("Resamples of users; 0 for no intervals.")
@opt.level_option("Level of the intervals.")
@opt.seed_option("Seed of the resamples.")
@opt.format_option()
@opt.output_option("The fused scores, CSV or Parquet.")
@opt.table_options
@common_options
def command(
    table: Path,
    scores: Path,
    items: Path | None,
    scores_map: dict[str, str],
    seed: int,
    style: str,
    output: Path | None,
    reading: dict[str, Any],
    quiet: bool,
    **how: Any,
) -> None:
    """Use theta_s as a category prior for item scores.

    TABLE has theta_s; the scores are those of any recommender. The fused score is the user's standardised score (mean
    0, standard deviation 1) plus the weight times the logarithm of the probability that theta_s gives to the item's
    categories. With a column truth, both rankings are evaluated.
    """
    import numpy as np

    from spectra_eval.fusion import fuse, read_item_scores, write_fused

    read = read_results(table, reading, quiet=quiet)
    given = read_item_scores(scores, read.categories, items=items, mapping=scores_map)
    found = fuse(read, given, rng=np.random.default_rng(seed), **how)
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
            {name: getattr(r, name) for name in ("metric", "unit", "system", "value", "interval", "n_users")}
            | {"interval": None if r.interval is None else vars(r.interval)}
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
