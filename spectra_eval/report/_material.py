"""The input of a report, checked once, and the names of its systems, metrics and numbers.

Nothing is computed here: a missing value becomes a word, never a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectra_eval.baselines import BASELINES
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.metrics._base import METRICS, Metric
from spectra_eval.registry import words_of
from spectra_eval.tables import PreferenceTable

__all__ = [
    "UNITS",
    "Material",
    "Result",
    "better",
    "entry_of",
    "finite",
    "gather",
    "gloss",
    "group_name",
    "is_ceiling",
    "is_reference",
    "methods",
    "metric_heading",
    "metric_label",
    "model_of",
    "named_strata",
    "number",
]

UNITS = {"bit": "bits", "nat": "nats", "1": ""}
"""The text of each unit."""

_GLOSSES = {
    "theta_s": "the readout of the model",
    "dg": "the decoded list",
    "dg_best": "the list, weighted by the truth",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of an evaluation, with the name of the system on the page."""

    metric: str
    unit: str
    system: str
    stratum: str
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    method: str | None
    n_users: int
    reason: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """The input of a report, checked once. The first table is the subject; the others are compared with it."""

    title: str
    tables: tuple[PreferenceTable, ...]
    evaluations: tuple[Mapping[str, Any], ...]
    certificate: Mapping[str, Any] | None
    results: tuple[Result, ...]

    @property
    def table(self) -> PreferenceTable:
        """Return the first table."""
        return self.tables[0]

    @property
    def systems(self) -> tuple[str, ...]:
        """Return all systems in the order of the evaluation, models first, then references."""
        names = list(dict.fromkeys(result.system for result in self.results))
        return tuple(sorted(names, key=is_reference))

    @property
    def options(self) -> Mapping[str, Any]:
        """Return the options of the certificate; empty without one."""
        return {} if self.certificate is None else self.certificate.get("options", {})

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the distinct warnings of the evaluations."""
        stated = [str(line) for document in self.evaluations for line in document.get("warnings", ())]
        return tuple(dict.fromkeys(stated))

    @property
    def counted(self) -> str:
        """Return the unit of the counts: ``records`` if some user has several, else ``users``."""
        return "users" if len(set(self.table.users.tolist())) == self.table.n_users else "records"

    def rule_of(self, stratification: str) -> str:
        """Return the rule by which the evaluation formed groups; empty if it is not recorded."""
        strata = (self.evaluations[0].get("facts") or {}).get("strata") or {}
        return str((strata.get(stratification) or {}).get("rule") or "")

    def of(self, metric: str, *, stratum: str = "all") -> tuple[Result, ...]:
        """Return the results of one metric in one stratum, in the order of `systems`."""
        found = {r.system: r for r in self.results if r.metric == metric and r.stratum == stratum}
        return tuple(found[name] for name in self.systems if name in found)

    def named(self, base: str) -> str | None:
        """Return the first evaluated metric of this family: ``category_ndcg`` finds ``category_ndcg@10``."""
        return next((r.metric for r in self.results if r.metric.partition("@")[0] == base), None)


def is_reference(system: str) -> bool:
    """Return whether a system is a reference predictor, not a model."""
    return not system.endswith(("theta_s", "dg", "dg_best"))


def is_ceiling(system: str) -> bool:
    """Return whether a system uses the window: it is an upper limit, not a competitor."""
    name = system.rpartition(": ")[2]
    return name == "dg_best" or (name in BASELINES.names() and BASELINES[name].sees_window)


def gather(
    *,
    tables: Any,
    evaluation: Any,
    certificate: Any,
    title: str,
    names: Sequence[str] | None = None,
) -> Material:
    """Check the input of a report.

    Parameters
    ----------
    tables : PreferenceTable or sequence of PreferenceTable
        The first is the subject; further ones are compared with it.
    evaluation : mapping or sequence of mapping
        The document of `evaluate` for the first table, or one document per table.
    certificate : mapping or None
        The document of `certify` for the first table.
    title : str
        The title.
    names : sequence of str, optional
        One per table, for the systems of the further tables; the names of their models by default.

    Raises
    ------
    InputError
        There is no table, or the numbers of tables, names and documents differ.
    SchemaError
        A document has an invalid structure.
    """
    given = (tables,) if isinstance(tables, PreferenceTable) else tuple(tables)
    one = isinstance(evaluation, Mapping) or hasattr(evaluation, "to_json")
    documents = tuple(_document(e) for e in ((evaluation,) if one else evaluation))
    certificate = None if certificate is None else _document(certificate)
    if not given:
        raise InputError("tables: none given; a report needs at least one table")
    if len(documents) not in (1, len(given)):
        raise InputError(
            f"evaluation: {len(documents)} documents for {len(given)} tables; give one, or one for each table"
        )
    if names is not None and len(names) != len(given):
        raise InputError(f"names: {len(names)} for {len(given)} tables; give one for each table")
    for document in documents:
        if not isinstance(document, Mapping) or not isinstance(document.get("results"), list | tuple):
            raise SchemaError("evaluation: 'results' is no list of rows; give the document of evaluate")
    if certificate is not None and not isinstance(certificate.get("claims"), list | tuple):
        raise SchemaError("certificate: 'claims' is no list of claims; give the document of certify")
    results: list[Result] = []
    labels = [_label(given, place) for place in range(len(given))] if names is None else names
    for place, (label, document) in enumerate(zip(labels, documents, strict=False)):
        results.extend(_results(document, prefix=f"{label}: " if place else ""))
    return Material(
        title=title.strip() or "Evaluation",
        tables=given,
        evaluations=documents,
        certificate=certificate,
        results=tuple(results),
    )


def _document(value: Any) -> Any:
    """Return the document of a result: `evaluate` and `certify` give objects, their files hold documents."""
    return value.to_json() if hasattr(value, "to_json") else value


def _label(tables: tuple[PreferenceTable, ...], place: int) -> str:
    """Return the label of a further table: its model, or its number if that is ambiguous."""
    names = [model_of(table) or "" for table in tables]
    name = names[place]
    return name if name and names.count(name) == 1 else f"table {place + 1}"


def _results(document: Mapping[str, Any], *, prefix: str) -> Iterator[Result]:
    for row in document["results"]:
        system = str(row["system"])
        if prefix and is_reference(system):
            continue  # the references of the first table are used for all, since the users are the same
        interval = row.get("interval") or {}
        value = finite(row.get("value")) if row.get("status", "ok") == "ok" else None
        yield Result(
            metric=str(row["metric"]),
            unit=str(row.get("unit", "1")),
            system=prefix + system,
            stratum=str(row.get("stratum", "all")),
            value=value,
            low=finite(interval.get("low")),
            high=finite(interval.get("high")),
            level=finite(interval.get("level")),
            method=interval.get("method"),
            n_users=int(row.get("n_users") or 0),
            reason=None if value is not None else str(row.get("reason") or "no finite value"),
        )


def finite(value: Any) -> float | None:
    """Return a number of a document; None if it is missing or not finite."""
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return None
    return float(value)


def methods(results: Iterable[Result]) -> str:
    """Return the methods of the intervals of some results, in brackets; empty if none is named."""
    named = dict.fromkeys(r.method for r in results if r.low is not None and r.method)
    return f" ({'; '.join(named)})" if named else ""


def metric_label(metric: str) -> str:
    """Return the label of a metric with its cut-off."""
    base, _, k = metric.partition("@")
    entry = entry_of(metric)
    words = words_of(base) if entry is None else entry.label
    return f"{words} at\u00a0{k}" if k else words


def metric_heading(metric: str) -> str:
    """Return the column heading of a metric with its cut-off."""
    entry = entry_of(metric)
    return words_of(metric) if entry is None else entry.heading + metric.removeprefix(entry.name)


def entry_of(metric: str) -> Metric | None:
    """Return the entry of a metric of an evaluation; None where it is not registered here."""
    base = metric.partition("@")[0]
    return METRICS[base] if base in METRICS else None


def gloss(system: str) -> str:
    """Return a short description of a system."""
    name = system.rpartition(": ")[2]
    return BASELINES[name].gloss if name in BASELINES else _GLOSSES.get(name, "")


def better(material: Material, metric: str) -> str | None:
    """Return the better direction, ``lower`` or ``higher``; None if neither is."""
    for document in material.evaluations:
        stated = (document.get("better") or {}).get(metric)
        if stated in ("lower", "higher"):
            return str(stated)
    entry = entry_of(metric)
    lower = None if entry is None else entry.lower_is_better
    return None if lower is None else "lower" if lower else "higher"


def number(value: float | None, *, decimals: int = 3, signed: bool = False) -> str:
    """Return a number as text with a minus sign; a word if it is missing."""
    if value is None or not math.isfinite(value):
        return "undefined"
    if abs(value) >= 1000:
        decimals = 0
    text = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    if not any(digit in "123456789" for digit in text):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def model_of(table: PreferenceTable) -> str | None:
    """Return the name of the model that predicted `theta_s`, if the table has it."""
    for key in ("model", "model_id", "predictor", "baseline", "method"):
        value = table.metadata.get(key)
        if isinstance(value, Mapping):
            value = value.get("id") or value.get("name")
        if value:
            return str(value)
    return None


def named_strata(material: Material, name: str) -> Sequence[str]:
    """Return the strata of one rule, sorted if the groups are numbers, else in the order of the evaluation."""
    found = list(dict.fromkeys(r.stratum for r in material.results if r.stratum.startswith((f"{name}=", f"{name}:"))))
    numbers = [group_name(stratum).rpartition("/")[2] for stratum in found]
    if all(number.isdigit() for number in numbers):
        found.sort(
            key=lambda stratum: (group_name(stratum).rpartition("/")[0], int(group_name(stratum).rpartition("/")[2]))
        )
    return found


def group_name(stratum: str) -> str:
    """Return the name of the group in the name of a stratum: ``tail_preference=Q1`` gives ``Q1``."""
    return stratum.replace(":", "=", 1).partition("=")[2]
