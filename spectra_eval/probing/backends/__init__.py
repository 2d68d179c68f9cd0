"""Backends: models in this process, on a server, or mocked."""

from spectra_eval.probing.backends._base import BACKENDS
from spectra_eval.probing.backends._base import open_session as open

__all__ = ["BACKENDS", "open"]
