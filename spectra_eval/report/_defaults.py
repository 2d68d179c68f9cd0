"""Arguments of the evaluation of a report: all metrics, systems and strata that the table supports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.baselines._base import any_history
from spectra_eval.metrics._base import names_shown_in
from spectra_eval.report._material import model_of
from spectra_eval.tables import PreferenceTable

__all__ = ["default_title", "evaluation_arguments"]


def evaluation_arguments(table: PreferenceTable) -> dict[str, Any]:
    """Return the arguments of `evaluate` for a report: the figures and tables of the paper that the table supports.

    Parameters
    ----------
    table : PreferenceTable
        The table.

    Returns
    -------
    dict
        ``metrics``, ``systems`` and ``strata``. Context windows and horizons are strata where there are several, and
        both together where there are several of each.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["ann", "ann"], categories=("Drama", "Noir"), counts=[[3, 1], [3, 1]], theta_s=[[0.5, 0.5]] * 2,
    ...     context_window=[1, 3],
    ... )
    >>> arguments = evaluation_arguments(table)
    >>> arguments["systems"], arguments["strata"]
    (['theta_s', 'uniform'], ['tail_preference', 'context_window'])
    """
    cut = int(table.n_options.max())
    metrics = [name for place in ("evaluate", "report") for name in names_shown_in(place, cut)]
    systems = ["theta_s"] if table.theta_s is not None else []
    systems += ["dg", "dg_best"] if table.dg is not None else []
    systems.append("uniform")
    if any_history(table):
        systems += ["popularity", "history"]
    strata = ["tail_preference"]
    strata += [name for name in ("context_window", "horizon") if _several(getattr(table, name))]
    if len(strata) == 3:
        strata.append("context_window_by_horizon")
    return {"metrics": metrics, "systems": systems, "strata": strata}


def _several(column: np.ndarray | None) -> bool:
    return column is not None and len(set(column.tolist())) > 1


def default_title(table: PreferenceTable, path: Path) -> str:
    """Return a title from the name of the model, or of the file or run folder if the table does not name the model.

    Parameters
    ----------
    table : PreferenceTable
        The table; its metadata may name the model.
    path : Path
        Its file.

    Returns
    -------
    str
        The title, with the number of users.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann"], categories=("Drama", "Noir"), counts=[[3, 1]])
    >>> default_title(table, Path("probed.parquet"))
    'What probed shows of 1 users'
    """
    model = model_of(table)
    users = len(set(table.users.tolist()))
    if model:
        return f"What {model} knows of {users:,} users"
    name = path.resolve().parent.name if path.stem in ("run", "table") else path.stem
    return f"What {name} shows of {users:,} users"
