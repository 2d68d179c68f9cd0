"""Run the commands of docs/tutorial.md, docs/short_video.md and README.md, and write their output below them.

``python docs/tutorial.py`` updates the pages; a test checks that they are up to date. Each page has an empty folder.
Only the lines of a ``console`` block that begin with a dollar sign are kept; ``csv NAME`` and ``yaml NAME`` blocks
become the file NAME. ``python NAME`` runs a program of the examples.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
import tempfile
from pathlib import Path

from click.testing import CliRunner

from spectra_eval_cli.main import main

__all__ = ["page"]

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "docs/tutorial.md", ROOT / "docs/short_video.md", ROOT / "README.md")

# The last bits of simulated numbers differ between machines, and so do their digests.
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_BLOCK = re.compile(r"```(csv|yaml|console)(?: (\S+))?\n(.*?)```\n", re.S)


def page(text: str) -> str:
    """Return the page with the current output of each command."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return _BLOCK.sub(_renewed, text)


def _renewed(block: re.Match[str]) -> str:
    kind, name, body = block.groups()
    if kind != "console":
        Path(name).write_text(body, encoding="utf-8")
        return block[0]
    commands = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
    return "```console\n" + "\n\n".join(_run(command) for command in commands) + "\n```\n"


def _run(command: str) -> str:
    program, *words = shlex.split(command)
    if program == "python":
        return f"$ {command}\n{_printed(*words)}"
    if program != "spectra-eval":
        raise ValueError(f"{command}: only spectra-eval is run here")
    done = CliRunner().invoke(main, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    lines = [f"$ {command}", *done.output.strip("\n").splitlines()]
    if done.exit_code:
        lines.append(f"(exit code {done.exit_code})")
    return _DIGEST.sub("…", "\n".join(line.rstrip() for line in lines))


def _printed(name: str, *words: str) -> str:
    """Return what a program of the examples prints: the result of its `main`."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / "examples" / Path(name).name)
    if spec is None or spec.loader is None:
        raise ValueError(f"{name}: no program of the examples")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        program.main(*words)
    return printed.getvalue().strip()


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
