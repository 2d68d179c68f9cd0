"""`spectra-eval conformance`."""

from __future__ import annotations

from pathlib import Path

import click

from spectra_eval_cli import _options as opt
from spectra_eval_cli._group import common_options, emit, log

__all__ = ["command"]


@click.command("conformance")
@click.argument("vectors", type=opt.PATH)
@opt.format_option()
@opt.output_option("Write to this file.")
@common_options
@click.pass_context
def command(ctx: click.Context, vectors: Path, style: str, output: Path | None, quiet: bool) -> None:
    """Compare the functions with the values in VECTORS.

    One row per group: how many of its cases agree within their tolerances. --format json writes every computed value,
    so that another program can compare. Exit code 1: a case differs.
    """
    from spectra_eval.artifacts import read_json
    from spectra_eval.audit.conformance import conform
    from spectra_eval.errors import SchemaError

    read = read_json(vectors)
    try:
        results = conform(read)
    except SchemaError as error:
        raise SchemaError(f"{vectors}: {error}") from error
    document = {
        "schema": "spectra-eval/conformance/1",
        "groups": {
            result.name: {name: getattr(result, name) for name in ("passed", "total", "function")}
            | {"cases": list(result.cases)}
            for result in results
        },
    }
    rows = [
        {
            "group": result.name,
            "passed": str(result.passed),
            "total": str(result.total),
            "computed by": result.function or "(no public function)",
        }
        for result in results
    ]
    emit(rows, style=style, document=document, output=output, right=["passed", "total"])
    for result in results:
        for place, case in enumerate(result.cases):
            for line in case.get("differs", [])[:3]:
                log(f"differs: {result.name}[{place}]: {line}", quiet=quiet)
        why = {reason for case in result.cases for reason in case.get("disputed", {}).values()}
        for reason in sorted(why):
            count = sum(reason in case.get("disputed", {}).values() for case in result.cases)
            log(f"note: {result.name}: {count} expected values are not compared: {reason}", quiet=quiet)
    passed, total = sum(r.passed for r in results), sum(r.total for r in results)
    log(f"{passed} of {total} cases agree", quiet=quiet)
    ctx.exit(0 if passed == total else 1)
