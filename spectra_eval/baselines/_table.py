"""Tables with a baseline, or another prediction, in place of the readout of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spectra_eval.baselines._base import BASELINES, predict_rows
from spectra_eval.tables import PreferenceTable
from spectra_eval.tables._stack import by_blocks

__all__ = ["with_baseline", "with_prediction", "with_rows", "without_readout"]

_REPLACED = ("theta_s", "scores", "answer_mass")

_OF_THE_MODEL = (
    "model",
    "model_id",
    "model_digest",
    "predictor",
    "method",
    "baseline",
    "backend",
    "readout",
    "adapter",
    "adapter_digest",
    "prompt_digest",
    "temperature",
)
"""The metadata keys of the readout that a baseline replaces."""


def with_baseline(table: PreferenceTable, method: str) -> PreferenceTable:
    """Return the table with a baseline in place of `theta_s`.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    method : str
        The name of the baseline.

    Returns
    -------
    PreferenceTable
        With the baseline as `theta_s`, and without the model's `scores` and `answer_mass`. The decoded lists `dg`
        stay those of the model, so that a certificate compares the baseline with them. The metadata name the
        baseline; the metadata of the model's readout are under ``replaced``.

    Raises
    ------
    UnknownNameError
        No baseline has this name.
    InputError
        The table lacks a column that it is computed from.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]], history_counts=[[3, 1]]
    ... )
    >>> made = with_baseline(table, "history")
    >>> made.theta_s.tolist(), made.metadata["baseline"]["name"]
    ([[0.75, 0.25]], 'history')
    """
    made = predict_rows(table, method)
    about = {"name": method, "sees_window": BASELINES[method].sees_window, **made.counted, **made.fitted}
    return with_rows(table, made, about)


def with_prediction(table: PreferenceTable, theta: np.ndarray, about: Mapping[str, Any]) -> PreferenceTable:
    """Return the table with a prediction in place of `theta_s`, and what is known of it in place of the model's.

    Parameters
    ----------
    table : PreferenceTable
        The table.
    theta : (N, K) float array
        Rows on the simplex.
    about : mapping
        At least ``name`` and ``sees_window``; as JSON values.

    Returns
    -------
    PreferenceTable
        As `with_baseline` returns it.

    Examples
    --------
    >>> table = PreferenceTable(users=["a"], categories=("Drama", "Noir"), counts=[[1, 0]])
    >>> made = with_prediction(table, np.array([[0.5, 0.5]]), {"name": "coin", "sees_window": False})
    >>> made.theta_s.tolist(), made.metadata["baseline"]["name"]
    ([[0.5, 0.5]], 'coin')
    """
    return with_rows(table, lambda rows: theta if rows == slice(0, table.n_users) else theta[rows], about)


def with_rows(table: PreferenceTable, make: Callable[[slice], np.ndarray], about: Mapping[str, Any]) -> PreferenceTable:
    """Return the table with a prediction that is computed block by block: see `with_prediction`."""
    replaced = {name: table.metadata[name] for name in _OF_THE_MODEL if name in table.metadata}
    metadata = {name: value for name, value in table.metadata.items() if name not in replaced}
    metadata["baseline"] = dict(about)
    if replaced:
        metadata["replaced"] = replaced
    return by_blocks(
        lambda block, rows: block.replace(theta_s=make(rows), scores=None, answer_mass=None, metadata=metadata), table
    )


def without_readout(table: PreferenceTable, method: str | None = None) -> PreferenceTable:
    """Return the table without the columns that a prediction replaces, except those that the baseline needs.

    Their memory is free for the prediction where the caller keeps no other reference to the table.
    """
    needed = () if method is None else BASELINES[method].needs
    return table.without(*(name for name in _REPLACED if name not in needed))
