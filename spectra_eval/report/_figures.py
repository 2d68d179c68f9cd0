"""The content of the figures: numbers, axes, captions; `plots.py` draws them.

A figure is drawn from the rows of its data table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval import metrics, simplex
from spectra_eval.certification._block import means_of, starts_of
from spectra_eval.certification._options import Options
from spectra_eval.metrics.bias import mean_difference
from spectra_eval.report._comparisons import bars, lines
from spectra_eval.report._figure import Figure, short
from spectra_eval.report._material import Material, named_strata
from spectra_eval.report._records import as_checked, comparisons, has_lists, has_readout, observed_blocks, summed
from spectra_eval.report._reliability import reliability
from spectra_eval.theory import concentration
from spectra_eval.units import LN2

__all__ = ["Figure", "figures"]

BINS = 20
SHOWN = 30
"""The maximum number of categories in a figure, which states how many there are."""


def figures(material: Material) -> tuple[Figure, ...]:
    """Return all figures that the material supports, in the order of the page."""
    makers: tuple[Callable[[Material], Figure | None], ...] = (
        _histogram,
        _margins,
        _biases,
        _exposure,
        _scatter,
        reliability,
    )
    windows = "context_window_by_horizon"
    if not named_strata(material, windows):
        windows = "context_window"
    key = [entry.name for entry in metrics.shown_in("figures")]
    made = [*(bars(material, name) for name in key), *(maker(material) for maker in makers)]
    for place, name in enumerate(key):
        for rule in (windows,) if place else ("tail_preference", "tail_preference_window", windows):
            made += lines(material, name, rule)
    return tuple(figure for figure in made if figure is not None)


def _cutoff(material: Material) -> int:
    cutoff = int(material.options.get("k", 5))
    return max(1, min(cutoff, material.table.n_categories - 1))


def _divergences(blocks: Iterable[metrics.Comparison]) -> np.ndarray:
    """Return the Jensen-Shannon divergence of each record in bits, (n,)."""
    return np.concatenate([simplex.js_nats(block.theta_star, block.theta_s) / LN2 for block in blocks])


def _histogram(material: Material) -> Figure | None:
    if not has_readout(material):
        return None
    series = {"theta_s": _divergences(comparisons(material))}
    if has_lists(material):
        series["dg"] = _divergences(comparisons(material, of_lists=True))
    edges = np.arange(BINS + 1) / BINS
    shares = [np.histogram(np.clip(values, 0.0, 1.0), bins=edges)[0] / len(values) for values in series.values()]
    rows = tuple((float(edges[b]), float(edges[b + 1]), *(float(share[b]) for share in shares)) for b in range(BINS))
    halves = {name: float(np.median(values)) for name, values in series.items()}
    summary = " and ".join(f"{short(value)} bits for {name}" for name, value in halves.items())
    return Figure(
        name="js-histogram",
        kind="histogram",
        title="Distribution of the divergence over users",
        caption=f"Proportion of records by Jensen–Shannon divergence. The median is {summary} (marked on the axis).",
        alt=f"Histogram of the Jensen-Shannon divergence of each record; the median is {summary}.",
        columns=("from", "to", *(f"share, {name}" for name in series)),
        rows=rows,
        labels=("Jensen–Shannon divergence of a record (bits)", "proportion of records"),
        extra={"series": tuple(series), "medians": halves},
    )


def _margins(material: Material) -> Figure | None:
    if not has_readout(material):
        return None
    k = _cutoff(material)
    parts = [(block.missed - block.tv, block.listed) for block in observed_blocks(material, k)]
    margins, listed = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not listed.any():
        return None
    margin, _ = means_of(margins, starts_of(material.table.users[material.table.observed]), listed)
    options = _options(material, k)
    n = len(margin)
    # The one-sided DKW bound is proven for an error up to one half; beyond it, the bound is for a single t.
    population = options.scope == "population" and options.error <= 0.5
    radius = (concentration.dkw_radius if population else concentration.hoeffding_radius)(n, error=options.error)
    low = np.floor(margin.min() * 20 - 1) / 20
    high = np.ceil(margin.max() * 20 + 1) / 20
    grid = np.linspace(low, high, round((high - low) * 100) + 1)
    grid[np.abs(grid) < 1e-9] = 0.0
    above = 1.0 - np.searchsorted(np.sort(margin), grid, side="right") / n
    rows = tuple(
        (float(t), float(share), max(0.0, float(share) - float(radius))) for t, share in zip(grid, above, strict=True)
    )
    at_zero = float((margin > 0).mean())
    floor = max(0.0, at_zero - float(radius))
    band = (
        f"The shaded band is the DKW lower band at level {options.level:g}: for users like these, for all t at once."
        if population
        else f"The shaded band is the Hoeffding lower bound at level {options.level:g}: for these users, and for one t "
        "chosen in advance."
    )
    return Figure(
        name="margin-curve",
        kind="curve",
        title="Margin of the readout over every list",
        caption=f"Proportion of users with m − T > t: m is the true mass outside the decoded top {k}, a lower "
        f"bound on the total variation of every distribution on that list; T is that of theta_s. {band}",
        alt=f"Falling curve of the proportion of users with margin above t; at t = 0 it is {at_zero:.1%}, "
        f"at least {floor:.1%}.",
        columns=("t", "proportion of users above t", "lower bound"),
        rows=rows,
        labels=("margin t (total variation)", "proportion of users with margin > t"),
        extra={"at_zero": at_zero, "floor": floor},
    )


def _options(material: Material, k: int) -> Options:
    given = material.options
    fields = {name: given[name] for name in ("level", "scope", "declared") if name in given}
    return Options(k=k, **fields)


def _ranked(material: Material, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Return at most `SHOWN` categories, the largest values first, and a note if some were omitted."""
    order = ties.order(values, scale=ties.magnitude(values))
    left = len(order) - SHOWN
    return order[:SHOWN], f" The {SHOWN} largest of {len(order):,} categories are shown." if left > 0 else ""


