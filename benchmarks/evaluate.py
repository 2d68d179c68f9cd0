"""How fast `evaluate` is, against a loop over users, ranx, SciPy's bootstrap, and one pass of logarithms.

`python benchmarks/evaluate.py [--users 1000000] [--quick] [--format json]`; `pip install 'spectra-eval[bench]'` first.
Both sides of each ratio are measured in this one run, in turn, on the same simulated table.

a   `evaluate` of five systems (theta_s, dg, uniform, popularity, history) in all metrics, on all processors, against
    the loop of `_by_user.py` over the same systems and metrics, whose values are held against those of `evaluate`.
    Once without resamples on either side; and once with 1,000 on both, where the loop is followed by SciPy's bootstrap
    of its metrics of one number a user, one system after the other.
b   `category_ndcg`, one thread, from arrays; against `ranx.evaluate` from a Qrels and a Run, compiled beforehand, on
    its threads. The means must agree.
c   What 1,000 resamples add to `evaluate` of one system in all metrics; against SciPy's bootstrap of twenty metrics of
    one number a user.
d   The statistics of every user, one thread, against one pass of np.log over both arrays in blocks of the cache, into
    one warm buffer.

The loop is measured on a slice of users, ranx on another, SciPy's bootstrap on a few resamples: these are extrapolated.
Memory is the most that a process holds while it evaluates with 1,000 resamples, Python and its libraries included,
over what the table holds.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _by_user import evaluate_by_user
from _harness import in_turn, options, report

from spectra_eval.evaluation import evaluate
from spectra_eval.metrics import METRICS, BoundMetric, Comparison, category_buckets, category_ndcg
from spectra_eval.tables import PreferenceTable

K = 26
CUTOFF = 10
CHUNK = 65_536
TWENTY = 20
RESAMPLES = 1000
ALL = [m.name + (f"@{CUTOFF}" if m.takes_cutoff else "") for m in METRICS]
OF_USERS = [name for name in ALL if BoundMetric.parse(name).metric.is_mean]


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


def loop(table: PreferenceTable, users: int) -> Callable[[], dict[tuple[str, str], float]]:
    """Give the loop over some users, with the distributions of all systems made beforehand."""
    some = table.select(slice(0, users))
    history = some.history_counts / some.history_counts.sum(axis=1, keepdims=True)
    listed = np.zeros((users, K))
    np.put_along_axis(listed, some.dg, 1.0 / CUTOFF, axis=1)
    held = {
        "theta_s": (some.theta_s, None),
        "dg": (listed, some.dg),
        "uniform": (np.full((users, K), 1.0 / K), None),
        "popularity": (np.tile(history.mean(axis=0), (users, 1)), None),
        "history": (history, None),
    }
    bucket = category_buckets(some.history_counts.sum(axis=0))
    return lambda: evaluate_by_user(some.theta_star, held, bucket, k=CUTOFF)


def check_agreement(table: PreferenceTable, users: int) -> None:
    """Hold every value of the loop against `evaluate` of the same users."""
    found = evaluate(table.select(slice(0, users)), metrics=ALL, bootstrap=0)
    theirs = loop(table, users)()
    assert len(theirs) == len(found.results)
    for row in found.results:
        mine = np.inf if row.value is None else row.value
        np.testing.assert_allclose(mine, theirs[row.metric.partition("@")[0], row.system], rtol=1e-9, atol=1e-12)


def ranked(table: PreferenceTable, users: int) -> Callable[[], float]:
    """Give ranx's mean NDCG at the cut-off for some users; its compiler has run when this returns."""
    import ranx

    gains = np.rint(table.counts[:users]).astype(int)
    held = table.theta_s
    judged = ranx.Qrels({str(u): {f"c{c}": int(gains[u, c]) for c in np.flatnonzero(gains[u])} for u in range(users)})
    run = ranx.Run({str(u): {f"c{c}": float(held[u, c]) for c in range(K)} for u in range(users)})

    def of_all() -> float:
        return float(ranx.evaluate(judged, run, f"ndcg@{CUTOFF}"))

    of_all()
    return of_all


def scipy_bootstrap(users: int, resamples: int) -> Callable[[], None]:
    """Give SciPy's percentile bootstrap of the mean of each of twenty columns."""
    from scipy.stats import bootstrap

    columns = np.random.default_rng(0).random((TWENTY, users))

    def run() -> None:
        for column in columns:
            bootstrap((column,), np.mean, n_resamples=resamples, method="percentile", batch=1)

    return run


