"""Baselines: predictors without a language model, computed for the same users."""

from spectra_eval.baselines._base import (
    BASELINES,
    Baseline,
    Prediction,
    RowSystem,
    row_system,
    system,
)
from spectra_eval.baselines._table import with_baseline, with_prediction
from spectra_eval.baselines.markov import with_title_categories

__all__ = [
    "BASELINES",
    "Baseline",
    "Prediction",
    "RowSystem",
    "row_system",
    "system",
    "with_baseline",
    "with_prediction",
    "with_title_categories",
]
