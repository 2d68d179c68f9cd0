"""`spectra-eval compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, log, read_results, write_text
from spectra_eval_cli.evaluate import interval_lines

__all__ = ["command", "table_names"]

_LEAST = -300.0
"""Smaller logarithms of p-values are shown as bounds."""


@click.command("compare")
@opt.tables_argument
@opt.comma_option("--metrics", "Names separated by commas, for instance js_divergence,category_ndcg@10.")
@opt.comma_option("--baselines", "Baselines to compare with, separated by commas: see `list baselines`.")
@click.option(
    "--common",
    is_flag=True,
    help="Use only the records that all tables have; without it, missing records are an error.",
)
@opt.bootstrap_option("Bootstrap resamples of users; 0 for no intervals.")
@opt.level_option("Level of the intervals and tests.")
@opt.seed_option("Seed of the resamples.")
@opt.format_option("latex")
@opt.output_option("Write the JSON document here.")
@opt.table_options
@common_options
def command(
    tables: tuple[Path, ...],
    baselines: tuple[str, ...] | None,
    seed: int,
    style: str,
    output: Path | None,
    reading: dict[str, Any],
    quiet: bool,
    **further: Any,
) -> None:
    """Compare the readouts of TABLES on the same users.

    One row per pair and metric: the paired difference with its interval, Wilcoxon's signed-rank test adjusted by Holm
    over all rows, the rank-biserial correlation, and which system is better if the difference is significant.
    """
    import numpy as np

    from spectra_eval.artifacts import write_json
    from spectra_eval.evaluation import compare

    names = zip(table_names(tables), tables, strict=True)
    read = {name: read_results(path, reading, quiet=quiet) for name, path in names}
    found = compare(read, baselines=baselines or (), rng=np.random.default_rng(seed), **further)
    document = {**found.to_json(), "seed": seed}
    rows = [_row(pair, plain=style == "csv") for pair in document["pairs"]]
    right = [column for column in rows[0] if column not in ("metric", "systems", "better")]
    tests = " and ".join(dict.fromkeys(pair["test"].partition(", ")[2] for pair in document["pairs"] if pair["test"]))
    title = f"{document['facts']['n_users']} users, {document['facts']['n_tests']} tests adjusted together (Holm)"
    title += f"; Wilcoxon's signed rank, {tests}" if tests else ""
    if style == "latex":
        write_text(found.to_latex(), None)
    else:
        if style in ("table", "markdown"):
            systems = _systems(document)
            emit(
                systems, style=style, title="systems that share a letter are not told apart", right=list(systems[0])[1:]
            )
            write_text("\n", None)
        emit(rows, style=style, document=document, title=title, right=right, keys=2)
        if style in ("table", "markdown"):
            write_text(interval_lines(document["pairs"]), None)
    for warning in found.warnings:
        log(f"note: {warning}", quiet=quiet)
    if output is not None:
        write_json(document, output)
        log(f"comparison: {output}", quiet=quiet)


def table_names(paths: tuple[Path, ...]) -> list[str]:
    """Name each table after its file or folder, and by its whole path where that leaves a doubt."""
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else str(path) for stem, path in zip(stems, paths, strict=True)]


def _systems(document: dict[str, Any]) -> list[dict[str, str]]:
    """Return one row a system: its value in each metric, with its letters behind."""
    units = {pair["metric"]: "" if pair["unit"] == "1" else f" [{pair['unit']}]" for pair in document["pairs"]}
    rows: dict[str, dict[str, str]] = {}
    for metric, values in document["values"].items():
        for name, value in values.items():
            text = "undefined" if value is None else f"{value:.3f} {document['letters'][metric].get(name, '')}".strip()
            rows.setdefault(name, {"system": name})[metric + units[metric]] = text
    return list(rows.values())


def _row(pair: dict[str, Any], *, plain: bool) -> dict[str, str]:
    def shown(value: float | None, form: str) -> str:
        if value is None:
            return ""
        if plain:
            return repr(value)
        text = format(value, form)
        # What is no zero is not shown as one.
        return text if value == 0 or any(digit in "123456789" for digit in text) else format(value, "+.0e")

    unit = "" if pair["unit"] == "1" else f" [{pair['unit']}]"
    interval = pair["interval"] or {}
    tiny = "" if plain or pair["log10_p"] is None or pair["log10_p"] >= _LEAST else "<"
    return {
        "metric": pair["metric"] + unit,
        "systems": f"{pair['first']} - {pair['second']}",
        "difference": shown(pair["difference"], "+.4f") or "undefined",
        "low": shown(interval.get("low"), "+.4f"),
        "high": shown(interval.get("high"), "+.4f"),
        "adjusted p": tiny + shown(pair["adjusted_p_value"], ".2g"),
        "better": pair["better"] or "",
        "p": tiny + shown(pair["p_value"], ".2g"),
        "zeros": "" if pair["n_zero"] is None else str(pair["n_zero"]),
        "ties": "" if pair["n_tied"] is None else str(pair["n_tied"]),
        "rank-biserial": shown(pair["rank_biserial"], "+.3f"),
        "detectable": shown(pair["detectable"], ".4f"),
        **(
            {
                "interval": interval.get("method", ""),
                "test": pair["test"] or "",
                "log10 p": shown(pair["log10_p"], ""),
            }
            if plain
            else {}
        ),
    }
