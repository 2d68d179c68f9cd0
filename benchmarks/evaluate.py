"""How fast `evaluate` is, against a loop over users, SciPy's bootstrap, and one pass of logarithms.

`python benchmarks/evaluate.py [--users 1000000] [--quick] [--format json]`. Both sides of each ratio are measured in
this one run, in turn. The loop over users is measured on a slice and extrapolated; so is
SciPy's bootstrap, over resamples.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _harness import in_turn, options, report

from spectra_eval.evaluation import evaluate
from spectra_eval.metrics import METRICS, BoundMetric, Comparison, category_buckets
from spectra_eval.tables import PreferenceTable

K = 26
CUTOFF = 10
CHUNK = 65_536


def simulated(users: int) -> PreferenceTable:
    """Make a table: gamma laws, windows of about 30, histories of about 60, a readout near the law, ten categories."""
    rng = np.random.default_rng(0)
    law = rng.standard_gamma(np.linspace(1.5, 0.3, K), size=(users, K))
    law /= law.sum(axis=1, keepdims=True)
    counts = rng.poisson(30 * law).astype(float)
    counts[:, 0] += 1
    return PreferenceTable(
        users=np.arange(users).astype(str),
        categories=tuple(f"c{i}" for i in range(K)),
        counts=counts,
        theta_s=0.8 * law + 0.2 / K,
        dg=np.argsort(-law, axis=1)[:, :CUTOFF],
        history_counts=rng.poisson(60 * law).astype(float),
    )


def logarithms(table: PreferenceTable) -> Callable[[], None]:
    """Give the floor: one pass of np.log over both arrays in blocks of the cache, into one warm buffer."""
    buffer = np.empty(CHUNK)

    def run() -> None:
        with np.errstate(divide="ignore"):
            for array in (table.theta_star, table.theta_s):
                flat = array.ravel()
                for start in range(0, flat.size, CHUNK):
                    piece = flat[start : start + CHUNK]
                    np.log(piece, out=buffer[: piece.size])

    return run


def statistics(table: PreferenceTable, names: list[str]) -> Callable[[], None]:
    """Give the statistics of some metrics for every user, on one thread."""
    bound = [BoundMetric.parse(name) for name in names]
    bucket = category_buckets(table.counts.sum(axis=0))

    def run() -> None:
        whole = Comparison(theta_star=table.theta_star, theta_s=table.theta_s, lists=None, bucket=bucket)
        for block in whole.blocks():
            for one in bound:
                one.statistic(block)

    return run


def loop(table: PreferenceTable, users: int) -> Callable[[], None]:
    """Give a loop over users with all metrics of one number a user, by SciPy, scikit-learn and NumPy."""
    from scipy.spatial.distance import jensenshannon  # noqa: TID251
    from scipy.stats import entropy, wasserstein_distance  # noqa: TID251
    from sklearn.metrics import ndcg_score

    places = np.arange(K)
    tail = category_buckets(table.counts.sum(axis=0)) == 2

    def of_user(p: np.ndarray, q: np.ndarray) -> tuple[float, ...]:
        listed = np.argsort(-q, kind="stable")[:CUTOFF]
        named = np.zeros(K)
        named[listed] = np.arange(CUTOFF, 0, -1)
        best = np.argsort(-p, kind="stable")[:CUTOFF]
        best = best[p[best] > 0]
        return (
            jensenshannon(p, q, base=2) ** 2,
            entropy(p, q),
            np.abs(p - q).sum() / 2,
            np.abs(p - q).max(),
            np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2),
            ((p - q) ** 2 / q).sum(),
            ((p - q) ** 2).sum() + (p * (1 - p)).sum(),
            -(p * np.log(q)).sum(),
            ndcg_score(p[None], q[None], k=CUTOFF),
            ndcg_score(p[None], named[None], k=CUTOFF),
            p[listed].sum(),
            np.isin(best, listed).sum() / len(best),
            wasserstein_distance(places, places, p, q),
            q[tail].sum(),
            p[tail].sum(),
        )

    def run() -> None:
        for p, q in zip(table.theta_star[:users], table.theta_s[:users], strict=True):
            of_user(p, q)

    return run


def ranked(table: PreferenceTable, users: int) -> Callable[[], None]:
    """Give ir_measures' NDCG at the cut-off for some users, from run and judgements that are ready."""
    import ir_measures
    from ir_measures import nDCG

    gains = np.rint(table.counts[:users]).astype(int)
    judged = [
        ir_measures.Qrel(str(u), f"c{c}", int(gains[u, c])) for u in range(users) for c in np.flatnonzero(gains[u])
    ]
    run = [ir_measures.ScoredDoc(str(u), f"c{c}", float(table.theta_s[u, c])) for u in range(users) for c in range(K)]
    measure = nDCG(dcg="log2") @ CUTOFF
    return lambda: ir_measures.calc_aggregate([measure], judged, run)


