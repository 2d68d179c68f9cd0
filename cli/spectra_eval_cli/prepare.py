"""`spectra-eval prepare`."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, log
from spectra_eval_cli._printing import is_stdout
from spectra_eval_cli._proof import prove_table

if TYPE_CHECKING:
    from spectra_eval.data import Dataset

__all__ = ["command"]

_FLAGS = {name: f"--{name.replace('_', '-')}" for name in ("taxonomy", "two_parents", "level", "seed")}
_FLAGS["genre_set"] = "--genres"
"""Options of data sets that the command has options of its own for."""
_SHOWN = 10
_REASONS = {
    "users_with_too_few": "too few interactions (--min-interactions)",
    "users_undivided": "no interaction on one side of the split",
    "users_without_history_in_span": "no interaction in the history span (--history-span)",
    "users_without_window_in_span": "no interaction in the window span (--window-span)",
    "users_with_too_few_sessions": "too few sessions (--min-sessions)",
    "users_with_too_few_active_days": "too few active days (--min-active-days)",
    "users_with_weightless_windows": "a window of weight 0",
}
"""Why users are left out, by the names of the counts in the metadata."""
_DEFAULT = click.core.ParameterSource.DEFAULT
_ROLES = ("user", "item", "time", "categories", "title", "weight", "rating")
"""Columns: ``--map NAME=COLUMN``."""


@click.command("prepare")
@click.argument("dataset")
@click.argument("source", required=False, type=click.Path(path_type=Path))
@opt.output_option("The table.")
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    help="Write nothing; check that no window of this table or run is in a history or a prompt.",
)
@click.option(
    "--texts",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="--check: also check these training texts (JSON lines).",
)
@click.option("--genres", help="movielens: held (those in the files), 18, 18+imax, 18+none or 20.  [default: held]")
@opt.pairs_option("--map", "mapping", metavar="NAME=COLUMN", form=opt.MAPPING, help="csv, recbole: the column of NAME.")
@click.option("--taxonomy", type=click.Path(dir_okay=False, path_type=Path), help="CSV or JSON: category and parent.")
@click.option("--two-parents", type=click.Choice(["refuse", "pair"]), help="How to treat a category with two parents.")
@click.option("--level", type=click.Choice(["fine", "coarse"]), help="Which of two levels is used as categories.")
@opt.pairs_option("--option", "-O", "more", form="NAME=VALUE", blank=True, help="Any other option of DATASET.")
@opt.seed_option("synthetic: seed of the simulation.", default=None)
@click.option(
    "--weighting",
    type=click.Choice(["fraction", "count"]),
    default="fraction",
    show_default=True,
    help="An item with g categories gives each 1/g (fraction) or 1 (count).",
)
@click.option(
    "--split",
    type=float,
    default=0.8,
    show_default=True,
    help="Proportion of each user's interactions that are the history.",
)
@click.option("--split-date", metavar="DATE", help="Start of the evaluation window for all users, instead of --split.")
@click.option(
    "--window-end",
    type=float,
    default=1.0,
    show_default=True,
    help="Proportion of each user's interactions at which the window ends. For a training table: the --split of the "
    "evaluation.",
)
@click.option(
    "--history-span",
    metavar="SPAN",
    help="Time before the window that is the history, for instance 30d; all of it by default.",
)
@click.option("--window-span", metavar="SPAN", help="Length of the window in time, for instance 14d, 12h or 2w.")
@click.option(
    "--ties",
    type=click.Choice(["file-order", "together", "session"]),
    default="file-order",
    show_default=True,
    help="Interactions with equal time stamps: split in file order, or keep them (or whole sessions) on one side.",
)
@opt.comma_option(
    "--context-windows",
    "Numbers of past sessions shown in the prompt; one record each.",
    read=int,
    example="whole numbers with commas, for instance 1,3,5,8",
    metavar="1,3,5,8",
)
@opt.comma_option("--horizons", "The whole window (long), its beginning (short), or both.", metavar="long,short")
@click.option("--short", default="session", show_default=True, help="The short horizon: session, or N interactions.")
@click.option("--session-gap", default="8h", show_default=True, help="A longer gap starts a new session.")
@click.option(
    "--min-interactions", type=int, default=5, show_default=True, help="Exclude users with fewer interactions."
)
@click.option(
    "--min-sessions", type=int, default=1, show_default=True, help="Exclude users with fewer sessions in the history."
)
@click.option(
    "--min-active-days",
    type=int,
    default=1,
    show_default=True,
    help="Exclude users with interactions on fewer UTC days of the history.",
)
@click.option(
    "--details", is_flag=True, help="Store time, rating and categories of every title, for `probe --template`."
)
@click.option(
    "--title-categories",
    is_flag=True,
    help="Store the categories of each title, which `baseline --method markov` needs; reads the whole log.",
)
@opt.limit_option
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: str,
    source: Path | None,
    output: Path | None,
    check: Path | None,
    texts: Path | None,
    genres: str | None,
    mapping: dict[str, str],
    taxonomy: Path | None,
    two_parents: str | None,
    level: str | None,
    more: dict[str, str],
    seed: int | None,
    split_date: str | None,
    title_categories: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Convert raw files to a preference table.

    DATASET is the format, SOURCE the file or folder. Each user's interactions are ordered by time. Those before the
    split are the history, which the prompt shows; the rest are the evaluation window. A leakage check verifies that
    no window is in a history. Terms of use are printed; nothing is downloaded. DATASET synthetic has no SOURCE and
    also writes a table with the true distributions.
    """
    from spectra_eval.artifacts import write_table
    from spectra_eval.baselines import with_title_categories
    from spectra_eval.data import DATASETS, prepare, prepare_file

    if split_date is not None and ctx.get_parameter_source("split") is not _DEFAULT:
        raise click.UsageError("--split and --split-date: give one of the two")
    if how["window_span"] is not None and ctx.get_parameter_source("window_end") is not _DEFAULT:
        raise click.UsageError("--window-end and --window-span: both end the window; give one of the two")
    if (output is None) == (check is None):
        raise click.UsageError("give either --output, to write a table, or --check, to prove of one that it is clean")
    if output is not None and not output.name:
        raise click.UsageError("--output: an empty name; name the file of the table")
    if texts is not None and check is None:
        raise click.UsageError("--texts: it is compared with the table of --check; name that too")
    entry = DATASETS[dataset]
    named = {"genre_set": genres, "taxonomy": taxonomy, "two_parents": two_parents, "level": level, "seed": seed}
    given = {name: value for name, value in named.items() if value is not None}
    options = _options(entry, {**given, **mapping, **{name.replace("-", "_"): value for name, value in more.items()}})
    if entry.needs_source == (source is None):
        raise click.UsageError(f"{dataset}: {'name the SOURCE' if entry.needs_source else 'has no SOURCE'}")
    if entry.terms:
        log(f"terms: {entry.terms}", quiet=quiet)
    with _typed(entry, ("split_date", *how)):
        if output is None:
            assert check is not None
            prove_table(check, entry.read(source, **options), texts=texts, quiet=quiet)
            return
        if entry.load is not None and not title_categories:
            made = prepare_file(entry.load(source, **options), output, split_date=split_date, **how)
            users, records, categories, metadata = made.n_users, made.n_records, made.n_categories, made.metadata
        else:
            interactions = entry.read(source, **options)
            table = prepare(interactions, split_date=split_date, **how)
            if title_categories:
                table = with_title_categories(table, interactions)
            if entry.finish is not None:
                table, law = entry.finish(table, interactions)
                if is_stdout(output):
                    log("note: the table with the law as theta_star is written beside a file only", quiet=quiet)
                else:
                    law_path = output.with_suffix(f".law{output.suffix}")
                    write_table(law, law_path)
                    log(f"law: {law_path}, the same records with the law as theta_star", quiet=quiet)
            write_table(table, output)
            users, records = len(set(table.users.tolist())), table.n_users
            categories, metadata = table.n_categories, table.metadata
    log(f"table: {output}, {users} users, {records} records x {categories} categories", quiet=quiet)
    for line in _notes(metadata):
        log(f"note: {line}", quiet=quiet)
    if cut_short := metadata.get("users_with_window_past_the_log"):
        what = f"{cut_short} of the windows end after the last interaction of the log, so they may be incomplete"
        log(f"note: {what}", quiet=quiet)
    if unused := metadata.get("categories_unused", []):
        shown = ", ".join(map(repr, unused[:5])) + (", …" if len(unused) > 5 else "")
        what = f"{len(unused)} of {categories} categories are in no interaction, and every reference spreads over them"
        log(f"note: {what}: {shown}", quiet=quiet)


