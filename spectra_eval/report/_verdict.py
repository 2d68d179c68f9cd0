"""The summary of a report in sentences: the data, the model, and the result."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spectra_eval.certification import verdict
from spectra_eval.metrics import shown_in
from spectra_eval.report._content import claim_lines
from spectra_eval.report._material import (
    UNITS,
    Material,
    Result,
    better,
    gloss,
    is_ceiling,
    is_reference,
    metric_label,
    model_of,
    number,
)
from spectra_eval.tables import PreferenceTable

__all__ = ["glance", "sentences", "tally"]

NEAR = 0.05
"""A readout whose divergence is within this proportion of that of uniform is called close to uniform."""


def sentences(material: Material) -> tuple[str, ...]:
    """Return the paragraphs of the summary: the verdict first, then its basis."""
    rivals = " ".join(verdict(material.certificate)) if material.certificate and material.options else ""
    paragraphs = (rivals, _verdict(material), _compared(material), _claimed(material), _what(material))
    return tuple(line for line in paragraphs if line)


def glance(material: Material) -> tuple[tuple[str, str], ...]:
    """Return the key facts: model, users, categories, window, claims."""
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
        facts.append(
            ("claims", f"level {options.get('level', 'not given')}, scope {options.get('scope', 'not given')}")
        )
    return tuple(facts)


def _what(material: Material) -> str:
    table = material.table
    users = len(set(table.users.tolist()))
    cohort = f"{users:,} users"
    if table.n_users != users:
        cohort += f" ({table.n_users:,} records)"
    text = f"A distribution over {_options(table)} is compared with the observed interactions of {cohort}"
    known = table.n_window[table.n_window > 0]
    if len(known):
        text += f", in windows of {float(np.median(known)):g} interactions at the median"
    unseen = int((~table.observed).sum())
    text += "." if not unseen else f"; {unseen:,} records without a window are left out."
    if table.theta_s is None:
        return f"{text} The table holds no readout: only the decoded lists and the references are compared."
    model = model_of(table)
    details = [f"{word} {table.metadata[word]}" for word in ("backend", "readout", "adapter") if _is_named(table, word)]
    how = f" ({', '.join(details)})" if details else ""
    by = f"The distribution is that of {model}{how}." if model else f"The table does not name the model{how}."
    others = f" {len(material.tables) - 1} further tables are shown next to it." if len(material.tables) > 2 else ""
    others = " Another table is shown next to it." if len(material.tables) == 2 else others
    return f"{text} {by}{others}"


def _options(table: PreferenceTable) -> str:
    if table.support is None:
        return f"{table.n_categories:,} categories"
    offered = table.n_options
    return f"the options of each record ({offered.min():,} to {offered.max():,} of {table.n_categories:,} categories)"


def _is_named(table: object, word: str) -> bool:
    value = table.metadata.get(word)  # type: ignore[attr-defined]
    return isinstance(value, str) and bool(value)


def _measured(material: Material) -> tuple[str, dict[str, Result]] | None:
    """Return the first available key metric and its results by system; None if the readout has no value."""
    key = (entry for entry in shown_in("headline") if entry.is_mean and entry.lower_is_better)
    metric = next(filter(None, (material.named(entry.name) for entry in key)), None)
    found = {r.system: r for r in material.of(metric) if r.value is not None} if metric else {}
    if metric is None or "theta_s" not in found or better(material, metric) != "lower":
        return None
    return metric, found


def _best_reference(found: dict[str, Result]) -> Result | None:
    rivals = [r for n, r in found.items() if is_reference(n) and not is_ceiling(n)]
    return min(rivals, key=lambda r: (_value(r), r.system)) if rivals else None


def _value(result: Result) -> float:
    assert result.value is not None  # ensured by `_measured`
    return result.value


def _verdict(material: Material) -> str:
    """Return a sentence that compares the readout with the list and with the best reference."""
    measured = _measured(material)
    if measured is None:
        return ""
    _, found = measured
    own, best = found["theta_s"], _best_reference(found)
    rivals = [("the list that the model writes", found["dg"])] if "dg" in found else []
    if best is not None:
        known = f" ({gloss(best.system)})" if gloss(best.system) else ""
        every = f"every reference predictor, of which {best.system} is the best"
        rivals.append((f"{best.system}{known}" if _value(best) <= _value(own) else every, best))
    if not rivals:
        return ""
    text = "On average the readout is"
    previous = ""
    for place, (name, rival) in enumerate(rivals):
        relation = _relation(own, rival)
        joint = "" if not place else " and" if relation == previous else ", but"
        word = "than" if relation != "as close to" else "as"
        if relation != previous:
            text += f"{joint} {relation} {'the observed interactions' if not place else 'it'} {word} {name}"
        else:
            text += f"{joint} {word} {name}"
        previous = relation
    text += "."
    uniform = found.get("uniform")
    if uniform is not None and abs(_value(own) - _value(uniform)) <= NEAR * _value(uniform):
        text += " It is close to uniform, which has no information about users."
    return text


def _relation(own: Result, other: Result) -> str:
    if _value(other) == _value(own):
        return "as close to"
    return "closer to" if _value(own) < _value(other) else "farther from"


def _compared(material: Material) -> str:
    """Return the numbers of the verdict."""
    measured = _measured(material)
    if measured is None:
        return ""
    metric, found = measured
    own, best = found["theta_s"], _best_reference(found)
    unit = UNITS.get(own.unit, own.unit)
    parts = [f"{_with_interval(own)} for the readout"]
    if "dg" in found:
        parts.append(f"{_with_interval(found['dg'])} for the decoded list, taken as uniform")
    if best is not None:
        parts.append(f"{_with_interval(best)} for {best.system}")
    if "uniform" in found and best is not None and best.system != "uniform":
        parts.append(f"{_with_interval(found['uniform'])} for uniform")
    level = f" [{own.level:.0%} interval, {own.method}]" if own.level is not None and own.method else ""
    joined = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    text = (
        f"{metric_label(metric)} from the truth, the mean over {material.counted}{f' in {unit}' if unit else ''}{level}"
    )
    text += f", where 0 is best: {joined}."
    if best is None:
        text += " No reference predictor was evaluated, so there is no reference for these numbers."
    return text


def _with_interval(result: Result) -> str:
    text = number(result.value)
    if result.low is None or result.high is None:
        return text
    return f"{text} [{number(result.low)}, {number(result.high)}]"


_TALLY = (
    ("holds", "holds", "hold"),
    ("fails", "does not hold", "do not hold"),
    ("undefined", "cannot be determined", "cannot be determined"),
)


def tally(material: Material) -> tuple[tuple[str, str, int], ...]:
    """Count the proven claims about the readout: (kind, word, number)."""
    lines = [line for line in claim_lines(material) if line.about == "readout"]
    counts = {kind: sum(line.kind == kind for line in lines) for kind, _, _ in _TALLY}
    return tuple((kind, one if counts[kind] == 1 else many, counts[kind]) for kind, one, many in _TALLY)


def _claimed(material: Material) -> str:
    if material.certificate is None:
        return "There is no certificate: the numbers below describe these users and prove nothing beyond them."
    counts = {kind: n for kind, _, n in tally(material)}
    total = sum(counts.values())
    list_claims = _of_lists(material)
    if not total:
        return f"The certificate makes no proven claim about the readout.{list_claims}"
    level = material.options.get("level")
    population = material.options.get("scope") == "population"
    cohort = (
        "about users like these, because the caller asserts that they were drawn at random"
        if population
        else "about these users only"
    )
    each = f", each at level {level:g}" if isinstance(level, float) else ""
    about = " about the readout" if list_claims else ""
    return f"Of {total} proven claims{about}{each}, {_format_counts(counts)}; they are {cohort}.{list_claims}"


def _of_lists(material: Material) -> str:
    """Return a sentence about the claims proven for the decoded lists; empty if there are none."""
    lines = [line for line in claim_lines(material) if line.about == "lists" and line.kind == "holds"]
    if not lines:
        return ""
    names = " and ".join(line.name for line in lines)
    verb = "holds and is" if len(lines) == 1 else "hold and are"
    return f" In addition, {names} {verb} about the decoded lists only."


def _format_counts(counts: dict[str, int]) -> str:
    parts = list(_parts(counts))
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _parts(counts: dict[str, int]) -> Iterator[str]:
    if n := counts["holds"]:
        yield f"{n} {'holds' if n == 1 else 'hold'}"
    if n := counts["fails"]:
        yield f"{n} {'does' if n == 1 else 'do'} not hold"
    if n := counts["undefined"]:
        yield f"{n} cannot be made from this table"
