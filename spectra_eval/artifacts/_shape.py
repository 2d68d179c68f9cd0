"""The shape of a table of results, found in one place for every format: long or wide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spectra_eval.arrays.arrow import whole
from spectra_eval.artifacts._cells import is_list
from spectra_eval.artifacts._columns import MATRICES, NAMES, TRUTHS, ReadSpec, listed, present
from spectra_eval.artifacts._foreign import advice
from spectra_eval.artifacts._limits import first_twice
from spectra_eval.errors import SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Loaded", "folded", "matched", "one_value"]

_LONG = ("user", "category", *TRUTHS, "theta_s", "dg_rank", "n_window", "context_window", "horizon")
_OTHERS = ("dg", "n_window", "context_window", "horizon", "history", "history_details", "support", "categories")
_WIDE = ("user", *MATRICES, *_OTHERS)
_SPREAD = (*MATRICES, "support", "dg")
"""Columns that a flat file may spread over several: ``target.Drama``, ``target.Noir``, ``dg.1``."""
_MARKS = ".:/|_"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A file that a format has opened.

    `scalar` says whether a column has one number or text a row, `take` returns the matched columns as Arrow.
    """

    names: list[str]
    scalar: Callable[[str], bool]
    take: Callable[[ReadSpec], pa.Table]


def one_value(kind: Any) -> bool:
    """Return whether a type has one number or text a row."""
    while hasattr(kind, "value_type") and not is_list(kind) and "list" not in str(kind):
        kind = kind.value_type
    kind = getattr(kind, "storage_type", kind)
    return not (is_list(kind) or str(kind).startswith(("struct<", "map<")) or "list" in str(kind))


def matched(loaded: Loaded, spec: ReadSpec) -> tuple[ReadSpec, bool]:
    """Return the specification with the columns of the file, and whether it is long: one row a user and category."""
    names = loaded.names
    if (duplicate := first_twice(names)) is not None:
        raise spec.fail(f"column {duplicate!r} occurs twice; rename one", SchemaError)
    wanted = [spec.mapping[key] for key in spec.mapping if any(key in NAMES[name] for name in TRUTHS)]
    truths = [name for name in wanted or (p for name in TRUTHS for p in present(name, names)) if name in names]
    scalar = bool(truths) and all(map(loaded.scalar, truths))
    long = scalar and ("category" in spec.mapping or bool(present("category", names)))
    members = {} if truths else _members(names, spec)
    inside = {name for parts in members.values() for name in parts.values()}
    allowed = [name for name in (_LONG if long else _WIDE) if not spec.text or name != "history_details"]
    spec = spec.understood([*members, *(name for name in names if name not in inside)], allowed)
    for name in ("user", "category"):
        needed = scalar if name == "category" else long or scalar or spec.text
        if needed and name not in spec.columns:
            other = ", or write lists or mappings of categories" if name == "category" else ""
            fix = advice(names, f"name it with --map {name}=COLUMN{other}")
            raise spec.fail(f"no column {name}; there are {listed(names)}; {fix}", SchemaError)
    members = {name: parts for name, parts in members.items() if name in spec.columns.values()}
    named = spec.columns.get("categories")
    if named is not None and spec.format != "npz" and (named in members or loaded.scalar(named)):
        columns = {name: column for name, column in spec.columns.items() if name != "categories"}
        spec = replace(spec, columns=columns, ignored=(*spec.ignored, named))
    return replace(spec, members=members), long


def _members(names: Iterable[str], spec: ReadSpec) -> dict[str, dict[str, str]]:
    """Return the columns of a flat file by quantity and category: ``{"target": {"Drama": "target.Drama"}}``."""
    own = {alias for aliases in NAMES.values() for alias in aliases}
    starts = {alias for name in _SPREAD for alias in NAMES[name]} | {name.casefold() for name in spec.mapping.values()}
    found: dict[str, dict[str, str]] = {}
    for name in names:
        folded_name = name.casefold()
        fits = [n for n in range(1, len(name) - 1) if name[n] in _MARKS and folded_name[:n] in starts]
        if folded_name in own or not fits:
            continue
        parts = found.setdefault(name[: fits[-1]], {})
        label = name[fits[-1] + 1 :]
        if label in parts:
            raise spec.fail(f"columns {parts[label]!r} and {name!r} mean the same; drop one", SchemaError)
        parts[label] = name
    truths = {alias for name in TRUTHS for alias in NAMES[name]}
    return {name: parts for name, parts in found.items() if len(parts) > 1 or name.casefold() not in truths}


def folded(table: pa.Table, members: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """Return a table with the columns of each quantity as one column of structs."""
    import pyarrow as pa

    for name, parts in members.items():
        arrays = [whole(table.column(column)) for column in parts.values()]
        table = table.append_column(name, pa.StructArray.from_arrays(arrays, names=list(parts)))
    return table.drop_columns([column for parts in members.values() for column in parts.values()])
