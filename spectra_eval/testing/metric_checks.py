"""Checks for metrics: the axioms of every metric, and declared properties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.metrics._base import Metric
from spectra_eval.metrics._comparison import Comparison
from spectra_eval.testing._base import Check, python_of
from spectra_eval.testing._rare import RARE_PAIRS
from spectra_eval.testing._subjects import as_metric, source_of
from spectra_eval.testing.strategies import pairs

__all__ = [
    "LAWS",
    "PROPERTIES",
    "TIE_LAWS",
    "Property",
    "as_metric",
    "comparison_of",
    "metric_checks",
    "statistic_of",
    "value_of",
]

RTOL, ATOL = 1e-9, 1e-12
"""Relative tolerance: the value of a row may depend on other rows in its last bits only."""
ROW_RTOL, ROW_ATOL = 1e-12, 1e-15

_PAIRS = pairs()
"""One strategy for all metrics, so that they share their draws."""

Judge = Callable[[Metric, np.ndarray, np.ndarray], bool]


@dataclass(frozen=True, kw_only=True)
class Property:
    """The check of a property of a metric.

    The assertion may use `theta_star`, `theta_s`, `metric`, `value` and `statistic` (functions of the two).

    Attributes
    ----------
    violated : callable
        From a metric and two (N, K) arrays to whether the property is violated there.
    assertion : str
        The same as Python; it may use `theta_star`, `theta_s`, `metric`, `value` and `statistic` (functions of the
        two arrays).

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> PROPERTIES["symmetric"].violated(METRICS["total_variation"], np.eye(2), np.full((2, 2), 0.5))
    False
    """

    violated: Judge
    assertion: str


def metric_checks(metric: Any, *, declared: bool | None = None, source: str | None = None) -> Iterator[Check]:
    """Yield the checks that apply to one metric.

    Parameters
    ----------
    metric : Metric or function of (theta_star, theta_s)
        An ordinary function returns one number per user.
    declared : bool, optional
        Whether its properties are declared, and so required; by default they are for a `Metric` and not for an
        ordinary function.
    source : str, optional
        ``MODULE:NAME`` where it can be imported from, for the counterexamples; found where possible.

    Returns
    -------
    iterator of Check
        The axioms of every metric, then its properties.

    Raises
    ------
    InputError
        The argument is neither a metric nor a function of two arrays, or it declares a property that is not known.

    Examples
    --------
    >>> [check.name for check in metric_checks(lambda star, model: abs(star - model).max(axis=-1))][:2]
    ['one row a user', 'users in any order']
    """
    found, known = as_metric(metric, name=source or str(getattr(metric, "__name__", "metric")))
    declared = known if declared is None else declared
    unknown = sorted(found.properties - PROPERTIES.keys())
    if unknown:
        raise InputError(f"metric {found.name!r} declares {unknown[0]!r}; properties are: {', '.join(PROPERTIES)}")
    head = _head(found, source_of(metric, source))

    def check(name: str, prop: Property, expected: Any) -> Check:
        def show(pair: tuple[np.ndarray, np.ndarray]) -> str:
            arrays = f"theta_star = {python_of(pair[0])}\ntheta_s = {python_of(pair[1])}"
            return f"{head}\n{arrays}\n{prop.assertion}  # {name}\n"

        return Check(
            subject=found.name,
            name=name,
            expected=expected,
            examples=_PAIRS,
            violated=lambda pair: prop.violated(found, *pair),
            show=show,
            known=RARE_PAIRS,
        )

    for name, law in LAWS.items():
        yield check(name, law, "holds")
    for name, law in TIE_LAWS.items():
        yield check(name, law, "holds" if known else "either")
    for name, prop in PROPERTIES.items():
        expected = "either" if not declared else ("holds" if name in found.properties else "fails")
        if name == "bounded" and expected == "fails" and np.isfinite(found.limits).all():
            expected = "either"  # implied by its limits
        yield check(name, prop, expected)


def _head(metric: Metric, source: str) -> str:
    return (
        "import numpy as np\n"
        "from spectra_eval.testing.metric_checks import as_metric, statistic_of, value_of\n"
        f"{source}\n"
        "metric, _ = as_metric(subject, name='metric')\n"
        "statistic = lambda star, held: statistic_of(metric, star, held)\n"
        "value = lambda star, held: value_of(metric, star, held)"
    )


def comparison_of(theta_star: np.ndarray, theta_s: np.ndarray) -> Comparison:
    """Return a pair as a comparison without lists, with thirds of the categories as head, mid and tail.

    Parameters
    ----------
    theta_star, theta_s : (N, K) float arrays
        The pair of distributions of each user.

    Returns
    -------
    Comparison
        What the statistic of a metric takes.

    Examples
    --------
    >>> comparison_of(np.eye(3), np.eye(3)).bucket.tolist()
    [0, 1, 2]
    """
    k = theta_star.shape[1]
    return Comparison(theta_star=theta_star, theta_s=theta_s, lists=None, bucket=np.minimum(np.arange(k) * 3 // k, 2))


def _options(metric: Metric, n_categories: int) -> dict[str, Any]:
    return {"k": min(2, n_categories)} if metric.takes_cutoff else {}


def statistic_of(metric: Metric, theta_star: np.ndarray, theta_s: np.ndarray) -> np.ndarray:
    """Compute the statistic of each user, at a cut-off of 2 where there is one.

    Parameters
    ----------
    metric : Metric
        The metric.
    theta_star, theta_s : (N, K) float arrays
        The pair of distributions of each user.

    Returns
    -------
    (N, D) array
        The statistic, in the metric's unit; its cut-off is the smaller of 2 and K.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> statistic_of(METRICS["total_variation"], np.eye(2), np.full((2, 2), 0.5)).tolist()
    [[0.5], [0.5]]
    """
    return np.asarray(metric.statistic(comparison_of(theta_star, theta_s), **_options(metric, theta_star.shape[1])))


def value_of(metric: Metric, theta_star: np.ndarray, theta_s: np.ndarray) -> float:
    """Compute the value of a metric over the users that have one.

    Parameters
    ----------
    metric : Metric
        The metric.
    theta_star, theta_s : (N, K) float arrays
        The pair of distributions of each user.

    Returns
    -------
    float
        The value, in the metric's unit; NaN if no user has one.

    Examples
    --------
    >>> from spectra_eval.metrics import METRICS
    >>> value_of(METRICS["total_variation"], np.eye(2), np.full((2, 2), 0.5))
    0.5
    """
    statistic = statistic_of(metric, theta_star, theta_s)
    valid = ~np.isnan(statistic).any(axis=1)
    if not valid.any():
        return float("nan")
    return float(metric.value(statistic[valid].mean(axis=0), **_options(metric, theta_star.shape[1])))


def _differ(a: Any, b: Any, rtol: float = RTOL, atol: float = ATOL) -> bool:
    return np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)


def _one_row_a_user(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    statistic = statistic_of(metric, star, predicted)
    return statistic.ndim != 2 or len(statistic) != len(star)


def _user_order(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    turned = statistic_of(metric, star[::-1], predicted[::-1])
    return _differ(turned, statistic_of(metric, star, predicted)[::-1], ROW_RTOL, ROW_ATOL)


def _users_alone(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    alone = [statistic_of(metric, star[i : i + 1], predicted[i : i + 1]) for i in range(len(star))]
    return _differ(np.concatenate(alone), statistic_of(metric, star, predicted), ROW_RTOL, ROW_ATOL)


def _duplicated_users(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    twice = value_of(metric, np.concatenate([star, star]), np.concatenate([predicted, predicted]))
    return _differ(twice, value_of(metric, star, predicted))


def _inputs_changed(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    one, other = star.copy(), predicted.copy()
    statistic_of(metric, one, other)
    return not (np.array_equal(one, star) and np.array_equal(other, predicted))


def _outside_limits(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    value = value_of(metric, star, predicted)
    low, high = metric.limits
    return not np.isnan(value) and not (low - RTOL <= value <= high * (1 + RTOL) + ATOL)


LAWS: dict[str, Property] = {
    "one row a user": Property(
        violated=_one_row_a_user,
        assertion="assert statistic(theta_star, theta_s).shape[0] == len(theta_star)",
    ),
    "users in any order": Property(
        violated=_user_order,
        assertion="np.testing.assert_allclose(statistic(theta_star[::-1], theta_s[::-1])[::-1], "
        "statistic(theta_star, theta_s), rtol=1e-12, atol=1e-15)",
    ),
    "each user alone (shards sum)": Property(
        violated=_users_alone,
        assertion="np.testing.assert_allclose(np.concatenate([statistic(a[None], b[None]) "
        "for a, b in zip(theta_star, theta_s)]), statistic(theta_star, theta_s), rtol=1e-12, atol=1e-15)",
    ),
    "duplicated users leave the value": Property(
        violated=_duplicated_users,
        assertion="assert np.isclose(value(np.tile(theta_star, (2, 1)), np.tile(theta_s, (2, 1))), "
        "value(theta_star, theta_s), rtol=1e-9, atol=1e-12, equal_nan=True)",
    ),
    "inputs are not changed": Property(
        violated=_inputs_changed,
        assertion="before = theta_star.copy(), theta_s.copy()\nstatistic(theta_star, theta_s)\n"
        "assert np.array_equal(before, (theta_star, theta_s))",
    ),
    "within its limits": Property(
        violated=_outside_limits,
        assertion="assert metric.limits[0] - 1e-9 <= value(theta_star, theta_s) <= metric.limits[1] * (1 + 1e-9) "
        "+ 1e-12",
    ),
}
"""The axioms of every metric."""


def _coarse(theta: np.ndarray) -> np.ndarray:
    """Return rows whose entries are equal up to rounding, or far apart."""
    counts = np.rint(theta * 1000)
    counts += theta == theta.max(axis=1, keepdims=True)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _noisy(theta: np.ndarray, size: float) -> np.ndarray:
    return np.asarray(theta * (1.0 + size * np.cos(np.arange(theta.size).reshape(theta.shape))))


def _noise_decides(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    star, predicted = _coarse(star), _coarse(predicted)
    before = statistic_of(metric, star, predicted)
    return any(
        _differ(statistic_of(metric, *pair), before, RTOL, RTOL)
        for size in (NOISE, -NOISE)
        for pair in ((_noisy(star, size), predicted), (star, _noisy(predicted, size)))
    )


NOISE = 1e-13
"""The size of rounding noise that no metric may turn into a difference."""

TIE_LAWS: dict[str, Property] = {
    "rounding noise decides nothing": Property(
        violated=_noise_decides,
        assertion="from spectra_eval.testing.metric_checks import TIE_LAWS\n"
        "assert not TIE_LAWS['rounding noise decides nothing'].violated(metric, theta_star, theta_s)",
    ),
}
"""What is required of a `Metric` and reported of an ordinary function: near ties are ties."""


def _asymmetric(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    return _differ(value_of(metric, star, predicted), value_of(metric, predicted, star))


def _not_zero_on_equal(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    value = value_of(metric, star, star)
    return not np.isnan(value) and abs(value) > ATOL


def _unbounded(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    value = value_of(metric, star, predicted)
    return not np.isnan(value) and not abs(value) <= 1e6


def _category_order(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    before = value_of(metric, star, predicted)
    places = np.arange(star.shape[1])
    # A reversal and a rotation generate every order of the categories.
    return any(
        _differ(value_of(metric, star[:, o], predicted[:, o]), before) for o in (places[::-1], np.roll(places, 1))
    )


def _merging(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    if star.shape[1] < 3:
        return False
    merged = [np.concatenate([theta[:, :1] + theta[:, 1:2], theta[:, 2:]], axis=1) for theta in (star, predicted)]
    before, after = value_of(metric, star, predicted), value_of(metric, *merged)
    return bool(after > before + RTOL * abs(before) + ATOL)


def _not_convex(metric: Metric, star: np.ndarray, predicted: np.ndarray) -> bool:
    pooled = value_of(metric, star.mean(axis=0, keepdims=True), predicted.mean(axis=0, keepdims=True))
    apart = value_of(metric, star, predicted)
    return bool(pooled > apart + RTOL * abs(apart) + ATOL)


PROPERTIES: dict[str, Property] = {
    "symmetric": Property(
        violated=_asymmetric,
        assertion="assert np.isclose(value(theta_star, theta_s), value(theta_s, theta_star), rtol=1e-9, atol=1e-12)",
    ),
    "zero_on_equal": Property(
        violated=_not_zero_on_equal,
        assertion="assert abs(value(theta_star, theta_star)) <= 1e-12",
    ),
    "bounded": Property(
        violated=_unbounded,
        assertion="assert abs(value(theta_star, theta_s)) <= 1e6",
    ),
    "category_symmetric": Property(
        violated=_category_order,
        assertion="places = np.arange(theta_star.shape[1])\nassert np.allclose([value(theta_star[:, o], theta_s[:, o]) "
        "for o in (places[::-1], np.roll(places, 1))], value(theta_star, theta_s), rtol=1e-9, atol=1e-12)",
    ),
    "merging_never_increases": Property(
        violated=_merging,
        assertion="merge = lambda t: np.concatenate([t[:, :1] + t[:, 1:2], t[:, 2:]], axis=1)\n"
        "whole = value(theta_star, theta_s)\n"
        "assert value(merge(theta_star), merge(theta_s)) <= whole + 1e-9 * abs(whole) + 1e-12",
    ),
    "jointly_convex": Property(
        violated=_not_convex,
        assertion="mean = lambda t: t.mean(axis=0, keepdims=True)\n"
        "apart = value(theta_star, theta_s)\n"
        "assert value(mean(theta_star), mean(theta_s)) <= apart + 1e-9 * abs(apart) + 1e-12",
    ),
}
"""Properties by the name under which a metric declares them."""
