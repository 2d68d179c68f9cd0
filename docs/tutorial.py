"""Run the commands of docs/tutorial.md in an empty folder and write what they print below them.

``python docs/tutorial.py`` brings the page up to date; a test holds that it is. Every block ``console`` keeps its
lines that begin with a dollar sign; every block ``csv NAME`` becomes the file NAME.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import tempfile
from pathlib import Path

from click.testing import CliRunner

from spectra_eval_cli.main import main

__all__ = ["page"]

PAGE = Path(__file__).with_suffix(".md")

# The last bits of made numbers are the machine's, and so are the digests of them.
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_BLOCK = re.compile(r"```(csv|console)(?: (\S+))?\n(.*?)```\n", re.S)


def page(text: str) -> str:
    """Give the page with the output of each command as it is now."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return _BLOCK.sub(_renewed, text)


def _renewed(block: re.Match[str]) -> str:
    kind, name, body = block.groups()
    if kind == "csv":
        Path(name).write_text(body, encoding="utf-8")
        return block[0]
    commands = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
    return "```console\n" + "\n\n".join(_run(command) for command in commands) + "\n```\n"


def _run(command: str) -> str:
    program, *words = shlex.split(command)
    if program != "spectra-eval":
        raise ValueError(f"{command}: only spectra-eval is run here")
    done = CliRunner().invoke(main, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    lines = [f"$ {command}", *done.output.strip("\n").splitlines()]
    if done.exit_code:
        lines.append(f"(exit code {done.exit_code})")
    return _DIGEST.sub("…", "\n".join(line.rstrip() for line in lines))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
