"""Provenance of the numbers, and the commands that reproduce them."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from spectra_eval.certification import CLAIMS
from spectra_eval.report._material import Material
from spectra_eval.tables import PreferenceTable

_LONG = ("categories", "title_categories")
"""Metadata entries that are not provenance and are as long as the data."""

__all__ = ["commands", "flat", "is_grid", "plain_value", "provenance"]


def provenance(material: Material, *, version: str) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the provenance of the numbers, in groups of names and values."""
    groups: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for place, table in enumerate(material.tables):
        size = [
            ("records", f"{table.n_users:,}"),
            ("users", f"{len(set(table.users.tolist())):,}"),
            ("categories", f"{table.n_categories:,}"),
            ("interactions in the windows", _interactions(table)),
        ]
        metadata = [(name, text) for name, text in flat(table.metadata) if name.split(".")[0] not in _LONG]
        groups.append(("Table" if len(material.tables) == 1 else f"Table {place + 1}", (*size, *metadata)))
    for place, document in enumerate(material.evaluations):
        rest = {k: v for k, v in document.items() if k not in ("results", "warnings", "better")}
        name = "Evaluation" if len(material.evaluations) == 1 else f"Evaluation {place + 1}"
        groups.append((name, tuple(flat(rest))))
    if material.certificate is not None:
        rest = {k: v for k, v in material.certificate.items() if k != "claims"}
        groups.append(("Certificate", tuple(flat(rest))))
    groups.append(("Page", (("made by", f"spectra-eval {version}"),)))
    return tuple(group for group in groups if group[1])


def _interactions(table: PreferenceTable) -> str:
    known = table.n_window[table.n_window >= 0]
    if len(known) < table.n_users:
        return "not recorded"
    return f"{int(known.sum()):,} (median {float(np.median(known)):g} a record)"


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of a JSON document with dotted names; lists of plain values are one leaf."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.") if value else iter([(name, "none")])
        elif is_grid(value):
            yield name, f"{len(value)} records"
        else:
            yield name, plain_value(value)


def plain_value(value: Any) -> str:
    """Return a JSON value as readable text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "undefined"
    if isinstance(value, list | tuple):
        text = ", ".join(plain_value(entry) for entry in value) or "none"
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 2000 else f"{text[:2000]}… ({len(text):,} characters)"


def commands(material: Material) -> tuple[str, ...]:
    """Return the commands that reproduce the numbers."""
    lines = []
    document = material.evaluations[0]
    seed = document.get("seed")
    level = next((r.level for r in material.results if r.level is not None), None)
    strata = dict.fromkeys(r.stratum.partition("=")[0] for r in material.results if "=" in r.stratum)
    words = ["spectra-eval", "evaluate", "TABLE"]
    words += ["--strata", ",".join(strata)] if strata else []
    words += ["--level", f"{level:g}"] if level is not None else ["--bootstrap", "0"]
    words += ["--seed", str(seed)] if seed is not None else []
    lines.append([*words, "-o", "evaluation.json"])
    if material.certificate is not None:
        words = ["spectra-eval", "certify", "TABLE"]
        o = material.options
        for flag, name in (("-k", "k"), ("--level", "level"), ("--scope", "scope"), ("--bound", "bound")):
            words += [flag, f"{o[name]:g}" if isinstance(o.get(name), float) else str(o[name])] if name in o else []
        words += ["--declared", str(o["declared"])] if o.get("declared", 1) != 1 else []
        words += ["--routes", ",".join(o["routes"])] if list(o.get("routes", ["T"])) != ["T"] else []
        error = o.get("predicate_error", 0.01)
        words += ["--predicate-error", f"{error:g}"] if error != 0.01 else []
        claims = list(o.get("claims") or ())
        words += [word for name in claims for word in ("--claim", name)] if len(claims) < len(CLAIMS.names()) else []
        words += ["--against", ",".join(o.get("against") or ["none"])]
        words += ["--seed", str(o["seed"])] if o.get("seed") is not None else []
        for claim, threshold in (o.get("require") or {}).items():
            words += ["--require", f"{claim}={threshold:g}"]
        lines.append([*words, "-o", "certificate.json"])
        lines.append(["spectra-eval", "verify", "certificate.json", "TABLE"])
    return tuple(shlex.join(line) for line in lines)


def is_grid(value: Any) -> bool:
    """Return whether a JSON value is a list of records."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, Mapping) for entry in value)
