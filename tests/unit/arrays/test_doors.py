"""Every public function of the metrics, the theory, the statistics and the readouts refuses what is no array."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spectra_eval import metrics, stats, theory
from spectra_eval.errors import SpectraError
from spectra_eval.evaluation import evaluate
from spectra_eval.probing.readouts import dg, generative, hierarchical, likelihood, name, reranker
from spectra_eval.probing.readouts._base import Reading
from spectra_eval.probing.readouts._debias import debiased
from spectra_eval.probing.readouts._scale import fit_temperature
from spectra_eval.tables import AnswerScores, PreferenceTable
from spectra_eval.units import Information

RNG = np.random.default_rng(8)
THETA, HELD = RNG.dirichlet(np.ones(4), 6), RNG.dirichlet(np.ones(4), 6)
LISTS = np.tile([0, 1], (6, 1))
COUNTS = RNG.integers(1, 9, (6, 4))
SHARES = RNG.uniform(0.1, 0.4, 6)
JS = Information(0.1)
LEVELS = theory.two_level([0.5, 0.5], [[0.5, 0.5], [0.25, 0.75]])

BY_NAME: dict[str, Any] = {
    "theta_star": THETA,
    "theta_s": HELD,
    "rival": HELD[::-1],
    "theta": THETA,
    "lists": LISTS,
    "counts": COUNTS,
    "support": np.ones((6, 4), dtype=bool),
    "buckets": np.array([0, 1, 2, 2]),
    "frequency": np.array([4.0, 3, 2, 1]),
    "frequencies": np.array([0.4, 0.3, 0.2, 0.1]),
    "weights": np.array([4.0, 3, 2, 1]),
    "scores": np.array([0.1, 0.2, 0.3, 0.4]),
    "parents": np.array([0, 0, 1, 1]),
    "successes": np.array([1, 2, 3]),
    "trials": np.array([5, 6, 7]),
    "eps": np.full(6, 0.01),
    "entries": LISTS,
    "p_values": SHARES,
    "totals": SHARES,
    "replicates": SHARES,
    **dict.fromkeys(("tail_share", "values", "margins", "differences"), SHARES),
    **dict.fromkeys(("tv", "linf", "missed", "js_bits", "missing_bits", "kl_nats", "chi_squared"), SHARES),
    "hellinger_squared": SHARES,
    "thresholds": np.array([0.0, 0.1]),
    **dict.fromkeys(("js", "kl", "mean_js", "aggregate_js", "plug_in", "radius"), JS),
    **dict.fromkeys(("k", "category", "sizes"), 2),
    "n_categories": 4,
    **dict.fromkeys(("error", "predicate_error"), 0.05),
    **dict.fromkeys(("mean_missed", "missed_share", "js_share", "share", "fraction"), 0.3),
    **dict.fromkeys(("n", "n_users"), 20),
    "exponent": 1.0,
    "spread": 0.1,
    "tolerance": 0.1,
    "ratio": 3.0,
    "probability": 0.3,
    "gain": 0.2,
    "mean": 0.4,
    "half_width": 0.1,
    "prefix": 40,
    "suffix": 8,
}
"""A value that fits the argument of this name."""
OWN: dict[str, dict[str, Any]] = {
    "binary_kl_pair": {"kl": Information(0.1)},
    "block_means": {"vectors": THETA, "blocks": ["a", "a", "b", "b", "c", "c"]},
    "constant_bet_lower": {"low": 0.0, "high": 1.0},
    "chi_squared_pair": {"chi_squared": 0.2},
    "certify_aggregate": {"missed": 0.3},
    "certify_quantile": {"missed": 0.3},
    "certify_user": {"missed": 0.3},
    "eprocess": {"mean": 0.4},
    "excess_squared_distance": {"n": np.full(6, 20.0)},
    "expand": {"readout": LEVELS, "explored": [0]},
    "gain_lower": {"gain": theory.brier_gain(THETA, HELD, HELD[::-1]), "n": np.full(6, 20.0)},
    "gain_radius": {"gain": theory.brier_gain(THETA, HELD, HELD[::-1]), "n": np.full(6, 20.0)},
    "hellinger_pair": {"hellinger_squared": 0.2},
    "js_chain": {"theta_star": LEVELS, "theta_s": LEVELS},
    "kl_chain": {"theta_star": LEVELS, "theta_s": LEVELS},
    "tv_chain": {"theta_star": LEVELS, "theta_s": LEVELS},
    "label_vectors": {"labels": [[0], [1, 2]]},
    "order_regret_bound": {"weights": np.array([1.0, 0.5]), "linf": SHARES},
    "prompt_count": {"sizes": [2, 2]},
    "rank_flip": {"theta": THETA[0]},
    "route_t_blocks": {"means": THETA, "theta_s": HELD[0], "entries": np.array([0, 1])},
    "small_linf_pair": {"tv": 0.3},
    "student_interval": {"counts": np.ones(6)},
    "theorem5": {"successes": 15},
    "theorem_1": {"eps": 0.01},
    "theorem_1_symmetric": {"eps": 0.01},
    "two_level": {"top": np.array([0.5, 0.5]), "branches": [np.array([0.5, 0.5]), np.array([0.25, 0.75])]},
    "regret_bound": {"tv": SHARES},
    "excluded_surely": {"ratio": 0.5},
}
"""Values of one function alone."""
NO_ARRAYS = {
    "metric": "a decorator",
    "parse": "takes a name",
    "shown_in": "takes a name",
    "user_folds": "takes names",
    "readings": "takes a name",
    "paper_phi": "takes a name beside an amount",
    "theorem_4": "tested by hand below: takes a function",
    "bootstrap": "tested by hand below: takes a function",
    **dict.fromkeys(
        ("mrr_is_not_additive", "printed_crossover", "printed_union_counterexample", "theorem_4_counterexamples"),
        "takes nothing",
    ),
}
"""Functions that are left out of the walk, with the reason."""
OPTIONS = {"method", "ties", "gain", "form", "divergence", "target", "name", "mass_bound", "whole", "round_up", "rng"}
"""Arguments that are words or switches."""


def _walk() -> Iterator[tuple[str, Callable[..., Any], dict[str, Any], str]]:
    for module in (metrics, theory, stats):
        for title in module.__all__:
            function = getattr(module, title)
            if not inspect.isfunction(function) or title in NO_ARRAYS:
                continue
            signature = inspect.signature(function).parameters
            fitting = {**BY_NAME, **OWN.get(title, {})}
            call = {n: fitting[n] for n, p in signature.items() if p.default is p.empty or n in OWN.get(title, {})}
            for n in signature:
                if n in fitting and not (n in OPTIONS and signature[n].default is not inspect.Parameter.empty):
                    yield f"{title}({n})", function, {**call, n: fitting[n]}, n
                elif n in call:
                    raise AssertionError(f"{title}: no value for {n}")


def _answers(log_probs: Any) -> AnswerScores:
    return AnswerScores(log_probs=log_probs, n_prompt_tokens=np.zeros(4, dtype=int))


WALK = {place: (function, call, n) for place, function, call, n in _walk()}


def broken(value: Any) -> dict[str, Any]:
    numbers = np.atleast_1d(np.asarray(value.nats if isinstance(value, Information) else 0.3, dtype=float))
    if isinstance(value, np.ndarray | list | int | float):
        numbers = np.atleast_1d(np.asarray(value if not isinstance(value, list) else 0.3, dtype=float))
    mask = np.zeros(numbers.shape, dtype=bool)
    mask.flat[0] = True
    return {
        "masked": np.ma.array(numbers, mask=mask),
        "complex": numbers.astype(complex),
        "texts": np.full(numbers.shape, "x"),
        "sparse": sparse.csr_array(np.atleast_2d(numbers)),
    }


ARRAYS = [place for place, (_, call, n) in WALK.items() if isinstance(call[n], np.ndarray)]
KINDS = ("masked", "complex", "texts", "sparse")
LOGS = np.log(np.full((4, 6), 0.1))
ONE = Reading(scores=np.zeros(4), theta_s=np.full(4, 0.25), answer_mass=np.ones(4))


def _columns(values: Any) -> Any:
    table = PreferenceTable(users=list("uvwxyz"), categories=tuple("abcd"), counts=COUNTS, theta_s=HELD)
    return evaluate(table, metrics=["total_variation"], strata=["age"], columns={"age": values}, bootstrap=0)


BY_HAND: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "likelihood": (lambda x: likelihood.read(_answers(x)), LOGS),
    "reranker": (lambda x: reranker.read(_answers(x)), LOGS[:, :2]),
    "name": (lambda x: name.read(_answers(x), categories=list("abcd")), LOGS[:1, :4]),
    "generative": (lambda x: generative.read(_answers(x), categories=list("abcd")), LOGS[:, :4]),
    "hierarchical": (lambda x: hierarchical.read(_answers(x), parents=list("ppqq")), np.log(np.full((6, 6), 0.1))),
    "debiased": (lambda x: debiased(ONE, x), np.zeros(4)),
    "alone": (lambda x: dg.alone(x, list("abcd")), LOGS[0, :4]),
    "fit_temperature scores": (lambda x: fit_temperature(x, THETA), HELD),
    "fit_temperature truth": (lambda x: fit_temperature(HELD, x), THETA),
    "theorem_4 truth": (lambda x: theory.theorem_4(x, HELD[0], LISTS[0], k=2, utility=lambda p: p), THETA[0]),
    "theorem_4 lists": (lambda x: theory.theorem_4(THETA[0], HELD[0], x, k=2, utility=lambda p: p), LISTS[0]),
    "bootstrap": (
        lambda x: stats.bootstrap(x, value=lambda m: m[..., 0], rng=np.random.default_rng(0)),
        SHARES[:, None],
    ),
    "evaluate columns": (_columns, SHARES),
}
"""Functions that need something beside their arrays."""


@pytest.mark.parametrize("place", WALK)
def test_the_walk_calls_each_function_as_it_is_meant(place: str) -> None:
    function, call, _ = WALK[place]
    function(**call)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ARRAYS)
def test_what_is_no_array_of_numbers_is_refused_in_one_line(place: str, kind: str) -> None:
    function, call, n = WALK[place]
    with pytest.raises(SpectraError) as caught:
        function(**{**call, n: broken(call[n])[kind]})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("place", BY_HAND)
def test_readouts_columns_and_functions_of_functions_do_so_too(place: str) -> None:
    function, value = BY_HAND[place]
    function(value)
    for kind, given in broken(value).items():
        if place == "evaluate columns" and kind == "texts":
            function(given)  # names are strata
            continue
        with pytest.raises(SpectraError) as caught:
            function(given)
        assert "\n" not in str(caught.value), kind


def refusals() -> Iterator[str]:
    """Yield what is not refused in one line, of numbers and amounts too."""
    for place, (function, call, n) in WALK.items():
        for kind, given in broken(call[n]).items():
            try:
                function(**{**call, n: given})
            except SpectraError as error:
                if "\n" in str(error) or len(str(error)) > 400:
                    yield f"{place} {kind}: {error}"
            except Exception as error:  # every other one is what this looks for
                yield f"{place} {kind}: {type(error).__name__}"
            else:
                yield f"{place} {kind}: accepted"


def test_numbers_and_amounts_are_refused_in_one_line_where_no_types_are_checked() -> None:
    folder = Path(__file__).parent
    path = os.pathsep.join([str(folder), str(folder.parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import test_doors; print(*test_doors.refusals(), sep='|')"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    assert done.stdout.strip() == ""


def test_no_function_is_forgotten() -> None:
    public = {
        title
        for module in (metrics, theory, stats)
        for title in module.__all__
        if inspect.isfunction(getattr(module, title))
    }
    assert {place.split("(")[0] for place in WALK} | set(NO_ARRAYS) == public
    assert all(NO_ARRAYS.values())


def test_further_columns_are_aligned_by_their_labels() -> None:
    ages = pd.Series([1, 1, 2, 2, 3, 3], index=list("uvwxyz"))
    expected = [(row.stratum, row.value) for row in _columns(ages.to_numpy()).results]
    for given in (ages, ages.iloc[::-1], ages.sample(frac=1, random_state=1), ages.astype("Int64"), ages.tolist()):
        assert [(row.stratum, row.value) for row in _columns(given).results] == expected
    with pytest.raises(SpectraError, match="labels of its users differ"):
        _columns(ages.rename({"u": "other"}))
