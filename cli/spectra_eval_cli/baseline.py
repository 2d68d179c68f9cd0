"""`spectra-eval baseline`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log, read_results
from spectra_eval_cli._spelling import dataset_options, entry_options

__all__ = ["command"]


@click.command("baseline")
@opt.table_argument
@click.option("--method", help="uniform, popularity, history, ...: see `list baselines`.")
@click.option(
    "--scores",
    type=opt.PATH,
    help="Instead of --method, the scores of a ranker: CSV, TSV, Parquet or JSON lines with columns user, item, score "
    "(and category, several joined by |), or user, category, score.",
)
@click.option("--items", type=opt.PATH, help="--scores: a file with columns item and category.")
@click.option("--dataset", help="--scores: --items is the source of this data set, read as by `prepare`.")
@opt.pairs_option("--option", "-O", "more", form="NAME=VALUE", blank=True, help="Any option of --dataset.")
@opt.pairs_option(
    "--scores-map", metavar="NAME=COLUMN", form=opt.MAPPING, help="Read column NAME of the scores from COLUMN."
)
@click.option(
    "--distribution",
    type=click.Choice(["softmax", "shares"]),
    help="--scores: softmax of a user's scores, or the scores divided by their sum.  [default: softmax for items, "
    "shares for categories]",
)
@click.option("--temperature", type=float, help="--scores: divides the scores before the softmax.  [default: 1]")
@click.option(
    "--missing",
    type=click.Choice(["refuse", "drop"]),
    help="--scores: how to treat users of TABLE without scores.  [default: refuse]",
)
@opt.output_option("The table.", required=True)
@opt.table_options
@common_options
def command(
    table: Path,
    method: str | None,
    scores: Path | None,
    items: Path | None,
    dataset: str | None,
    more: dict[str, str],
    scores_map: dict[str, str],
    output: Path,
    reading: dict[str, Any],
    quiet: bool,
    **how: Any,
) -> None:
    """Write TABLE with a baseline predictor, or with the scores of a ranker, as theta_s.

    The new table can be evaluated, compared and certified like that of any model.
    """
    from spectra_eval.artifacts import write_table
    from spectra_eval.baselines import with_baseline
    from spectra_eval.baselines._table import without_readout
    from spectra_eval.fusion import with_scores

    if (method is None) == (scores is None):
        raise click.UsageError("give either --method or --scores")
    given = {name: value for name, value in how.items() if value is not None}
    of_scores = {**given, "items": items, "dataset": dataset, "option": more, "scores_map": scores_map}
    if scores is None and (extra := next((name for name, value in of_scores.items() if value), None)) is not None:
        raise click.UsageError(f"--{extra.replace('_', '-')}: an option of --scores; name that too")
    source = without_readout(read_results(table, reading, quiet=quiet), method)
    if method is not None:
        made = with_baseline(source, method)
        what = f"the {method} baseline"
    else:
        assert scores is not None
        made = with_scores(source, scores, items=_items(items, dataset, more), mapping=scores_map, **given)
        about = made.metadata["baseline"]
        what = f"the {about['distribution']} of the scores in {scores}"
        _say(about, quiet=quiet)
    write_table(made, output)
    log(f"table: {output}, theta_s is {what}", quiet=quiet)


def _items(items: Path | None, dataset: str | None, more: dict[str, str]) -> Any:
    """Return the file of the items, or the interactions of a data set."""
    if dataset is None:
        if more:
            raise click.UsageError("-O: an option of a data set; name it with --dataset")
        return items
    from spectra_eval.data import DATASETS

    entry = DATASETS[dataset]
    if entry.needs_source == (items is None):
        raise click.UsageError(
            f"{dataset}: {'name its source with --items' if entry.needs_source else 'has no source'}"
        )
    options = dataset_options(dataset, entry.options, more)
    with entry_options(entry.options):
        return entry.read(items, **options)


def _say(about: dict[str, Any], *, quiet: bool) -> None:
    """Report what was left out, and what is not known."""
    counts = {
        "users_without_scores": "users of the table without scores, left out",
        "users_not_in_the_table": "users of the scores who are not in the table",
        "items_without_category": "items without a category, left out",
    }
    for name, words in counts.items():
        if about[name]:
            log(f"note: {words}: {about[name]:,}", quiet=quiet)
    log("note: whether the ranker was trained on the evaluation windows is not known and not checked", quiet=quiet)
