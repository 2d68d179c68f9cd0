"""Change the source in small ways and see whether a test notices: ``make mutate``.

First, all tests of the mathematics run once, to record which tests reach which line and how long each one takes
(`--reached` names a file that keeps this for the next run). Then a seeded sample of mutants (operators of Cosmic Ray)
over the mathematics and the data is tested by the tests that reach the changed line: first by the unit tests of its
folder, the quickest in front, then by all others. Survivors are printed with their change.
`--known` names a file of survivors that no test can kill, one ``PATH OLD => NEW  # REASON`` a line.
`-o` names a file that receives each outcome as it comes. Mutants whose outcome is in it are not tested again, so a long
run can be interrupted (it finishes the mutants under test) and resumed. Use a new file after a change of code or tests.

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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import CoverageData

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("theory", "metrics", "certification", "stats", "probing/readouts", "data", "simplex.py", "arrays")
TESTS = tuple(f"tests/unit/{room.removesuffix('.py')}" for room in ROOMS[:-2])
TESTS += ("tests/unit/test_simplex.py", "tests/unit/arrays", "tests/unit/evaluation", "tests/unit/audit")
TESTS += ("tests/unit/testing", "tests/property", "tests/agreement", *(f"spectra_eval/{room}" for room in ROOMS))
LIMIT_S = 300
IMPORT = ""
"""Stands for the import of the package where a test or a file is named."""
PORTION = 200
"""Tests in one run: the quickest come first, and most mutants need no second run."""
COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef)
TIMES = """
def pytest_runtest_logreport(report):
    if report.when == "call":
        with open("times.txt", "a", encoding="utf-8") as file:
            print(report.duration, report.outcome, report.nodeid, file=file)