def scipy_bootstrap(values: np.ndarray, resamples: int) -> Callable[[], None]:
    """Give SciPy's percentile bootstrap of the mean for each of some columns."""
    from scipy.stats import bootstrap

    def run() -> None:
        for column in values:
            bootstrap((column,), np.mean, n_resamples=resamples, method="percentile", batch=1)

    return run


PEAK = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from evaluate import evaluate, simulated
table = simulated(int(sys.argv[1]))
open("/proc/self/clear_refs", "w").write("5")  # forget what making the table came to
evaluate(table, bootstrap=1000)
held = sum(v.nbytes for v in vars(table).values() if hasattr(v, "nbytes")) + sum(map(sys.getsizeof, table.users))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(held / 2**20, int(status["VmHWM"].split()[0]) / 1024)
"""


def peak(users: int) -> tuple[float, float]:
    """Measure in a process of its own (Linux) the memory of the table, and the most that evaluate came to, in MiB.

    The latter holds the table and Python with its libraries.
    """
    here = str(Path(__file__).parent)
    said = subprocess.run(
        [sys.executable, "-c", PEAK, str(users), here], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(said[0]), float(said[1])


def main() -> None:
    """Measure and print."""
    parser = options(__doc__ or "")
    parser.add_argument("--users", type=int, default=1_000_000)
    chosen = parser.parse_args()
    n = 50_000 if chosen.quick else chosen.users
    repeats, slice_, few = (1, 100, 2) if chosen.quick else (3, 400, 5)
    table = simulated(n)
    lone = table.replace(dg=None, history_counts=None)
    every = [m.name + (f"@{CUTOFF}" if m.takes_cutoff else "") for m in METRICS]
    of_users = [name for name in every if BoundMetric.parse(name).metric.is_mean]
    ndcg = f"category_ndcg@{CUTOFF}"

    passes = in_turn(
        {
            "np.log": logarithms(lone),
            "js": statistics(lone, ["js_divergence"]),
            "of users": statistics(lone, of_users),
            "ndcg": statistics(lone, [ndcg]),
        },
        repeats,
    )
    loops = in_turn({"users": loop(lone, slice_), "ir_measures": ranked(lone, min(n, 20_000))}, repeats)
    columns = np.random.default_rng(0).random((20, n))
    drawn = in_turn(
        {
            "all systems, all metrics": lambda: evaluate(table, metrics=every, bootstrap=0),
            "one table, all metrics, 1000 resamples": lambda: evaluate(lone, metrics=every, bootstrap=1000),
            "scipy": scipy_bootstrap(columns, few),
        },
        1,
    )
    whole = in_turn({"five systems": lambda: evaluate(table, metrics=every, bootstrap=1000)}, 1)["five systems"]
    # Without its draws: two systems (theta_s and uniform) are always evaluated.
    plain = in_turn({"plain": lambda: evaluate(lone, metrics=every, bootstrap=0)}, 1)["plain"]
    held, most = peak(n)
    resampling = drawn["one table, all metrics, 1000 resamples"] - plain
    a_user = loops["users"] / slice_
    report(
        {
            "sizes": {
                "users": n,
                "categories": K,
                "metrics": len(every),
                "metrics of one number a user": len(of_users),
            },
            "seconds": {
                "one pass of np.log over both arrays": passes["np.log"],
                "js_divergence, one thread": passes["js"],
                "all metrics of one number a user, one thread": passes["of users"],
                f"{ndcg}, one thread": passes["ndcg"],
                "loop over users with fifteen metrics, one system, extrapolated": a_user * n,
                "ir_measures nDCG, one system, extrapolated": loops["ir_measures"] * n / min(n, 20_000),
                "evaluate, five systems, all metrics, no resamples": drawn["all systems, all metrics"],
                "evaluate, five systems, all metrics, 1000 resamples": whole,
                "1000 resamples of all metrics, two systems": resampling,
                "scipy.stats.bootstrap, twenty metrics, one system, extrapolated": drawn["scipy"] * 1000 / few,
                "table [MiB]": held,
                "peak memory of evaluate [MiB]": most,
            },
            "ratios": {
                "a: loop of fifteen metrics / evaluate with all, a system": a_user
                * n
                * 5
                / drawn["all systems, all metrics"],
                "b: ir_measures nDCG / category_ndcg": loops["ir_measures"] * n / min(n, 20_000) / passes["ndcg"],
                "c: scipy bootstrap of twenty / of all metrics and two systems": drawn["scipy"]
                * 1000
                / few
                / resampling,
                "d: js_divergence / np.log": passes["js"] / passes["np.log"],
                "d: all metrics of one number a user / np.log": passes["of users"] / passes["np.log"],
                "memory: peak / table": most / held,
            },
            "notes": [
                f"the loop ran over {slice_} users, SciPy's bootstrap over {few} resamples: both are extrapolated",
                "the loop has the metrics of one number a user; evaluate has those of the cohort too",
            ],
        },
        chosen.format,
    )


if __name__ == "__main__":
    main()
