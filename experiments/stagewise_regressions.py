"""What regressions learn beyond `linear`, on the users outside the test group of the stage-wise experiment.

python experiments/stagewise_regressions.py      # a minute or two; prints a table
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spectra_eval.baselines.fitted import _regress, _softmax
from spectra_eval.data import DATASETS, prepare
from spectra_eval.finetuning import earlier_tables, split_users
from spectra_eval.simplex import js_nats
from spectra_eval.tables import PreferenceTable
from spectra_eval.training import with_categories

ROOT = Path(__file__).resolve().parents[1]
SPLIT_SEED = 20
RECENT = 20
"""Items that the second tally of a prompt counts."""
PENALTIES = (10.0, 30.0, 100.0, 300.0)
FOLDS = 5


def main() -> None:
    """Fit each regression on four fifths of the users, predict the rest, and print what it loses."""
    interactions = with_categories(DATASETS["movielens"].read(ROOT / "examples/data/ml-latest-small"))
    table, _ = split_users(prepare(interactions, weighting="count"), 0.28, seed=SPLIT_SEED)
    earlier = earlier_tables(table, interactions)
    fold = dict(zip(table.users.tolist(), np.random.default_rng(0).integers(0, FOLDS, table.n_users), strict=True))
    first = None
    print("| inputs | fitted on | penalty | JS (bit) | less the first (95 % CI) |\n|---|---|--:|--:|--:|")
    for inputs in ("all", "all late", "all late years"):
        for where, parts in (("evaluation windows", [table]), ("earlier windows", earlier)):
            losses = {penalty: predicted(table, parts, inputs, penalty, fold) for penalty in PENALTIES}
            penalty = min(losses, key=lambda one, losses=losses: float(losses[one].mean()))
            found = losses[penalty] / np.log(2)
            first = found if first is None else first
            less = found - first
            half = 1.96 * less.std() / np.sqrt(len(less))
            span = f"{less.mean():+.4f} ({less.mean() - half:+.4f} to {less.mean() + half:+.4f})"
            print(f"| {inputs} | {where} | {penalty:g} | {found.mean():.4f} | {span} |", flush=True)


def predicted(
    table: PreferenceTable, parts: list[PreferenceTable], inputs: str, penalty: float, fold: dict[str, int]
) -> np.ndarray:
    """Give the JS divergence of each user, nats, predicted by a regression on the users of the other folds."""
    own = np.array([fold[user] for user in table.users.tolist()])
    theta = np.empty(table.theta_star.shape)
    for number in range(FOLDS):
        kept = [part.select(np.array([fold[u] != number for u in part.users.tolist()])) for part in parts]
        x, standard = design(np.vstack([features(part, inputs) for part in kept]))
        weights = _regress(x, np.vstack([part.theta_star for part in kept]), penalty)
        wanted = table.select(own == number)
        theta[own == number] = _softmax(standard(features(wanted, inputs)) @ weights)
    return js_nats(table.theta_star, theta)


def features(table: PreferenceTable, inputs: str) -> np.ndarray:
    """Give shares and their roots, of all of the history and of its last items, and what the years of these are."""
    assert table.history is not None
    assert table.history_counts is not None
    shares = table.history_counts / table.history_counts.sum(axis=1, keepdims=True)
    columns = [shares, np.sqrt(shares)]
    if "late" in inputs:
        place = {name: number for number, name in enumerate(table.categories)}
        late = np.zeros_like(shares)
        for row, titles in enumerate(table.history):
            for title in titles[-RECENT:]:
                named = [place[name] for name in title.rpartition(": ")[2].split(", ") if name in place]
                late[row, named] += 1.0
        late /= np.maximum(late.sum(axis=1, keepdims=True), 1.0)
        columns += [late, np.sqrt(late)]
    if "years" in inputs:
        columns.append(np.array([years(titles[-RECENT:], len(titles)) for titles in table.history]))
    return np.hstack(columns)


def years(titles: tuple[str, ...], length: int) -> list[float]:
    """Describe the years that some titles bear, and the length of the whole history."""
    found = [float(year.group(1)) for title in titles if (year := re.search(r"\((\d{4})\)", title))] or [1990.0]
    return [
        float(np.mean(found)),
        float(np.std(found)),
        max(found),
        float(np.log(length)),
        sum(y >= 2000 for y in found) / len(found),
    ]


def design(x: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Give inputs of mean 0 and deviation 1 with a one before them, and what does the same to those of others."""
    centre, scale = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)

    def standard(values: np.ndarray) -> np.ndarray:
        return np.hstack([np.ones((len(values), 1)), (values - centre) / scale])

    return standard(x), standard


if __name__ == "__main__":
    main()
