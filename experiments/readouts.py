"""Every readout on the same real users: closeness, order, answer mass, bias of positions, time.

    python experiments/readouts.py                    # backend hf; writes docs/readouts.md; half an hour on a core
    python experiments/readouts.py --backend vllm     # in the environment of vLLM: two readouts, same page
    python experiments/readouts.py --backend mocked --users 8 --page -    # seconds; shows that everything works

What was asked once is kept under OUT and not asked again; the page is made from all that is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts import read_json, read_table, write_json, write_table, write_text
from spectra_eval.data import DATASETS, prepare
from spectra_eval.evaluation import evaluate
from spectra_eval.probing import probe
from spectra_eval.probing._runners import ListDecoder
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, AnswerScores, PreferenceTable, ProbeRequest

ROOT = Path(__file__).resolve().parents[1]
TITLES = 20
PARENTS = {
    "Action and adventure": ("Action", "Adventure", "War", "Western"),
    "Comedy and family": ("Animation", "Children", "Comedy", "Musical"),
    "Crime and suspense": ("Crime", "Film-Noir", "Horror", "Mystery", "Thriller"),
    "Drama and romance": ("Documentary", "Drama", "Romance"),
    "Fantastic and formats": ("Fantasy", "IMAX", "Sci-Fi"),
}
"""Made for this page: MovieLens has no second level, and the readout `hierarchical` needs one."""
INTRO = """# Every readout on the same users

A readout turns the model's log-probabilities into a distribution over categories. Users: the first {users} users of
ml-latest-small with a window; {categories} genres, weight `count`; the prompt shows the last {titles} titles. Model:
SmolLM2-135M-Instruct, float32. Written by `experiments/readouts.py`. Nothing was chosen or fitted on these
users, except one temperature, which is cross-fitted (five folds).

JS in bits with its 95 % interval over users (lower is better); NDCG@10 (higher is better). *Answer mass*: the
probability that the model gives to all answers together. *Position*: for multiple choice, the effect of the position
alone (standard deviation, nats); for lists, the mean position of the listed categories in the prompt
(even: {even:.0f}).
*CPU s per user*: processor time of one thread, which other load on the machine affects little.
"""
METRICS = ("js_divergence", "category_ndcg@10")
BOTH = ("likelihood", "generative")
"""Asked on vLLM too."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to ask: a readout with its choices, or a decoded list with its own."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    decoder: dict[str, Any] | None = None


ROWS = (
    Row(name="likelihood", options={"readout": "likelihood"}),
    Row(name="likelihood, debiased", options={"readout": "likelihood", "debias": True}),
    Row(name="likelihood, temperature cross-fitted", options={"readout": "likelihood", "temperature": "fitted"}),
    Row(name="generative", options={"readout": "generative"}),
    Row(name="generative, one order", options={"readout": "generative", "options": {"orders": 1}}),
    Row(name="name, sum", options={"readout": "name", "options": {"measure": "sum"}}),
    Row(name="name, per token", options={"readout": "name", "options": {"measure": "token"}}),
    Row(name="name, per byte", options={"readout": "name", "options": {"measure": "byte"}}),
    Row(name="name, PMI", options={"readout": "name", "options": {"measure": "pmi"}}),
    Row(name="hierarchical, every branch", options={"readout": "hierarchical"}),
    Row(
        name="hierarchical, branches by mass, 8 questions, residual uniform",
        options={"readout": "hierarchical", "options": {"branches": "mass", "budget": 8, "residual": "uniform"}},
    ),
    Row(
        name="hierarchical, branches by tail, 8 questions, residual uniform",
        options={"readout": "hierarchical", "options": {"branches": "tail", "budget": 8, "residual": "uniform"}},
    ),
    Row(name="reranker", options={"readout": "reranker"}),
    Row(name="list, greedy", decoder={}),
    Row(name="list, sampled", decoder={"temperature": 1.0, "seed": 1}),
    Row(name="verbalised", options={"readout": "verbalised", "options": {"unreadable": "uniform"}}),
    Row(name="list, greedy, constrained to category names", decoder={"constrained": True}),
    Row(
        name="list, sampled, constrained to category names",
        decoder={"constrained": True, "temperature": 1.0, "seed": 1},
    ),
)


