"""From probed tables to the page of the stage-wise experiment: what is fitted, on whom, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stagewise_offset import OFFSET, known_before

from spectra_eval.artifacts import write_json, write_text
from spectra_eval.baselines import system
from spectra_eval.evaluation import compare
from spectra_eval.probing.readouts._base import softmax
from spectra_eval.simplex import js_nats
from spectra_eval.tables import Interactions, PreferenceTable

BASELINES = ("uniform", "popularity", "history", "mixture", "linear")
RIVALS = ("popularity", "history", "mixture", "linear")
TEMPERATURES = np.exp(np.linspace(np.log(0.1), np.log(50.0), 400))


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the jobs left: tables, groups of users, probed tables by job and group, losses and minutes."""

    table: PreferenceTable
    interactions: Interactions
    groups: dict[str, np.ndarray]
    probed: dict[str, dict[str, PreferenceTable]]
    training: list[dict[str, Any]]
    clocks: dict[str, dict[str, float]]
    missing: list[str]


@dataclass(frozen=True, kw_only=True)
class System:
    """One row: theta of the test users, and what was fitted for it on the users of `fit`."""

    theta: np.ndarray
    tau: float | None = None
    weight: float | None = None
    mass: float | None = None


def systems_of(found: Found) -> dict[str, System]:
    """Give every system on the test users; temperatures are those of least mean JS divergence on `fit`."""
    table, groups = found.table, found.groups
    systems = {name: System(theta=system(table, name).theta[groups["test"]]) for name in BASELINES}
    known = known_before(table, found.interactions, groups).theta
    systems[OFFSET] = System(theta=softmax(known[groups["test"]], 1.0))
    nothing = [np.zeros((len(groups[group]), table.n_categories)) for group in ("fit", "test")]
    control = combined(table, groups, *nothing, known)
    systems[f"{OFFSET}, exponent fitted"] = System(theta=control.theta, weight=control.weight)
    by_arm: dict[str, dict[str, list[Any]]] = {}
    for name, parts in found.probed.items():
        label, seed = label_of(name)
        added = known if "added" in name else None
        one = (scores_of(parts["fit"]), scores_of(parts["test"]))
        own = f"{label}, seed {seed}" if seed is not None else label
        systems[own] = fitted(table, groups, *one, added, float(np.mean(parts["test"].metadata["mean_answer_mass"])))
        if name == "probe-pretrained":  # a control: does training add to what the words of the prompt give?
            systems[f"{label}, combined with {OFFSET}"] = combined(table, groups, *one, known)
        if seed is not None and not name.startswith("generative"):
            held = by_arm.setdefault(label, {"fit": [], "test": [], "added": [added]})
            held["fit"].append(one[0])
            held["test"].append(one[1])
    for label, held in by_arm.items():
        fit, test = np.mean(held["fit"], axis=0), np.mean(held["test"], axis=0)
        (added,) = held["added"]
        if len(held["fit"]) > 1:
            systems[f"{label}, mean of {len(held['fit'])} seeds"] = fitted(table, groups, fit, test, added)
        told_wrong = np.roll(test, 1, axis=0)
        systems[f"{label}, users shuffled"] = fitted(table, groups, fit, test, added, shown=told_wrong)
        both = "both exponents fitted" if added is not None else f"combined with {OFFSET}"
        systems[f"{label}, {both}"] = combined(table, groups, fit, test, known)
    return systems


def label_of(job: str) -> tuple[str, int | None]:
    """Give the name of an arm, and its seed, out of the name of a job."""
    kind, _, rest = job.partition("-")
    stem, _, last = rest.rpartition("-")
    name, seed = (stem, int(last)) if last.isdigit() else (rest, None)
    label = {"pretrained": "pretrained", "sft": "SFT", "cpt-sft": "CPT+SFT"}.get(name, f"CPT+SFT on {OFFSET}")
    return (f"{label}, generative" if kind == "generative" else label), seed


def scores_of(table: PreferenceTable) -> np.ndarray:
    """Give the scores of a probed table, which has them."""
    assert table.scores is not None
    return np.asarray(table.scores)


def fitted(
    table: PreferenceTable,
    groups: dict[str, np.ndarray],
    fit: np.ndarray,
    test: np.ndarray,
    added: np.ndarray | None,
    mass: float | None = None,
    *,
    shown: np.ndarray | None = None,
) -> System:
    """Read scores at the temperature that suits the users of `fit`; `shown` are read instead of `test`."""
    users = groups["fit"][: len(fit)]
    truth = table.theta_star[users]

    def theta(scores: np.ndarray, rows: np.ndarray, tau: float) -> np.ndarray:
        return softmax(scores / tau + (0.0 if added is None else added[rows]), 1.0)

    losses = [float(js_nats(truth, theta(fit, users, tau)).mean()) for tau in TEMPERATURES]
    tau = float(TEMPERATURES[int(np.argmin(losses))])
    return System(theta=theta(test if shown is None else shown, groups["test"], tau), tau=tau, mass=mass)


