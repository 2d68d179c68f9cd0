"""The stage-wise experiment: pretrained, SFT only, CPT + SFT, beside predictors without a model, on ml-latest-small.

    make stagewise                                   # writes docs/results.md; under an hour on two idle cores
    python experiments/stagewise.py --quick          # minutes; shows that everything works, says nothing of quality

Users are dealt into three groups by a hash of their names: `train` (the model is trained on what they did before their
windows), `fit` (temperatures are fitted on them), `test` (every number is of them; nothing is chosen or fitted there).
A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts import write_json, write_table, write_text
from spectra_eval.backends import open as open_backend
from spectra_eval.baselines import system
from spectra_eval.data import DATASETS, prepare
from spectra_eval.evaluation import compare
from spectra_eval.finetuning import finetune, split_users
from spectra_eval.probing import probe
from spectra_eval.readouts._base import softmax
from spectra_eval.simplex import js_nats
from spectra_eval.tables import Interactions, PreferenceTable
from spectra_eval.training import Recipe, with_categories

ROOT = Path(__file__).resolve().parents[1]
BASELINES = ("uniform", "popularity", "history", "mixture", "linear")
RIVALS = ("popularity", "history", "mixture", "linear")
SPLIT_SEED = 20
TEMPERATURES = np.exp(np.linspace(np.log(0.1), np.log(20.0), 400))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is done; `quick` is for a look."""

    test: int
    fit: int
    train: int
    cpt_steps: int
    sft_steps: int
    seeds: tuple[int, ...]
    titles: int
    bootstrap: int
    learning_rate: float
    batch: int = 4


FULL = Plan(
    test=150, fit=80, train=300, cpt_steps=40, sft_steps=56, seeds=(0, 1), titles=20, bootstrap=2000, learning_rate=5e-4
)
QUICK = Plan(test=6, fit=4, train=8, cpt_steps=1, sft_steps=2, seeds=(0,), titles=4, bootstrap=200, learning_rate=5e-4)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One system with a model: its probed tables of the groups `fit` and `test`, and what its scores are added to."""

    name: str
    fit: PreferenceTable
    test: PreferenceTable
    offset: str | None = None


def main() -> None:
    """Run the experiment and write its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=ROOT / "examples/data/ml-latest-small")
    parser.add_argument("--out", type=Path, default=ROOT / "stagewise-out", help="tables, adapters and runs")
    parser.add_argument("--page", type=Path, help="the page; docs/results.md, or OUT/results.md with --quick")
    parser.add_argument("--quick", action="store_true", help="few users and steps, to see that everything works")
    parser.add_argument("--threads", type=int, help="of PyTorch; its own choice when not given")
    given = parser.parse_args()
    if given.threads:
        import torch

        torch.set_num_threads(given.threads)
    plan = QUICK if given.quick else FULL
    out = given.out / ("quick" if given.quick else "full")
    out.mkdir(parents=True, exist_ok=True)
    page = given.page or (out / "results.md" if given.quick else ROOT / "docs/results.md")
    began = time.monotonic()
    interactions = with_categories(DATASETS["movielens"].read(given.data))
    table = prepare(interactions, weighting="count")
    groups = dealt(table, plan)
    write_table(table, out / "table.parquet")
    arms, training = trained_and_probed(table, interactions, groups, plan, out)
    systems, temperatures = systems_of(table, groups, arms)
    found = compare(
        systems, metrics=("js_divergence", "category_ndcg@10"), bootstrap=plan.bootstrap, rng=np.random.default_rng(0)
    )
    minutes = (time.monotonic() - began) / 60
    mass = {arm.name: arm.test.metadata["mean_answer_mass"] for arm in arms}
    text = written(found, plan, training, temperatures, mass, minutes=minutes, quick=given.quick)
    write_text(text, page)
    write_json(found.to_json(), out / "comparison.json")
    print(text)
    print(f"written: {page}")


def dealt(table: PreferenceTable, plan: Plan) -> dict[str, np.ndarray]:
    """Deal users into test, fit and train: rows of each, the first so many in the order of the table."""
    rest, test = split_users(table, 0.28, seed=SPLIT_SEED)
    train, fit = split_users(rest, 0.25, seed=SPLIT_SEED + 1)
    numbers = {user: row for row, user in enumerate(table.users.tolist())}
    sizes = (("test", test, plan.test), ("fit", fit, plan.fit), ("train", train, plan.train))
    return {name: np.array([numbers[u] for u in part.users.tolist()][:size]) for name, part, size in sizes}


