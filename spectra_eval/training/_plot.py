"""The loss of a training, drawn: one SVG, where the extra ``plots`` is installed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts import written_whole

__all__ = ["draw_loss"]

_SMOOTHED = 0.05


def draw_loss(log: Sequence[Mapping[str, Any]], path: Path) -> bool:
    """Draw the loss of every step, and its running mean over a twentieth of the steps; say whether it was drawn.

    Parameters
    ----------
    log : sequence of mappings
        Each with `step` and `loss`, nats.
    path : Path
        The SVG file.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError:
        return False
    steps = np.array([entry["step"] for entry in log])
    loss = np.array([entry["loss"] for entry in log])
    width = max(1, round(_SMOOTHED * len(loss)))
    sums = np.concatenate([[0.0], np.cumsum(loss)])
    first = np.maximum(np.arange(len(loss)) + 1 - width, 0)
    mean = (sums[1:] - sums[first]) / (np.arange(len(loss)) + 1 - first)
    with style.context(["default", {"svg.hashsalt": "spectra-eval loss", "svg.fonttype": "none"}]):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(steps, loss, color="#9aa5b1", linewidth=0.8, label="each step")
        axes.plot(steps, mean, color="#1f5fa8", linewidth=1.6, label=f"mean of {width} steps")
        axes.set_xlabel("step")
        axes.set_ylabel("loss (nats)")
        axes.legend(frameon=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a font that lacks a glyph is no matter of the training
            with written_whole(path) as stream:
                figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return True