def main() -> None:
    """Ask what was not asked yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--backend", default="hf", choices=("hf", "vllm", "mocked", "none"), help="none: the page alone"
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--data", type=Path, default=ROOT / "examples/data/ml-latest-small")
    parser.add_argument("--out", type=Path, default=ROOT / "readouts-out")
    parser.add_argument("--page", default=str(ROOT / "docs/readouts.md"), help="- for the screen alone")
    given = parser.parse_args()
    out = given.out / f"{given.users}"
    out.mkdir(parents=True, exist_ok=True)
    table = material(given.data, given.users, out / "table.parquet")
    rows = [row for row in ROWS if given.backend != "none" and (given.backend != "vllm" or row.name in BOTH)]
    missing = [row for row in rows if not (out / given.backend / f"{_file(row)}.json").is_file()]
    if missing:
        (out / given.backend).mkdir(exist_ok=True)
        options = {"dtype": "float32"} if given.backend in ("hf", "vllm") else {}
        model = {"mocked": "random"}.get(given.backend, given.model)
        with open_backend(given.backend, model=model, **options) as session:
            remembered = Remembered(session)
            for row in missing:
                ask(row, table, remembered, out / given.backend)
    text = page(table, out)
    print(text)
    if given.page != "-":
        write_text(text, Path(given.page))


def material(data: Path, users: int, place: Path) -> PreferenceTable:
    """Give the first so many users with a window, their genres under made parents."""
    if not place.is_file():
        table = prepare(DATASETS["movielens"].read(data), weighting="count")
        kept = table.select(np.flatnonzero(table.observed)[:users])
        parent = {child: name for name, children in PARENTS.items() for child in children}
        write_table(kept.replace(parents=tuple(parent[name] for name in kept.categories)), place)
    return read_table(place)


class Remembered:
    """A session that puts no question twice; the time of an answer counts again wherever it is used."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: dict[ProbeRequest, tuple[AnswerScores, float]] = {}
        self.saved = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        """Give the answers, from memory where the very question was put before."""
        fresh = [request for request in dict.fromkeys(requests) if request not in self._known]
        self.saved += sum(self._known[request][1] for request in requests if request in self._known)
        began = time.process_time()
        answers = self._session.score(fresh)
        seconds = (time.process_time() - began) / max(len(fresh), 1)
        self._known |= {request: (given, seconds) for request, given in zip(fresh, answers, strict=True)}
        return [self._known[request][0] for request in requests]


def ask(row: Row, table: PreferenceTable, session: Any, folder: Path) -> None:
    """Ask about every user in one way; keep the table, the seconds and what was noticed."""
    began, session.saved = time.process_time(), 0.0
    if row.decoder is None:
        answered = probe(table, session, dg=False, titles=TITLES, **row.options)
        noticed = {**answered.metadata["readout_means"], "answer_mass": answered.metadata["mean_answer_mass"]}
    else:
        assert table.history is not None
        runner = ListDecoder(session, categories=table.categories, list_length=5, **row.decoder)
        found, mass = runner.read([titles[-TITLES:] for titles in table.history])
        answered = table.replace(dg=np.array(found))
        noticed = {"answer_mass": float(np.mean(mass))} if mass else {}
    seconds = time.process_time() - began + session.saved
    write_table(answered, folder / f"{_file(row)}.parquet")
    write_json({"name": row.name, "seconds": seconds, "noticed": noticed}, folder / f"{_file(row)}.json")
    print(f"{row.name}: {seconds:.0f} s", flush=True)


