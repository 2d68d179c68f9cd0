"""Readouts: from answer probabilities to a distribution over categories."""

from spectra_eval.probing.readouts._base import READOUTS

__all__ = ["READOUTS"]
