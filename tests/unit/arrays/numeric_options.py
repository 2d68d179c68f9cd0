"""Call public functions with options of the wrong kind, without the type checker of the tests, and print faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import spectra_eval as se
from spectra_eval import metrics, stats, theory
from spectra_eval.errors import SpectraError
from spectra_eval.evaluation import compare, evaluate, merge_rarest
from spectra_eval.tables import PreferenceTable
from spectra_eval.training import split_users
from spectra_eval.units import Information

WRONG: list[Any] = [1.7, True, None, "5", math.nan, math.inf, -1, 10**400, 10**6000, -(10**400), [1], 1j, 2**70]
TABLE = PreferenceTable(
    users=["a", "b", "c"],
    categories=("x", "y", "z"),
    counts=[[3, 1, 1], [0, 2, 2], [1, 1, 1]],
    n_window=[5, 4, 3],
    theta_s=[[0.5, 0.3, 0.2]] * 3,
    dg=[[0, 1]] * 3,
    history_counts=[[3, 1, 1]] * 3,
)
P, Q, LISTS = np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.3, 0.5]]), np.array([[0, 1]])
JS, SYSTEMS = Information.from_bits(0.1), {"metrics": ["js_divergence"]}
BETTING: dict[str, Any] = {"scope": "population", "bound": "betting", "k": 1}
Call = Callable[[Any], Any]
CALLS: dict[str, tuple[Call, tuple[Any, ...]]] = {
    # What each function takes, and which of the values above it takes rightly.
    "certify k": (lambda v: se.certify(TABLE, k=v), ()),
    "certify level": (lambda v: se.certify(TABLE, k=1, level=v), ()),
    "certify declared": (lambda v: se.certify(TABLE, k=1, declared=v), ()),
    "certify predicate_error": (lambda v: se.certify(TABLE, k=1, predicate_error=v), ()),
    "certify seed": (lambda v: se.certify(TABLE, seed=v, **BETTING), (None,)),
    "plan power": (lambda v: se.plan({"share": 0.9}, power=v), ()),
    "plan level": (lambda v: se.plan({"share": 0.9}, level=v), ()),
    "plan declared": (lambda v: se.plan({"share": 0.9}, declared=v), ()),
    "plan predicate_error": (lambda v: se.plan({"share": 0.9}, predicate_error=v), ()),
    "plan share": (lambda v: se.plan({"share": v}), ()),
    "evaluate bootstrap": (lambda v: evaluate(TABLE, bootstrap=v, **SYSTEMS), ()),
    "evaluate level": (lambda v: evaluate(TABLE, bootstrap=9, level=v, **SYSTEMS), ()),
    "evaluate threads": (lambda v: evaluate(TABLE, bootstrap=0, threads=v, **SYSTEMS), (None,)),
    "compare bootstrap": (lambda v: compare({"a": TABLE}, baselines=["uniform"], bootstrap=v, **SYSTEMS), ()),
    "compare level": (lambda v: compare({"a": TABLE}, baselines=["uniform"], bootstrap=0, level=v, **SYSTEMS), ()),
    "merge_rarest": (lambda v: merge_rarest(TABLE, v), ()),
    "split_users share": (lambda v: split_users(TABLE, v), ()),
    "split_users seed": (lambda v: split_users(TABLE, 0.5, seed=v), ()),
    "draw": (lambda v: stats.Resamples.draw(3, v, rng=np.random.default_rng(0)), ()),
    "minimum_detectable": (lambda v: stats.minimum_detectable([1.0, 2.0], power=v), ()),
    "category_ndcg": (lambda v: metrics.category_ndcg(P, Q, k=v), (None,)),
    "list_ndcg": (lambda v: metrics.list_ndcg(P, LISTS, k=v), (None,)),
    "soft_ece": (lambda v: metrics.soft_ece(P, Q, bins=v), ()),
    "stratified_ece": (lambda v: metrics.stratified_ece(P, Q, buckets=[0, 1, 2], bins=v), ()),
    "hoeffding n": (lambda v: theory.hoeffding_radius(v, error=0.05), ()),
    "hoeffding error": (lambda v: theory.hoeffding_radius(5, error=v), ()),
    "hoeffding width": (lambda v: theory.hoeffding_radius(5, error=0.05, width=v), (1.7, 2**70)),
    "dkw error": (lambda v: theory.dkw_radius(5, error=v), ()),
    "theorem5": (lambda v: theory.theorem5(1, v, error=0.05), ()),
    "theorem5 successes": (lambda v: theory.theorem5(v, 5, error=0.05), ()),
    "weissman": (lambda v: theory.weissman_tv_radius(v, n_categories=3, error=0.05), ()),
    "weissman K": (lambda v: theory.weissman_tv_radius(5, n_categories=v, error=0.05), ()),
    "js_ceiling": (lambda v: theory.js_ceiling(v), ()),
    "rank_radii": (lambda v: theory.rank_radii(P, k=v), ()),
    "rank_flip": (lambda v: theory.rank_flip(P[0], k=1, past=v), (-1,)),
    "route_t": (lambda v: theory.route_t([[1, 2, 3]], P, [[0]], predicate_error=v), ()),
    "js_upper": (lambda v: theory.js_upper([[1, 2, 3]], P, error=0.1, rate=v), ()),
    "fraction_from_means": (lambda v: theory.fraction_from_means(v, JS), ()),
    "certify_quantile": (lambda v: theory.certify_quantile(0.6, v, JS, 0.8), ()),
}


def faults() -> Iterator[str]:
    for name, (call, right) in CALLS.items():
        for value in WRONG:
            shown = type(value).__name__ if isinstance(value, int) else repr(value)
            try:
                call(value)
            except SpectraError as error:
                if len(str(error)) > 200 or "\n" in str(error):
                    yield f"{name}: {shown}: {len(str(error))} characters"
            except Exception as error:
                yield f"{name}: {shown}: {type(error).__name__}"
            else:
                if not any(value is taken or value == taken for taken in right):
                    yield f"{name}: {shown}: taken"


if __name__ == "__main__":
    found = list(faults())
    print("\n".join(found) or f"{len(CALLS) * len(WRONG)} calls")
    raise SystemExit(bool(found))
