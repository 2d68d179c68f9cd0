"""`spectra-eval report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._config import COMMAS
from spectra_eval_cli._group import common_options, log, table_options
from spectra_eval_cli.compare import table_names
from spectra_eval_cli.evaluate import names

__all__ = ["command"]


@click.command("report")
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The HTML page.")
@click.option(
    "--paper",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for a paper: the tables as LaTeX, each figure as PDF.",
)
@click.option("--metrics", type=COMMAS, help="Names separated by commas.  [default: every metric that the page shows]")
@click.option("--systems", type=COMMAS, help="As for evaluate.  [default: the systems in TABLE, and baselines]")
@click.option(
    "--strata",
    type=COMMAS,
    help="As for evaluate.  [default: tail_preference, and windows and horizons if several]",
)
@click.option("-k", "k", type=int, default=5, show_default=True, help="The first k entries of each decoded list.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Level of intervals and claims.")
@click.option("--scope", type=click.Choice(["cohort", "population"]), default="cohort", show_default=True)
@click.option("--bootstrap", type=int, default=1000, show_default=True, help="Resamples of users.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the resamples.")
@click.option("--title", default=None, help="Title of the page.")
@table_options
@common_options
def command(
    tables: tuple[Path, ...],
    output: Path,
    paper: Path | None,
    metrics: str | None,
    systems: str | None,
    strata: str | None,
    k: int,
    level: float,
    scope: str,
    bootstrap: int,
    seed: int,
    title: str | None,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Write an HTML page of claims, tables and figures.

    It compares the systems and shows the provenance of the numbers. The page is about the first of TABLES; the
    readouts of the others, on the same users, are compared with it.
    """
    import numpy as np

    from spectra_eval.artifacts import read_table
    from spectra_eval.certification import certify
    from spectra_eval.evaluation import align, evaluate
    from spectra_eval.report import default_title, questions, write_paper, write_report

    read = {name: read_table(path, **reading) for name, path in zip(table_names(tables), tables, strict=True)}
    subject = next(iter(read.values()))
    asked = {"metrics": names(metrics), "systems": names(systems), "strata": names(strata)}
    given = {name: value for name, value in asked.items() if value is not None}
    documents = [
        {
            **evaluate(
                table,
                **{**questions(table), **given},
                bootstrap=bootstrap,
                level=level,
                rng=np.random.default_rng(seed),
            ).to_json(),
            "seed": seed,
        }
        for table in (align(read).values() if len(read) > 1 else read.values())
    ]
    certificate = None
    if subject.theta_s is not None:
        certificate = certify(subject, k=k, level=level, scope=scope).to_json()
    title = title or default_title(subject, tables[0])
    shown = tuple(read.values())
    write_report(output, tables=shown, evaluation=documents, certificate=certificate, title=title, names=tuple(read))
    log(f"report: {output}", quiet=quiet)
    if paper is not None:
        written = write_paper(
            paper, tables=shown, evaluation=documents, certificate=certificate, title=title, names=tuple(read)
        )
        log(f"paper: {paper}, {len(written)} files", quiet=quiet)
