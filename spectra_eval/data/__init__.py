"""The family of data sets."""

from spectra_eval.data._base import DATASETS

__all__ = ["DATASETS"]
