"""The stage-wise experiment: pretrained, SFT only, CPT + SFT, beside predictors without a model, on ml-latest-small.

    make stagewise                                    # writes docs/results.md; under an hour on two idle cores
    python experiments/stagewise.py --plan short      # one seed, fewer users and steps: a third of that
    python experiments/stagewise.py --plan quick      # minutes; shows that everything works, says nothing of quality

Users are dealt into three groups by a hash of their names: `train` (the model is trained on what they did before their
windows), `fit` (temperatures and weights are fitted on them), `test` (every number is of them; nothing is chosen or
fitted there). Trainings and probings are jobs, each a process of one thread. A run that was stopped goes on where it
was; `--collect` writes the page of what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from stagewise_lower import kept_below
from stagewise_offset import RECENT, ROOT, SPLIT_SEED, known_before
from stagewise_page import Found, write_page

from spectra_eval.artifacts import read_table, write_json, write_table
from spectra_eval.data import DATASETS, prepare
from spectra_eval.tables import Interactions, PreferenceTable
from spectra_eval.training import Recipe, finetune, split_users, with_categories

ELSEWHERE = 75
"""The exit code of a job that another process is doing."""
LISTED = 8
"""Categories that a tally names."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is done."""

    test: int
    fit: int
    train: int
    cpt_steps: int
    sft_steps: int
    seeds: tuple[int, ...]
    titles: int
    bootstrap: int
    learning_rate: float
    batch: int = 2
    layers: int = 8
    cuts: tuple[float, ...] = (0.65, 0.8)
    orders: int = 1


FULL = Plan(
    test=171,
    fit=60,
    train=256,
    cpt_steps=32,
    sft_steps=192,
    seeds=(0, 1),
    titles=5,
    bootstrap=2000,
    learning_rate=1e-3,
)
SHORT = replace(FULL, test=75, fit=25, train=128, cpt_steps=16, sft_steps=40, seeds=(0,))
QUICK = replace(FULL, test=6, fit=4, train=8, cpt_steps=1, sft_steps=2, seeds=(0,), titles=3, bootstrap=200)
PLANS = {"full": FULL, "short": SHORT, "quick": QUICK}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training, or one probing of the users of `fit` and `test`; `after` names the training it needs."""

    name: str
    kind: str
    how: dict[str, Any]
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Given:
    """What every job works with: the table, the ratings, the groups of users, and how much is done where."""

    table: PreferenceTable
    interactions: Interactions
    groups: dict[str, np.ndarray]
    plan: Plan
    out: Path


def jobs_of(plan: Plan) -> list[Job]:
    """List what is to be done, what matters most first; a job comes after the one that it needs."""
    added, first = "cpt-sft-added", plan.seeds[0]

    def train(name: str, seed: int, **how: Any) -> Job:
        after = "cpt-0" if name.startswith("cpt-") else None
        settings = {"stage": "sft", "seed": seed, "steps": plan.sft_steps, **how}
        return Job(name=f"{name}-{seed}", kind="train", how=settings, after=after)

    def probe(name: str, seed: int | None = None, readout: str = "likelihood") -> Job:
        after = None if seed is None else f"{name}-{seed}"
        words = ("generative" if readout == "generative" else "probe", after or name)
        return Job(name="-".join(words), kind="probe", how={"readout": readout}, after=after)

    cpt = Job(name="cpt-0", kind="train", how={"stage": "cpt", "seed": 0, "steps": plan.cpt_steps})
    jobs = [cpt, train("sft", first), probe("pretrained"), probe("pretrained", readout="generative")]
    jobs += [train("cpt-sft", first), train(added, first, added=True)]
    jobs += [probe(name, first) for name in ("sft", "cpt-sft", added)]
    jobs += [probe(name, first, "generative") for name in ("sft", "cpt-sft")]
    for seed in plan.seeds[1:]:
        jobs += [train(added, seed, added=True), train("cpt-sft", seed), train("sft", seed)]
        jobs += [probe(name, seed) for name in (added, "cpt-sft", "sft")]
    return jobs


def main() -> None:
    """Run the experiment and write its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=ROOT / "examples/data/ml-latest-small")
    parser.add_argument("--out", type=Path, default=ROOT / "stagewise-out", help="tables, adapters and runs")
    parser.add_argument("--page", type=Path, help="the page; docs/results.md, or OUT/results.md of the quick plan")
    parser.add_argument("--plan", choices=list(PLANS), default="full", help="how much is done")
    parser.add_argument("--workers", type=int, default=2, help="jobs at a time, each of one thread")
    parser.add_argument("--collect", action="store_true", help="do no job; write the page of those that are done")
    parser.add_argument("--job", help="do this job alone, in this process")
    given = parser.parse_args()
    plan = PLANS[given.plan]
    out = given.out / given.plan
    page = given.page or (out / "results.md" if given.plan == "quick" else ROOT / "docs/results.md")
    jobs = jobs_of(plan)
    if given.job:
        (job,) = (job for job in jobs if job.name == given.job)
        with claimed(job, out):
            if not finished(job, out):
                do(job, Given(**read(given.data, plan), plan=plan, out=out))
        return
    material = read(given.data, plan)
    out.mkdir(parents=True, exist_ok=True)
    write_table(material["table"], out / "table.parquet")
    if not given.collect:
        run_all(jobs, out, given)
    found = Found(
        **material,
        probed=probed(jobs, out),
        training=trained(jobs, out),
        clocks=clocks(jobs, out),
        missing=[job.name for job in jobs if not finished(job, out)],
    )
    write_page(found, plan, page, out, name=given.plan)


