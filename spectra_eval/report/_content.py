"""The headline table and the claims, independent of the output format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spectra_eval.certification import CLAIMS
from spectra_eval.metrics._base import shown_in
from spectra_eval.report._material import (
    UNITS,
    Material,
    Result,
    better,
    entry_of,
    finite,
    gloss,
    is_ceiling,
    is_reference,
    metric_heading,
    metric_label,
    number,
)
from spectra_eval.report._provenance import flat, is_grid, plain_value

__all__ = ["Cell", "ClaimLine", "Column", "Grid", "Row", "claim_lines", "headline"]

_CONSTANT = ("uniform", "popularity")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of the headline table."""

    metric: str
    label: str
    heading: str
    unit: str
    better: str | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of the headline table; `text` is a word if it is missing."""

    value: float | None
    text: str
    interval: str
    best: bool
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system of the headline table."""

    system: str
    gloss: str
    reference: bool
    cells: tuple[Cell, ...]


def headline(material: Material) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    """Return the headline table: systems by the most important metrics."""
    # Metrics without a direction come last.
    key = sorted(shown_in("headline"), key=lambda entry: entry.lower_is_better is None)
    names = [name for name in (material.named(entry.name) for entry in key) if name is not None]
    for result in material.results:
        if len(names) < 3 and result.metric not in names:
            names.append(result.metric)
    columns = []
    cells: dict[str, list[Cell]] = {system: [] for system in material.systems}
    for name in names[:7]:
        found = {result.system: result for result in material.of(name)}
        if not found:
            continue
        direction = better(material, name)
        unit = next(iter(found.values())).unit
        label, heading = metric_label(name), metric_heading(name)
        columns.append(Column(metric=name, label=label, heading=heading, unit=UNITS.get(unit, unit), better=direction))
        best = _best(found, direction)
        largest = max((abs(r.value) for r in found.values() if r.value is not None), default=1.0)
        decimals = 4 if largest < 0.1 else 3
        for system, line in cells.items():
            line.append(_cell(found.get(system), best=best, decimals=decimals))
    rows = tuple(
        Row(system=system, gloss=gloss(system), reference=is_reference(system), cells=tuple(line))
        for system, line in cells.items()
    )
    return tuple(columns), rows


def _best(found: Mapping[str, Result], direction: str | None) -> float | None:
    """Return the best value of the competing systems; None if a constant is better."""
    values = [r.value for r in found.values() if r.value is not None and _competes(r)]
    if direction is None or len(values) < 2:
        return None
    sign = 1.0 if direction == "lower" else -1.0
    best = min(values, key=lambda value: sign * value)
    constants = [r.value for r in found.values() if r.value is not None and _is_calibrated_constant(r)]
    return None if any(sign * value < sign * best for value in constants) else best


def _competes(result: Result) -> bool:
    return not is_ceiling(result.system) and not _is_calibrated_constant(result)


def _is_calibrated_constant(result: Result) -> bool:
    """Return whether the system is a constant and the metric is of the cohort, where a constant can be best."""
    entry = entry_of(result.metric)
    return result.system in _CONSTANT and entry is not None and not entry.is_mean


def _cell(result: Result | None, *, best: float | None, decimals: int) -> Cell:
    if result is None:
        return Cell(value=None, text="not evaluated", interval="", best=False, reason=None)
    if result.value is None:
        return Cell(value=None, text="undefined", interval="", best=False, reason=result.reason)
    shown = result.low is not None and result.high is not None
    interval = f"[{number(result.low, decimals=decimals)}, {number(result.high, decimals=decimals)}]" if shown else ""
    wins = best is not None and result.value == best and _competes(result)
    text = number(result.value, decimals=decimals)
    return Cell(value=result.value, text=text, interval=interval, best=wins, reason=None)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A list of records among the inputs of a claim, as a table."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ClaimLine:
    """One claim as text; `about` is ``readout`` or ``lists``."""

    name: str
    about: str
    mark: str
    verdict: str
    kind: str
    statement: str
    figures: tuple[tuple[str, str], ...]
    assumptions: tuple[tuple[str, str, str], ...]
    licenses: str
    reference: str
    standing: str
    inputs: tuple[tuple[str, str], ...]
    grids: tuple[Grid, ...]


_MARKS = {
    "holds": ("✓", "holds"),
    "fails": ("✗", "does not hold"),
    "undefined": ("–", "cannot be determined"),
    "printed": ("·", "shown, not claimed"),
}


def claim_lines(material: Material) -> tuple[ClaimLine, ...]:
    """Return the claims of the certificate: proven ones first, then those without a proof."""
    if material.certificate is None:
        return ()
    lines = [_claim_line(claim) for claim in material.certificate["claims"]]
    order = ("holds", "fails", "undefined", "printed")
    return tuple(sorted(lines, key=lambda line: (order.index(line.kind), line.about != "readout")))


def _claim_line(claim: Mapping[str, Any]) -> ClaimLine:
    if claim.get("status", "ok") != "ok":
        kind = "undefined"
    elif claim.get("standing") != "proven":
        kind = "printed"
    else:
        kind = "holds" if claim.get("holds") is True else "fails"
    mark, verdict = _MARKS[kind]
    name = str(claim["claim"])
    about = CLAIMS[name].about if name in CLAIMS.names() else "readout"
    figures = [
        (name, number(finite(claim.get(name)), decimals=4, signed=name == "margin"))
        for name in ("bound", "threshold", "margin")
        if claim.get(name) is not None
    ]
    figures.append(("users", f"{int(claim.get('n_users') or 0):,}"))
    figures += [(name, str(claim[name])) for name in ("target", "scope", "method") if claim.get(name)]
    assumptions = tuple(
        (str(a["name"]), str(a["text"]), "checked" if a.get("checked") else "not checked")
        for a in claim.get("assumptions") or ()
    )
    return ClaimLine(
        name=name,
        about=about,
        mark=mark,
        verdict=verdict if about == "readout" else f"{verdict}, of the lists",
        kind=kind,
        statement=str(claim.get("statement") or claim.get("reason") or "Nothing can be determined."),
        figures=tuple(figures),
        assumptions=assumptions,
        licenses=str(claim.get("licenses") or ""),
        reference=str(claim.get("reference") or ""),
        standing=str(claim.get("standing") or ""),
        inputs=tuple(flat(claim.get("inputs") or {})),
        grids=tuple(_grids(claim.get("inputs") or {})),
    )


def _grids(inputs: Mapping[str, Any]) -> Iterator[Grid]:
    for name, value in inputs.items():
        if not is_grid(value):
            continue
        columns = tuple(dict.fromkeys(key for record in value for key in record))
        rows = tuple(tuple(plain_value(record.get(key)) for key in columns) for record in value)
        yield Grid(name=str(name), columns=columns, rows=rows)
