"""Write docs/architecture.md and its picture from the source: `python docs/architecture.py`.

The floors are those that the linter of imports enforces; the sentence of a module is the first line of its docstring;
an arrow is an import of one module by another, where no longer way leads there too.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

import grimp
import matplotlib as mpl
import networkx as nx

mpl.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/figures/architecture.svg"
PREFIX = "spectra_eval."
COMMAND_LINE = "spectra_eval_cli"
INTRODUCTION = """# The architecture

A table of users goes up one flight of modules, from files to a certificate, and every import points down:
`make architecture` checks that. A new metric, bound, claim, readout, backend, baseline or data set is one file and one
test: [CONTRIBUTING](../CONTRIBUTING.md) shows one from the file to its page.

![The modules of spectra-eval by floor; arrows are imports](figures/architecture.svg)

The picture and the tables are made by `python docs/architecture.py` from the source.
"""
WING = """
## The layers inside `probing`

A probe climbs once: a template renders a history, a readout turns it into requests, a backend answers them, a runner
reads the answers, and `probe` does so for a whole table. `_doctor` diagnoses one model, `_sweep` repeats a probe under
other templates, readouts, windows or taxonomies.
"""
DECISIONS = """
## Decisions

What was decided, why, and what follows from it is in [decisions](decisions).
"""


def contracts() -> dict[str, list[list[str]]]:
    """Return the layers of each contract of pyproject.toml, from the top; each is a list of modules."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return {
        contract["name"]: [layer.split(" | ") for layer in contract["layers"]]
        for contract in settings["contracts"]
        if contract["type"] == "layers"
    }


def sentence(module: str) -> str:
    """Return the first line of a module's docstring."""
    path = ROOT / ("cli" if module == COMMAND_LINE else "") / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ")


def table(floors: Sequence[Sequence[str]], inside: str = "") -> str:
    """Return a Markdown table of the modules by floor, the highest first."""
    rows = ["", "| floor | module | what it holds |", "|---|---|---|"]
    for number, floor in zip(range(len(floors) - 1, -1, -1), floors, strict=True):
        for place, module in enumerate(sorted(floor)):
            rows.append(
                f"| {'' if place else number} | `{module.removeprefix(PREFIX)}` | {sentence(inside + module)} |"
            )
    return "\n".join(rows) + "\n"


def page() -> str:
    """Return the whole page."""
    layers = contracts()
    floors = [[m for m in floor if not m.startswith(PREFIX + "_")] for floor in layers["floors"]]
    stair = table(layers["the layers of probing"], inside=PREFIX + "probing.")
    return INTRODUCTION + table(floors) + WING + stair + DECISIONS


def imports(modules: Sequence[str]) -> nx.DiGraph:
    """Return the imports between modules, without those that a longer way contains."""
    graph = grimp.build_graph("spectra_eval", COMMAND_LINE)
    for module in modules:
        graph.squash_module(module)
    found: nx.DiGraph[str] = nx.DiGraph()
    for module in modules:
        found.add_node(module)
        found.add_edges_from((module, other) for other in graph.find_modules_directly_imported_by(module) - {module})
    return nx.transitive_reduction(found.subgraph(modules))


def places(floors: Sequence[Sequence[str]], graph: nx.DiGraph) -> Mapping[str, tuple[float, float]]:
    """Return where each module stands: its floor, and near what it imports."""
    found: dict[str, tuple[float, float]] = {}
    for height, floor in enumerate(reversed(floors)):
        below = {m: sorted(found[n][0] for n in graph.successors(m) if n in found) for m in floor}
        order = sorted(floor, key=lambda m: (sum(below[m]) / len(below[m]) if below[m] else 0.5, m))
        for place, module in enumerate(order):
            found[module] = ((place + 0.5) / len(order), height)
    return found


def draw(path: Path) -> None:
    """Write the picture as SVG, the same bytes every time."""
    plt.rcParams.update({"svg.hashsalt": "spectra-eval", "font.size": 9})
    floors = [[m for m in floor if not m.startswith(PREFIX + "_")] for floor in contracts()["floors"]]
    modules = [module for floor in floors for module in floor]
    graph = imports(modules)
    place = places(floors, graph)
    figure, axes = plt.subplots(figsize=(9, 6.4), layout="constrained")
    for upper, lower in sorted(graph.edges):
        axes.annotate(
            "",
            xy=(place[lower][0], place[lower][1] + 0.19),
            xytext=(place[upper][0], place[upper][1] - 0.19),
            arrowprops={"arrowstyle": "-|>", "color": "#0072B2", "alpha": 0.45, "linewidth": 0.8},
        )
    for module, (across, height) in place.items():
        name = "command line" if module == COMMAND_LINE else module.removeprefix(PREFIX)
        axes.text(
            across,
            height,
            fill(name, 14),
            ha="center",
            va="center",
            bbox={"boxstyle": "round,pad=0.45", "facecolor": "#F2F6FA", "edgecolor": "#0072B2", "linewidth": 0.9},
        )
    axes.set(xlim=(0, 1), ylim=(-0.5, len(floors) - 0.5), yticks=range(len(floors)), xticks=[], ylabel="floor")
    for side in axes.spines.values():
        side.set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    draw(PICTURE)
