"""The family of backends."""

from spectra_eval.backends._base import BACKENDS

__all__ = ["BACKENDS"]
