"""Change the source in small ways and see whether a test notices: ``make mutate``.

A seeded sample of mutants (operators of Cosmic Ray) over the mathematics and the data is tested: first by the unit
tests of the mutated folder, then, if they pass, by all tests of the mathematics. Survivors are printed with their
change.
`--known` names a file of survivors that no test can kill, one ``PATH:LINE OLD => NEW  # REASON`` a line.

Example: ``python benchmarks/mutation.py --sample 300 --seed 1 --workers 2 -o outcomes.jsonl``
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("theory", "metrics", "certification", "stats", "probing/readouts", "data", "simplex.py", "arrays")
SECOND = ("tests/unit/theory", "tests/unit/metrics", "tests/unit/stats", "tests/unit/certification", "tests/property")
SECOND += ("tests/agreement", "tests/unit/evaluation", "tests/unit/audit", "tests/unit/testing")
LIMIT_S = 600


@dataclass(frozen=True)
class Mutant:
    """One change: the file, the operator that makes it, and which of its places is meant."""

    path: Path
    operator: str
    occurrence: int
    line: int

    @property
    def code(self) -> str:
        """The whole file with the change."""
        source = (ROOT / self.path).read_text(encoding="utf-8")
        changed = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert changed is not None
        return changed

    @property
    def label(self) -> str:
        """The line before and after."""
        before = (ROOT / self.path).read_text(encoding="utf-8").splitlines()
        after = self.code.splitlines()
        row = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), self.line - 1)
        new = after[row].strip() if row < len(after) else "(removed)"
        return f"{self.path}:{row + 1} {before[row].strip()} => {new}"


def lines_that_run(source: str) -> set[int]:
    """Return the lines inside functions, without docstrings, annotations, messages of errors and lists of names."""
    tree = ast.parse(source)
    inside: set[int] = set()
    outside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            inside |= set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
            outside |= {a.annotation.lineno for a in ast.walk(node) if isinstance(a, ast.AnnAssign)}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            outside |= set(range(node.lineno, (node.end_lineno or 0) + 1))
        if isinstance(node, ast.Raise):
            outside |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return inside - outside


def mutants_of(path: Path) -> list[Mutant]:
    """Return every mutant of one file, in a fixed order."""
    source = (ROOT / path).read_text(encoding="utf-8")
    kept = lines_that_run(source)
    tree = get_ast(source)
    found = []
    for name in sorted(operator_names()):
        operator_class = get_operator(name)
        if operator_class.arguments():
            continue
        operator = operator_class()
        places = ((start[0]) for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
        found += [Mutant(path, name, i, line) for i, line in enumerate(places) if line in kept]
    return found


def drawn(size: int, seed: int) -> list[Mutant]:
    """Draw mutants: first a line, then one of its mutants, so that no operator crowds out the others."""
    files = [f for room in ROOMS for f in sorted((ROOT / "spectra_eval").rglob("*.py")) if _in_room(f, room)]
    by_line: dict[tuple[Path, int], list[Mutant]] = {}
    for file in files:
        for mutant in mutants_of(file.relative_to(ROOT)):
            by_line.setdefault((mutant.path, mutant.line), []).append(mutant)
    chance = random.Random(seed)
    lines = chance.sample(sorted(by_line), min(size, len(by_line)))
    return [chance.choice(by_line[line]) for line in lines]


def _in_room(file: Path, room: str) -> bool:
    return file.relative_to(ROOT / "spectra_eval").is_relative_to(room)


def outcome(mutant: Mutant, tree: Path, *, unit_only: bool = False) -> str:
    """Test one mutant in a copy of the tree; return ``killed``, ``killed second``, or ``survived``."""
    target = tree / mutant.path
    original = target.read_bytes()
    try:
        target.write_text(mutant.code, encoding="utf-8")
        if not _passes(first_tests(mutant.path), tree):
            return "killed"
        return "survived" if unit_only or _passes(list(SECOND), tree) else "killed second"
    finally:
        target.write_bytes(original)


def first_tests(path: Path) -> list[str]:
    """Return the unit tests of the folder of a file, those of the same name in front, and its own examples."""
    room = path.parent.relative_to("spectra_eval")
    folder = ROOT / "tests" / "unit" / room
    if room.parts and folder.is_dir():
        same = folder / f"test_{path.stem.lstrip('_')}.py"
        named = [str(same.relative_to(ROOT))] if same.is_file() else []
        return [*named, f"tests/unit/{room}", str(path)]
    return [f"tests/unit/test_{path.stem}.py", str(path)]


def _passes(tests: list[str], tree: Path) -> bool:
    tests = [test for test in tests if (tree / test).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'cli'}", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return False  # a loop without an end is noticed
    return done.returncode == 0


def main() -> None:
    """Draw, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--known", type=Path, default=ROOT / "benchmarks" / "mutation_survivors.txt")
    parser.add_argument("--unit-only", action="store_true", help="Run the unit tests of the mutated folder only.")
    parser.add_argument("-o", "--output", type=Path, help="Write every mutant with its outcome here, as JSON lines.")
    options = parser.parse_args()
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    mutants = drawn(options.sample, options.seed)
    for mutant in mutants:
        waiting.put(mutant)
    results: dict[Mutant, str] = {}
    began = time.monotonic()

    def work(tree: Path) -> None:
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            results[mutant] = outcome(mutant, tree, unit_only=options.unit_only)
            print(f"{len(results)}/{len(mutants)} {results[mutant]}: {mutant.label}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        trees = [Path(folder) / str(i) for i in range(options.workers)]
        for tree in trees:
            skipped = shutil.ignore_patterns(".*", "__pycache__", "*-out")
            shutil.copytree(ROOT, tree, ignore=skipped, symlinks=True)
        threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    if options.output:
        rows = [json.dumps({"mutant": m.label, "outcome": results[m]}) for m in mutants]
        options.output.write_text("\n".join(rows) + "\n", encoding="utf-8")
    reasons = options.known.read_text(encoding="utf-8").splitlines() if options.known.is_file() else []
    known = {line.split("  # ")[0]: line.split("  # ")[1] for line in reasons if "  # " in line}
    survived = [m for m in mutants if results[m] == "survived"]
    for mutant in survived:
        print(f"survived: {mutant.label}  # {known.get(mutant.label, 'NO REASON GIVEN')}")
    killed = len(mutants) - len(survived)
    print(f"{killed} of {len(mutants)} killed ({killed / len(mutants):.1%}), {time.monotonic() - began:.0f} s")
    if killed < 0.9 * len(mutants):
        sys.exit(1)


if __name__ == "__main__":
    main()
