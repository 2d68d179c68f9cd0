"""`spectra-eval plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, read_results
from spectra_eval_cli._spelling import options_of

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
@opt.cutoff_option("With TABLE: the first k decoded entries.")
@opt.level_option("Level of each claim.")
@opt.scope_option
@click.option("--bound", type=click.Choice(["hoeffding", "clopper-pearson"]), default="hoeffding", show_default=True)
@click.option("--predicate-error", type=float, default=0.01, show_default=True, help="Error of one user's predicate.")
@opt.requirements("The value that the bound of a claim must reach.")
@opt.format_option()
@opt.table_options
@common_options
def command(
    table: Path | None,
    power: float,
    k: int,
    level: float,
    scope: str,
    bound: str,
    predicate_error: float,
    require: dict[str, float],
    style: str,
    reading: dict[str, Any],
    quiet: bool,
    **guessed: float | None,
) -> None:
    """Compute how many users the claims need.

    The claims then hold with probability --power; some also need a number of interactions per user. The input is a
    pilot TABLE, guesses, or both; a guess overrides the value from the table.
    """
    from spectra_eval.certification import guesses_from, plan

    guesses = {} if table is None else guesses_from(read_results(table, reading, quiet=quiet), k=k)
    guesses |= {name: value for name, value in guessed.items() if value is not None}
    needs = plan(
        guesses,
        power=power,
        level=level,
        scope=scope,
        bound=bound,
        predicate_error=predicate_error,
        require=require,
    )
    typed = options_of(click.get_current_context().command)
    rows = [
        {
            "claim": need.claim,
            "to pass": f"{need.threshold:g}",
            "if": ", ".join(f"{typed.get(name, name)} {value:.4g}" for name, value in need.given.items()),
            "users": _number(need.n_users),
            "interactions each": _number(need.n_interactions),
            "by": need.method if need.reason is None else need.reason,
        }
        for need in needs
    ]
    fields = ("claim", "threshold", "given", "n_users", "n_interactions", "method", "reason")
    documents = [{name: getattr(need, name) for name in fields} | {"given": dict(need.given)} for need in needs]
    header = {"schema": "spectra-eval/plan/1", "power": power, "level": level, "scope": scope, "bound": bound}
    document = {**header, "needs": documents}
    emit(rows, style=style, document=document, right=["to pass", "users", "interactions each"])


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