def read(data: Path, plan: Plan) -> dict[str, Any]:
    """Read the ratings, and divide the users: `table`, `interactions`, `groups`."""
    interactions = with_categories(DATASETS["movielens"].read(data))
    table = prepare(interactions, weighting="count")
    return {"table": table, "interactions": interactions, "groups": dealt(table, plan)}


def run_all(jobs: Sequence[Job], out: Path, given: argparse.Namespace) -> None:
    """Do every job that is not done, so many at a time; several of these may work on one folder."""
    words = [sys.executable, __file__, "--data", str(given.data), "--out", str(given.out), "--plan", given.plan]
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    done = {job.name: job for job in jobs}
    broken: list[str] = []

    def ready(job: Job) -> bool:
        return not finished(job, out) and (job.after is None or finished(done[job.after], out))

    def work() -> None:
        while not broken and not all(finished(job, out) for job in jobs):
            for job in filter(ready, jobs):
                code = subprocess.run(
                    [*words, "--job", job.name], check=False, env={**os.environ, **threads}
                ).returncode
                if code not in (0, ELSEWHERE):
                    broken.append(job.name)
                if code != ELSEWHERE:
                    break  # what is ready now may be another thing
            else:
                time.sleep(2)

    with ThreadPoolExecutor(max_workers=given.workers) as pool:
        for future in [pool.submit(work) for _ in range(given.workers)]:
            future.result()
    if broken:
        sys.exit(f"failed: {', '.join(broken)}; the same command goes on where it was")


def dealt(table: PreferenceTable, plan: Plan) -> dict[str, np.ndarray]:
    """Deal users into test, fit and train: rows of each, the first so many in the order of the table."""
    rest, test = split_users(table, 0.28, seed=SPLIT_SEED)
    train, fit = split_users(rest, 0.25, seed=SPLIT_SEED + 1)
    numbers = {user: row for row, user in enumerate(table.users.tolist())}
    sizes = (("test", test, plan.test), ("fit", fit, plan.fit), ("train", train, plan.train))
    return {name: np.array([numbers[u] for u in part.users.tolist()][:size]) for name, part, size in sizes}


def history_transform(interactions: Interactions) -> Callable[[PreferenceTable], PreferenceTable]:
    """Return what adds two lines to each history: the proportions of its categories, overall and recently."""
    of_item: dict[str, set[int]] = {}
    for item, category in zip(interactions.item.tolist(), interactions.category.tolist(), strict=True):
        of_item.setdefault(item, set()).add(category)
    of_title = {interactions.titles[item]: sorted(found) for item, found in of_item.items()}

    def tally(counts: np.ndarray) -> str:
        shares = counts / max(1.0, counts.sum())
        ranked = sorted(range(len(shares)), key=lambda k: (-shares[k], k))[:LISTED]
        return ", ".join(f"{interactions.categories[k]} {shares[k]:.0%}" for k in ranked if shares[k] >= 0.005)

    def with_histories(table: PreferenceTable) -> PreferenceTable:
        assert table.history is not None
        assert table.history_counts is not None
        histories = []
        for titles, counts in zip(table.history, table.history_counts, strict=True):
            late = np.zeros(len(counts))
            for title in titles[-RECENT:]:
                late[of_title.get(title, [])] += 1.0
            histories.append((*titles, f"all in all: {tally(counts)}", f"of late: {tally(late)}"))
        return table.replace(history=histories)

    return with_histories


def do(job: Job, given: Given) -> None:
    """Do one job in this process."""
    import torch

    torch.set_num_threads(1)
    with kept_below(given.plan.layers, given.out / "lower") as counted:
        clock = Clock(given.out / "clocks" / f"{job.name}.json")
        (train if job.kind == "train" else ask)(job, given, clock)
    clock.tick(f"{job.name}: done; lower layers computed for {counted['computed']} prompts, read for {counted['read']}")


