"""`spectra-eval evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, log, read_results, write_text

__all__ = ["command", "interval_lines", "rows_of"]


@click.command("evaluate")
@opt.tables_argument
@opt.comma_option("--metrics", "Names separated by commas, for instance js_divergence,category_ndcg@10.")
@opt.comma_option(
    "--strata",
    "Names separated by commas: tail_preference, tail_preference_window, activity, context_window, horizon, "
    "context_window_by_horizon, n_window, or columns of --columns.",
)
@opt.comma_option("--systems", "Names separated by commas: theta_s, dg, dg_best, or baselines; see `list baselines`.")
@click.option(
    "--columns",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="CSV with the column user and further columns for --strata.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Number of threads; does not affect the results.")
@opt.bootstrap_option("Bootstrap resamples of users; 0 for no intervals.")
@opt.level_option("Level of the intervals.")
@opt.seed_option("Seed of the resamples.")
@opt.limit_option
@opt.format_option()
@opt.output_option("Write the JSON document here.")
@opt.table_options
@common_options
def command(
    tables: tuple[Path, ...],
    columns: Path | None,
    seed: int,
    limit: int | None,
    style: str,
    output: Path | None,
    reading: dict[str, Any],
    quiet: bool,
    **further: Any,
) -> None:
    """Evaluate systems against the observed interactions.

    One row per system of each of TABLES: the model's predicted distribution (theta_s), its generated list (dg), and
    baselines.
    """
    import numpy as np

    from spectra_eval.arrays import check_whole
    from spectra_eval.artifacts import write_json
    from spectra_eval.evaluation import evaluate

    documents = []
    if limit is not None:
        check_whole("limit", limit, least=1, why="leave it out to evaluate every user")
    for path in tables:
        table = read_results(path, reading, quiet=quiet)
        if limit is not None:
            table = table.select(slice(0, limit))
        result = evaluate(
            table,
            columns=None if columns is None else further_columns(columns, table.users.tolist()),
            rng=np.random.default_rng(seed),
            **further,
        )
        document = result.to_json()
        document["seed"] = seed
        documents.append(document)
        if style != "json":
            shown = rows_of(document, plain=style == "csv")
            title = f"{path}: {document['facts']['n_users']} users x {table.n_categories} categories"
            labels = [column for column in shown[0] if column in ("stratum", "system")]
            right = [column for column in shown[0] if column not in labels]
            emit(shown, style=style, title=title, right=right, keys=len(labels))
            if style != "csv":
                write_text(interval_lines(document["results"]), None)
            for warning in document.get("warnings", []):
                log(f"note: {warning}", quiet=quiet)
    whole: Any = documents[0] if len(documents) == 1 else documents
    if style == "json":
        emit([], style="json", document=whole)
    if output is not None:
        write_json(whole, output)
        log(f"evaluation: {output}", quiet=quiet)


def further_columns(path: Path, users: list[str]) -> dict[str, Any]:
    """Read the columns of a CSV file beside `user`, in the order of the users; None where one has no row or value."""
    from spectra_eval.artifacts._side import read_columns
    from spectra_eval.errors import InputError

    cells, lines = read_columns(path)
    if "user" not in cells or len(cells) == 1:
        raise InputError(f"{path}: no column user with further columns beside it; name them in the first line")
    rows: dict[str, int] = {}
    for row, user in enumerate(cells.pop("user")):
        if rows.setdefault(user, row) != row:
            raise InputError(f"{path}: line {lines[row]}: user {user!r} occurs twice; keep one line")
    if not rows.keys() & set(users):
        raise InputError(f"{path}: no line is of a user of the table; write one line a user")
    return {
        name: _as_numbers([values[rows[user]] or None if user in rows else None for user in users])
        for name, values in cells.items()
    }


def _as_numbers(values: list[str | None]) -> Any:
    """Read a column as numbers where every value is one."""
    import numpy as np

    try:
        return np.array([np.nan if value is None else float(value) for value in values])
    except ValueError:
        return np.array(values, dtype=object)


def rows_of(document: dict[str, Any], *, plain: bool = False) -> list[dict[str, str]]:
    """Return one row a system and stratum: a column a metric with its unit, and the interval behind the value."""
    arrows = document.get("better", {})
    rows: dict[tuple[str, str], dict[str, str]] = {}
    several = len({result["stratum"] for result in document["results"]}) > 1
    for result in document["results"]:
        row = rows.setdefault((result["stratum"], result["system"]), {})
        if not row:
            if several:
                row["stratum"] = result["stratum"]
            row["system"] = result["system"]
        unit = "" if result["unit"] == "1" else f" [{result['unit']}]"
        column = f"{result['metric']}{unit}"
        if not plain:
            column += {"lower": " ↓", "higher": " ↑"}.get(arrows.get(result["metric"], ""), "")
        row[column] = _cell(result, plain=plain)
    columns: list[str] = []
    for row in rows.values():
        columns += [column for column in row if column not in columns]
    return [{column: row.get(column, "") for column in columns} for row in rows.values()]


def interval_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each form of interval among the rows, with the metrics that have it; empty without one."""
    forms: dict[str, list[str]] = {}
    for row in rows:
        if row["interval"] is not None:
            line = f"intervals at {100 * row['interval']['level']:.4g} %: {row['interval']['method']}"
            forms.setdefault(line, []).append(row["metric"])
    everywhere = len(forms) == 1
    return "".join(
        f"{line}{'' if everywhere else ' (' + ', '.join(dict.fromkeys(metrics)) + ')'}\n"
        for line, metrics in forms.items()
    )


def _cell(result: dict[str, Any], *, plain: bool) -> str:
    if result["status"] != "ok":
        return "undefined"
    if plain:
        return repr(result["value"])
    interval = result["interval"]
    text = f"{result['value']:.3f}"
    return text if interval is None else f"{text} ({interval['low']:.3f}, {interval['high']:.3f})"
