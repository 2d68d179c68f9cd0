"""A sweep: probe and evaluate every variant, and compare each with the first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval._version import __version__
from spectra_eval.artifacts import own_file, own_folder, write_json, write_text
from spectra_eval.errors import InputError
from spectra_eval.evaluation import compare, evaluate
from spectra_eval.evaluation._latex import escaped
from spectra_eval.probing._probe import probe
from spectra_eval.probing._variants import SWEEPS, variants
from spectra_eval.probing.backends._base import Session
from spectra_eval.probing.templates import PLAIN, Template
from spectra_eval.tables import Interval, MetricResult, PreferenceTable

__all__ = ["Sweep", "sweep"]

SCHEMA = "spectra-eval/sweep/1"
_K = 10
_ASKED = ("theta_s", "dg", "dg_best")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The result of a sweep.

    Attributes
    ----------
    kind : str
        A name of `SWEEPS`.
    rows : tuple of mapping
        One a variant and system: ``variant``, ``system``, ``n_records``, ``n_users``, ``n_categories``,
        ``context_window``, ``horizon``, ``answer_mass``, and under ``metrics`` the results of `evaluate`.
    pairs : tuple of mapping
        Of variants on the same categories and users: the paired differences to the first, by `compare`, and under
        ``moved`` how far the readout itself moved (mean total variation).

    Examples
    --------
    >>> row = {"variant": "cases", "system": "dg", "n_users": 2, "n_categories": 3, "metrics": [], "answer_mass": None}
    >>> Sweep(kind="verbalisers", rows=(row,), pairs=()).lines()
    [{'variant': 'cases', 'system': 'dg', 'users': '2', 'K': '3', 'answer mass': ''}]
    """

    kind: str
    rows: tuple[Mapping[str, Any], ...]
    pairs: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the document, strict JSON.

        Returns
        -------
        dict
            With ``schema``, ``sweep``, ``title``, ``rows`` and ``pairs``.
        """
        return {
            "schema": SCHEMA,
            "package_version": __version__,
            "sweep": self.kind,
            "title": SWEEPS[self.kind],
            "rows": [dict(row) for row in self.rows],
            "pairs": [dict(pair) for pair in self.pairs],
        }

    def lines(self) -> list[dict[str, str]]:
        """Return the table as text, one row per variant and system; identical predictors have one row.

        Returns
        -------
        list of dict of str to str
            The cells of each row by column.
        """
        moved = {pair["variant"]: pair for pair in self.pairs}
        out = []
        for row in self.rows:
            if self.pairs and row["system"] not in _ASKED and row["variant"] != self.rows[0]["variant"]:
                continue
            line = {"variant": row["variant"], "system": row["system"], "users": str(row["n_users"])}
            line["K"] = str(row["n_categories"])
            for found in row["metrics"]:
                unit = "" if found["unit"] == "1" else f" [{found['unit']}]"
                line[found["metric"] + unit] = _value(found)
            line["answer mass"] = "" if row["answer_mass"] is None else f"{row['answer_mass']:.3f}"
            if self.pairs:
                pair = moved.get(row["variant"]) if row["system"] == "theta_s" else None
                line["JS less the first"] = "" if pair is None else _difference(pair["js_divergence"])
                line["moved [TV]"] = "" if pair is None else f"{pair['moved']:.3f}"
            out.append(line)
        return out

    def markdown(self) -> str:
        """Return the table in Markdown, with a title.

        Returns
        -------
        str
            The title and the table.
        """
        lines = self.lines()
        head = list(lines[0])
        rows = [head, ["---", "---", *["--:"] * (len(head) - 2)], *([line[name] for name in head] for line in lines)]
        body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
        return f"# {SWEEPS[self.kind]}\n\n{body}\n"

    def latex(self) -> str:
        """Return the table in LaTeX; it needs booktabs.

        Returns
        -------
        str
            A ``tabular``.
        """
        lines = self.lines()
        head = list(lines[0])
        rows = [" & ".join(escaped(line[name]) for name in head) + r" \\" for line in lines]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{escaped(SWEEPS[self.kind])}.}}",
                rf"\label{{tab:sweep-{self.kind}}}",
                rf"\begin{{tabular}}{{ll{'r' * (len(head) - 2)}}}",
                r"\toprule",
                " & ".join(map(escaped, head)) + r" \\",
                r"\midrule",
                *rows,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def sweep(
    table: PreferenceTable,
    session: Session,
    *,
    kind: str,
    run: str | os.PathLike[str],
    readout: str = "likelihood",
    options: Mapping[str, Any] | None = None,
    template: Template = PLAIN,
    templates: Sequence[Template] = (),
    limit: int | None = None,
    bootstrap: int = 1000,
    level: float = 0.95,
    progress: Callable[[str], Callable[[int, int], Any] | None] | None = None,
    **further: Any,
) -> Sweep:
    """Probe a table once for every variant, and compare the results.

    Parameters
    ----------
    table : PreferenceTable
        With `history`, the titles shown in the prompts.
    session : Session
        An open model.
    kind, templates : as for `variants`
        As for `variants`.
    run : path-like
        A folder; each variant has a run folder in it, named after the variant, and beside them ``sweep.json``,
        ``sweep.md`` and ``sweep.tex`` hold the table.
    readout, options, template : as for `probe`
        As for `probe`.
    limit : int, optional
        Only the first so many records of each variant.
    bootstrap, level : as for `evaluate`
        As for `evaluate`.
    progress : callable, optional
        Returns the `progress` of a run from the name of its variant.
    **further : object
        Further options of `probe`.

    Returns
    -------
    Sweep
        The results of each variant, and the differences to the first.

    Raises
    ------
    InputError, BackendError
        As for `probe` and `variants`; finished parts stay, and the same call resumes.

    Examples
    --------
    >>> import tempfile
    >>> from spectra_eval.probing.backends import open
    >>> table = PreferenceTable(
    ...     users=["ann"], categories=("a", "b"), counts=[[1, 3]], history=[("Heat",)], history_counts=[[1, 0]]
    ... )
    >>> with tempfile.TemporaryDirectory() as folder, open("mocked") as session:
    ...     found = sweep(table, session, kind="verbalisers", run=folder, dg=False, bootstrap=0)
    ...     sorted(path.name for path in Path(folder).iterdir())[:3]
    ['cases', 'good-bad', 'paper']
    >>> found.pairs[0]["variant"], found.pairs[0]["moved"]
    ('yes-no', 0.0)
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit: {limit} is below 1; leave it out to probe every record")
    place = Path(run)
    if kind != "windows" and limit is not None:
        table = table.select(slice(0, limit))
    found = variants(kind, table, readout=readout, options=options, template=template, templates=templates)
    k = min(_K, *(int(one.table.n_options.max()) for one in found))
    metrics = ("js_divergence", "total_variation", f"category_ndcg@{k}")
    how: dict[str, Any] = {"metrics": metrics, "bootstrap": bootstrap, "level": level}
    place.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    probed: dict[str, PreferenceTable] = {}
    for one in found:
        shown = None if progress is None else progress(one.name)
        own = one.table if limit is None else one.table.select(slice(0, limit))
        probed[one.name] = probe(
            own,
            session,
            readout=readout,
            run=own_folder(place / one.name),
            progress=shown,
            **{**further, **one.options},
        )
        rows += _rows(one.name, probed[one.name], how)
        if one.merged is not None:
            rows += _rows(f"{one.name}, added up", one.merged(probed[found[0].name]), {**how, "systems": ["theta_s"]})
    made = Sweep(kind=kind, rows=tuple(rows), pairs=tuple(_pairs(probed, how)))
    write_json(made.to_json(), own_file(place / "sweep.json"))
    write_text(made.markdown(), own_file(place / "sweep.md"))
    write_text(made.latex(), own_file(place / "sweep.tex"))
    return made


