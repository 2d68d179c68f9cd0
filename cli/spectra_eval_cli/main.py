"""The command `spectra-eval`."""

from __future__ import annotations

import click

from spectra_eval_cli._group import LazyGroup

__all__ = ["main"]

COMMANDS = {
    "demo": "demo",
    "prepare": "prepare",
    "doctor": "doctor",
    "finetune": "finetune",
    "probe": "probe",
    "baseline": "baseline",
    "merge": "merge",
    "evaluate": "evaluate",
    "compare": "compare",
    "certify": "certify",
    "verify": "verify",
    "plan": "plan",
    "report": "report",
    "fuse": "fuse",
    "conformance": "conformance",
    "check-metric": "check_metric",
    "refute": "refute",
    "audit-paper": "audit_paper",
    "list": "list_entries",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
@click.version_option(package_name="spectra-eval", prog_name="spectra-eval")
def main(debug: bool) -> None:
    """Tell whether a language model's picture of what people like can be trusted.

    Read a model's distribution over categories for each user, hold it against what the users did next, and say,
    with a proof attached, what can be claimed. Start with `spectra-eval demo`.
    """


if __name__ == "__main__":
    main()