def combined(
    table: PreferenceTable, groups: dict[str, np.ndarray], fit: np.ndarray, test: np.ndarray, known: np.ndarray
) -> System:
    """Multiply what the model says with what the regression says; both exponents are fitted on `fit`."""
    users = groups["fit"][: len(fit)]
    best = (np.inf, 1.0, 1.0)
    for tau in TEMPERATURES[::8]:
        for weight in np.linspace(0.0, 1.5, 31):
            theta = softmax(fit / tau + weight * known[users], 1.0)
            best = min(best, (float(js_nats(table.theta_star[users], theta).mean()), float(tau), float(weight)))
    _, tau, weight = best
    return System(theta=softmax(test / tau + weight * known[groups["test"]], 1.0), tau=tau, weight=weight)


def write_page(found: Found, plan: Any, page: Path, out: Path, *, name: str) -> None:
    """Compare all systems on the test users, and write the page and the comparison."""
    test = found.table.select(found.groups["test"])
    systems = systems_of(found)
    compared = compare(
        {name: test.replace(theta_s=one.theta) for name, one in systems.items()},
        metrics=("js_divergence", f"category_ndcg@{min(10, test.n_categories)}"),
        bootstrap=plan.bootstrap,
        rng=np.random.default_rng(0),
    )
    text = written(compared, systems, found, plan, name)
    write_text(text, page)
    write_json(compared.to_json(), out / "comparison.json")
    print(text)
    print(f"written: {page}")


def written(compared: Any, systems: dict[str, System], found: Found, plan: Any, plan_name: str) -> str:
    """Give the text of the page."""
    js, ndcg = "js_divergence", f"category_ndcg@{min(10, found.table.n_categories)}"
    pairs = {(p.metric, p.first, p.second): (p, 1) for p in compared.pairs}
    pairs |= {(p.metric, p.second, p.first): (p, -1) for p in compared.pairs}
    unit = next(p.unit for p in compared.pairs if p.metric == js)

    def interval(name: str, rival: str) -> tuple[float, float, float] | None:
        pair, sign = pairs[js, name, rival]
        if pair.difference is None or pair.interval is None:
            return None
        low, high = sorted((sign * pair.interval.low, sign * pair.interval.high))
        return sign * pair.difference, low, high

    def against(name: str, rival: str) -> str:
        found_ = None if name == rival else interval(name, rival)
        return "-" if found_ is None else "{:+.4f} ({:+.4f} to {:+.4f})".format(*found_)

    lines = [*introduction(found, plan, plan_name)]
    rivals = [*RIVALS, OFFSET]
    lines += [
        f"| system | JS ({unit}) | NDCG@10 | "
        + " | ".join(f"JS less {r} (95 % CI)" for r in rivals)
        + " | tau | mass |",
        "|---|--:|--:|" + "--:|" * (len(rivals) + 2),
    ]
    for name in systems:
        numbers = [f"{compared.values[metric][name]:.4f}" for metric in (js, ndcg)]
        one = systems[name]
        tau = "-" if one.tau is None else f"{one.tau:.2f}"
        tau += "" if one.weight is None else f", w {one.weight:.2f}"
        mass = "-" if one.mass is None else f"{one.mass:.3f}"
        lines.append(f"| {' | '.join([name, *numbers, *(against(name, rival) for rival in rivals), tau, mass])} |")
    lines += [
        "",
        "A negative difference favours the system of the row. Intervals are over users. `tau` is the fitted "
        "temperature, `mass` the answer mass.",
        "",
    ]
    if plan_name != "quick":  # an interval over six users is no ground for a verdict
        lines += ["## Verdicts", "", *verdicts(interval, [name for name in systems if name not in BASELINES])]
        lines += [*steps(interval, list(systems)), ""]
    lines += ["## Training", "", "| training | rows | steps | first loss | last loss |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {run['name']} | {run['rows']} | {run['steps']} | {run['first']:.4f} | {run['last']:.4f} |"
        for run in found.training
    ]
    lines += ["", "Losses are means of the first and the last fifth of the steps, nats.", "", *cost(found)]
    if plan_name != "quick":
        lines += ["", _notes()[1].rstrip()]
    return "\n".join([*lines, ""])


def _notes() -> tuple[str, str]:
    """Give what stands above the numbers, and what stands below them."""
    text = Path(__file__).with_name("stagewise_notes.md").read_text(encoding="utf-8")
    above, mark, below = text.partition("## What was tried")
    return above, mark + below