def page(table: PreferenceTable, out: Path) -> str:
    """Put everything that was asked into one page."""
    even = (table.n_categories - 1) / 2
    intro = INTRO.format(users=table.n_users, categories=table.n_categories, titles=TITLES, even=even)
    lines = [
        intro,
        "| readout or list | backend | JS (bit) | NDCG@10 | answer mass | position | CPU s per user | notes |",
        "|---|---|---|--:|--:|--:|--:|---|",
    ]
    for system in ("uniform", "popularity", "history"):
        lines.append(f"| *{system}*, no model | | {_metrics(table, system)} | | | | |")
    asked = [(row, b) for row in ROWS for b in ("hf", "vllm", "mocked") if (out / b / f"{_file(row)}.json").is_file()]
    for row, backend in asked:
        answered = read_table(out / backend / f"{_file(row)}.parquet")
        lines.append(_line(row, backend, answered, read_json(out / backend / f"{_file(row)}.json"), table))
    missing = [row.name for row in ROWS if row not in [known for known, _ in asked]]
    lines += ["", f"Not asked yet: {'; '.join(missing)}.", ""] if missing else [""]
    lines += _agreement(out)
    return "\n".join(lines) + "\n"


def _line(row: Row, backend: str, answered: PreferenceTable, said: dict[str, Any], table: PreferenceTable) -> str:
    noticed = said["noticed"]
    words = []
    if answered.dg is not None:
        named = answered.dg[answered.dg != PAD]
        bad = int((named == OUT_OF_VOCABULARY).sum())
        words.append(f"{bad} of {named.size} entries out of vocabulary")
        empty = int((answered.dg == PAD).all(axis=1).sum())
        words += [f"{empty} lists empty"] if empty else []
        place = f"{named[named >= 0].mean():.1f}" if (named >= 0).any() else "–"
    elif "readable" in noticed:
        words.append(f"{noticed['readable']:.0%} of the responses parsed, the others taken as uniform")
        place = "–"
    else:
        seen = row.options.get("options", {}).get("orders") != 1  # one order cannot tell a place from an option
        place = f"{noticed['position_bias']:.2f}" if seen and "position_bias" in noticed else "–"
    if "residual" in noticed:
        words.append(f"residual {noticed['residual']:.2f}")
    if answered.scores is not None and np.isfinite(answered.scores).all():
        words.append(f"SD of the scores of a user: {float(np.asarray(answered.scores).std(axis=1).mean()):.2f}")
    mass = f"{noticed['answer_mass']:.3f}" if "answer_mass" in noticed else "–"
    system = "theta_s" if answered.dg is None else "dg"
    seconds = said["seconds"] / table.n_users
    cells = (row.name, backend, _metrics(answered, system), mass, place, f"{seconds:.2f}", "; ".join(words))
    return f"| {' | '.join(cells)} |"


def _metrics(table: PreferenceTable, system: str) -> str:
    found = evaluate(table, metrics=METRICS, systems=(system,), bootstrap=1000, rng=np.random.default_rng(0))
    js, ndcg = (next(r for r in found.results if r.metric == name) for name in METRICS)
    low, high = js.interval.low, js.interval.high
    return f"{js.value:.3f} ({low:.3f}, {high:.3f}) | {ndcg.value:.3f}"


def _agreement(out: Path) -> list[str]:
    """Hold the scores of two backends against each other."""
    lines = []
    for row in ROWS:
        files = [out / backend / f"{_file(row)}.parquet" for backend in ("hf", "vllm")]
        if row.name not in BOTH or not all(file.is_file() for file in files):
            continue
        one, other = (read_table(file) for file in files)
        gap = float(np.abs(np.asarray(one.scores) - np.asarray(other.scores)).max())
        moved = 0.5 * float(np.abs(np.asarray(one.theta_s) - np.asarray(other.theta_s)).sum(axis=1).max())
        lines.append(
            f"- `{row.name}`: a score differs by at most {gap:.2g} nats, theta by {moved:.2g} in total variation."
        )
    if not lines:
        return ["The readouts `likelihood` and `generative` were not asked on vLLM yet: `--backend vllm`."]
    return [f"hf and vLLM, float32, over {one.n_users} users x {one.n_categories} categories:", "", *lines]


def _file(row: Row) -> str:
    return row.name.replace(", ", "-").replace(" ", "_")


if __name__ == "__main__":
    main()
