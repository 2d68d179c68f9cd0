"""`spectra-eval merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log, read_results

__all__ = ["command"]


@click.command("merge")
@opt.table_argument
@click.option(
    "--to", "n_categories", type=int, help="Keep the most frequent categories and merge the rest: N in total."
)
@click.option("--name", default="Other", show_default=True, help="With --to: the name of the merged category.")
@click.option(
    "--order",
    type=opt.FILE,
    help="With --to: CSV with a column category, the most frequent first.  [default: by history_counts]",
)
@click.option(
    "--groups",
    type=opt.FILE,
    help="CSV or JSON: category and parent; categories of one parent become one.",
)
@opt.output_option("The table.", required=True)
@opt.table_options
@common_options
def command(
    table: Path,
    n_categories: int | None,
    name: str,
    order: Path | None,
    groups: Path | None,
    output: Path,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Write TABLE with merged categories.

    Their columns are summed: 19 categories become 15 or 10, or the parents of a taxonomy. Merging never increases a
    divergence. The frequency of a category is taken from the histories or from the file of --order, never from the
    windows, which are the target. If TABLE has parents and neither --to nor --groups is given, the parents become the
    categories.
    """
    from spectra_eval.artifacts import write_table
    from spectra_eval.artifacts._side import read_columns
    from spectra_eval.data import read_taxonomy
    from spectra_eval.errors import InputError, SchemaError
    from spectra_eval.evaluation import merge_categories, merge_parents, merge_rarest

    if n_categories is not None and groups is not None:
        raise click.UsageError("--to and --groups: give one of the two")
    if n_categories is None and order is not None:
        raise click.UsageError("--order: goes with --to, which says how many categories are kept")
    source = read_results(table, reading, quiet=quiet)
    before = source.n_categories
    if n_categories is not None:
        ranked = None
        if order is not None:
            cells, _ = read_columns(order, ("category",))
            if "category" not in cells:
                raise SchemaError(f"{order}: no column category; name it in the first line")
            ranked = cells["category"]
        try:
            made = merge_rarest(source, n_categories, name=name, order=ranked)
        except InputError as error:
            if not str(error).startswith("merge: the order"):
                raise
            raise InputError(f"{order}: {str(error).removeprefix('merge: ')}") from error
    elif groups is not None:
        made = merge_categories(source, {name: parent for name, (parent,) in read_taxonomy(groups).parents.items()})
    else:
        made = merge_parents(source)
    del source  # a large table fits in memory only once
    write_table(made, output)
    log(f"table: {output}, {before} categories became {made.n_categories}", quiet=quiet)