def trained_and_probed(
    table: PreferenceTable, interactions: Interactions, groups: dict[str, np.ndarray], plan: Plan, out: Path
) -> tuple[list[Arm], list[dict[str, Any]]]:
    """Train every stage and probe every system with a model."""
    train = table.select(groups["train"])
    recipe = Recipe(learning_rate=plan.learning_rate, batch=plan.batch, bf16=True)
    training: list[dict[str, Any]] = []

    def stage(name: str, seed: int, steps: int, **how: Any) -> Path:
        said(f"training {name}, seed {seed}")
        folder = out / f"{name}-{seed}"
        made = finetune(
            train,
            interactions,
            folder,
            recipe=replace(recipe, seed=seed, steps=steps),
            titles=plan.titles,
            keep_every=10,
            progress=progress(),
            **how,
        )
        training.append({"name": folder.name, "rows": made["configuration"]["rows"], "steps": steps, **ends(folder)})
        return folder

    def asked(name: str, adapter: Path | None, readout: str = "likelihood", offset: str | None = None) -> Arm:
        parts = {}
        with open_backend("hf", adapter=None if adapter is None else str(adapter)) as session:
            for group in ("fit", "test"):
                said(f"probing {name} ({readout}), {group}")
                run = out / "runs" / f"{name.replace(' ', '-').replace('+', 'and')}-{group}"
                parts[group] = probe(
                    table.select(groups[group]), session, readout=readout, dg=False, titles=plan.titles, run=run
                )
        return Arm(name=name, offset=offset, **parts)

    arms = [asked("pretrained", None), asked("pretrained, generative", None, "generative")]
    cpt = stage("cpt", 0, plan.cpt_steps, stage="cpt")
    for seed in plan.seeds:
        mark = f" seed {seed}"
        sft = stage("sft", seed, plan.sft_steps)
        both = stage("cpt-sft", seed, plan.sft_steps, start=cpt)
        added = stage("cpt-sft-offset", seed, plan.sft_steps, start=cpt, offset="mixture")
        arms += [asked(f"SFT{mark}", sft), asked(f"CPT+SFT{mark}", both)]
        arms.append(asked(f"CPT+SFT on mixture{mark}", added, offset="mixture"))
        if seed == plan.seeds[0]:
            arms += [asked("SFT, generative", sft, "generative"), asked("CPT+SFT, generative", both, "generative")]
    return arms, training


def systems_of(
    table: PreferenceTable, groups: dict[str, np.ndarray], arms: list[Arm]
) -> tuple[dict[str, PreferenceTable], dict[str, float]]:
    """Give every system as a table of the test users, and the temperatures, which were fitted on the users of `fit`.

    The baselines that fit something do it on the windows of all other users of the whole table: more than any model
    here has seen. An offset is fitted in the same way.
    """
    test = table.select(groups["test"])
    systems = {name: test.replace(theta_s=system(table, name).theta[groups["test"]]) for name in BASELINES}
    temperatures = {}
    for arm in arms:
        log_offset = None if arm.offset is None else np.log(np.maximum(system(table, arm.offset).theta, 1e-3))

        def theta(part: PreferenceTable, group: str, tau: float, log_offset: Any = log_offset) -> np.ndarray:
            assert part.scores is not None
            scores = part.scores / tau
            return softmax(scores if log_offset is None else scores + log_offset[groups[group]], 1.0)

        losses = [float(js_nats(arm.fit.theta_star, theta(arm.fit, "fit", t)).mean()) for t in TEMPERATURES]
        tau = float(TEMPERATURES[int(np.argmin(losses))])
        temperatures[arm.name] = tau
        systems[arm.name] = test.replace(theta_s=theta(arm.test, "test", tau))
    last = next(arm for arm in reversed(arms) if arm.offset is None and "generative" not in arm.name)
    told_wrong = np.roll(np.asarray(systems[last.name].theta_s), 1, axis=0)
    systems[f"{last.name}, users shuffled"] = test.replace(theta_s=told_wrong)
    return systems, temperatures