def introduction(found: Found, plan: Any, name: str) -> list[str]:
    """Say what was done."""
    sizes = {name: len(rows) for name, rows in found.groups.items()}
    lines = ["# Results: the stages of an adapted model", ""]
    command = "make stagewise" if name == "full" else f"python experiments/stagewise.py --plan {name}"
    lines += [f"Made by `{command}`.", ""]
    if name == "quick":
        lines += ["**A quick look at few users and steps: it shows that everything runs, and nothing more.**", ""]
    if found.missing:
        lines += [f"**Not finished when this page was written: {', '.join(found.missing)}.**", ""]
    if name != "quick":
        lines += [*_notes()[0].splitlines(), "## How", ""]
    return [
        *lines,
        "MovieLens ml-latest-small, 18 genres and IMAX, weight `count`; SmolLM2-135M-Instruct (embedded, dequantised "
        f"from 4 bits, float32). The prompt shows the last {plan.titles} titles with their genres, and two lines of "
        "genre proportions in words: of the whole history, and of the last 20 items. Users are divided by a hash "
        f"of their names: {sizes['test']} for the test, {sizes['fit']} to fit temperatures, {sizes['train']} for "
        "training. "
        "The target is the last fifth of each test user's ratings.",
        "",
        "Training uses only the training users, and of them only the interactions before their own last fifth, split "
        f"again at {', '.join(map(str, plan.cuts))}. A leakage check on the ratings verifies this before the first "
        f"step. LoRA r 32, alpha 64, dropout 0.1, all projections of the last {plan.layers} of 30 layers (the output "
        "of the frozen layers below is computed once per prompt and cached), AdamW, cosine, 10 % warm-up, "
        f"learning rate {plan.learning_rate:g} (the paper's 8e-5 is meant for far more steps), batch {plan.batch}; "
        f"{plan.cpt_steps} steps of CPT, {plan.sft_steps} of SFT with soft labels over the scores that the probe "
        f"uses. The generative readout shows the options in {plan.orders} order.",
        "",
        "Baselines are fitted, fold by fold, on the *evaluation windows* of all other users. This is an advantage over "
        f"every model here. `{OFFSET}` is `linear` fitted on the data that the models may use, earlier windows of "
        "users outside the test group; like the prompt, it also has the proportions of the last 20 items. "
        f"*on {OFFSET}*: the logarithm of that regression is added to the scores, in training and in the readout, so "
        "the model learns the residual. *combined*: a model trained without the regression and multiplied with it "
        "afterwards; both exponents (1/tau and w) are fitted on the fit users. *both exponents fitted*: the same with "
        "a model trained on the regression. *exponent fitted*: the same without a model. *shuffled*: each user gets "
        "the scores of another user.",
        "",
    ]


def verdicts(interval: Any, names: list[str]) -> list[str]:
    """Say of each system which rivals its paired interval beats, and which beat it."""
    lines = []
    for name in names:
        words: dict[str, list[str]] = {"beats": [], "loses to": [], "does not differ significantly from": []}
        for rival in (*RIVALS, OFFSET):
            found = None if rival == name else interval(name, rival)
            if found is not None:
                _, low, high = found
                words["beats" if high < 0 else "loses to" if low > 0 else "does not differ significantly from"].append(
                    rival
                )
        said = "; ".join(f"{word} {', '.join(f'`{r}`' for r in rivals)}" for word, rivals in words.items() if rivals)
        lines.append(f"- **{name}** {said}.")
    return lines


def steps(interval: Any, names: list[str]) -> list[str]:
    """Hold each stage against the one before it, and each model against itself with another user's scores."""
    asked = [
        (name, name.replace("CPT+SFT", "SFT")) for name in names if name.startswith(("CPT+SFT, seed", "CPT+SFT, gen"))
    ]
    asked += [(name, "pretrained") for name in names if name.startswith("SFT, seed")]
    asked += [(name, "pretrained, generative") for name in names if name.startswith("SFT, generative")]
    for name in names:
        label, shuffled, _ = name.partition(", users shuffled")
        own = [other for other in names if other.startswith((f"{label}, mean of", f"{label}, seed"))]
        asked += [(name, own[-1])] if shuffled and own else []
    lines = []
    for name, other in asked:
        found = interval(name, other) if other in names else None
        if found is not None:
            less, low, high = found
            lines.append(f"- **{name}** less *{other}*: {less:+.4f} ({low:+.4f} to {high:+.4f}).")
    return lines


def cost(found: Found) -> list[str]:
    """Say what it took."""
    cpu, wall = (sum(one[kind] for one in found.clocks.values()) for kind in ("cpu", "wall"))
    return [
        "## Cost",
        "",
        f"{cpu:.0f} minutes of one core for all jobs together, so about {cpu / 2:.0f} minutes on two idle cores. The "
        f"wall-clock times, two jobs at a time, add up to {wall:.0f} minutes. If the last number is much larger than "
        "the first, the machine was busy with other work.",
    ]
