"""Computation and comparison of the cases of a vector file."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.errors import DuplicateNameError, SchemaError, SpectraError, one_line

__all__ = ["GROUPS", "Group", "GroupResult", "conform", "group", "numbers"]

RTOL, ATOL = 1e-9, 1e-300
"""The default tolerance: |computed - expected| <= ATOL + RTOL |expected|."""

_OWN = {"rtol", "atol", "name"}


@dataclass(frozen=True, kw_only=True)
class Group:
    """The computation of one group of golden vectors.

    Attributes
    ----------
    name : str
        The name of the group in the file.
    inputs : frozenset of str
        Keys of a case that are arguments; the other keys are expected values.
    compute : callable
        From the arguments of a case to its values by key.
    function : str
        The public functions behind it.
    disputed : callable, optional
        ``disputed(key, case)``: the reason why the expected value is in doubt, or None.

    Examples
    --------
    >>> Group(name="double", inputs=frozenset({"x"}), compute=lambda x: {"y": 2 * x["x"]}, function="double").disputed
    """

    name: str
    inputs: frozenset[str]
    compute: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    function: str
    disputed: Callable[[str, Mapping[str, Any]], str | None] | None = None


@dataclass(frozen=True, kw_only=True)
class GroupResult:
    """The result of one group.

    Attributes
    ----------
    name : str
        The name of the group.
    function : str
        The public functions behind it.
    passed, total : int
        Numbers of cases.
    cases : tuple of dict
        Each with ``computed``, ``ok``, and where it applies ``differs`` and ``disputed``.

    Examples
    --------
    >>> GroupResult(name="psi", function="psi", passed=1, total=1, cases=({"computed": {}, "ok": True},)).passed
    1
    """

    name: str
    function: str
    passed: int
    total: int
    cases: tuple[dict[str, Any], ...]


GROUPS: dict[str, Group] = {}
_loaded: list[bool] = []


def group(
    name: str,
    *inputs: str,
    function: str,
    disputed: Callable[[str, Mapping[str, Any]], str | None] | None = None,
) -> Callable[[Callable[[Mapping[str, Any]], Mapping[str, Any]]], Callable[[Mapping[str, Any]], Mapping[str, Any]]]:
    """Register the computation of one group; `function` names the public functions behind it."""

    def add(
        compute: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        if name in GROUPS:
            raise DuplicateNameError(f"group {name!r} is registered twice; rename one of the two")
        GROUPS[name] = Group(name=name, inputs=frozenset(inputs), compute=compute, function=function, disputed=disputed)
        return compute

    return add


def conform(document: Any) -> list[GroupResult]:
    """Compute every case of a vector file with the public functions, and compare.

    Parameters
    ----------
    document : mapping
        The file: ``{"groups": {name: [case, ...]}}``; numbers are text or JSON numbers.

    Returns
    -------
    list of GroupResult
        In the order of the file. A group that is not known counts as failed, case by case.

    Raises
    ------
    SchemaError
        The document is no vector file.

    Examples
    --------
    >>> [result] = conform({"groups": {"psi": [{"v": "1.0", "js_bits": "1.0", "js_nats": "0.6931471805599453"}]}})
    >>> result.passed, result.total
    (1, 1)
    """
    _load()
    groups = document.get("groups") if isinstance(document, Mapping) else None
    if not isinstance(groups, Mapping):
        raise SchemaError("vectors: no mapping 'groups'; give a file of golden vectors")
    results = []
    for name, cases in groups.items():
        # A group that is a mapping holds named facts: a case each.
        listed = [{key: value} for key, value in cases.items()] if isinstance(cases, Mapping) else cases
        if not isinstance(listed, list) or not all(isinstance(case, Mapping) for case in listed):
            raise SchemaError(f"vectors: group {name!r} is no list of cases")
        found = tuple(_run(GROUPS.get(name), name, case) for case in listed)
        results.append(
            GroupResult(
                name=name,
                function=GROUPS[name].function if name in GROUPS else "",
                passed=sum(case["ok"] for case in found),
                total=len(found),
                cases=found,
            )
        )
    return results


def numbers(value: Any) -> Any:
    """Read text as numbers, also within lists: ``"inf"`` and ``"nan"`` too; other text and None stay."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(value, list):
        return [numbers(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: numbers(entry) for name, entry in value.items()}
    return value


def _load() -> None:
    if _loaded:
        return
    _loaded.append(True)
    package = importlib.import_module("spectra_eval.audit.conformance")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"spectra_eval.audit.conformance.{module.name}")


def _run(entry: Group | None, name: str, case: Mapping[str, Any]) -> dict[str, Any]:
    if entry is None:
        return {"computed": None, "ok": False, "differs": [f"no public function is mapped to the group {name!r}"]}
    try:
        return _compared(entry, numbers(dict(case)))
    except (SpectraError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as error:
        return {"computed": None, "ok": False, "differs": [f"{type(error).__name__}: {one_line(error)}"]}


def _compared(entry: Group, given: Mapping[str, Any]) -> dict[str, Any]:
    rtol, atol = float(given.get("rtol", RTOL)), float(given.get("atol", ATOL))
    with np.errstate(all="ignore"):
        computed = dict(entry.compute(given))
    differs, disputed = [], {}
    for field in given:
        if field in entry.inputs or field in _OWN:
            continue
        why = entry.disputed(field, given) if entry.disputed else None
        if why is not None:
            disputed[field] = why
            continue
        if field not in computed:
            differs.append(f"{field}: not computed")
            continue
        differs += _differences(field, computed[field], given[field], rtol, atol)
    made: dict[str, Any] = {"computed": _plain(computed), "ok": not differs}
    if differs:
        made["differs"] = differs
    if disputed:
        made["disputed"] = disputed
    return made


def _differences(where: str, found: Any, expected: Any, rtol: float, atol: float) -> Iterator[str]:
    found = found.tolist() if isinstance(found, np.ndarray | np.generic) else found
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name in expected:
            if name not in found:
                yield f"{where}.{name}: not computed"
            else:
                yield from _differences(f"{where}.{name}", found[name], expected[name], rtol, atol)
    elif isinstance(expected, list) and isinstance(found, list | tuple):
        if len(expected) != len(found):
            yield f"{where}: {len(found)} entries computed, {len(expected)} expected"
            return
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from _differences(f"{where}[{place}]", one, other, rtol, atol)
    elif not _close(found, expected, rtol, atol):
        yield f"{where}: computed {found!r}, expected {expected!r}"


def _close(found: Any, expected: Any, rtol: float, atol: float) -> bool:
    both_numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (found, expected))
    if not both_numbers:
        return bool(found == expected)
    if math.isnan(expected) or math.isinf(expected) or not math.isfinite(found):
        return bool(found == expected) or (math.isnan(expected) and math.isnan(found))
    return abs(found - expected) <= atol + rtol * abs(expected)


def _plain(value: Any) -> Any:
    """Return a value as strict JSON: infinities and NaN become the text that the file uses."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
