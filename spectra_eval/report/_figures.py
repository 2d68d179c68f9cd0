"""The content of the figures: numbers, axes, captions; `plots.py` draws them.

A figure is drawn from the rows of its data table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval import metrics, simplex
from spectra_eval.certification._block import UserBlock, group_mean
from spectra_eval.certification._options import Options
from spectra_eval.report._comparisons import bars, lines
from spectra_eval.report._figure import Figure, short
from spectra_eval.report._material import Material, named_strata
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


def _observed(material: Material) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
    """Return the target, the readout and the lists of the records with a window."""
    table = material.table
    if table.theta_s is None or not table.observed.any():
        return None
    seen = table.observed
    return table.theta_star[seen], table.theta_s[seen], None if table.dg is None else table.dg[seen]


def _offered(material: Material) -> np.ndarray | None:
    """Return the options of the records with a window."""
    support = material.table.support
    return None if support is None else support[material.table.observed]


def _block(material: Material, k: int) -> UserBlock | None:
    table = material.table
    if table.theta_s is None or not table.observed.any():
        return None
    return UserBlock(table, k)


def _cutoff(material: Material) -> int:
    cutoff = int(material.options.get("k", 5))
    return max(1, min(cutoff, material.table.n_categories - 1))


def _on_lists(material: Material) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the uniform distribution on each complete decoded list, and the target of the same records."""
    seen = _observed(material)
    if seen is None or seen[2] is None:
        return None
    block = _block(material, seen[2].shape[1])
    assert block is not None
    if not block.listed.any():
        return None
    return block.theta_star[block.listed], block.theta_list[block.listed]


def _histogram(material: Material) -> Figure | None:
    seen = _observed(material)
    if seen is None:
        return None
    series = {"theta_s": simplex.js_nats(seen[0], seen[1]) / LN2}
    lists = _on_lists(material)
    if lists is not None:
        series["dg"] = simplex.js_nats(*lists) / LN2
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
    k = _cutoff(material)
    block = _block(material, k)
    if block is None or not block.listed.any():
        return None
    margin, _ = group_mean(block.missed - block.tv, block, block.listed)
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
    seen = _observed(material)
    if seen is None:
        return None
    series = {"theta_s": np.asarray(metrics.category_biases(seen[0], seen[1]))}
    lists = _on_lists(material)
    if lists is not None:
        series["dg"] = np.asarray(metrics.category_biases(*lists))
    names = material.table.categories
    truth = seen[0].mean(axis=0)
    chosen, note = _ranked(material, np.abs(np.array(list(series.values()))).max(axis=0))
    chosen = chosen[ties.order(truth[chosen])]
    rows = tuple((names[c], float(truth[c]), *(float(bias[c]) for bias in series.values())) for c in chosen)
    worst = int(ties.order(np.abs(series["theta_s"]))[0])
    listed = " Open diamonds: the decoded list, taken as uniform." if lists is not None else ""
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
    seen = _observed(material)
    if seen is None:
        return None
    k = _cutoff(material)
    truth, predicted, lists = seen
    offered = _offered(material)
    series = {name: _places(theta, None, k, offered) for name, theta in (("theta_star", truth), ("theta_s", predicted))}
    if lists is not None and (lists >= 0).any():
        series["dg"] = _places(predicted, lists, k, offered)
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


def _places(theta: np.ndarray, lists: np.ndarray | None, k: int, offered: np.ndarray | None) -> np.ndarray:
    """Return the proportion of each category among the top-k positions of the cohort."""
    bucket = np.zeros(theta.shape[1], dtype=np.int64)
    comparison = metrics.Comparison(theta_star=theta, theta_s=theta, lists=lists, bucket=bucket, support=offered)
    places = np.nansum(metrics.METRICS["exposure_entropy"].statistic(comparison, k=k), axis=0)
    return np.asarray(places / places.sum())


def _effective(shares: np.ndarray) -> float:
    return float(np.exp(simplex.entropy_nats(shares[None, :])[0]))


def _scatter(material: Material) -> Figure | None:
    seen = _observed(material)
    if seen is None:
        return None
    truth, predicted = seen[0].mean(axis=0), seen[1].mean(axis=0)
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


def _correlation(truth: np.ndarray, predicted: np.ndarray) -> float | None:
    a, b = truth - truth.mean(), predicted - predicted.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-15 else None
