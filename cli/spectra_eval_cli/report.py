"""`spectra-eval report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log, read_results
from spectra_eval_cli.compare import table_names

__all__ = ["command"]


@click.command("report")
@opt.tables_argument
@opt.output_option("The HTML page.", required=True)
@click.option("--paper", type=opt.FOLDER, help="Folder for a paper: the tables as LaTeX, each figure as PDF.")
@opt.comma_option("--metrics", "Names separated by commas.  [default: every metric that the page shows]")
@opt.comma_option("--systems", "As for evaluate.  [default: the systems in TABLE, and baselines]")
@opt.comma_option("--strata", "As for evaluate.  [default: tail_preference, and windows and horizons if several]")
@opt.cutoff_option("The first k entries of each decoded list.")
@opt.level_option("Level of intervals and claims.")
@opt.scope_option
@opt.bootstrap_option("Resamples of users.")
@opt.seed_option("Seed of the resamples.")
@click.option("--title", default=None, help="Title of the page.")
@opt.table_options
@common_options
def command(
    tables: tuple[Path, ...],
    output: Path,
    paper: Path | None,
    k: int,
    level: float,
    scope: str,
    bootstrap: int,
    seed: int,
    title: str | None,
    reading: dict[str, Any],
    quiet: bool,
    **named: tuple[str, ...] | None,
) -> None:
    """Write an HTML page of claims, tables and figures.

    It compares the systems and shows the provenance of the numbers. The page is about the first of TABLES; the
    readouts of the others, on the same users, are compared with it.
    """
    import numpy as np

    from spectra_eval.certification import certify
    from spectra_eval.evaluation import align, evaluate
    from spectra_eval.report import default_title, evaluation_arguments, write_paper, write_report

    names = zip(table_names(tables), tables, strict=True)
    read = {name: read_results(path, reading, quiet=quiet) for name, path in names}
    subject = next(iter(read.values()))
    how: dict[str, Any] = {"bootstrap": bootstrap, "level": level}
    how |= {name: value for name, value in named.items() if value is not None}
    documents = [
        {
            **evaluate(table, **{**evaluation_arguments(table), **how}, rng=np.random.default_rng(seed)).to_json(),
            "seed": seed,
        }
        for table in (align(read).values() if len(read) > 1 else read.values())
    ]
    certificate = None
    if subject.theta_s is not None:
        certificate = certify(subject, k=k, level=level, scope=scope, against="auto").to_json()
    title = title or default_title(subject, tables[0])
    shown: dict[str, Any] = {"tables": tuple(read.values()), "names": tuple(read)}
    shown |= {"evaluation": documents, "certificate": certificate, "title": title}
    write_report(output, **shown)
    log(f"report: {output}", quiet=quiet)
    if paper is not None:
        written = write_paper(paper, **shown)
        log(f"paper: {paper}, {len(written)} files", quiet=quiet)
