"""Count the lines of the source by room: ``python benchmarks/lines.py [--format json]``.

A room is a folder of ``spectra_eval``, the loose modules of ``spectra_eval`` together, or the command line. Per room:

lines
    Lines outside docstrings. Blank lines and comments outside docstrings count, as does every line of code. A docstring
    is the string that opens a module, a class or a function; all its lines are left out, also one that shares its line
    with nothing else. Other strings, such as the text below a constant, count. Only files ``*.py`` are read.
code
    The same without blank lines and without lines that hold a comment alone.
docstrings
    The lines of the docstrings.
files
    Modules.

Last comes the number of pairs of six repeated lines: windows of six successive lines of code (blank lines, comments,
docstrings, imports and lines without a letter or digit left out, indentation ignored) that occur again elsewhere in the
source. A window that occurs n times counts n - 1, and windows that overlap the one before them in the same file are one
repetition.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WINDOW = 6


def docstring_lines(tree: ast.Module) -> set[int]:
    """Return the numbers of the lines of all docstrings."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                if isinstance(first.value.value, str):
                    found |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def import_lines(tree: ast.Module) -> set[int]:
    """Return the numbers of the lines of all imports."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def room_of(path: Path) -> str:
    """Return the room of a source file."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "cli":
        return "spectra_eval_cli"
    return parts[1] if len(parts) > 2 else "(modules of spectra_eval)"


def repetitions(sources: list[list[str]]) -> int:
    """Return how many windows of six lines occur again, overlapping ones counted once."""
    seen: set[tuple[str, ...]] = set()
    pairs = 0
    for lines in sources:
        last = -WINDOW
        for start in range(len(lines) - WINDOW + 1):
            window = tuple(lines[start : start + WINDOW])
            if window in seen and start - last >= WINDOW:
                pairs, last = pairs + 1, start
            seen.add(window)
    return pairs


def count(root: Path = ROOT) -> tuple[dict[str, Counter[str]], int]:
    """Return the counts by room, and the pairs of six repeated lines."""
    rooms: dict[str, Counter[str]] = {}
    sources = []
    for path in sorted([*(root / "spectra_eval").rglob("*.py"), *(root / "cli").rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        lines, tree = text.splitlines(), ast.parse(text)
        docs, imports = docstring_lines(tree), import_lines(tree)
        outside = {number: line.strip() for number, line in enumerate(lines, 1) if number not in docs}
        code = {number: line for number, line in outside.items() if line and not line.startswith("#")}
        counts = rooms.setdefault(room_of(path), Counter())
        counts.update(lines=len(outside), code=len(code), docstrings=len(docs), files=1)
        sources.append([line for number, line in code.items() if number not in imports and re.search(r"\w", line)])
    return rooms, repetitions(sources)


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description="Count the lines of the source by room.")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    rooms, pairs = count()
    total: Counter[str] = Counter()
    for counts in rooms.values():
        total.update(counts)
    if arguments.format == "json":
        print(json.dumps({"rooms": rooms, "total": total, "pairs_of_six_lines": pairs}, indent=2))
        return
    columns = ("lines", "code", "docstrings", "files")
    print(f"{'room':<28}" + "".join(f"{name:>12}" for name in columns))
    for name, counts in [*sorted(rooms.items(), key=lambda room: -room[1]["lines"]), ("total", total)]:
        print(f"{name:<28}" + "".join(f"{counts[column]:>12,}" for column in columns))
    print(f"pairs of six repeated lines: {pairs}")


if __name__ == "__main__":
    main()
