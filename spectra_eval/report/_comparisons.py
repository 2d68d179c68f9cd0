"""Figures of the results of an evaluation: by system, and by group."""

from __future__ import annotations

from typing import Any

from spectra_eval.report._figure import Figure, short
from spectra_eval.report._material import (
    UNITS,
    Material,
    Result,
    better,
    group_name,
    is_ceiling,
    is_reference,
    methods,
    metric_label,
    named_strata,
)

__all__ = ["bars", "lines"]

GROUPS = 16
"""The maximum number of groups in a line chart; the full table has all groups."""

_LINES = ("theta_s", "dg", "history", "popularity", "uniform")


def _unit(result: Result) -> str:
    unit = UNITS.get(result.unit, result.unit)
    return f" ({unit})" if unit else ""


def bars(material: Material, base: str) -> Figure | None:
    name = material.named(base)
    found = [r for r in material.of(name) if r.value is not None] if name else []
    if name is None or not found:
        return None
    label = metric_label(name)
    direction = better(material, name)
    rows = tuple((r.system, r.value, r.low, r.high, r.n_users) for r in found)
    ceilings = " and ".join(r.system for r in found if is_ceiling(r.system))
    hollow = f" The hollow bar, {ceilings}, uses the window itself and is an upper limit." if ceilings else ""
    level = next((r.level for r in found if r.low is not None), None)
    whiskers = f" Whiskers are {level:.0%} intervals{methods(found)}." if level is not None else ""
    values = {r.system: r.value for r in found if r.value is not None and not is_ceiling(r.system)}
    values = values or {r.system: r.value for r in found if r.value is not None}
    best = (min if direction == "lower" else max)(values, key=lambda system: values[system])
    word = "best" if direction else "largest"
    return Figure(
        name=f"{base.replace('_', '-')}-bars",
        kind="bars",
        title=f"{label} of every system",
        caption=f"Mean over {material.counted}; {direction or 'neither direction'} is better.{whiskers}{hollow}",
        alt=f"Bar chart of {label} for {len(rows)} systems; {best} is {word} with {short(values[best])}.",
        columns=("system", label + _unit(found[0]), "low", "high", "users"),
        rows=rows,
        labels=(label + _unit(found[0]),),
        extent=(6.6, 0.8 + 0.36 * len(rows)),
        extra={
            "reference": tuple(is_reference(r.system) for r in found),
            "ceiling": tuple(is_ceiling(r.system) for r in found),
        },
    )


def lines(material: Material, base: str, rule: str) -> tuple[Figure, ...]:
    """Return line charts of a metric by group: one, or one per horizon for ``context_window_by_horizon``."""
    strata = named_strata(material, rule)
    if rule != "context_window_by_horizon":
        made = [_line(material, base, rule, {stratum: group_name(stratum) for stratum in strata}, "")]
        return tuple(figure for figure in made if figure is not None)
    parts: dict[str, dict[str, str]] = {}
    for stratum in strata:
        horizon, _, window = group_name(stratum).rpartition("/")
        parts.setdefault(horizon, {})[stratum] = window
    made = [_line(material, base, "context_window", groups, horizon) for horizon, groups in parts.items()]
    return tuple(figure for figure in made if figure is not None)


def _line(material: Material, base: str, rule: str, groups: dict[str, str], horizon: str) -> Figure | None:
    name = material.named(base)
    if name is None or not 2 <= len(groups) <= GROUPS:
        return None
    axis, words, caution = _words(material, rule)
    rows: list[tuple[Any, ...]] = []
    drawn = [r for stratum in groups for r in material.of(name, stratum=stratum) if r.system in _LINES]
    named = methods(r for r in drawn if r.value is not None)
    unit = ""
    for place, (stratum, group) in enumerate(groups.items()):
        for r in material.of(name, stratum=stratum):
            if r.value is not None and r.system in _LINES:
                unit = _unit(r)
                rows.append((r.system, group, r.value, r.low, r.high, r.n_users, place))
    if not rows:
        return None
    rows.sort(key=lambda row: (_LINES.index(row[0]), row[6]))
    sizes = {row[1]: row[5] for row in rows}
    label = metric_label(name)
    group_sizes = ", ".join(f"{sizes[group]:,}" for group in groups.values() if group in sizes)
    systems = ", ".join(dict.fromkeys(row[0] for row in rows))
    title = f"{label} by {words}{f', {horizon} horizon' if horizon else ''}"
    return Figure(
        name=f"{base}-by-{rule}{f'-{horizon}' if horizon else ''}".replace("_", "-"),
        kind="lines",
        title=title,
        caption=f"Mean over the {material.counted} of each group, with intervals{named}; "
        f"{better(material, name) or 'no direction'} is better. Sizes: {group_sizes} {material.counted}.{caution}",
        alt=f"{title}: {systems} in {len(groups)} groups.",
        columns=("system", words, label + unit, "low", "high", material.counted),
        rows=tuple(row[:6] for row in rows),
        labels=(axis, label + unit),
        extra={"groups": list(groups.values()), "ticks": list(groups.values())},
    )


def _words(material: Material, rule: str) -> tuple[str, str, str]:
    """Return the label of the axis, the name of the rule, and a caution for the reader."""
    if rule == "context_window":
        return "past sessions shown to the model", "context window", ""
    sentence = material.rule_of(rule)
    axis = sentence.removeprefix("quartiles of the ") + ", by quartile" if sentence else "tail preference, by quartile"
    caution = (
        " The groups are formed on the evaluation window, so part of a trend is regression to the mean."
        if sentence.endswith("in the window")
        else ""
    )
    return axis, "tail preference" + (" of the window" if rule.endswith("_window") else ""), caution
