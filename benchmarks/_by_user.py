"""The evaluation that a user would write: a loop over users and systems, with SciPy, scikit-learn and NumPy.

It computes every metric that `evaluate` has, of every system, with the function of SciPy or scikit-learn where there
is one. Metrics of the cohort are added up on the way. What depends on the truth alone is computed once a user.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance
from sklearn.metrics import ndcg_score

from spectra_eval.metrics import METRICS

BINS = 20
CELLS = 128
STRATA = ("head", "mid", "tail")


def evaluate_by_user(
    theta_star: np.ndarray,
    systems: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
    bucket: np.ndarray,
    *,
    k: int,
) -> dict[tuple[str, str], float]:
    """Give the value of each metric and system, from (N, K) truth, and what each system holds and lists."""
    n, n_categories = theta_star.shape
    places = np.arange(n_categories)
    tail = bucket == 2
    of_users: dict[str, list[tuple[float, ...]]] = {name: [] for name in systems}
    bias = {name: np.zeros(n_categories) for name in systems}
    exposed = {name: np.zeros(n_categories) for name in systems}
    gap = {name: np.zeros((3, BINS)) for name in systems}
    top_gap = {name: np.zeros(BINS) for name in systems}
    smooth_gap = {name: np.zeros(CELLS + 1) for name in systems}
    for user, p in enumerate(theta_star):
        best = np.sort(p)[::-1][:k]
        border, wanted = best[-1], np.count_nonzero(best)
        room = wanted - np.count_nonzero(best > border)
        unavoidable = (p * (1 - p)).sum()
        for name, (theta, lists) in systems.items():
            q = theta[user]
            difference = q - p
            listed = np.argsort(-q, kind="stable")[:k] if lists is None else lists[user][:k]
            named = np.zeros(n_categories)
            named[listed] = np.arange(len(listed), 0, -1)
            gains = p[listed]
            level = np.count_nonzero((gains == border) & (gains > 0))
            of_users[name].append(
                (
                    jensenshannon(p, q, base=2) ** 2,
                    entropy(p, q),
                    np.abs(difference).sum() / 2,
                    np.abs(difference).max(),
                    np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2),
                    _chi_squared(p, q),
                    (difference**2).sum() + unavoidable,
                    entropy(p, q) + entropy(p),
                    ndcg_score(p[None], q[None], k=k),
                    ndcg_score(p[None], named[None], k=k),
                    gains.sum(),
                    (np.count_nonzero(gains > border) + min(level, room)) / wanted,
                    wasserstein_distance(places, places, p, q),
                    q[tail].sum(),
                    p[tail].sum(),
                )
            )
            bias[name] += difference
            if lists is None:
                edge = np.partition(q, -k)[-k]
                above, tied = q > edge, q == edge
                exposed[name] += above + tied * ((k - above.sum()) / tied.sum())
            else:
                exposed[name][listed] += 1
            cell = np.minimum((q * BINS).astype(int), BINS - 1)
            np.add.at(gap[name], (bucket, cell), difference)
            top = q.argmax()
            top_gap[name][cell[top]] += difference[top]
            place = q * CELLS
            point = np.minimum(place.astype(int), CELLS - 1)
            np.add.at(smooth_gap[name], point, difference * (1 - (place - point)))
            np.add.at(smooth_gap[name], point + 1, difference * (place - point))
    names = (
        "js_divergence kl_divergence total_variation linf_error hellinger chi_squared brier log_score category_ndcg "
        "list_ndcg mass_captured top_recall wasserstein_ordinal tail_mass true_tail_mass"
    ).split()
    found = {}
    for name in systems:
        values = dict(zip(names, np.mean(of_users[name], axis=0).tolist(), strict=True))
        values["tail_mass_error"] = abs(values["tail_mass"] - values["true_tail_mass"])
        values["category_bias"] = np.abs(bias[name] / n).sum() / 2
        values["exposure_entropy"] = entropy(exposed[name], base=2)
        values["soft_ece"] = np.abs(gap[name].sum(axis=0)).sum() / (n * n_categories)
        values["stratified_ece"] = np.abs(gap[name]).sum() / (n * n_categories)
        values["top1_ece"] = np.abs(top_gap[name]).sum() / n
        # The one number that is no sum: a root found once, whatever the number of users.
        values["smooth_ece"] = METRICS["smooth_ece"].value(smooth_gap[name] / (n * n_categories))
        for number, stratum in enumerate(STRATA):
            chosen = bucket == number
            values[f"{stratum}_bias"] = np.abs(bias[name][chosen] / n).mean()
            values[f"soft_ece_{stratum}"] = np.abs(gap[name][number]).sum() / (n * chosen.sum())
        found |= {(metric, name): float(value) for metric, value in values.items()}
    return found


def _chi_squared(p: np.ndarray, q: np.ndarray) -> float:
    if (q == 0).any():
        if p[q == 0].any():
            return float("inf")
        p, q = p[q > 0], q[q > 0]
    return float(((p - q) ** 2 / q).sum())