def _rows(name: str, table: PreferenceTable, how: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = evaluate(table, **how)
    mass = None if table.answer_mass is None else float(table.answer_mass.mean())
    for system in dict.fromkeys(row.system for row in found.results):
        yield {
            "variant": name,
            "system": system,
            "n_records": table.n_users,
            "n_users": found.facts["n_users"],
            "n_categories": table.n_categories,
            "context_window": _only(table.context_window),
            "horizon": _only(table.horizon),
            "answer_mass": mass if system == "theta_s" else None,
            "metrics": [_plain(row) for row in found.results if row.system == system],
        }


def _only(column: np.ndarray | None) -> Any:
    values = [] if column is None else np.unique(column).tolist()
    return values[0] if len(values) == 1 else None


def _plain(row: MetricResult) -> dict[str, Any]:
    return {"metric": row.metric, "unit": row.unit, "value": row.value, "status": row.status} | _bounds(row.interval)


def _bounds(interval: Interval | None) -> dict[str, Any]:
    if interval is None:
        return {"low": None, "high": None, "method": None}
    return {"low": interval.low, "high": interval.high, "method": interval.method}


def _pairs(probed: Mapping[str, PreferenceTable], how: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Compare every variant with the first, if users and categories are the same."""
    first, *others = probed
    base = probed[first]
    alike = [name for name in others if _alike(probed[name], base)]
    if len(alike) < len(others):
        return
    metrics = how["metrics"][:1]
    comparison = compare(probed, metrics=metrics, bootstrap=how["bootstrap"], level=how["level"])
    for name in others:
        pair = next(one for one in comparison.pairs if {one.first, one.second} == {first, name})
        sign = 1.0 if pair.first == name else -1.0
        ends = _bounds(pair.interval)
        if pair.interval is not None and sign < 0:
            ends |= {"low": -pair.interval.high, "high": -pair.interval.low}
        difference = None if pair.difference is None else sign * pair.difference
        yield {
            "variant": name,
            "reference": first,
            "js_divergence": {"unit": pair.unit, "value": difference, **ends, "adjusted_p": pair.adjusted_p_value},
            "moved": float(
                0.5 * np.abs(np.asarray(probed[name].theta_s) - np.asarray(base.theta_s)).sum(axis=1).mean()
            ),
        }


def _alike(table: PreferenceTable, base: PreferenceTable) -> bool:
    return table.categories == base.categories and np.array_equal(_keys(table), _keys(base))


def _keys(table: PreferenceTable) -> np.ndarray:
    size = np.zeros(table.n_users) if table.context_window is None else table.context_window
    horizon = np.zeros(table.n_users) if table.horizon is None else table.horizon
    return np.stack([column.astype(str) for column in (table.users, size, horizon)])


def _value(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return str(found["status"])
    ends = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    return f"{found['value']:.3f}{ends}"


def _difference(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return ""
    ends = "" if found["low"] is None else f" [{found['low']:+.3f}, {found['high']:+.3f}]"
    return f"{found['value']:+.3f}{ends}"
