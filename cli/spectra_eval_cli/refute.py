"""`spectra-eval refute`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, write_text

__all__ = ["command"]


@click.command("refute")
@click.argument("name", metavar="MODULE:NAME")
@click.option(
    "--given", help="The known quantity: js_divergence, kl_divergence:nat, chi_squared, ... Default: JS in bits."
)
@click.option("--of", help="The bounded quantity. Default: total_variation.")
@click.option("--side", type=click.Choice(["upper", "lower"]), help="The claimed side. Default: upper.")
@opt.example_options(2000, "Random pairs before the local search.", "Seed of the search.")
@opt.format_option(among=("table", "json"))
@opt.output_option("Write to this file.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    given: str | None,
    of: str | None,
    side: str | None,
    examples: int,
    seed: int,
    style: str,
    output: Path | None,
    quiet: bool,
) -> None:
    """Search for a counterexample to a claimed bound.

    MODULE:NAME is a function of one number that claims to bound one quantity of a pair of distributions by another
    (specified by its attributes given, of and side, or by the options), an Envelope, or a function of weights, category
    and k that claims to bound the probability of being among k draws without replacement. A name without a colon is
    a registered envelope (`list envelopes`) or printed_union_bound, the paper's Theorem 2. Exit code 1: refuted.
    """
    from spectra_eval.testing.inclusion import bounds_inclusion
    from spectra_eval.testing.refutation import as_bound, refute
    from spectra_eval.theory import ENVELOPES
    from spectra_eval_cli._objects import load

    if name == "printed_union_bound":
        name = f"spectra_eval.theory:{name}"
    subject = load(name) if ":" in name else ENVELOPES[name]
    if bounds_inclusion(subject):
        _refute_inclusion(ctx, subject, name, examples=examples, seed=seed, style=style, output=output)
        return
    bound = as_bound(subject, name=name, given=given, of=of, side=side)
    found = refute(bound, max_examples=examples, seed=seed, source=name)
    document = {
        "bound": name,
        "known": {"quantity": bound.given, "unit": bound.given_unit},
        "bounded": {"quantity": bound.of, "unit": bound.of_unit},
        "examples": examples,
        "seed": seed,
        "found": found.found,
        "found_by": found.found_by,
        "theta_star": None if found.theta_star is None else found.theta_star.tolist(),
        "theta_s": None if found.theta_s is None else found.theta_s.tolist(),
        **{field: _finite(getattr(found, field)) for field in ("given", "of", "curve", "excess")},
        "python": found.python,
    }
    if style == "json":
        emit([], style="json", document=document, output=output)
    elif found.found:
        code = str(found.python).strip().replace("\n", "\n    ")
        write_text(f"refuted by {found.found_by}: {name}\n    {code}\n", output)
    else:
        write_text(f"no pair found that breaks {name}: that is no proof\n", output)
    if found.found:
        ctx.exit(1)


def _refute_inclusion(
    ctx: click.Context, subject: Any, name: str, *, examples: int, seed: int, style: str, output: Path | None
) -> None:
    import dataclasses

    from spectra_eval.testing.inclusion import refute_inclusion

    found = refute_inclusion(subject, max_examples=examples, seed=seed)
    if style == "json":
        document = {"subject": name, "examples": examples, "seed": seed, **dataclasses.asdict(found)}
        emit([], style="json", document={**document, "python": found.python}, output=output)
    elif found.found:
        code = str(found.python).strip().replace("\n", "\n    ")
        write_text(f"refuted by {found.found_by}: {name}\n    {code}\n", output)
    else:
        write_text(f"no weights found that break {name}: that is no proof\n", output)
    if found.found:
        ctx.exit(1)


def _finite(value: float | None) -> float | str | None:
    """Return infinity as a string, since JSON has none."""
    if value is None or abs(value) != float("inf"):
        return value
    return "inf" if value > 0 else "-inf"
