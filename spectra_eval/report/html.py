"""The report: one HTML file that a browser can open anywhere, without a network and without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import write_text
from spectra_eval.report._figures import figures
from spectra_eval.report._material import Material, gather
from spectra_eval.report._page import content, render
from spectra_eval.tables import PreferenceTable

__all__ = ["render_report", "write_report"]

LIMIT = 1_000_000
"""The maximum size of a page in bytes; rows of strata are omitted first."""

_ROWS = (2500, 800, 200, 0)


def write_report(
    path: str | Path,
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
    names: Sequence[str] | None = None,
) -> None:
    """Write one self-contained HTML page about an evaluation.

    The verdict comes first, then the systems side by side, figures with their numbers, all results, the
    certificate with its assumptions, and the provenance of every number.

    Parameters
    ----------
    path : str or Path
        The file; it is written completely or not at all.
    tables : PreferenceTable or sequence of PreferenceTable
        The first is the subject of the page and of its figures; further ones are compared with it in tables and bars.
    evaluation : mapping or sequence of mapping
        What `evaluate` returned for the first table, or its document; or one for each table.
    certificate : mapping, optional
        What `certify` returned for the first table, or its document.
    title : str
        The title of the page; any text.
    names : sequence of str, optional
        One per table, for the systems of the further tables; the names of their models by default.

    Raises
    ------
    InputError
        There is no table, or the numbers of tables and documents differ.
    SchemaError
        A document has not the shape of its kind.
    BackendUnavailable
        Matplotlib is not installed.

    Notes
    -----
    The same input gives the same bytes. The page forbids itself every network access, and everything that
    comes from outside is escaped.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> counts = np.array([[3, 1], [0, 2]])
    >>> table = PreferenceTable(users=np.array(["ann", "bob"]), categories=("a", "b"), counts=counts)
    >>> row = {"metric": "js_divergence", "unit": "bit", "system": "uniform", "stratum": "all", "value": 0.18,
    ...        "interval": None, "n_users": 2, "status": "ok"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     write_report(path, tables=table, evaluation={"results": [row]}, title="Two users")
    ...     "<title>Two users</title>" in path.read_text(encoding="utf-8")
    True
    """
    page = render_report(tables=tables, evaluation=evaluation, certificate=certificate, title=title, names=names)
    write_text(page, path)


def render_report(
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
    names: Sequence[str] | None = None,
) -> str:
    """Return the page that `write_report` writes, as text.

    Parameters
    ----------
    tables, evaluation, certificate, title, names : as for `write_report`
        As for `write_report`.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    InputError
        There is no table, or the numbers of tables and documents differ.
    SchemaError
        A document has an invalid structure.
    BackendUnavailable
        Matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[3, 1], [0, 2]])
    >>> table = PreferenceTable(users=np.array(["ann", "bob"]), categories=("a", "b"), counts=counts)
    >>> row = {"metric": "js_divergence", "unit": "bit", "system": "uniform", "stratum": "all", "value": 0.18,
    ...        "interval": None, "n_users": 2, "status": "ok"}
    >>> "<title>Two users</title>" in render_report(tables=table, evaluation={"results": [row]}, title="Two users")
    True
    """
    material = gather(tables=tables, evaluation=evaluation, certificate=certificate, title=title, names=names)
    context = {**content(material), **_drawn(material)}
    whole = [r for r in material.results if r.stratum == "all"]
    parts = [r for r in material.results if r.stratum != "all"]
    for limit in _ROWS:
        shown = [*whole, *parts[: max(0, limit - len(whole))]]
        page = render("page.html.j2", {**context, "results": shown, "n_hidden": len(material.results) - len(shown)})
        if len(page.encode("utf-8")) < LIMIT:
            break
    return page


def _drawn(material: Material) -> dict[str, Any]:
    """Return the only two texts that are not escaped: the script, and drawings whose texts matplotlib escaped."""
    from markupsafe import Markup

    from spectra_eval.report.plots import to_svg

    script = resources.files("spectra_eval.report").joinpath("page.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return {
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
        "figures": [(figure, Markup(to_svg(figure))) for figure in figures(material)],
    }