def _notes(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield how a log without times was read, and which labels and which users are left out, with counts."""
    if metadata.get("order") == "file":
        yield "the log has no times; interactions are in the order of the file"
    if parts := metadata.get("parts"):
        yield f"read as one set: {', '.join(parts)}"
    if labels := metadata.get("labels_left_out"):
        ranked = sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))
        shown = ", ".join(f"{str(label)[:60]!r} ({count:,})" for label, count in ranked[:_SHOWN])
        more = f", and {len(ranked) - _SHOWN:,} more" if len(ranked) > _SHOWN else ""
        what = "1 label is" if len(ranked) == 1 else f"{len(ranked):,} labels are"
        yield f"{what} not among the categories and left out (interactions): {shown}{more}"
    reasons = {reason: metadata.get(name, 0) for name, reason in _REASONS.items()}
    if any(reasons.values()):
        why = ", ".join(f"{count:,} have {reason}" for reason, count in reasons.items() if count)
        yield f"{sum(reasons.values()):,} of {metadata['users_read']:,} users are left out: {why}"


def _spelled(entry: Dataset, name: str, value: str = "") -> str:
    """Return an option of the library as it is typed."""
    if name in entry.options and name in _ROLES:
        return f"--map {name}={value}".rstrip("=")
    if name in entry.options and name not in _FLAGS:
        return f"-O {name.replace('_', '-')}={value}".rstrip("=")
    return f"{_FLAGS.get(name, '--' + name.replace('_', '-'))} {value}".rstrip()


@contextlib.contextmanager
def _typed(entry: Dataset, rules: Sequence[str]) -> Iterator[None]:
    """Raise an error of the library with the names of the command-line options."""
    from spectra_eval.errors import InputError

    try:
        yield
    except InputError as error:
        names = "|".join(sorted({*entry.options, *rules}))
        message = re.sub(rf"^({names}): ", lambda found: f"{_spelled(entry, found[1])}: ", str(error))
        message = re.sub(
            rf"\b({names})=(?:'([^']*)'|([\d.]+))",
            lambda found: _spelled(entry, found[1], shlex.quote(found[2] or found[3] or "")),
            message,
        )
        raise type(error)(message) from error


def _options(entry: Dataset, given: dict[str, Any]) -> dict[str, Any]:
    """Raise if the data set does not take an option."""
    for name in given:
        if name not in entry.options:
            known = ", ".join(_spelled(entry, option) for option in entry.options) or "none"
            asked_for = _FLAGS.get(name, name.replace("_", "-"))
            raise click.UsageError(f"{entry.name} takes no option {asked_for!r}; it takes {known}")
    return given