def train(job: Job, given: Given, clock: Clock) -> None:
    """Train one adapter."""
    table, interactions, groups, plan = given.table, given.interactions, given.groups, given.plan
    how = dict(job.how)
    recipe = Recipe(
        learning_rate=plan.learning_rate,
        batch=plan.batch,
        layers=plan.layers,
        seed=how.pop("seed"),
        steps=how.pop("steps"),
    )
    if how.pop("added", False):
        known = known_before(table, interactions, groups)
        how["offset"] = lambda earlier: np.vstack([known.of(part, plan.cuts[n]) for n, part in enumerate(earlier)])
    finetune(
        table.select(groups["train"]),
        interactions,
        given.out / job.name,
        recipe=recipe,
        titles=plan.titles + 2,
        cuts=plan.cuts,
        start=None if job.after is None else given.out / job.after,
        with_histories=history_transform(interactions) if how["stage"] == "sft" else None,
        keep_every=4,
        progress=lambda done, total, loss: clock.tick(f"{job.name}: step {done} of {total}, loss {loss:.4f}"),
        **how,
    )


def ask(job: Job, given: Given, clock: Clock) -> None:
    """Probe the users of `fit` and `test`."""
    from spectra_eval.probing import probe
    from spectra_eval.probing.backends import open as open_backend

    with_histories = history_transform(given.interactions)
    generative = job.how["readout"] == "generative"
    with open_backend("hf", adapter=None if job.after is None else str(given.out / job.after)) as session:
        for group in ("fit", "test"):
            probe(
                with_histories(given.table.select(given.groups[group])),
                session,
                readout=job.how["readout"],
                options={"orders": given.plan.orders} if generative else None,
                dg=False,
                titles=given.plan.titles + 2,
                run=given.out / "runs" / f"{job.name}-{group}",
                progress=lambda done, total, group=group: clock.tick(f"{job.name}: {group} {done} of {total}"),
            )


@contextmanager
def claimed(job: Job, out: Path) -> Iterator[None]:
    """Do a job alone; leave it where another process does it."""
    from filelock import FileLock, Timeout

    place = out / "claims" / job.name
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place, timeout=0):
            yield
    except Timeout:
        sys.exit(ELSEWHERE)


class Clock:
    """Minutes of processor and wall that a job took, also over several starts."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.before = json.loads(path.read_text()) if path.is_file() else {"cpu": 0.0, "wall": 0.0}
        self.began = time.monotonic()

    def tick(self, words: str) -> None:
        """Keep the time until now, and say how far the job is."""
        spent = {"cpu": time.process_time() / 60, "wall": (time.monotonic() - self.began) / 60}
        write_json({name: self.before[name] + spent[name] for name in spent}, self.path)
        said(words)


def finished(job: Job, out: Path) -> bool:
    """Say whether the files of a job are whole."""
    if job.kind == "train":
        place = out / job.name / "manifest.json"
        return place.is_file() and json.loads(place.read_text())["status"] == "finished"
    return all((out / "runs" / f"{job.name}-{group}" / "table.parquet").is_file() for group in ("fit", "test"))


def probed(jobs: Sequence[Job], out: Path) -> dict[str, dict[str, PreferenceTable]]:
    """Read the probed tables of the jobs that are done, by job and group."""
    return {
        job.name: {g: read_table(out / "runs" / f"{job.name}-{g}" / "table.parquet") for g in ("fit", "test")}
        for job in jobs
        if job.kind == "probe" and finished(job, out)
    }


def trained(jobs: Sequence[Job], out: Path) -> list[dict[str, Any]]:
    """Read the beginning and the end of each loss curve."""
    made = []
    for job in jobs:
        if job.kind != "train" or not finished(job, out):
            continue
        manifest = json.loads((out / job.name / "manifest.json").read_text())
        log = [json.loads(line) for line in (out / job.name / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        size = max(1, len(log) // 5)
        made.append(
            {
                "name": job.name,
                "rows": manifest["configuration"]["rows"],
                "steps": len(log),
                "first": float(np.mean([entry["loss"] for entry in log[:size]])),
                "last": float(np.mean([entry["loss"] for entry in log[-size:]])),
            }
        )
    return made


def clocks(jobs: Sequence[Job], out: Path) -> dict[str, dict[str, float]]:
    """Read what each job took, minutes."""
    places = {job.name: out / "clocks" / f"{job.name}.json" for job in jobs}
    return {name: json.loads(place.read_text()) for name, place in places.items() if place.is_file()}


def said(words: str) -> None:
    """Say what is being done and when."""
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


if __name__ == "__main__":
    main()
