"""What regressions learn beyond `linear`, on the users outside the test group of the stage-wise experiment.

python experiments/stagewise_regressions.py      # a minute or two; prints a table
"""

from __future__ import annotations

import numpy as np
from stagewise_offset import FOLDS, ROOT, SPLIT_SEED, features

from spectra_eval.baselines.fitted import _design, _regress, _softmax
from spectra_eval.data import DATASETS, prepare
from spectra_eval.simplex import js_nats
from spectra_eval.tables import PreferenceTable
from spectra_eval.training import earlier_tables, split_users, with_categories

PENALTIES = (10.0, 30.0, 100.0, 300.0)


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
        x = np.vstack([features(part, inputs) for part in kept])
        design = _design(x)
        weights = _regress(design(x), np.vstack([part.theta_star for part in kept]), penalty)
        wanted = table.select(own == number)
        theta[own == number] = _softmax(design(features(wanted, inputs)) @ weights)
    return js_nats(table.theta_star, theta)


if __name__ == "__main__":
    main()
