"""Item 18: for valid input no public function gives NaN unless its text says so, and none changes its input."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spectra_eval import metrics, theory
from spectra_eval.metrics import METRICS, Comparison
from spectra_eval.testing.strategies import lists, thetas
from spectra_eval.theory import two_level
from spectra_eval.units import Information

FUNCTIONS = {name: getattr(theory, name) for name in theory.__all__ if inspect.isfunction(getattr(theory, name))}
SAYS_NAN = {
    "excess_squared_distance": "a window of one interaction",
    "list_optimal": "a list that holds no mass",
    "expand": "leaves of branches that were not asked about",
}
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # a world is large: its failure is read, not shrunk
FEWER = settings.default.max_examples // 2  # a world serves a hundred functions
unit = st.floats(0, 1)
open_unit = st.floats(0.01, 0.99)


@st.composite
def worlds(draw: Any) -> dict[str, Any]:
    """Draw a valid value for every name of a parameter in the family, all of one world of n users and k categories."""
    n, size = draw(st.integers(1, 3)), draw(st.integers(2, 6))
    k = draw(st.integers(1, size - 1))
    star, held = draw(thetas(users=n, categories=size)), draw(thetas(users=n, categories=size))
    counts = np.array(draw(st.lists(st.lists(st.integers(0, 9), min_size=size, max_size=size), min_size=n, max_size=n)))
    decoded = draw(lists(users=n, categories=size))
    amount = Information.from_bits(draw(unit))
    parts = [draw(thetas(users=1, categories=m))[0] for m in (1, 2, size)]
    other = [draw(thetas(users=1, categories=m))[0] for m in (1, 2, size)]
    pair = [two_level(draw(thetas(users=1, categories=3))[0], branches) for branches in (parts, other)]
    world = {
        "theta_star": star,
        "theta_s": held,
        "theta": star[0],
        "counts": counts.astype(float),
        "lists": decoded,
        "entries": np.unique(decoded[0][decoded[0] >= 0]) if (decoded[0] >= 0).any() else np.array([0]),
        "rival": draw(thetas(users=n, categories=size)),
        "mean": draw(unit),
        "tolerance": draw(st.floats(0, 20)),
        "k": k,
        "n_categories": size,
        "category": draw(st.integers(0, size - 1)),
        "weights": np.sort(draw(st.lists(st.floats(0.01, 5), min_size=size, max_size=size)))[::-1].copy(),
        "frequencies": np.array(draw(st.lists(st.floats(0.5, 900), min_size=size, max_size=size))),
        "values": np.array(draw(st.lists(unit, min_size=1, max_size=12))),
        "margins": np.array(draw(st.lists(st.floats(-1, 1), min_size=1, max_size=12))),
        "js": amount,
        "mean_js": amount,
        "aggregate_js": amount,
        "plug_in": Information.from_bits(np.array([draw(unit)])),
        "radius": Information.from_bits(draw(unit)),
        "kl": Information(draw(st.floats(0, 50))),
        "kl_nats": draw(st.floats(0, 50)),
        "successes": draw(st.integers(0, 7)),
        "trials": draw(st.integers(7, 30)),
        "n_users": draw(st.integers(7, 30)),
        "n": draw(st.integers(1, 60)),
        "error": draw(st.floats(0.001, 0.5)),
        "predicate_error": draw(st.floats(0.001, 0.5)),
        "means": star,
        "vectors": star,
        "blocks": np.arange(n),
        "labels": [[0], [1, 0]],
        "name": "bh",
        "reading": "nats",
        "scores": held[0],
        "parents": np.arange(size) % 2,
        "sizes": [2, 3],
        "explored": [0],
        "readout": pair[0],
        "top": star[0],
        "branches": [np.array([1.0])] * size,
        "utility": np.sqrt,
        "eps": draw(unit),
        "prefix": draw(st.integers(1, 300)),
        "suffix": draw(st.integers(1, 30)),
        "linf": draw(unit),
        "tv": draw(unit),
        "chi_squared": draw(st.floats(0, 1e6)),
        "probability": draw(unit),
        "gain": draw(open_unit),
        "exponent": draw(st.floats(0.1, 2)),
        "spread": draw(st.floats(0, 2)),
        "ratio": draw(st.floats(0, 5)),
        **dict.fromkeys(("missed", "mean_missed", "share", "js_bits", "missing_bits", "fraction"), draw(unit)),
        **dict.fromkeys(("missed_share", "js_share"), draw(open_unit)),
        "hellinger_squared": draw(unit),
        "_pair": pair,
    }
    for value in world.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return world


def arguments(function: Any, world: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Pick the values of the parameters that a function demands."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    chains = iter(world["_pair"])
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            continue
        value = next(chains) if "TwoLevel" in str(parameter.annotation) else world[parameter.name]
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = value
        else:
            positional.append(value)
    return positional, named


def has_nan(value: Any) -> bool:
    if isinstance(value, Information):
        return bool(np.isnan(value.nats).any())
    if isinstance(value, float | np.floating | np.ndarray):
        array = np.asarray(value)
        return array.dtype.kind == "f" and bool(np.isnan(array).any())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(has_nan(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, dict):
        return any(has_nan(entry) for entry in value.values())
    if isinstance(value, list | tuple):
        return any(has_nan(entry) for entry in value)
    return False


def special(name: str, world: dict[str, Any]) -> dict[str, Any]:
    """Give the world as one function needs it: of one user, or with lists no longer than k."""
    one = {"theta_star": world["theta_star"][0], "theta_s": world["theta_s"][0]}
    gain = {"gain": theory.js_gain(world["theta_star"], world["theta_s"], world["rival"])}
    changes = {
        "theorem_1": {"lists": world["lists"][:, : world["k"]]},
        "theorem_4": {**one, "entries": world["entries"][: world["k"]]},
        "route_t_blocks": one,
        "excess_squared_distance": {"n": np.full(len(world["theta_star"]), float(world["n"]))},
        "log_gain": {key: 0.9 * world[key] + 0.1 / world["n_categories"] for key in ("theta_s", "rival")},
        "gain_lower": gain,
        "gain_radius": gain,
        "constant_bet_lower": {"low": 0.0, "high": 1.0},
    }
    return {**world, **changes.get(name, {})}


@settings(max_examples=FEWER, phases=UNSHRUNK)
@given(world=worlds())
def test_every_bound_gives_a_number_and_leaves_its_input(world: dict[str, Any]) -> None:
    before = {key: value.copy() for key, value in world.items() if isinstance(value, np.ndarray)}
    for name, function in FUNCTIONS.items():
        positional, named = arguments(function, special(name, world))
        if name == "regret_bound":
            named["tv"] = world["tv"]
        found = function(*positional, **named)  # read-only arrays raise where they are written to
        assert name in SAYS_NAN or not has_nan(found), name
    for key, value in before.items():
        assert np.array_equal(world[key], value), key


def test_no_bound_is_forgotten() -> None:
    assert len(FUNCTIONS) > 90 and set(SAYS_NAN) <= set(FUNCTIONS)


@settings(max_examples=FEWER, phases=UNSHRUNK)
@given(world=worlds())
def test_every_metric_gives_a_number_and_leaves_its_input(world: dict[str, Any]) -> None:
    buckets = metrics.category_buckets(np.arange(world["n_categories"])[::-1] + 1)
    buckets.flags.writeable = False
    empty = {name for name, place in (("head", 0), ("mid", 1), ("tail", 2)) if not (buckets == place).any()}
    for entry in METRICS:
        comparison = Comparison(theta_star=world["theta_star"], theta_s=world["theta_s"], lists=None, bucket=buckets)
        options = {"k": 1} if entry.takes_cutoff else {}
        with np.errstate(all="ignore"):
            statistic = entry.statistic(comparison, **options)
            value = entry.value(statistic.mean(axis=0), **options)
        of_an_empty_bucket = any(word in entry.name for word in empty) or entry.name == "stratified_ece"
        if entry.name in ("category_ndcg_head", "category_ndcg_tail"):  # the buckets are in the order of the columns
            size = -(-world["n_categories"] // 4)
            chosen = slice(size) if entry.name.endswith("head") else slice(-size, None)
            assert np.isnan(value) == bool((world["theta_star"][:, chosen].sum(axis=1) == 0).any()), entry.name
            continue
        assert not np.isnan(value) or (of_an_empty_bucket and bool(empty)), entry.name


NOT_LIPSCHITZ = {"hellinger", "kl_divergence", "reverse_kl_divergence", "log_score", "chi_squared"}
"""Metrics with a root or a logarithm at zero: there a probability of 1e-13 is not almost nothing."""


@settings(max_examples=FEWER, phases=UNSHRUNK)
@given(
    counts=st.lists(st.lists(st.integers(0, 4), min_size=12, max_size=12), min_size=2, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_rounding_noise_and_the_order_of_categories_decide_no_metric(counts: list[list[int]], seed: int) -> None:
    """Shares of small counts tie often; noise of 1e-13, also on zeros, and relabelling leave every statistic."""
    rng = np.random.default_rng(seed)
    given_counts = np.array(counts, dtype=float).reshape(-1, 2, 6).transpose(1, 0, 2)
    given_counts += np.eye(6)[rng.integers(0, 6, given_counts.shape[:2])]
    rows = given_counts / given_counts.sum(axis=2, keepdims=True)
    noisy = rows + rng.uniform(0, 1e-13, rows.shape)
    bucket = np.array([0, 0, 1, 1, 2, 2])
    mixed = rng.permutation(6)
    for entry in METRICS:
        k = {"k": 2} if entry.takes_cutoff else {}

        def value(pair: np.ndarray, entry: Any = entry, k: Any = k, bucket: np.ndarray = bucket) -> np.ndarray:
            made = Comparison(theta_star=pair[0], theta_s=pair[1], lists=None, bucket=bucket)
            with np.errstate(all="ignore"):
                return np.asarray(entry.statistic(made, **k))

        with np.errstate(all="ignore"):
            exact = value(rows)
            if entry.name not in NOT_LIPSCHITZ:
                held = value(np.stack([rows[0], noisy[1]]))
                np.testing.assert_allclose(held, exact, rtol=1e-9, atol=1e-9, err_msg=entry.name)
                if not entry.name.startswith("category_ndcg_"):  # undefined without mass among these categories
                    np.testing.assert_allclose(value(noisy), exact, rtol=1e-9, atol=1e-9, err_msg=entry.name)
            if "category_symmetric" in entry.properties and exact.shape[1] == 1:
                np.testing.assert_allclose(
                    value(noisy[..., mixed]), value(noisy), rtol=1e-9, atol=1e-9, err_msg=entry.name
                )
