"""`spectra-eval certify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, log, naming, say_read
from spectra_eval_cli._printing import say

__all__ = ["command"]


def _cutoffs(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"-k {text!r}: write a whole number, or several with commas, say 1,3,5") from None


@click.command("certify")
@opt.table_argument
@click.option(
    "-k",
    "cutoffs",
    default="5",
    show_default=True,
    metavar="K[,K...]",
    callback=_cutoffs,
    help="The first K entries of each decoded list; several, say 1,3,5, are counted by --declared and share the error.",
)
@opt.level_option(
    "Each claim holds with this probability on its own; all of them together do not. The certificate says with "
    "which probability they do; to have the level for N claims at once, set --declared N."
)
@click.option(
    "--scope",
    type=click.Choice(["cohort", "population"]),
    default="cohort",
    show_default=True,
    help="population: you assert i.i.d. users and a predictor fixed without them.",
)
@click.option(
    "--bound",
    type=click.Choice(["hoeffding", "adaptive", "empirical-bernstein", "clopper-pearson", "betting", "dkw", "printed"]),
    default="adaptive",
    show_default=True,
    help="Choose it before looking at the results.",
)
@click.option(
    "--declared",
    type=int,
    default=1,
    show_default=True,
    help="Analyses declared together (tables, claims to be used at once); they share the error. Cut-offs are counted.",
)
@click.option("--predicate-error", type=float, default=0.01, show_default=True, help="Error of one user's predicate.")
@opt.comma_option("--routes", "Finite-sample predicates declared: T,J,K or some.", default="T")
@opt.requirements("Exit with code 1 if the bound is below VALUE.")
@click.option("--claim", "claims", multiple=True, help="Only this claim; may be repeated. Recorded.")
@opt.comma_option(
    "--against",
    "Rivals of theta_s: baselines by name, dg (the decoded list), FILE or NAME=FILE of another system, with commas; "
    "auto: those that TABLE can carry; none.",
    default="auto",
)
@click.option("--floor", type=float, default=0.0, show_default=True, help="rival.log.law: mix both with uniform.")
@click.option(
    "--assume",
    type=click.Choice(["iid-interactions"]),
    multiple=True,
    help="hoeffding against rivals: the interactions of a window are independent.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="betting and fitted rivals: keys the hash of the user that orders them, whatever the order of the rows; "
    "recorded. [default: 0]",
)
@opt.format_option()
@opt.output_option("Write the certificate here.")
@opt.table_options
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    table: Path,
    cutoffs: tuple[int, ...],
    claims: tuple[str, ...],
    against: tuple[str, ...],
    style: str,
    output: Path | None,
    reading: dict[str, Any],
    quiet: bool,
    **options: Any,
) -> None:
    """Certify the claims that TABLE supports.

    Each claim has a confidence level and assumptions. TABLE is a preference table, a run folder, or results of any
    system as Parquet, NPZ, CSV or JSON lines. Exit code 1: a required claim does not hold.
    """
    from spectra_eval.artifacts import iter_table, write_json
    from spectra_eval.certification import bundle, certify_cutoffs
    from spectra_eval.errors import InputError
    from spectra_eval.metrics._flatness import in_words

    blocks = iter_table(table, **reading, columns=COLUMNS if against == ("none",) else (*COLUMNS, "history_counts"))
    rivals = opt.rivals(against)
    if rivals == "auto" and options["seed"] is not None and options["bound"] != "betting":
        raise InputError("seed: only betting has a seed, and rivals that are named with --against")
    with naming(table):
        certificates = certify_cutoffs(blocks, cutoffs, claims=claims or None, against=rivals, **options)
    say_read(table, blocks.metadata, quiet=quiet)
    flat = in_words("theta_s", certificates[0].facts.get("flat", {}))
    if flat is not None:
        log(f"note: {flat}", quiet=quiet)
    made = blocks.metadata.get("baseline")
    if isinstance(made, dict) and "fitting" in made:
        log(
            f"note: theta_s is the baseline {made.get('name')}, fitted on windows of other users of this table; the "
            "bounds take it as fixed",
            quiet=quiet,
        )
    document = bundle(certificates)
    if output is not None:
        write_json(document, output)
        log(f"certificate: {output}", quiet=quiet)
    parts = [certificate.to_json() for certificate in certificates]
    if style == "table":
        for part in parts:
            show(part)
    else:
        rows = [row for part in parts for row in summary(part, cutoff=len(parts) > 1)]
        emit(rows, style=style, document=document, right=("k", "bound", "margin", "users"))
    short = [
        f"{name} at k = {one.options.k}" if len(certificates) > 1 else name
        for one in certificates
        for name in one.options.require
        if one[name].holds is not True
    ]
    if short:
        log(f"required and not reached: {', '.join(short)}", quiet=quiet)
        ctx.exit(1)


COLUMNS = ("user", "context_window", "horizon", "counts", "n_window", "theta_star", "theta_s", "dg", "support")


def summary(document: dict[str, object], *, cutoff: bool = False) -> list[dict[str, str]]:
    """Return one short row a claim, with its cut-off where there are several."""
    rows = []
    first = {"k": str(document["options"]["k"])} if cutoff else {}  # type: ignore[index]
    for claim in document["claims"]:  # type: ignore[attr-defined]
        rows.append(
            {
                **first,
                "claim": claim["claim"],
                "verdict": verdict(claim),
                "bound": "" if claim["bound"] is None else f"{claim['bound']:.4f}",
                "margin": "" if claim["margin"] is None else f"{claim['margin']:+.4f}",
                "users": str(claim["n_users"]),
                "target": claim["target"],
                "standing": claim["standing"],
                "method": claim["method"] or "",
            }
        )
    return rows


def verdict(claim: dict[str, object]) -> str:
    """Return the verdict on one claim in words."""
    if claim["status"] == "undefined":
        return "undefined"
    if claim["standing"] == "printed":
        return "shown only"
    return "holds" if claim["holds"] else "does not hold"


def show(document: dict[str, object]) -> None:
    """Print a certificate for people: each claim as a sentence, then what it rests on."""
    import shutil
    import sys
    import textwrap

    from spectra_eval.certification import verdict as verdict_lines
    from spectra_eval.tables import left_out_note

    facts, options = document["facts"], document["options"]
    say(
        f"Certificate over {facts['n_users']} users, top {options['k']}, level {options['level']:g}, "  # type: ignore[index]
        f"scope {options['scope']}, bound {options['bound']}"  # type: ignore[index]
    )
    if (note := left_out_note(facts.get("left_out", {}))) is not None:  # type: ignore[attr-defined]
        say(f"{note}.")
    # A pipe or a file gets the same lines everywhere; a terminal gets its own width.
    width = max(60, min(110, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else 100
    for line in verdict_lines(document):
        say()
        say(textwrap.fill(line, width), bold=True)
    marks = {"holds": "✓", "does not hold": "✗", "undefined": "–", "shown only": "·"}
    colours = {"holds": "green", "does not hold": "red"}
    assumptions: dict[str, str] = {}

    def required(claim: dict[str, object]) -> bool:
        return claim["claim"] in options["require"]  # type: ignore[index]

    for claim in document["claims"]:  # type: ignore[attr-defined]
        word = verdict(claim)
        say()
        against = ""
        if claim["bound"] is not None and claim["threshold"] is not None:
            verb = "asked for" if required(claim) else "to exceed"
            against = f" (bound {claim['bound']:.4f}, {verb} {claim['threshold']:g})"
        say(f"{marks[word]} {claim['claim']}: {word}{against}", fg=colours.get(word), bold=True)
        say(textwrap.fill(claim["statement"], width, initial_indent="  ", subsequent_indent="  "))
        for assumption in claim["assumptions"]:
            assumptions[assumption["name"]] = assumption["text"]
    if assumptions:
        say("\nEvery proven claim rests on:")
        for name, text in assumptions.items():
            say(textwrap.fill(f"{name}: {text}.", width, initial_indent="  ", subsequent_indent="    "))
    say()
    say(textwrap.fill(f"{document['together']['statement']}.", width))  # type: ignore[index]
    say(f"\ntable {document['input_digest']}\nseal  {document['digest']}")
