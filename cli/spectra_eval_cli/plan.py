"""`spectra-eval plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli._group import common_options, emit, parse_requirements, table_options

__all__ = ["command"]


@click.command("plan")
@click.argument("table", required=False, type=click.Path(path_type=Path))
@click.option(
    "--share", type=float, help="Guess: proportion of users for whose window theta_s is closer than the list."
)
@click.option("--mean-margin", type=float, help="Guess: mean of missed mass minus TV.")
@click.option("--mean-missed", type=float, help="Guess: mean missed mass (mass of the window outside the list).")
@click.option("--mean-js", "mean_js_bits", type=float, help="Guess: mean JS in bits.")
@click.option("--tv", type=float, help="Guess: total variation between readout and window of a typical user.")
@click.option("--margin-sd", type=float, help="Guess: standard deviation over users of missed mass minus TV.")
@click.option("--missed-sd", type=float, help="Guess: standard deviation over users of the missed mass.")
@click.option("--js-sd", type=float, help="Guess: standard deviation over users of the JS in bits.")
@click.option(
    "--power",
    type=float,
    default=0.9,
    show_default=True,
    help="Probability that a claim holds if the guesses are right; an unknown deviation counts as the largest.",
)
@click.option("-k", "k", type=int, default=5, show_default=True, help="With TABLE: the first k decoded entries.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Level of each claim.")
@click.option("--scope", type=click.Choice(["cohort", "population"]), default="cohort", show_default=True)
@click.option("--bound", type=click.Choice(["hoeffding", "clopper-pearson"]), default="hoeffding", show_default=True)
@click.option("--predicate-error", type=float, default=0.01, show_default=True, help="Error of one user's predicate.")
@click.option("--require", multiple=True, metavar="CLAIM=VALUE", help="The value that the bound of a claim must reach.")
@click.option("--format", "style", type=click.Choice(["table", "json", "markdown", "csv"]), default="table")
@table_options
@common_options
def command(
    table: Path | None,
    share: float | None,
    mean_margin: float | None,
    mean_missed: float | None,
    mean_js_bits: float | None,
    tv: float | None,
    margin_sd: float | None,
    missed_sd: float | None,
    js_sd: float | None,
    power: float,
    k: int,
    level: float,
    scope: str,
    bound: str,
    predicate_error: float,
    require: tuple[str, ...],
    style: str,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Compute how many users the claims need.

    The claims then hold with probability --power; some also need a number of interactions per user. The input is a
    pilot TABLE, guesses, or both; a guess overrides the value from the table.
    """
    from spectra_eval.artifacts import read_table
    from spectra_eval.certification import guesses_from, plan

    guesses: dict[str, float] = {}
    if table is not None:
        pilot = read_table(table, **reading)
        guesses = guesses_from(pilot, k=k)
    typed = {
        "share": share,
        "mean_margin": mean_margin,
        "mean_missed": mean_missed,
        "mean_js_bits": mean_js_bits,
        "tv": tv,
        "margin_sd": margin_sd,
        "missed_sd": missed_sd,
        "js_sd": js_sd,
    }
    guesses |= {name: value for name, value in typed.items() if value is not None}
    needs = plan(
        guesses,
        power=power,
        level=level,
        scope=scope,
        bound=bound,
        predicate_error=predicate_error,
        require=parse_requirements(require),
    )
    rows = [
        {
            "claim": need.claim,
            "to pass": f"{need.threshold:g}",
            "if": ", ".join(f"{name} = {value:.4g}" for name, value in need.given.items()),
            "users": _number(need.n_users),
            "interactions each": _number(need.n_interactions),
            "by": need.method if need.reason is None else need.reason,
        }
        for need in needs
    ]
    documents = [
        {
            "claim": need.claim,
            "threshold": need.threshold,
            "given": dict(need.given),
            "n_users": need.n_users,
            "n_interactions": need.n_interactions,
            "method": need.method,
            "reason": need.reason,
        }
        for need in needs
    ]
    said = {"schema": "spectra-eval/plan/1", "power": power, "level": level, "scope": scope, "bound": bound}
    document = {**said, "needs": documents}
    emit(rows, style=style, document=document, right=["to pass", "users", "interactions each"])


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
