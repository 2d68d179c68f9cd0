"""The family of readouts."""

from spectra_eval.probing.readouts._base import READOUTS

__all__ = ["READOUTS"]
