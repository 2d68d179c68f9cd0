"""Columns that several claims share: distances between readout, list and window, of the records that have a list."""

from __future__ import annotations

import numpy as np

from spectra_eval.certification._totals import Column

__all__ = ["JS", "MARGIN", "MISSED", "TV"]

TV = Column(lambda block: block.tv)
"""Total variation between readout and window."""

JS = Column(lambda block: block.js_bits)
"""Jensen-Shannon divergence between readout and window, in bits."""

MISSED = Column(lambda block: block.missed, bounded=True)
"""Mass of the window off the list."""

MARGIN = Column(lambda block: np.asarray(block.missed - block.tv), bounded=True, ends=(-1.0, 1.0))
"""Missed mass less total variation: by how much every distribution on the list is farther away than the readout."""
