"""The family of readouts."""

from spectra_eval.readouts._base import READOUTS

__all__ = ["READOUTS"]
