"""Drawing of each kind of figure with matplotlib, called by `plots`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from spectra_eval import _ties as ties
from spectra_eval.report._figure import Figure

__all__ = ["DRAW", "Palette"]

# Sizes in the scatter, as proportions of an axis: letter width, line height, radius of a dot, offset of a label.
_LETTER, _LINE, _DOT, _LIFT, _NAMES = 0.0195, 0.042, 0.012, 0.022, 9
_MARKERS = ("o", "D", "s", "^", "v", "P", "X", "<", ">", "h")


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours by role, as hexadecimal RGB; distinguishable with colour blindness.

    Parameters
    ----------
    ink, muted, rule, paper : str
        Colours of text, of axes, of grid lines, and of the background.
    blue, vermillion, grey, green, purple, orange, sky, stone : str
        Colours of series.

    References
    ----------
    .. [1] M. Okabe and K. Ito, Color Universal Design (2008). https://jfly.uni-koeln.de/color/

    Examples
    --------
    >>> Palette().blue
    '#0072b2'
    """

    ink: str = "#1a1a1a"
    muted: str = "#666666"
    rule: str = "#dddddd"
    paper: str = "#ffffff"
    blue: str = "#0072b2"
    vermillion: str = "#d55e00"
    grey: str = "#8a8a8a"
    green: str = "#009e73"
    purple: str = "#cc79a7"
    orange: str = "#e69f00"
    sky: str = "#56b4e9"
    stone: str = "#c9c6bf"


def _colour(system: str, place: int, colours: Palette) -> str:
    """Return the colour of a system, the same in every figure."""
    fixed = {
        "theta_s": colours.blue,
        "dg": colours.vermillion,
        "theta_star": colours.ink,
        "history": colours.green,
        "popularity": colours.purple,
        "uniform": colours.grey,
    }
    others = (colours.orange, colours.sky, colours.green, colours.purple, colours.grey)
    return fixed.get(system, others[place % len(others)])


def _bars(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    names, values = [row[0] for row in figure.rows], np.array([row[1] for row in figure.rows])
    places = np.arange(len(names))
    for place, (name, value, low, high, _) in enumerate(figure.rows):
        reference = figure.extra["reference"][place]
        colour = colours.stone if reference else _colour(name, place, colours)
        hollow = figure.extra["ceiling"][place]
        edge = colours.muted if reference else colours.vermillion
        axes.barh(
            place,
            value,
            height=0.58 if hollow else 0.62,
            color=colours.paper if hollow else colour,
            edgecolor=edge,
            linewidth=1.2 if hollow else 0,
        )
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=colours.ink, linewidth=1.1, solid_capstyle="butt")
            axes.plot([low, high], [place, place], color=colours.ink, linestyle="", marker="|", markersize=6)
    reach = max(max(row[3] if row[3] is not None else row[1] for row in figure.rows), 0.0)
    span = (reach - min(0.0, float(values.min()))) or 1.0
    for place, (_, value, _, high, _) in enumerate(figure.rows):
        end = max(value, high if high is not None else value)
        axes.text(
            end + 0.015 * span, place, f"{value:.3f}".replace("-", "−"), va="center", color=colours.ink, fontsize=10.5
        )
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(min(0.0, float(values.min())), reach + 0.13 * span)
    axes.set_xlabel(figure.labels[0])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=colours.rule, linewidth=0.7)


def _categories(axes: Any, figure: Figure, colours: Palette) -> np.ndarray:
    """Draw one line per category, the first at the top."""
    places = np.arange(len(figure.rows))
    axes.set_yticks(places, [_clipped(row[0]) for row in figure.rows])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlabel(figure.labels[0])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=colours.rule, linewidth=0.7)
    return places


def _clipped(name: str) -> str:
    flat = " ".join(name.split())
    return flat if len(flat) <= 32 else f"{flat[:31]}…"


def _legend(axes: Any, series: Sequence[str]) -> None:
    """Draw the legend above the axes."""
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    handles, labels = [found[name] for name in series], list(series)
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=5,
        borderaxespad=0.2,
        handletextpad=0.5,
        columnspacing=1.4,
        borderpad=0.2,
    )


