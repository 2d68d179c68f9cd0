"""The reliability diagram: bins of equal width, or of equal size if the readout is close to constant."""

from __future__ import annotations

import numpy as np

from spectra_eval import metrics
from spectra_eval.report._figure import Figure, short
from spectra_eval.report._material import Material

__all__ = ["reliability"]

BINS = 20
_LEAST = 5
"""With fewer non-empty bins of equal width, bins of equal size are used."""

_Row = tuple[float, float, int, float | None, float | None]


def reliability(material: Material) -> Figure | None:
    """Return the reliability diagram over all pairs of a record and a category."""
    table = material.table
    if table.theta_s is None or not table.observed.any():
        return None
    seen = table.observed
    offered = None if table.support is None else table.support[seen]
    truth, predicted = table.theta_star[seen], table.theta_s[seen]
    rows = _equal_width(truth, predicted, offered)
    filled = sum(row[2] > 0 for row in rows)
    flat = filled < _LEAST
    how = f" in {BINS} bins of theta_s"
    if flat:
        rows = _equal_size(truth, predicted, offered)
        width = f"bins of equal size (of equal width, {filled} would hold all pairs)"
        how = f" in {len(rows)} {width}" if len(rows) > 1 else ", since theta_s is constant: one point"
        filled = len(rows)
    return Figure(
        name="reliability",
        kind="reliability",
        title="When it says 30%, is it 30%?",
        caption=f"Reliability diagram over all (record, category) pairs{how}: mean of theta_star "
        "against mean of theta_s. Below the dashed line the model overestimates. The bars count the pairs of a bin."
        f"{_errors(material)}",
        alt=f"Reliability diagram: {filled} of {len(rows)} bins hold pairs; the fullest holds "
        f"{max(row[2] for row in rows):,}.",
        columns=("from", "to", "pairs", "mean theta_s", "mean theta_star"),
        rows=rows,
        labels=("mean theta_s of the bin", "mean theta_star of the bin"),
        extent=(6.6, 5.4),
        extra={"close": flat},
    )


def _equal_width(truth: np.ndarray, predicted: np.ndarray, offered: np.ndarray | None) -> tuple[_Row, ...]:
    bins = metrics.reliability_bins(truth, predicted, bins=BINS, support=offered)
    return tuple(
        (b / BINS, (b + 1) / BINS, int(n), float(predicted) if n else None, float(observed) if n else None)
        for b, (n, predicted, observed) in enumerate(zip(bins.counts, bins.theta_s, bins.theta_star, strict=True))
    )


def _equal_size(truth: np.ndarray, predicted: np.ndarray, offered: np.ndarray | None) -> tuple[_Row, ...]:
    """Return bins at quantiles of the predictions; equal values are in one bin, so there may be fewer bins."""
    pairs = np.ones(predicted.shape, dtype=bool) if offered is None else offered
    predicted, observed = predicted[pairs], truth[pairs]
    alike = np.round(predicted, 9)  # values that differ by rounding only are equal
    cuts = np.unique(np.quantile(alike, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    place = np.searchsorted(cuts, alike, side="left")
    counts = np.bincount(place, minlength=len(cuts) + 1)
    sums = [np.bincount(place, weights=values, minlength=len(counts)) for values in (predicted, observed)]
    low, high = np.full(len(counts), np.inf), np.full(len(counts), -np.inf)
    np.minimum.at(low, place, predicted)
    np.maximum.at(high, place, predicted)
    return tuple(
        (float(low[b]), float(high[b]), int(counts[b]), float(sums[0][b] / counts[b]), float(sums[1][b] / counts[b]))
        for b in np.flatnonzero(counts)
    )


def _errors(material: Material) -> str:
    """Return the evaluated calibration errors as text: with bins, and without."""
    parts = [
        f"{words} {short(r.value)}"
        for base, words in (("soft_ece", "Calibration error:"), ("smooth_ece", "without bins"))
        for r in material.of(base)
        if r.system == "theta_s" and r.value is not None
    ]
    return f" {', '.join(parts)}." if parts else ""
