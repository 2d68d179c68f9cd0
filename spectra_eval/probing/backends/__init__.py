"""The family of backends."""

from spectra_eval.probing.backends._base import BACKENDS
from spectra_eval.probing.backends._base import open_session as open

__all__ = ["BACKENDS", "open"]
