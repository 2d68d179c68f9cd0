"""The quantities of a pair of distributions that bounds relate, and how they are measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spectra_eval import simplex
from spectra_eval.errors import InputError
from spectra_eval.metrics._base import METRICS
from spectra_eval.testing.metric_checks import statistic_of
from spectra_eval.units import LN2

__all__ = ["QUANTITIES", "known_quantities", "quantity", "units_of"]


def _unit(kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a kernel whose values are clipped to the unit interval."""
    return lambda p, q: np.minimum(kernel(p, q), 1.0)


QUANTITIES: dict[tuple[str, str], Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    ("js_divergence", "bit"): _unit(lambda p, q: simplex.js_nats(p, q) / LN2),
    ("js_divergence", "nat"): lambda p, q: np.minimum(simplex.js_nats(p, q), LN2),
    ("kl_divergence", "nat"): simplex.kl_nats,
    ("kl_divergence", "bit"): lambda p, q: simplex.kl_nats(p, q) / LN2,
    ("total_variation", "1"): _unit(simplex.tv),
    ("linf_error", "1"): _unit(simplex.linf),
    ("chi_squared", "1"): simplex.chi_squared,
    ("hellinger_squared", "1"): _unit(simplex.hellinger_squared),
    ("hellinger", "1"): _unit(lambda p, q: np.sqrt(simplex.hellinger_squared(p, q))),
}
"""Kernels for the quantities of bounds; any other metric per user is computed by its own entry."""


def units_of(name: str) -> list[str]:
    """Return the units in which a quantity is measured on pairs.

    Parameters
    ----------
    name : str
        The quantity.

    Returns
    -------
    list of str
        The units; empty for a name that is not known.

    Examples
    --------
    >>> units_of("js_divergence"), units_of("unknown")
    (['bit', 'nat'], [])
    """
    own = [METRICS[name]] if name in METRICS and METRICS[name].is_mean and not METRICS[name].takes_cutoff else []
    return list(dict.fromkeys([*(u for n, u in QUANTITIES if n == name), *(str(entry.unit) for entry in own)]))


def quantity(name: str, unit: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the function that measures a quantity on pairs.

    Parameters
    ----------
    name : str
        The quantity, for instance ``"js_divergence"``.
    unit : str
        One of its units: ``"bit"``, ``"nat"`` or ``"1"``.

    Returns
    -------
    callable
        From two (N, K) arrays to N values in that unit.

    Raises
    ------
    InputError
        The quantity is not measured on pairs in that unit.

    Examples
    --------
    >>> quantity("js_divergence", "bit")(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [1.0]
    """
    if unit not in units_of(name):
        raise InputError(f"quantity {name}:{unit} is not measured on pairs; known: {', '.join(known_quantities())}")
    if (name, unit) in QUANTITIES:
        return QUANTITIES[name, unit]
    return lambda star, predicted: statistic_of(METRICS[name], star, predicted)[:, 0]


def known_quantities() -> list[str]:
    """Return the names of all quantities that are measured on pairs.

    Returns
    -------
    list of str
        The names, sorted.

    Examples
    --------
    >>> {"js_divergence", "total_variation"} <= set(known_quantities())
    True
    """
    return sorted({name for name, _ in QUANTITIES} | {name for name in METRICS.names() if units_of(name)})
