"""An upper bound of the overlap loss, which is the total variation, by the Jensen-Shannon divergence."""

from __future__ import annotations

import numpy as np

from spectra_eval.theory import ENVELOPES, Envelope

__all__ = ["OVERLAP_LOSS_UPPER_FROM_JS", "half_of_it"]

OVERLAP_LOSS_UPPER_FROM_JS = ENVELOPES.add(
    Envelope(
        name="overlap_loss_upper_from_js",
        given="js_divergence",
        of="total_variation",
        given_unit="bit",
        of_unit="1",
        upper=lambda j: np.sqrt(j * (2.0 - j)),
        statement="1 - overlap <= sqrt(j (2 - j)), j the JS in bits",
        reference="h2(x) <= 2 sqrt(x (1 - x))",
        valid=(0.0, 1.0),
    )
)


def half_of_it(bits: float) -> float:
    """Claim half of what is true, to be refuted."""
    return float(np.sqrt(bits * (2.0 - bits))) / 2
