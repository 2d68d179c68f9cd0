"""`spectra-eval check-metric`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, write_text
from spectra_eval_cli._printing import say

__all__ = ["command"]


@click.command("check-metric")
@click.argument("name", metavar="MODULE:NAME")
@opt.example_options(300, "Examples for each check.", "Seed of the generated examples.")
@opt.format_option(among=("table", "json", "markdown", "csv", "junit"), show_default=True)
@opt.output_option("Write to this file.")
@common_options
@click.pass_context
def command(
    ctx: click.Context, name: str, examples: int, seed: int, style: str, output: Path | None, quiet: bool
) -> None:
    """Check the axioms and properties of your own metric.

    MODULE:NAME is a function of (theta_star, theta_s) that returns one number per user, or a Metric or an Envelope; a
    name without a colon is a registered metric. Exit code 1: an axiom or a declared property does not hold, or an
    undeclared property could not be refuted.
    """
    from spectra_eval.metrics import METRICS
    from spectra_eval.testing import checks
    from spectra_eval_cli._objects import load

    subject = load(name) if ":" in name else METRICS[name]
    findings = checks.run_all(checks.of(subject, source=name), max_examples=examples, seed=seed)
    count = _counted(findings)
    if style == "junit":
        write_text(_junit(name, findings, count), output)
    elif style == "json":
        fields = ("check", "outcome", "declared", "message", "counterexample")
        rows = [{field: getattr(f, field) for field in fields} for f in findings]
        emit([], style="json", document={"subject": name, "seed": seed, **count, "checks": rows}, output=output)
    else:
        emit([{"check": f.check, "outcome": f.outcome, "": f.message} for f in findings], style=style, output=output)
    if style == "table" and not quiet:
        _say(findings, count)
    if count["failed"]:
        ctx.exit(1)


def _counted(findings: Sequence[Any]) -> dict[str, int]:
    refuted = [finding for finding in findings if finding.outcome == "refuted"]
    return {
        "ran": len(findings),
        "held": sum(finding.outcome == "held" for finding in findings),
        "refuted_as_declared": sum(finding.declared for finding in refuted),
        "refuted_undeclared": sum(not finding.declared for finding in refuted),
        "failed": sum(finding.outcome == "failed" for finding in findings),
    }


def _say(findings: Sequence[Any], count: Mapping[str, int]) -> None:
    for finding in findings:
        if finding.counterexample:
            say(f"{finding.check}: {finding.outcome} by")
            say("    " + finding.counterexample.strip().replace("\n", "\n    ") + "\n")
    parts = [f"{count['held']} held", f"{count['refuted_as_declared']} were refuted as declared"]
    if count["refuted_undeclared"]:
        parts.append(f"{count['refuted_undeclared']} were refuted where nothing was declared")
    say(f"{count['ran']} checks ran: {', '.join(parts)}, {count['failed']} failed")


def _junit(name: str, findings: Sequence[Any], count: Mapping[str, int]) -> str:
    suite = ElementTree.Element(
        "testsuite", name=name, tests=str(count["ran"]), failures=str(count["failed"]), errors="0", skipped="0"
    )
    for finding in findings:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=finding.check)
        if finding.outcome == "failed":
            failure = ElementTree.SubElement(case, "failure", message=finding.message)
            failure.text = finding.counterexample or ""
        elif finding.counterexample:
            ElementTree.SubElement(case, "system-out").text = finding.counterexample
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
