"""`spectra-eval report`."""

from __future__ import annotations

from pathlib import Path

import click

from spectra_eval_cli._group import common_options, log, parse_mapping, table_options

__all__ = ["command"]


@click.command("report")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The HTML page.")
@click.option("-k", "k", type=int, default=5, show_default=True, help="The first k entries of each decoded list.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Level of intervals and claims.")
@click.option("--scope", type=click.Choice(["cohort", "population"]), default="cohort", show_default=True)
@click.option("--bootstrap", type=int, default=1000, show_default=True, help="Resamples of users.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resamples.")
@click.option("--title", default=None, help="Title of the page.")
@table_options
@common_options
def command(
    table: Path,
    output: Path,
    k: int,
    level: float,
    scope: str,
    bootstrap: int,
    seed: int,
    title: str | None,
    mapping: tuple[str, ...],
    renormalise: bool,
    empty_windows: str,
    quiet: bool,
) -> None:
    """Write one page about TABLE: what can be claimed, the systems side by side, figures, and how it was made."""
    import numpy as np

    from spectra_eval.artifacts import read_table
    from spectra_eval.certification import certify
    from spectra_eval.evaluation import evaluate
    from spectra_eval.report import write_report

    read = read_table(table, mapping=parse_mapping(mapping), renormalise=renormalise, empty_windows=empty_windows)
    evaluation = evaluate(
        read, strata=["tail_preference"], bootstrap=bootstrap, level=level, rng=np.random.default_rng(seed)
    )
    certificate = None
    if read.theta_s is not None:
        certificate = certify(read, k=k, level=level, scope=scope).to_json()
    write_report(
        output,
        tables=read,
        evaluation={**evaluation.to_json(), "seed": seed},
        certificate=certificate,
        title=title or f"What {table.stem} shows",
    )
    log(f"report: {output}", quiet=quiet)
