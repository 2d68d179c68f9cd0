"""The pages, the help of every command, and the docstrings and errors of the code use the words of the field."""

from __future__ import annotations

import ast
import inspect
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from spectra_eval_cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "tests/README.md", "tests/property/README.md"),
    *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")),
]

INSTEAD = {
    r"held against|(?:hold|holds|holding) \w+(?: \w+){0,6}? against": "evaluated against, compared with",
    r"what (?:a|an|the|these|those|each|\d+) users? (?:did|do)|what followed": "observed interactions, target",
    r"(?:is|are|was|were|be|been) told|titles told|tells? the model": "shown in the prompt",
    r"what (?:a|the|this) (?:model|system) holds|holds of": "the predicted distribution",
    r"laws?": "the true (population) distribution",
    r"asked|repl(?:y|ies|ied)": "prompts, queries, responses",
    r"drawn lists?|held to": "sampled list, constrained to",
    r"crews?|whoever|idle (?:worker|device|process)": "worker pool, the next free worker",
    r"askers?|listers?|asking\.py": "runner, decoder",
    r"wordings?|wording\.py|other words|in which words": "prompt template",
    r"(?:gone|goes|go|going|went) on": "resumed, resumes",
    r"(?:a|an|the|in|no|one|its|their|each|genre|observed|held|largest|smallest) shares?|shares? of": "proportion",
    r"mend(?:s|ed|ing)?": "fix",
    r"mass missed": "missed mass",
    r"nobody in particular|nothing of anybody|about anybody": "content-free prompt",
    r"(?:take|takes|taken|took) off": "subtract",
    r"(?:a|an|the|made|own) worlds?|known laws": "synthetic data with known ground truth",
    r"seal(?:s|ed)?": "certificate digest",
    r"(?:nearly|almost) flat": "close to uniform",
    r"stands?|stood|lies|lay|(?:come|comes|came|coming) (?:out|of)": "is, is in, results in",
    r"(?:give|gives|given|gave) back": "returns",
}
"""Words to avoid, as patterns of whole words in any case, and what to write instead."""

ALLOWED = {
    "docs/theory.md": (
        (r"\*\*law\*\* target", "defined there as the true distribution, since the claims are called `.law`"),
        (r"\*\*Law target, (?:mean|proportion)\.\*\*", "the headings of the proofs for that target"),
    ),
}
"""By page: what may stay, and why."""

CODE = re.compile(r"^```(?:console|csv|text|yaml)[\s\S]*?^```$|^ {4}.*$|`[^`\n]*`|\]\([^)]*\)|\$[^$\n]+\$", re.M)
"""Output of commands, which the tests of the messages cover; names in code; links; formulas."""


def found(text: str, allowed: tuple[tuple[str, str], ...] = ()) -> list[str]:
    """Return one line for each word to avoid: the line number, the word, and what to write."""
    for pattern in (CODE.pattern, *(pattern for pattern, _ in allowed)):
        text = re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.M)
    hits = []
    for words, instead in INSTEAD.items():
        pattern = rf"(?<![\w.-])(?:{words})(?![\w-])".replace(" ", r"\s+")
        for match in re.finditer(pattern, text, flags=re.I):
            line = text.count("\n", 0, match.start()) + 1
            hits.append(f"line {line}: {' '.join(match[0].split())!r}: write {instead}")
    return hits


ROOMS = (
    "errors.py",
    "redaction.py",
    "registry.py",
    "settings.py",
    "units.py",
    "simplex.py",
    "arrays",
    "tables",
    "artifacts",
    "stats",
    "metrics",
    "baselines",
    "evaluation",
    "fusion",
    "report",
    "certification",
    "theory",
    "data",
    "testing",
    "audit",
    "probing",
    "training",
    "../cli/spectra_eval_cli",
)
"""Modules and packages whose docstrings, comments and errors are checked, below spectra_eval."""
OPENERS = {"Give", "Say", "Tell", "Hold", "Put", "Take", "Look", "Lay", "Whether"}
"""First words of a function's docstring for which there is a verb of the field, such as Return or Check."""
EXAMPLE = re.compile(r"^ *>>>.*(?:\n.*\S.*)*|^ *\w+(?:, \w+)* : .*$|``[^`\n]+``|\"\w+\"", re.M)
"""In docstrings: examples with their output, names of parameters, code, values in quotes."""


def docstrings(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield each docstring: its line, its text without code, and whether it is that of a function."""
    functions = {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions[node.body[0]] = node
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            text = EXAMPLE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), inspect.cleandoc(node.value.value))
            yield node.lineno, re.sub(r"^ +", "", text, flags=re.M), node in functions


def errors(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of the errors raised, but for reasons that certificates record and `verify` compares."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None and "NoClaim" not in ast.unparse(node.exc):
            parts = [part for part in ast.walk(node.exc) if isinstance(part, ast.Constant)]
            yield node.lineno, " … ".join(part.value for part in parts if isinstance(part.value, str))


@pytest.mark.parametrize("room", ROOMS)
def test_the_code_is_in_plain_words(room: str) -> None:
    place = ROOT / "spectra_eval" / room
    hits = []
    for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        texts = [*errors(path)]
        for line, text, of_function in docstrings(path):
            texts.append((line, text))
            if of_function and text.split(maxsplit=1)[:1] in [[word] for word in OPENERS]:
                hits.append(f"{path.name}:{line}: begins with {text.split()[0]}")
        with tokenize.open(path) as source:
            tokens = [*tokenize.generate_tokens(source.readline)]
        texts += [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
        hits += [f"{path.name}:{line}, {hit}" for line, text in texts for hit in found(text)]
    assert hits == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_plain_words(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert found(text, ALLOWED.get(page, ())) == []


@pytest.mark.parametrize("command", ["", *sorted(COMMANDS)])
def test_the_help_of_a_command_is_in_plain_words(command: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), "--help"], terminal_width=100)
    assert result.exit_code == 0
    text = re.sub(r"^ {2,}(?=\S)", "", result.output, flags=re.M)  # indented text is no code here
    assert found(text) == []


def test_every_exception_is_needed_and_has_a_reason() -> None:
    for page, exceptions in ALLOWED.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        for pattern, reason in exceptions:
            assert re.search(pattern, text, flags=re.M), pattern
            assert len(reason) > 20


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The prediction is held\nagainst the window.", "held against"),
        ("What the model holds is a distribution.", "What the model holds"),
        ("An interrupted run goes on.", "goes on"),
        ("Five replies were read.", "replies"),
        ("It names the mend.", "mend"),
    ],
)
def test_a_word_to_avoid_is_found_across_lines_and_in_any_case(text: str, word: str) -> None:
    assert [hit for hit in found(text) if repr(word) in hit]


def test_names_in_code_are_left_alone() -> None:
    page = "`fraction.law` with `wording.py`\n\n    spectra-eval list asked\n\n```console\nseal …\n```\n"
    assert found(page) == []
    assert found(page + "It lies.\n") == ["line 8: 'lies': write is, is in, results in"]
