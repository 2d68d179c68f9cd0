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
    """Measure how well a language model predicts what users like, and certify the result.

    Read a model's distribution over categories for each user, compare it with the observed interactions and with
    baselines, and state which claims hold, at which confidence level. Start with `spectra-eval demo`.
    """


if __name__ == "__main__":
    main()