def _biases(material: Material) -> Figure | None:
    if not has_readout(material):
        return None
    series = {"theta_s": mean_difference(as_checked(comparisons(material)))}
    if has_lists(material):
        series["dg"] = mean_difference(as_checked(comparisons(material, of_lists=True)))
    names = material.table.categories
    truth, _ = _means(material)
    chosen, note = _ranked(material, np.abs(np.array(list(series.values()))).max(axis=0))
    chosen = chosen[ties.order(truth[chosen])]
    rows = tuple((names[c], float(truth[c]), *(float(bias[c]) for bias in series.values())) for c in chosen)
    worst = int(ties.order(np.abs(series["theta_s"]))[0])
    listed = " Open diamonds: the decoded list, taken as uniform." if "dg" in series else ""
    return Figure(
        name="category-bias",
        kind="bias",
        title="Bias by category",
        caption="Mean of theta_s − theta_star over records, by category; the most common category is at the top. To "
        f"the right of zero the model overstates.{listed}{note}",
        alt=f"Bias of each category; the largest is {names[worst]} with {short(float(series['theta_s'][worst]))}.",
        columns=("category", "mean theta_star", *(f"bias, {name}" for name in series)),
        rows=rows,
        labels=("mean bias (proportion)",),
        extent=(6.6, 0.9 + 0.27 * len(rows)),
        extra={"series": tuple(series)},
    )


def _exposure(material: Material) -> Figure | None:
    if not has_readout(material):
        return None
    k = _cutoff(material)
    systems: dict[str, Callable[[metrics.Comparison], metrics.Comparison]] = {
        "theta_star": lambda block: block.with_system(block.theta_star, None),
        "theta_s": lambda block: block.with_system(block.theta_s, None),
    }
    if has_lists(material):
        systems["dg"] = lambda block: block
    series = {name: _places(map(system, comparisons(material)), k) for name, system in systems.items()}
    names = material.table.categories
    chosen, note = _ranked(material, series["theta_star"])
    rows = tuple((names[c], *(float(share[c]) for share in series.values())) for c in chosen)
    words = ", ".join(f"{_effective(share):.1f} for {name}" for name, share in series.items())
    return Figure(
        name="exposure",
        kind="dots",
        title=f"Categories in the top {k}",
        caption=f"Proportion of all top-{k} places by category; ties at the last place are divided equally. Effective "
        f"number of categories (the exponential of the entropy in nats): {words}.{note}",
        alt=f"Proportion of top-{k} places of each category in the truth, the readout and the decoded list; effective "
        f"number of categories: {words}.",
        columns=("category", *(f"proportion of places, {name}" for name in series)),
        rows=rows,
        labels=(f"proportion of top-{k} places",),
        extent=(6.6, 0.9 + 0.27 * len(rows)),
        extra={"series": tuple(series)},
    )


def _places(blocks: Iterable[metrics.Comparison], k: int) -> np.ndarray:
    """Return the proportion of each category among the top-k positions of the cohort."""
    shares = metrics.METRICS["exposure_entropy"].statistic
    (places,) = summed(blocks, lambda block: np.nan_to_num(shares(block, k=k)))
    return np.asarray(places / places.sum())


def _effective(shares: np.ndarray) -> float:
    return float(np.exp(simplex.entropy_nats(shares[None, :])[0]))


def _scatter(material: Material) -> Figure | None:
    if not has_readout(material):
        return None
    truth, predicted = _means(material)
    names = material.table.categories
    chosen, note = _ranked(material, np.maximum(truth, predicted))
    rows = tuple((names[c], float(truth[c]), float(predicted[c])) for c in chosen)
    correlation = _correlation(truth, predicted)
    summary = "" if correlation is None else f" Pearson correlation over categories: {short(correlation)}."
    return Figure(
        name="frequency",
        kind="scatter",
        title="Predicted and observed frequency",
        caption="Each point is a category: its observed and its predicted frequency, both "
        f"averaged over records. On the line the two agree.{summary}{note}",
        alt=f"Scatter of mean theta_s against mean theta_star for {len(rows)} categories.{summary}",
        columns=("category", "mean theta_star", "mean theta_s"),
        rows=rows,
        labels=("mean theta_star (observed)", "mean theta_s (predicted)"),
        extent=(6.6, 5.4),
    )


def _means(material: Material) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean target and the mean readout of the records with a window, (K,) each."""
    totals = summed(comparisons(material), lambda block: block.theta_star, lambda block: block.theta_s)
    truth, predicted = (total / int(material.table.observed.sum()) for total in totals)
    return truth, predicted


def _correlation(truth: np.ndarray, predicted: np.ndarray) -> float | None:
    a, b = truth - truth.mean(), predicted - predicted.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-15 else None
