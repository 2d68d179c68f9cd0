"""`spectra-eval baseline`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log, read_results

__all__ = ["command"]


@click.command("baseline")
@opt.table_argument
@click.option("--method", required=True, help="uniform, popularity, history, ...: see `list baselines`.")
@opt.output_option("The table.", required=True)
@opt.table_options
@common_options
def command(
    table: Path,
    method: str,
    output: Path,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Write TABLE with a baseline predictor as theta_s.

    The new table can be evaluated, compared and certified like that of any model.
    """
    from spectra_eval.artifacts import write_table
    from spectra_eval.baselines import with_baseline

    source = read_results(table, reading, quiet=quiet)
    made = with_baseline(source, method)
    write_table(made, output)
    log(f"table: {output}, theta_s is the {method} baseline", quiet=quiet)
