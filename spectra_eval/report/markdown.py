"""The verdict, the systems and the claims as Markdown: for a pull request or a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spectra_eval.report._material import gather
from spectra_eval.report._page import content, render
from spectra_eval.tables import PreferenceTable

__all__ = ["to_markdown"]


def to_markdown(
    *,
    tables: PreferenceTable | Sequence[PreferenceTable],
    evaluation: Any,
    certificate: Any = None,
    title: str = "Evaluation",
) -> str:
    """Return the summary of the report as Markdown: verdict, warnings, systems side by side, claims.

    Parameters
    ----------
    tables, evaluation, certificate, title : as for `write_report`
        As for `write_report`.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    InputError
        There is no table, or the numbers of tables and documents differ.
    SchemaError
        A document has an invalid structure.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[3, 1], [0, 2]])
    >>> table = PreferenceTable(users=np.array(["ann", "bob"]), categories=("a", "b"), counts=counts)
    >>> row = {"metric": "js_divergence", "unit": "bit", "system": "uniform", "stratum": "all", "value": 0.18,
    ...        "interval": None, "n_users": 2, "status": "ok"}
    >>> print(to_markdown(tables=table, evaluation={"results": [row]}, title="Two users").splitlines()[0])
    # Two users
    """
    return render(
        "page.md.j2", content(gather(tables=tables, evaluation=evaluation, certificate=certificate, title=title))
    )
