"""The family of metrics."""

from spectra_eval.metrics._base import METRICS

__all__ = ["METRICS"]
