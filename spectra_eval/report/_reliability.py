"""The reliability diagram: bins of equal width, or of equal size if the readout is close to constant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spectra_eval.metrics.calibration import sums_in_bins
from spectra_eval.report._figure import Figure, short
from spectra_eval.report._material import Material
from spectra_eval.report._records import as_checked, comparisons, has_readout

__all__ = ["reliability"]

BINS = 20
DIGITS = 9
"""Predictions that agree to this many decimals are equal, because they differ by rounding only."""
_LEAST = 5
"""With fewer non-empty bins of equal width, bins of equal size are used."""

_Row = tuple[float, float, int, float | None, float | None]


def reliability(material: Material) -> Figure | None:
    """Return the reliability diagram over all pairs of a record and a category."""
    if not has_readout(material):
        return None
    rows = _equal_width(material)
    filled = sum(row[2] > 0 for row in rows)
    flat = filled < _LEAST
    how = f" in {BINS} bins of theta_s"
    if flat:
        rows = _equal_size(material)
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


def _equal_width(material: Material) -> tuple[_Row, ...]:
    weight = np.ones(material.table.n_categories)
    counts, observed, predicted = sums_in_bins(as_checked(comparisons(material)), weight, BINS)
    rows = zip(counts.tolist(), predicted.tolist(), observed.tolist(), strict=True)
    return tuple(
        (b / BINS, (b + 1) / BINS, int(n), q / n if n else None, p / n if n else None)
        for b, (n, q, p) in enumerate(rows)
    )


def _equal_size(material: Material) -> tuple[_Row, ...]:
    """Return bins at quantiles of the predictions; equal values are in one bin, so there may be fewer bins."""
    cuts = _cuts(material)
    counts = np.zeros(len(cuts) + 1, dtype=np.int64)
    low, high = np.full(len(counts), np.inf), np.full(len(counts), -np.inf)
    sums = np.zeros((2, len(counts)))
    bins = np.arange(len(counts))
    for predicted, observed in _pairs(material):
        place = np.searchsorted(cuts, np.round(predicted, DIGITS), side="left")
        counts += np.bincount(place, minlength=len(counts))
        for total, values in zip(sums, (predicted, observed), strict=True):
            # The sum so far comes first, so that the order of the additions is that of one sum over all pairs.
            total[:] = np.bincount(np.concatenate([bins, place]), weights=np.concatenate([total, values]))
        np.minimum.at(low, place, predicted)
        np.maximum.at(high, place, predicted)
    return tuple(
        (float(low[b]), float(high[b]), int(counts[b]), float(sums[0][b] / counts[b]), float(sums[1][b] / counts[b]))
        for b in np.flatnonzero(counts)
    )


def _cuts(material: Material) -> np.ndarray:
    """Return the distinct quantiles of the rounded predictions at multiples of 1 / `BINS`, ascending."""
    table, observed = material.table, material.table.observed
    values = np.empty(int(table.n_options[observed].sum()), dtype=np.int32)  # half the memory of the predictions
    filled = 0
    for predicted, _ in _pairs(material):
        values[filled : filled + len(predicted)] = np.rint(predicted * 10**DIGITS)
        filled += len(predicted)
    least = np.ceil(len(values) * (np.arange(1, BINS) / BINS) - 1).astype(np.int64).clip(0)  # inverted distribution
    values.partition(least)
    return np.unique(values[least]) / 10**DIGITS


def _pairs(material: Material) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the prediction and the target of all pairs of a record and a category that is an option of it."""
    for block in comparisons(material):
        pairs = np.ones(block.theta_s.shape, dtype=bool) if block.support is None else block.support
        yield block.theta_s[pairs], block.theta_star[pairs]


def _errors(material: Material) -> str:
    """Return the evaluated calibration errors as text: with bins, and without."""
    parts = [
        f"{words} {short(r.value)}"
        for base, words in (("soft_ece", "Calibration error:"), ("smooth_ece", "without bins"))
        for r in material.of(base)
        if r.system == "theta_s" and r.value is not None
    ]
    return f" {', '.join(parts)}." if parts else ""
