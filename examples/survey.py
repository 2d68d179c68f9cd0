"""Does a model answer a survey as a population does? Ordered options, the same tables, the same statistics.

A row is one survey question for one group of people. The target is the proportion of the group that chose each option,
and the readout is the probability that the model gives to it. The options have an order, so an error of one step should
cost less than an error of four. `wasserstein_ordinal` counts the steps; divergences do not.

Run it: ``python examples/survey.py``. The answers are simulated; replace `answers` by your own proportions.
"""

from __future__ import annotations

import numpy as np

from spectra_eval.evaluation import Evaluation, compare, evaluate
from spectra_eval.tables import PreferenceTable

OPTIONS = ("strongly disagree", "disagree", "neither", "agree", "strongly agree")
GROUPS = ("18-34", "35-59", "60+")


def answers(n_questions: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Simulate how many of 200 people of each group choose each option, and two models that answer for the group.

    The first model knows where opinion lies and hedges too much. The second is as sharp as people are, and shifted by
    about one option for the oldest group.
    """
    rng = np.random.default_rng(seed)
    places = np.arange(len(OPTIONS))
    counts, hedging, shifted, groups = [], [], [], []
    for _ in range(n_questions):
        opinion = rng.uniform(0.5, 3.5)
        for number, group in enumerate(GROUPS):
            centre = opinion + rng.normal(0.0, 0.3)
            share = np.exp(-((places - centre) ** 2) / 1.2)
            counts.append(rng.multinomial(200, share / share.sum()))
            vague = np.exp(-((places - centre) ** 2) / 5.0)
            wrong = np.exp(-((places - centre + (number == 2)) ** 2) / 1.2)
            hedging.append(vague / vague.sum())
            shifted.append(wrong / wrong.sum())
            groups.append(group)
    return np.array(counts), np.array(hedging), np.array(shifted), groups


def tables(
    counts: np.ndarray, hedging: np.ndarray, shifted: np.ndarray, groups: list[str]
) -> dict[str, PreferenceTable]:
    """Make one table a model. The question is the user: its three records are resampled together."""
    questions = [f"q{row // len(GROUPS):03d}" for row in range(len(counts))]

    def table(held: np.ndarray) -> PreferenceTable:
        return PreferenceTable(
            users=questions,
            horizon=groups,
            categories=OPTIONS,
            counts=counts,
            n_window=counts.sum(axis=1),
            theta_s=held,
        )

    return {"hedging": table(hedging), "shifted": table(shifted)}


def main() -> dict[str, Evaluation]:
    """Print each model by group, then the two against each other."""
    counts, hedging, shifted, groups = answers()
    models = tables(counts, hedging, shifted, groups)
    metrics = ["wasserstein_ordinal", "js_divergence", "log_score"]
    found = {}
    for name, table in models.items():
        found[name] = evaluate(table, metrics=metrics, strata=["group"], columns={"group": groups}, bootstrap=500)
        for stratum in ("all", *(f"group={group}" for group in GROUPS)):
            row = found[name]["wasserstein_ordinal", "theta_s", stratum]
            assert row.value is not None
            assert row.interval is not None
            ends = f"{row.interval.low:.3f} to {row.interval.high:.3f}"
            print(f"{name:8s} {stratum:12s} {row.value:.3f} steps ({ends}), {row.n_users} answers")
    for pair in compare(models, metrics=metrics, bootstrap=500).pairs:
        better = pair.better or "not told apart"
        print(f"{pair.metric:20s} {pair.first} - {pair.second}: {pair.difference:+.3f}, {better}")
    return found


if __name__ == "__main__":
    main()
