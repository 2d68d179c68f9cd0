"""The family of envelopes."""

from spectra_eval.theory._base import ENVELOPES

__all__ = ["ENVELOPES"]