PEAK = """
import sys
sys.path.insert(0, sys.argv[2])
from evaluate import RESAMPLES, evaluate, simulated
table = simulated(int(sys.argv[1]))
open("/proc/self/clear_refs", "w").write("5")  # forget what making the table came to
evaluate(table, bootstrap=RESAMPLES)
held = sum(v.nbytes for v in vars(table).values() if hasattr(v, "nbytes")) + sum(map(sys.getsizeof, table.users))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(held / 2**20, int(status["VmHWM"].split()[0]) / 1024)
"""


def peak(users: int) -> tuple[float, float]:
    """Measure in a process of its own (Linux) the memory of the table, and the most that evaluate came to, in MiB."""
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
    repeats, slice_, few = (1, 50, 2) if chosen.quick else (3, 200, 3)
    table = simulated(n)
    lone = table.replace(dg=None, history_counts=None)
    some = min(n, 20_000)
    check_agreement(table, slice_)
    by_ranx = ranked(table, some)
    truth, held = table.theta_star, table.theta_s
    np.testing.assert_allclose(by_ranx(), category_ndcg(truth[:some], held[:some], k=CUTOFF).mean(), rtol=1e-9)

    short = in_turn(
        {
            "np.log": logarithms(table),
            "js": statistics(table, ["js_divergence"]),
            "of users": statistics(table, OF_USERS),
            "loop": loop(table, slice_),
            "ranx": by_ranx,
            "ndcg": lambda: category_ndcg(truth[:some], held[:some], k=CUTOFF),
        },
        repeats,
    )
    one_system = {"metrics": ALL, "systems": ["theta_s"]}
    long = in_turn(
        {
            "five": lambda: evaluate(table, metrics=ALL, bootstrap=0),
            "one": lambda: evaluate(lone, **one_system, bootstrap=0),
            "one, drawn": lambda: evaluate(lone, **one_system, bootstrap=RESAMPLES),
            "scipy": scipy_bootstrap(n, few),
        },
        2 if not chosen.quick else 1,
    )
    five_drawn = in_turn({"five": lambda: evaluate(table, metrics=ALL, bootstrap=RESAMPLES)}, 1)["five"]
    memory, most = peak(n)
    a_loop = short["loop"] * n / slice_
    twenty = long["scipy"] * RESAMPLES / few
    resampling = long["one, drawn"] - long["one"]
    of_its_metrics = twenty * 5 * len(OF_USERS) / TWENTY
    report(
        {
            "sizes": {
                "users": n,
                "categories": K,
                "metrics": len(ALL),
                "metrics of one number a user": len(OF_USERS),
            },
            "seconds": {
                "one pass of np.log over both arrays": short["np.log"],
                "js_divergence, one thread": short["js"],
                "all metrics of one number a user, one thread": short["of users"],
                f"category_ndcg, one thread, {some} users": short["ndcg"],
                f"ranx ndcg, {some} users": short["ranx"],
                "loop over users, five systems, all metrics, extrapolated": a_loop,
                "evaluate, five systems, all metrics, no resamples": long["five"],
                "evaluate, five systems, all metrics, 1000 resamples": five_drawn,
                "1000 resamples of all metrics, one system": resampling,
                "scipy.stats.bootstrap, twenty metrics, one system, extrapolated": twenty,
                "table [MiB]": memory,
                "peak memory of evaluate [MiB]": most,
            },
            "ratios": {
                "a: loop over users / evaluate": a_loop / long["five"],
                "a: loop and SciPy's bootstrap / evaluate with 1000 resamples": (a_loop + of_its_metrics) / five_drawn,
                "b: ranx ndcg / category_ndcg": short["ranx"] / short["ndcg"],
                "c: SciPy's bootstrap of twenty metrics / of all metrics": twenty / resampling,
                "d: js_divergence / np.log": short["js"] / short["np.log"],
                "d: all metrics of one number a user / np.log": short["of users"] / short["np.log"],
                "memory: peak / table": most / memory,
            },
            "notes": [
                f"extrapolated: the loop from {slice_} users, SciPy's bootstrap from {few} resamples",
                "the loop's values are those of evaluate to 1e-9, ranx's mean NDCG is that of category_ndcg",
            ],
        },
        chosen.format,
    )


if __name__ == "__main__":
    main()
