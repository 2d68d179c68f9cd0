"""Docstrings of public functions and classes: a summary line, and every section that the signature asks for."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import spectra_eval
from spectra_eval import errors, probing
from spectra_eval.metrics import METRICS
from spectra_eval.probing.backends import _base
from spectra_eval.theory import ENVELOPES

SECTIONS = {
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
    "Assumptions",
}
NO_EXAMPLE: dict[str, str] = {
    "probing.backends._hf_session.HFSession": "made by `open_hf` from a loaded model, whose example uses it",
    "probing.backends.server.ServerSession": "made by `open_server`, whose example uses it",
    "probing.backends.vllm.VLLMSession": "made by `open_vllm` from a running engine, whose example uses it",
}
"""Public names without an example of their own, with the reason."""
NEVER_RAISES = {
    "certification._bundle.bundle": "a certificate holds JSON values only",
    "testing.envelope_checks.envelope_checks": "yields nothing for a quantity that is not measured on pairs",
    "theory.printed.valid_interval": "searches inside the interval on which the envelope is defined",
    "theory.ranking_additive.theorem_4_counterexamples": "takes no argument",
}
"""Public names that call a function which raises, with arguments on which it does not."""
VERBS = set(
    """Add Adjust Align Assign Average Bound Build Certify Check Combine Compare Compute Convert Count Cut Decode Draw
    Estimate Evaluate Expand Find Follow Generate Load Merge Open Parse Predict Prepare Probe Read Recompute
    Register Remove Return Route Run Search Select Split Start Test Train Verify Write Yield""".split()
)
"""First words of the summary of a function: verbs in the imperative."""


def _modules() -> Iterator[ModuleType]:
    """Yield every module of the library without an underscore in its path."""
    yield spectra_eval
    for found in pkgutil.walk_packages(spectra_eval.__path__, "spectra_eval."):
        if not any(part.startswith("_") for part in found.name.split(".")[1:]):
            yield importlib.import_module(found.name)


def public() -> dict[str, Any]:
    """Return the public functions and classes of the library, by the module that defines them and their name."""
    out = {}
    for module in _modules():
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name)
            value = inspect.unwrap(found) if callable(found) else found
            if getattr(found, "is_hypothesis_strategy_function", False):
                value = found  # made by Hypothesis, which keeps the docstring
            if isinstance(value, FunctionType | type) and value.__module__.startswith("spectra_eval."):
                out[f"{value.__module__.removeprefix('spectra_eval.')}.{value.__name__}"] = value
    return out


def sections(doc: str) -> dict[str, str]:
    """Return the text of each section of a docstring; the text before the first one is under the empty name."""
    lines = inspect.cleandoc(doc).split("\n")
    out: dict[str, list[str]] = {"": []}
    current = ""
    for index, line in enumerate(lines):
        below = lines[index + 1] if index + 1 < len(lines) else ""
        if line and below == "-" * len(line):
            assert line in SECTIONS, f"unknown section {line}"
            assert line not in out, f"section {line} twice"
            current = line
            out[current] = []
        elif not (line and set(line) == {"-"}):
            out[current].append(line)
    return {name: "\n".join(text).strip("\n") for name, text in out.items()}


def entries(text: str) -> dict[str, tuple[str, str]]:
    """Return the type and the description of each entry of a section."""
    out = {}
    for block in re.split(r"\n(?=\S)", text):
        head, _, body = block.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(", "):
            out[name.lstrip("*")] = (kind.strip(), textwrap.dedent(body).strip())
    return out


def parameters(value: Any) -> list[str]:
    """Return the names of the public parameters of a function or of a constructor."""
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return []
    if isinstance(value, type) and getattr(value, "_is_protocol", False):
        return []
    if dataclasses.is_dataclass(value):
        return [one.name for one in dataclasses.fields(value) if one.init and not one.name.startswith("_")]
    if isinstance(value, type) and not isinstance(value.__init__, FunctionType):
        return []
    given = inspect.signature(value.__init__ if isinstance(value, type) else value).parameters
    return [name for name in given if name != "self" and not name.startswith("_")]


def returns(value: Any) -> str:
    """Return the annotation of what a function returns; empty where it returns nothing, and for a class."""
    if isinstance(value, type):
        return ""
    annotation = str(value.__annotations__.get("return", ""))
    return "" if annotation in ("None", "NoReturn") else annotation


@functools.cache
def _calls_and_raises(value: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a function calls and the names of the errors in its own `raise` statements."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, TypeError, SyntaxError):
        return frozenset(), frozenset()
    calls, raised = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.add(node.func.id)
        if isinstance(node, ast.Raise) and node.exc is not None:
            target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            raised.add(ast.unparse(target).rpartition(".")[2])
    return frozenset(calls), frozenset(name for name in raised if error_class(name))


def error_class(name: str) -> type[BaseException] | None:
    module, _, last = name.rpartition(".")
    found = (
        getattr(importlib.import_module(module), last) if module else getattr(errors, name, vars(builtins).get(name))
    )
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def raised(value: Any) -> set[str]:
    """Return the errors raised by a function and by the functions of the library that it calls by name."""
    seen: set[Any] = set()
    waiting = [_body(value)]
    out: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one in seen or not isinstance(one, FunctionType):
            continue
        seen.add(one)
        calls, own = _calls_and_raises(one)
        out |= own
        names = vars(importlib.import_module(one.__module__))
        for call in calls:
            found = names.get(call)
            found = inspect.unwrap(found) if callable(found) else None
            if isinstance(found, type):
                found = _body(found)
            if isinstance(found, FunctionType) and found.__module__.startswith("spectra_eval."):
                waiting.append(found)
    return out


def _body(value: Any) -> Any:
    if not isinstance(value, type) or getattr(value, "_is_protocol", False):
        return value
    own = value.__dict__.get("__post_init__") or value.__dict__.get("__init__")
    return own if isinstance(own, FunctionType) and "__create_fn__" not in own.__qualname__ else value.__init__


def faults(name: str, value: Any) -> list[str]:
    """Return what the docstring of one public name lacks."""
    doc = value.__doc__
    if not doc or (dataclasses.is_dataclass(value) and doc.startswith(f"{value.__name__}(")):
        return ["docstring"]
    parts = sections(doc)
    out = []
    summary = parts[""].split("\n")
    if not summary[0].endswith(".") or (len(summary) > 1 and summary[1]):
        out.append("summary of one line")
    if not isinstance(value, type) and summary[0].split()[0] not in VERBS:
        out.append("imperative summary")
    listed = {**entries(parts.get("Attributes", "")), **entries(parts.get("Parameters", ""))}
    for parameter in parameters(value):
        kind, body = listed.get(parameter, ("", ""))
        if not kind or not body:
            out.append(f"parameter {parameter}" + (" has no type" if body else ""))
    if "Parameters" in parts:
        out += [f"unknown parameter {one}" for one in entries(parts["Parameters"]) if one not in parameters(value)]
    out += _faults_of_returns(value, parts) + _faults_of_words(doc)
    if name not in NEVER_RAISES:
        out += _faults_of_errors(value, parts)
    if not parts.get("References") and _has_a_source(value, parts):
        out.append("References")
    if ">>>" not in parts.get("Examples", "") and name not in NO_EXAMPLE:
        out.append("Examples")
    return out


def _faults_of_returns(value: Any, parts: dict[str, str]) -> list[str]:
    text = parts.get("Returns") or parts.get("Yields")
    if not text:
        return ["Returns"] if returns(value) else []
    return [f"Returns {kind}: no description" for kind, (_, body) in entries(text).items() if not body]


def _faults_of_words(doc: str) -> list[str]:
    """Return the words to avoid outside examples and code; "law" stays, as the name of claims and of parameters."""
    lines = [line.strip() for line in doc.split("\n")]
    prose = "\n".join(line for line in lines if not line.startswith((">>>", "...")))
    prose = prose.partition("\nExamples\n")[0]
    return [hit.partition(": ")[2] for hit in PLAIN.found(prose) if not re.search(r"'laws?'", hit)]


def _faults_of_errors(value: Any, parts: dict[str, str]) -> list[str]:
    written = entries(parts["Raises"]) if parts.get("Raises") else {}
    classes = [error_class(name) for name in written]
    if None in classes:
        return ["Raises names what is no error"]
    reached = {error for name in raised(value) if (error := error_class(name))}
    calls, names = _calls_and_raises(_body(value))
    known = vars(importlib.import_module(value.__module__))
    checks = [known[call] for call in calls if call.startswith("check_") and isinstance(known.get(call), FunctionType)]
    names = names.union(*(_calls_and_raises(check)[1] for check in checks))
    own = {error for name in names if (error := error_class(name))}
    missing = [one for one in own if not any(issubclass(one, kind) for kind in classes if kind)]
    if any(issubclass(one, errors.SpectraError) for one in reached) and not written:
        return ["Raises"]
    return [f"Raises {one.__name__}" for one in missing]


def _has_a_source(value: Any, parts: dict[str, str]) -> bool:
    entry = getattr(value, "__name__", "")
    registered = [getattr(family[entry], "reference", "") for family in (METRICS, ENVELOPES) if entry in family.names()]
    text = "\n".join(text for name, text in parts.items() if name != "Examples")
    return re.search(r"arXiv:|doi:|\(\d{4}[,)]", "\n".join([text, *registered])) is not None


def _plain_words() -> ModuleType:
    """Load the words to avoid from the test of the pages."""
    spec = importlib.util.spec_from_file_location("plain_words", Path(__file__).with_name("test_plain_words.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = _plain_words()
PUBLIC = public()


NOT_YET = ("artifacts", "certification", "evaluation", "metrics", "tables")
"""Packages whose methods may lack sections."""
CLASSES = sorted(name for name, value in PUBLIC.items() if isinstance(value, type) and not name.startswith(NOT_YET))


def methods(value: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the public methods of a class, but for properties, earlier names, and those that a protocol documents."""
    for name, found in vars(value).items():
        method = inspect.unwrap(getattr(found, "__func__", found))
        if name.startswith("_") or not isinstance(method, FunctionType):
            continue
        documented = name in IN_PROTOCOLS and not getattr(value, "_is_protocol", False)
        if "the earlier name" not in (method.__doc__ or "") and name == method.__name__ and not documented:
            yield name, method