"""


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
        """The place, and the line before and after."""
        place, change = self.change.split(" ", 1)
        return f"{place}:{self.line} {change}"

    @property
    def change(self) -> str:
        """The file, and the line before and after: what stays the same when lines are added above."""
        before = (ROOT / self.path).read_text(encoding="utf-8").splitlines()
        after = self.code.splitlines()
        row = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), self.line - 1)
        new = after[row].strip() if row < len(after) else "(removed)"
        return f"{self.path} {before[row].strip()} => {new}"


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


def reached(tree: Path) -> dict[str, dict[str, list[str]]]:
    """Run all tests in a copy of the tree; return by file and line the tests that reach it, the quickest first.

    `IMPORT` stands among them for a line that runs outside of tests, and as a file and a line for all tests.
    """
    (tree / "test_times.py").write_text(TIMES, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-p", "test_times"]
    command += ["--cov=spectra_eval", "--cov-context=test", "--cov-report=", *(t for t in TESTS if (tree / t).exists())]
    subprocess.run(command, cwd=tree, env=_environment(tree), check=False)
    with open(tree / "times.txt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split(" ", 2) for line in lines]
    times = {IMPORT: -1.0} | {name: float(took) for took, how, name in rows if how == "passed"}
    for name in sorted({name for _, how, name in rows if how == "failed"}):
        print(f"left out, it fails without a mutant: {name}", file=sys.stderr)
    data = CoverageData(str(tree / ".coverage"))
    data.read()
    found = {IMPORT: {IMPORT: sorted(times, key=lambda test: (times[test], test))[1:]}}
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        found[str(Path(file).relative_to(tree))] = {
            str(line): sorted(
                {c.rsplit("|", 1)[0] for c in contexts} & set(times), key=lambda test: (times[test], test)
            )
            for line, contexts in by_line.items()
        }
    return found


def tests_of(mutant: Mutant, by_file: dict[str, dict[str, list[str]]]) -> tuple[list[str], list[str]]:
    """Return the tests that reach a mutant: those of its folder or its own file, and all others.

    Of a function that runs at import, no test is known to reach it: all unit tests of its folder count.
    """
    tree = ast.parse((ROOT / mutant.path).read_text(encoding="utf-8"))
    around = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= mutant.line <= (n.end_lineno or 0)]
    inner = max(around, key=lambda n: n.lineno)
    end = inner.body[0].lineno - 1 if isinstance(inner, COMPOUND) else inner.end_lineno or inner.lineno
    lines = by_file.get(str(mutant.path), {})
    tests = dict.fromkeys(t for line in range(inner.lineno, end + 1) for t in lines.get(str(line), ()))
    room = mutant.path.relative_to("spectra_eval")
    homes = (f"tests/unit/{room.parts[0] if len(room.parts) > 1 else 'test_' + room.stem}", str(mutant.path))
    if IMPORT in tests:
        del tests[IMPORT]
        tests |= {test: None for test in by_file[IMPORT][IMPORT] if test.startswith(homes)}
    return [t for t in tests if t.startswith(homes)], [t for t in tests if not t.startswith(homes)]


def outcome(mutant: Mutant, tree: Path, by_file: dict[str, dict[str, list[str]]]) -> str:
    """Test one mutant in a copy of the tree; return ``killed``, ``killed second``, or ``survived``."""
    target = tree / mutant.path
    original = target.read_bytes()
    first, second = tests_of(mutant, by_file)
    try:
        target.write_text(mutant.code, encoding="utf-8")
        if not _passes(first, tree):
            return "killed"
        return "survived" if _passes(second, tree) else "killed second"
    finally:
        target.write_bytes(original)


def _passes(tests: list[str], tree: Path) -> bool:
    for start in range(0, len(tests), PORTION):
        (tree / "chosen.txt").write_text("\n".join(tests[start : start + PORTION]), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "@chosen.txt"]
        try:
            done = subprocess.run(
                command,
                cwd=tree,
                env=_environment(tree),
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
                start_new_session=True,  # Ctrl-C must not end the tests, or the mutant would count as killed
            )
        except subprocess.TimeoutExpired:
            return False  # a loop without an end is noticed
        if done.returncode != 0:
            return False
    return True


def outcomes_in(path: Path | None) -> dict[str, str]:
    """Return the outcomes of an earlier run by label; none without a file."""
    if path is None or not path.is_file():
        return {}
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["mutant"]: row["outcome"] for row in rows}


def _environment(tree: Path) -> dict[str, str]:
    path = f"{tree}{os.pathsep}{tree / 'cli'}"
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> None:
    """Draw, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--known", type=Path, default=ROOT / "benchmarks" / "mutation_survivors.txt")
    parser.add_argument("--reached", type=Path, help="A file of which tests reach which line: read, or written.")
    parser.add_argument("-o", "--output", type=Path, help="Add each mutant with its outcome here, as JSON lines.")
    options = parser.parse_args()
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    labels = {mutant: mutant.label for mutant in drawn(options.sample, options.seed)}
    earlier = outcomes_in(options.output)
    results = {mutant: earlier[label] for mutant, label in labels.items() if label in earlier}
    for mutant in labels:
        if mutant not in results:
            waiting.put(mutant)
    began = time.monotonic()
    writing = threading.Lock()

    def work(tree: Path) -> None:
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            found = outcome(mutant, tree, by_file)
            with writing:
                results[mutant] = found
                print(f"{len(results)}/{len(labels)} {found}: {labels[mutant]}", file=sys.stderr, flush=True)
                if options.output:
                    with open(options.output, "a", encoding="utf-8") as file:
                        print(json.dumps({"mutant": labels[mutant], "outcome": found}), file=file)

    with tempfile.TemporaryDirectory() as folder:
        trees = [Path(folder) / str(i) for i in range(options.workers)]
        for tree in trees:
            skipped = shutil.ignore_patterns(".*", "__pycache__", "*-out")
            shutil.copytree(ROOT, tree, ignore=skipped, symlinks=True)
        if options.reached and options.reached.is_file():
            by_file = json.loads(options.reached.read_text(encoding="utf-8"))
        else:
            by_file = reached(trees[0])
            if options.reached:
                options.reached.write_text(json.dumps(by_file), encoding="utf-8")
        threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            print("stopping after the mutants under test", file=sys.stderr, flush=True)
            with suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
            for thread in threads:
                thread.join()

    reasons = options.known.read_text(encoding="utf-8").splitlines() if options.known.is_file() else []
    known = dict(line.split("  # ", 1) for line in reasons if "  # " in line)
    survived = [mutant for mutant, found in results.items() if found == "survived"]
    for mutant in survived:
        print(f"survived: {labels[mutant]}  # {known.get(mutant.change, 'NO REASON GIVEN')}")
    killed = len(results) - len(survived)
    unit = sum(found == "killed" for found in results.values())
    print(f"{len(results)} of {len(labels)} mutants tested, {time.monotonic() - began:.0f} s")
    print(f"{unit} of {len(results)} killed by the unit tests of their folder ({unit / len(results):.1%})")
    print(f"{killed} of {len(results)} killed ({killed / len(results):.1%})")
    if len(results) < len(labels) or killed < 0.9 * len(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