def written(
    found: Any,
    plan: Plan,
    training: list[dict[str, Any]],
    temperatures: dict[str, float],
    mass: dict[str, float],
    *,
    minutes: float,
    quick: bool,
) -> str:
    """Write the page."""
    js, ndcg = "js_divergence", "category_ndcg@10"
    pairs = {(p.metric, p.first, p.second): (p, 1) for p in found.pairs}
    pairs |= {(p.metric, p.second, p.first): (p, -1) for p in found.pairs}
    unit = next(p.unit for p in found.pairs if p.metric == js)

    def against(name: str, rival: str) -> str:
        if name == rival:
            return "-"
        pair, sign = pairs[js, name, rival]
        if pair.difference is None or pair.interval is None:
            return "no value"
        low, high = sorted((sign * pair.interval.low, sign * pair.interval.high))
        return f"{sign * pair.difference:+.4f} ({low:+.4f} to {high:+.4f})"

    command = "python experiments/stagewise.py --quick" if quick else "make stagewise"
    lines = [
        "# Results: the stages of an adapted model",
        "",
        f"Made by `{command}`; its last start took {minutes:.0f} minutes. "
        + (
            "**A quick look at few users and steps: it shows that everything runs, and nothing more.**" if quick else ""
        ),
        "",
        f"MovieLens ml-latest-small, 18 genres and IMAX, weight `count`, the last {plan.titles} titles with their "
        "genres as context, SmolLM2-135M-Instruct (embedded, dequantised from 4 bits). Users are divided by a hash of "
        f"their names: {plan.test} test, {plan.fit} to fit one temperature a system, {plan.train} to train on (fewer "
        "where a group is smaller). The truth is the last fifth of each test user's ratings. Training sees, of "
        "the training users alone, what lies before their own last fifth, cut again at 0.5, 0.65 and 0.8 of it; "
        "that is proven from the ratings before the first step. "
        f"LoRA r 32, alpha 64, dropout 0.1, all projections, AdamW, cosine, 10 % warm-up, learning rate "
        f"{plan.learning_rate:g} (the paper's 8e-5 is meant for far more steps), batch {plan.batch}, bfloat16 base; "
        f"{plan.cpt_steps} steps of CPT, {plan.sft_steps} of SFT on soft labels over the scores that the probe reads.",
        "",
        "`mixture` and `linear` are fitted, for each fold, on the evaluation windows of all other users of the data "
        "set, which no model here has seen. *on mixture*: the logarithm of `mixture` is added to the scores, in "
        "training and in the readout.",
        "",
        f"| system | JS ({unit}) | NDCG@10 | "
        + " | ".join(f"JS less {r} (95 % CI)" for r in RIVALS)
        + " | tau | answer mass |",
        "|---|--:|--:|" + "--:|" * (len(RIVALS) + 2),
    ]
    for name in found.values[js]:
        numbers = [f"{found.values[metric][name]:.4f}" for metric in (js, ndcg)]
        tau = f"{temperatures[name]:.2f}" if name in temperatures else "-"
        held = f"{mass[name]:.3f}" if name in mass else "-"
        lines.append(f"| {' | '.join([name, *numbers, *(against(name, rival) for rival in RIVALS), tau, held])} |")
    lines += ["", "A difference below zero is in favour of the system of the row; its interval is over users.", ""]
    if not quick:  # an interval over six users is no ground for a verdict
        lines += verdicts(pairs, list(found.values[js]))
    lines += ["", "| training | rows | steps | first loss | last loss | minutes |", "|---|--:|--:|--:|--:|--:|"]
    for run in training:
        lines.append(
            f"| {run['name']} | {run['rows']} | {run['steps']} | {run['first']:.4f} | {run['last']:.4f} "
            f"| {run['minutes']:.1f} |"
        )
    lines += ["", "Losses are means of the first and the last fifth of the steps, nats.", ""]
    return "\n".join(lines)


def verdicts(pairs: dict[tuple[str, str, str], Any], names: list[str]) -> list[str]:
    """Say of each adapted system which rivals its paired interval beats, and which beat it."""
    lines = []
    for name in names:
        if name in BASELINES:
            continue
        better, worse = [], []
        for rival in RIVALS:
            pair, sign = pairs["js_divergence", name, rival]
            if pair.interval is None:
                continue
            low, high = sorted((sign * pair.interval.low, sign * pair.interval.high))
            if high < 0:
                better.append(rival)
            elif low > 0:
                worse.append(rival)
        open_ = [rival for rival in RIVALS if rival not in (*better, *worse)]
        parts = [f"{word} {', '.join(rivals)}" for word, rivals in (("beats", better), ("loses to", worse)) if rivals]
        parts += [f"is not told apart from {', '.join(open_)}"] if open_ else []
        lines.append(f"- **{name}** {'; '.join(parts)}.")
    return lines


def ends(folder: Path) -> dict[str, float]:
    """Read the beginning and the end of a loss curve, and how long it took."""
    import json

    log = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    size = max(1, len(log) // 5)
    return {
        "first": float(np.mean([entry["loss"] for entry in log[:size]])),
        "last": float(np.mean([entry["loss"] for entry in log[-size:]])),
        "minutes": sum(entry["seconds"] for entry in log) / 60,
    }


def said(words: str) -> None:
    """Say what is being done and when."""
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


def progress() -> Callable[[int, int, float], None]:
    """Give a callback that says every tenth step."""

    def show(done: int, total: int, loss: float) -> None:
        if done % 10 == 0 or done == total:
            said(f"  step {done} of {total}, loss {loss:.4f}")

    return show


if __name__ == "__main__":
    main()
