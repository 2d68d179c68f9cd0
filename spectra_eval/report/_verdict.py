"""The opening of a page in sentences: what was measured, on whom, by which model, and what follows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spectra_eval.report._content import claim_lines
from spectra_eval.report._material import (
    UNITS,
    Material,
    Result,
    better,
    gloss,
    is_reference,
    metric_label,
    model_of,
    number,
)

__all__ = ["glance", "sentences", "tally"]


def sentences(material: Material) -> tuple[str, ...]:
    """Say what was measured, on whom, by which model, and how it compares; one paragraph an entry."""
    return tuple(line for line in (_what(material), _compared(material), _claimed(material)) if line)


def glance(material: Material) -> tuple[tuple[str, str], ...]:
    """Give the few facts that a reader asks for first."""
    table = material.table
    known = table.n_window[table.n_window > 0]
    facts = [
        ("model", model_of(table) or "not named in the table"),
        ("users", f"{len(set(table.users.tolist())):,}"),
        ("categories", f"{table.n_categories:,}"),
        ("window", f"{float(np.median(known)):g} interactions at the median" if len(known) else "sizes not recorded"),
    ]
    options = material.options
    if options:
        facts.append(("claims", f"level {options.get('level', 'not said')}, scope {options.get('scope', 'not said')}"))
    return tuple(facts)


def _what(material: Material) -> str:
    table = material.table
    users = len(set(table.users.tolist()))
    whom = f"{users:,} users"
    if table.n_users != users:
        whom += f" ({table.n_users:,} records)"
    text = f"A distribution over {table.n_categories:,} categories is held against what {whom} did next"
    known = table.n_window[table.n_window > 0]
    if len(known):
        text += f", in windows of {float(np.median(known)):g} interactions at the median"
    unseen = int((~table.observed).sum())
    text += "." if not unseen else f"; {unseen:,} records without a window are left out."
    if table.theta_s is None:
        return f"{text} The table holds no readout: only the decoded lists and the references are compared."
    model = model_of(table)
    details = [f"{word} {table.metadata[word]}" for word in ("backend", "readout", "adapter") if _said(table, word)]
    how = f" ({', '.join(details)})" if details else ""
    by = f"The distribution is that of {model}{how}." if model else f"The table does not name the model{how}."
    others = f" {len(material.tables) - 1} further tables stand beside it." if len(material.tables) > 2 else ""
    others = " Another table stands beside it." if len(material.tables) == 2 else others
    return f"{text} {by}{others}"


def _said(table: object, word: str) -> bool:
    value = table.metadata.get(word)  # type: ignore[attr-defined]
    return isinstance(value, str) and bool(value)


def _compared(material: Material) -> str:
    """Set the readout beside the decoded list and the best reference, in the first key metric there is."""
    metric = material.named("js_divergence") or material.named("total_variation")
    found = {r.system: r for r in material.of(metric)} if metric else {}
    own = found.get("theta_s")
    if metric is None or own is None or own.value is None or better(material, metric) != "lower":
        return ""
    unit = UNITS.get(own.unit, own.unit)
    text = (
        f"Its {_lower_first(metric_label(metric))} from the truth is {_with_interval(own)}{' ' + unit if unit else ''}"
    )
    text += " on average (0 is best)" if own.n_users else ""
    listed = found.get("dg")
    if listed is not None and listed.value is not None:
        text += f"; taking the decoded list for a uniform distribution gives {_with_interval(listed)}"
    rivals = [r for n, r in found.items() if is_reference(n) and r.value is not None and "oracle" not in n]
    if not rivals:
        return f"{text}. No reference predictor was evaluated, so nothing shows what these numbers are worth."
    best = min(rivals, key=lambda r: (r.value, r.system))
    assert best.value is not None
    what = f" ({gloss(best.system)})" if gloss(best.system) else ""
    relation = "farther from" if best.value > own.value else "closer to" if best.value < own.value else "as close to"
    tail = "the truth than the readout" if relation != "as close to" else "the truth as the readout"
    return f"{text}. The best reference, {best.system}{what}, has {_with_interval(best)}: {relation} {tail}."


def _lower_first(label: str) -> str:
    return label if label.startswith(("Jensen", "Kullback", "Brier")) else label[0].lower() + label[1:]


def _with_interval(result: Result) -> str:
    text = number(result.value)
    if result.low is None or result.high is None:
        return text
    return f"{text} [{number(result.low)}, {number(result.high)}]"


_TALLY = (
    ("holds", "holds", "hold"),
    ("fails", "does not hold", "do not hold"),
    ("undefined", "cannot be said", "cannot be said"),
)


def tally(material: Material) -> tuple[tuple[str, str, int], ...]:
    """Count the proven claims: (kind, word, number)."""
    lines = claim_lines(material)
    counts = {kind: sum(line.kind == kind for line in lines) for kind, _, _ in _TALLY}
    return tuple((kind, one if counts[kind] == 1 else many, counts[kind]) for kind, one, many in _TALLY)


def _claimed(material: Material) -> str:
    if material.certificate is None:
        return "There is no certificate: the numbers below describe these users and prove nothing beyond them."
    counts = {kind: n for kind, _, n in tally(material)}
    total = sum(counts.values())
    if not total:
        return "The certificate makes no proven claim."
    level = material.options.get("level")
    population = material.options.get("scope") == "population"
    whom = (
        "about users like these, because the caller asserts that they were drawn at random"
        if population
        else "about these users only"
    )
    each = f", each at level {level:g}" if isinstance(level, float) else ""
    return f"Of {total} proven claims{each}, {_spoken(counts)}; they speak {whom}."


def _spoken(counts: dict[str, int]) -> str:
    parts = list(_parts(counts))
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _parts(counts: dict[str, int]) -> Iterator[str]:
    if n := counts["holds"]:
        yield f"{n} {'holds' if n == 1 else 'hold'}"
    if n := counts["fails"]:
        yield f"{n} {'does' if n == 1 else 'do'} not hold"
    if n := counts["undefined"]:
        yield f"{n} cannot be made from this table"