IN_PROTOCOLS = {
    name
    for protocol in (*vars(_base).values(), probing.Measured)
    if getattr(protocol, "_is_protocol", False)
    for name in vars(protocol)
}
"""Methods of sessions, which the protocols document."""


@pytest.mark.parametrize("name", CLASSES)
def test_the_methods_of_a_class_have_every_section(name: str) -> None:
    lacking = {}
    for method_name, method in methods(PUBLIC[name]):
        parts = sections(method.__doc__ or "")
        written = {one: text for one, text in entries(parts.get("Parameters", "")).items() if all(text)}
        expected = [one for one in parameters(method) if one not in ("self", "cls")]
        missing = [one for one in expected if one not in written]
        missing += _faults_of_returns(method, parts) + _faults_of_errors(method, parts)
        if not parts[""].strip() or missing:
            lacking[method_name] = missing
    assert lacking == {}


def test_the_protocols_of_sessions_have_every_section() -> None:
    for protocol in (_base.Session, _base.LabelledSession, _base.ViewedSession, _base.NaiveSession):
        for name, method in vars(protocol).items():
            if isinstance(method, FunctionType) and not name.startswith("_"):
                parts = sections(method.__doc__ or "")
                written = entries(parts["Parameters"])
                assert [one for one in parameters(method) if one not in written] == []
                assert _faults_of_returns(method, parts) == []


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_docstring_is_whole(name: str) -> None:
    assert not faults(name, PUBLIC[name])


