"""Draw the envelopes of docs/theory.md: `python docs/figures/envelopes.py [FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from spectra_eval import theory
from spectra_eval.units import Information

mpl.use("svg")
import matplotlib.pyplot as plt

PRINTED = {
    "PS, nats (no bound)": ("ps", "nats", "#D55E00", ":"),
    "BH, as computed (no bound)": ("bh", "printed", "#CC79A7", ":"),
    "BH, nats (a bound up to 0.574 bit)": ("bh", "nats", "#E69F00", "-."),
    "TH, nats (vacuous from 0.25 bit)": ("th", "nats", "#999999", "--"),
}


def draw(path: Path) -> None:
    """Write the figure as SVG, the same bytes every time."""
    plt.rcParams.update({"svg.hashsalt": "spectra-eval", "font.size": 10})
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    js = Information.from_bits(np.linspace(0.0, 1.0, 801))
    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    exact = theory.tv_upper_from_js(js)
    axes.fill_between(js.bits, js.bits, exact, color="#0072B2", alpha=0.10, label="possible pairs")
    axes.plot(js.bits, exact, color="#0072B2", lw=2.4, label="exact envelope φ*")
    for label, method, style in (("Topsøe's power bound", "topsoe", "--"), ("√(2 ln 2 · JS)", "sqrt", "-.")):
        upper = np.minimum(1.0, theory.tv_upper_from_js(js, method=method))
        axes.plot(js.bits, upper, color="#009E73", ls=style, label=label)
    for label, (name, reading, colour, style) in PRINTED.items():
        values = np.minimum(1.0, theory.paper_phi(name, js, reading=reading).value)
        axes.plot(js.bits, values, color=colour, ls=style, lw=1.6, label=label)
    axes.set(xlabel="Jensen-Shannon divergence [bit]", ylabel="total variation", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="lower right", frameon=False, fontsize=8.5)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".svg"))