def _bias(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    places = _categories(axes, figure, colours)
    own = [row[2] for row in figure.rows]
    axes.axvline(0.0, color=colours.muted, linewidth=0.9)
    axes.barh(places, own, height=0.58, color=colours.blue, linewidth=0, label="theta_s")
    if len(figure.extra["series"]) > 1:
        listed = [row[3] for row in figure.rows]
        axes.plot(
            listed,
            places,
            linestyle="",
            marker="D",
            markersize=5.5,
            markerfacecolor=colours.paper,
            markeredgecolor=colours.vermillion,
            markeredgewidth=1.5,
            label="dg",
        )
    _legend(axes, figure.extra["series"])


def _dots(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    places = _categories(axes, figure, colours)
    shares = np.array([row[1:] for row in figure.rows], dtype=float)
    axes.hlines(places, shares.min(axis=1), shares.max(axis=1), color=colours.rule, linewidth=2.2)
    styles = {
        "theta_star": {"marker": "|", "markersize": 12, "markeredgewidth": 2.0, "markeredgecolor": colours.ink},
        "theta_s": {"marker": "o", "markersize": 6.5, "markerfacecolor": colours.blue, "markeredgewidth": 0},
        "dg": {
            "marker": "D",
            "markersize": 5.5,
            "markerfacecolor": colours.paper,
            "markeredgecolor": colours.vermillion,
            "markeredgewidth": 1.5,
        },
    }
    for place, name in enumerate(figure.extra["series"]):
        colour = _colour(name, place, colours)
        axes.plot(shares[:, place], places, linestyle="", color=colour, label=name, **styles[name])
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    _legend(axes, figure.extra["series"])


def _around(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of some proportions with a margin, at least a hundredth wide, from 0 to 1."""
    margin = max(0.06 * (max(values) - min(values)), 0.005)
    return max(0.0, min(values) - margin), min(1.0, max(values) + margin)


def _reliability(canvas: Any, figure: Figure, colours: Palette) -> None:
    top, bottom = canvas.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.0))
    rows = [row for row in figure.rows if row[2] > 0]
    x_values, y_values = [row[3] for row in rows], [row[4] for row in rows]
    reach = min(1.0, max([*x_values, *y_values, 0.1]) * 1.06)
    across = upward = (0.0, reach)
    if figure.extra.get("close"):  # otherwise only the diagonal would be visible
        across, upward = (
            _around(values) for values in ([*(row[0] for row in rows), *(row[1] for row in rows)], y_values)
        )
    top.plot([0, 1], [0, 1], color=colours.muted, linewidth=1.0, linestyle=(0, (4, 3)))
    top.vlines(x_values, x_values, y_values, color=colours.blue, linewidth=1.0, alpha=0.5)
    top.plot(x_values, y_values, color=colours.blue, marker="o", markersize=5.5, linewidth=1.3)
    top.set_xlim(*across)
    top.set_ylim(*upward)
    top.set_ylabel(figure.labels[1])
    top.grid(color=colours.rule, linewidth=0.7)
    low, high = (np.array([row[i] for row in rows]) for i in (0, 1))
    counts = np.array([row[2] for row in rows])
    close = bool(figure.extra.get("close"))
    thin = (across[1] - across[0]) / 200 if close else 0.0  # a bin of equal values has zero width
    edge = colours.stone if close else colours.paper
    bottom.bar(low, counts, width=np.maximum(high - low, thin), align="edge", color=colours.stone, edgecolor=edge)
    if not close:
        bottom.set_yscale("log")
        bottom.set_ylim(bottom=0.7)
    bottom.set_ylabel("pairs")
    bottom.set_xlabel(figure.labels[0])
    bottom.minorticks_off()
    bottom.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    bottom.grid(axis="y", color=colours.rule, linewidth=0.7)


def _scatter(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    truth, predicted = (np.array([row[i] for row in figure.rows], dtype=float) for i in (1, 2))
    reach = max(truth.max(), predicted.max()) * 1.12 or 1.0
    axes.plot([0, reach], [0, reach], color=colours.muted, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.vlines(
        truth, np.minimum(truth, predicted), np.maximum(truth, predicted), color=colours.blue, linewidth=1.0, alpha=0.45
    )
    axes.plot(truth, predicted, linestyle="", marker="o", markersize=6, color=colours.blue)
    axes.set_xlim(-0.01 * reach, reach)
    axes.set_ylim(-0.01 * reach, reach)
    names = [_clipped(row[0]) for row in figure.rows]
    for point, above in _labelled(truth, predicted, reach, names):
        axes.annotate(
            names[point],
            (truth[point], predicted[point]),
            xytext=(0, 7 if above else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=10,
            color=colours.ink,
        )
    axes.set_xlabel(figure.labels[0])
    axes.set_ylabel(figure.labels[1])
    axes.grid(color=colours.rule, linewidth=0.7)


def _labelled(truth: np.ndarray, predicted: np.ndarray, reach: float, names: Sequence[str]) -> list[tuple[int, bool]]:
    """Return the points to label, and whether above: the farthest from the line first, without overlaps.

    A label is a box centred over its point; it must not contain other points or touch other labels.
    """
    x, y = truth / reach, predicted / reach
    chosen: list[tuple[int, bool]] = []
    boxes: list[tuple[float, float, float, float]] = []
    for point in ties.order(np.abs(truth - predicted)).tolist():
        half = 0.5 * _LETTER * len(names[point])
        outward = bool(predicted[point] >= truth[point])
        for above in (outward, not outward):
            low = y[point] + _LIFT if above else y[point] - _LIFT - _LINE
            box = (x[point] - half, x[point] + half, low, low + _LINE)
            inside = (x >= box[0] - _DOT) & (x <= box[1] + _DOT) & (y >= box[2] - _DOT) & (y <= box[3] + _DOT)
            apart = all(box[0] > b[1] or box[1] < b[0] or box[2] > b[3] or box[3] < b[2] for b in boxes)
            if apart and not inside.any() and box[0] > -0.01 and box[1] < 1.0 and box[2] > -0.01:
                chosen.append((point, above))
                boxes.append(box)
                break
        if len(chosen) == _NAMES:
            break
    return chosen


def _histogram(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    edges = [row[0] for row in figure.rows] + [figure.rows[-1][1]]
    for place, name in enumerate(figure.extra["series"]):
        shares = [row[2 + place] for row in figure.rows]
        colour = _colour(name, place, colours)
        if place == 0:
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.4, linewidth=0)
        dashes = "solid" if place == 0 else (0, (5, 2))
        axes.stairs(shares, edges, color=colour, linewidth=1.7, linestyle=dashes, label=name)
        median = figure.extra["medians"][name]
        axes.plot([median], [0], marker="^", markersize=8, color=colour, clip_on=False, zorder=5, linestyle="")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(figure.labels[0])
    axes.set_ylabel(figure.labels[1])
    axes.grid(axis="y", color=colours.rule, linewidth=0.7)
    if len(figure.extra["series"]) > 1:
        _legend(axes, figure.extra["series"])


def _curve(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    t, share, low = (np.array([row[i] for row in figure.rows]) for i in range(3))
    axes.fill_between(t, low, share, step="post", color=colours.blue, alpha=0.2, linewidth=0)
    axes.step(t, share, where="post", color=colours.blue)
    axes.axvline(0.0, color=colours.muted, linewidth=0.9)
    at, floor = figure.extra["at_zero"], figure.extra["floor"]
    axes.plot([0, 0], [floor, at], color=colours.ink, linewidth=1.2, marker="_", markersize=9, zorder=4)
    # If zero is far right there is no space next to it, but there is above the curve.
    crowded = -t[0] > 0.6 * (t[-1] - t[0])
    axes.annotate(
        f"{at:.1%} of users are ahead,\nat least {floor:.1%}",
        (1.0, 0.8) if crowded else (0.0, at),
        xycoords="axes fraction" if crowded else "data",
        xytext=(-4, 0) if crowded else (8, 3),
        textcoords="offset points",
        ha="right" if crowded else "left",
        va="bottom",
        color=colours.ink,
        fontsize=10.5,
    )
    axes.set_xlim(t[0], t[-1])
    axes.set_ylim(0, 1.04)
    axes.set_xlabel(figure.labels[0])
    axes.set_ylabel(figure.labels[1])
    axes.grid(axis="y", color=colours.rule, linewidth=0.7)


def _lines(canvas: Any, figure: Figure, colours: Palette) -> None:
    axes = canvas.subplots()
    groups: list[str] = figure.extra["groups"]
    systems = list(dict.fromkeys(row[0] for row in figure.rows))
    for place, system in enumerate(systems):
        rows = [row for row in figure.rows if row[0] == system]
        shift = (place - (len(systems) - 1) / 2) * min(0.09, 0.5 / len(systems))
        at = np.array([groups.index(row[1]) for row in rows]) + shift
        style: Mapping[str, Any] = {
            "color": _colour(system, place, colours),
            "linewidth": 1.8 if place < 2 else 1.0,
            "markersize": 6 if place < 2 else 5,
        }
        hollow = colours.paper if place % 2 else style["color"]
        bounded = [(x, row[3], row[4]) for x, row in zip(at, rows, strict=True) if row[3] is not None]
        if bounded:
            x, low, high = (np.array(column) for column in zip(*bounded, strict=True))
            axes.vlines(x, low, high, color=style["color"], linewidth=1.2)
        axes.plot(
            at,
            [row[2] for row in rows],
            marker=_MARKERS[place % len(_MARKERS)],
            label=system,
            markerfacecolor=hollow,
            markeredgecolor=style["color"],
            **style,
        )
    axes.set_xticks(range(len(groups)), figure.extra["ticks"])
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.set_xlabel(figure.labels[0])
    axes.set_ylabel(figure.labels[1])
    axes.grid(axis="y", color=colours.rule, linewidth=0.7)
    _legend(axes, systems)


DRAW: Mapping[str, Callable[[Any, Figure, Palette], None]] = MappingProxyType(
    {
        "bars": _bars,
        "bias": _bias,
        "curve": _curve,
        "dots": _dots,
        "histogram": _histogram,
        "lines": _lines,
        "reliability": _reliability,
        "scatter": _scatter,
    }
)