def test_every_package_is_covered() -> None:
    packages = {module.name for module in pkgutil.iter_modules(spectra_eval.__path__) if module.name[0] != "_"}
    assert {name.split(".")[0] for name in PUBLIC} == packages


def test_the_allow_list_names_what_is_public_and_has_no_example() -> None:
    for name, reason in NO_EXAMPLE.items():
        assert reason and ">>>" not in PUBLIC[name].__doc__


def test_a_docstring_that_lacks_sections_is_found() -> None:
    def half(theta_s: float, k: int) -> float:
        """Give a half.

        Parameters
        ----------
        theta_s : float
            The model's predicted probability.
        """
        if k < 0:
            raise errors.InputError("k")
        return theta_s / 2

    assert faults("half", half) == ["imperative summary", "parameter k", "Returns", "Raises", "Examples"]


def test_a_return_without_description_and_a_word_of_the_house_are_found() -> None:
    def half(theta_s: float) -> float:
        """Return a half.

        Parameters
        ----------
        theta_s : float
            What the model holds.

        Returns
        -------
        float

        Examples
        --------
        >>> 1 + 1  # the name stands in the code
        2
        """
        return theta_s / 2

    [bare, word] = faults("half", half)
    assert bare == "Returns float: no description" and word.startswith("'What the model holds'")


if __name__ == "__main__":
    rooms: dict[str, list[bool]] = {}
    for public_name, found in sorted(PUBLIC.items()):
        lacking = faults(public_name, found)
        rooms.setdefault(public_name.split(".")[0], []).append(not lacking)
        if lacking:
            print(f"{public_name}: {', '.join(lacking)}")
    for room, whole in rooms.items():
        print(f"{room}: {sum(whole)} of {len(whole)}")
    print(f"all: {sum(map(sum, rooms.values()))} of {len(PUBLIC)} in {spectra_eval.__name__}")
