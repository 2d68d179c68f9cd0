"""Variants of a sweep: other templates, answers, windows or categories for the same records."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.artifacts import file_name
from spectra_eval.errors import InputError
from spectra_eval.evaluation import merge_categories, merge_rarest
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts.likelihood import VERBALISERS
from spectra_eval.probing.templates import PLAIN, Template, known_templates
from spectra_eval.tables import PreferenceTable

__all__ = ["SWEEPS", "Variant", "variants"]

SWEEPS: Mapping[str, str] = {
    "prompts": "Other words for the same question",
    "verbalisers": "Other answers to the same question",
    "windows": "Other context windows and horizons",
    "taxonomy": "Coarser categories, asked for and added up",
}
"""Kinds of sweep, with the title of the table."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variant:
    """One variant of a sweep.

    `merged` turns the probed table of the first variant into the categories of this one, where that can be done.

    Attributes
    ----------
    name : str
        The name of its run folder.
    table : PreferenceTable
        Its records.
    options : mapping
        Options of `probe` that differ from those of the others.
    merged : callable, optional
        From the probed table of the first variant to one in the categories of this one.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann"], categories=("a", "b"), counts=[[1, 3]], history=[("Heat",)])
    >>> Variant(name="plain", table=table, options={}).merged is None
    True
    """

    name: str
    table: PreferenceTable
    options: Mapping[str, Any]
    merged: Callable[[PreferenceTable], PreferenceTable] | None = None


def variants(
    kind: str,
    table: PreferenceTable,
    *,
    readout: str = "likelihood",
    options: Mapping[str, Any] | None = None,
    template: Template = PLAIN,
    templates: Sequence[Template] = (),
) -> list[Variant]:
    """Return the variants of a sweep; the others are compared with the first.

    Parameters
    ----------
    kind : {"prompts", "verbalisers", "windows", "taxonomy"}
        ``prompts``: `template`, then the built-in templates (those that show more than titles
        where the table has details), then `templates`. ``verbalisers``: each of `readouts.likelihood.VERBALISERS`.
        ``windows``: each context window and horizon of the table. ``taxonomy``: the categories as they are, their
        parents, and the rarest merged so that three quarters and one half of the categories are left (19, 15, 10).
    table : PreferenceTable
        With `history`.
    readout, options, template : as for `probe`
        As for `probe`.
    templates : sequence of Template
        Further ones, of ``prompts``.

    Returns
    -------
    list of Variant
        At least two.

    Raises
    ------
    InputError
        There is no such sweep, or the table or the readout has one variant only.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a", "b"], categories=("Bars", "Tacos", "Golf"), counts=[[1, 2, 0], [0, 1, 4]],
    ...     parents=("Food", "Food", "Sport"), history=[("x",), ("y",)],
    ...     history_counts=[[0, 2, 1], [0, 1, 4]],
    ... )
    >>> [(one.name, one.table.categories) for one in variants("taxonomy", table)]
    [('fine', ('Bars', 'Tacos', 'Golf')), ('coarse', ('Food', 'Sport')), ('rarest-2', ('Other', 'Golf'))]
    """
    if kind not in SWEEPS:
        raise InputError(f"sweep: {kind!r} is unknown; choose {', '.join(SWEEPS)}")
    shared = {"options": dict(options or {}), "template": template}
    if kind == "prompts":
        found = _prompt_variants(table, shared, template, templates)
    elif kind == "verbalisers":
        found = _verbaliser_variants(table, shared, readout)
    elif kind == "windows":
        found = _window_variants(table, shared)
    else:
        found = _taxonomy_variants(table, shared)
    names = [file_name(one.name, f"sweep {kind}: variant") for one in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"sweep: two variants are called {twice!r}; rename one of the templates")
    return found


def _prompt_variants(
    table: PreferenceTable, shared: Mapping[str, Any], template: Template, more: Sequence[Template]
) -> list[Variant]:
    usable = [one for one in known_templates().values() if table.history_details is not None or not one.shows]
    differing = {
        one.digest: one for one in [*more, *reversed(usable), template]
    }  # of two equal templates the last stays
    ordered = [template, *(one for one in [*usable, *more] if differing[one.digest] is one and one is not template)]
    return [Variant(name=one.name, table=table, options={**shared, "template": one}) for one in ordered]


def _verbaliser_variants(table: PreferenceTable, shared: Mapping[str, Any], readout: str) -> list[Variant]:
    if "verbaliser" not in READOUTS[readout].options:
        raise InputError(f"sweep: readout {readout!r} has no verbaliser; sweep that of 'likelihood'")
    return [
        Variant(name=name, table=table, options={**shared, "options": {**shared["options"], "verbaliser": name}})
        for name in VERBALISERS
    ]


def _window_variants(table: PreferenceTable, shared: Mapping[str, Any]) -> list[Variant]:
    sizes = [None] if table.context_window is None else sorted(set(table.context_window.tolist()))
    names = [None] if table.horizon is None else sorted(set(table.horizon.tolist()))
    if len(sizes) * len(names) < 2:
        raise InputError(
            "sweep: the table has one context window and one horizon; prepare it with --context-windows 1,3,5,8 and "
            "--horizons long,short"
        )
    found = []
    for size in sizes:
        for name in names:
            own = np.ones(table.n_users, dtype=bool)
            own &= True if size is None else table.context_window == size
            own &= True if name is None else table.horizon == name
            if own.any():
                parts = [*([f"{size}-sessions"] if size is not None else []), *([name] if name is not None else [])]
                found.append(Variant(name="-".join(parts), table=table.select(own), options=shared))
    return found


def _taxonomy_variants(table: PreferenceTable, shared: Mapping[str, Any]) -> list[Variant]:
    found = [Variant(name="fine", table=table, options=shared)]
    if table.parents is not None and 2 <= len(set(table.parents)) < table.n_categories:
        above = dict(zip(table.categories, table.parents, strict=True))
        found.append(_merged("coarse", table, shared, functools.partial(merge_categories, mapping=above)))
    steps = {math.ceil(share * table.n_categories) for share in (0.75, 0.5)}
    for size in sorted((size for size in steps if 2 <= size < table.n_categories), reverse=True):
        ranked = merge_rarest(table, size)
        into = dict(zip(ranked.metadata["merged"]["from"], ranked.metadata["merged"]["to"], strict=True))
        found.append(_merged(f"rarest-{size}", table, shared, functools.partial(merge_categories, mapping=into)))
    if len(found) < 2:
        raise InputError(f"sweep: {table.n_categories} categories without two levels cannot be merged further")
    return found


def _merged(
    name: str, table: PreferenceTable, shared: Mapping[str, Any], merge: Callable[[PreferenceTable], PreferenceTable]
) -> Variant:
    return Variant(name=name, table=merge(table), options=shared, merged=merge)
