"""Checks for bounds: never violated by random pairs, ordered, monotone, attained if declared tight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spectra_eval.metrics._base import METRICS
from spectra_eval.testing._base import Check, python_of
from spectra_eval.testing._quantities import QUANTITIES, known_quantities, quantity, units_of
from spectra_eval.testing._subjects import source_of
from spectra_eval.testing.strategies import adversarial_pairs, pairs
from spectra_eval.theory._base import Envelope
from spectra_eval.units import LN2

__all__ = [
    "QUANTITIES",
    "envelope_checks",
    "excess",
    "known_quantities",
    "known_range",
    "quantity",
    "shown",
    "units_of",
    "violates",
]

RTOL, ATOL = 1e-11, 1e-13
"""A pair violates a bound when it does so beyond the rounding of the bounded quantity,"""
GIVEN_RTOL = 4 * 2.220446049250313e-16
"""and beyond what the rounding of the known quantity can move the curve: near TV = 1 that is more."""

Pair = tuple[np.ndarray, np.ndarray]


def known_range(envelope: Envelope) -> tuple[float, float]:
    """Return the range of the known quantity to draw from.

    Parameters
    ----------
    envelope : Envelope
        The bound.

    Returns
    -------
    tuple of two float
        The least and the largest value, in the unit of `given`; inside `valid` if that is declared.

    Examples
    --------
    >>> from spectra_eval.theory import ENVELOPES
    >>> known_range(ENVELOPES["tv_upper_from_kl_pinsker"])
    (1e-09, 20.0)
    """
    low, high = envelope.valid or (0.0, np.inf)
    top = _largest(envelope)
    if np.isinf(top):
        top = 20.0 if envelope.given_unit == "nat" else 50.0
    return max(low, 1e-9), min(high, top)


def _measured(envelope: Envelope, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    given = quantity(envelope.given, envelope.given_unit)(*pair)
    return given, quantity(envelope.of, envelope.of_unit)(*pair)


def violates(envelope: Envelope, theta_star: np.ndarray, theta_s: np.ndarray) -> bool:
    """Return whether a pair violates the bound beyond the rounding of both quantities.

    Parameters
    ----------
    envelope : Envelope
        The bound.
    theta_star, theta_s : (N, K) float arrays
        The pair of distributions of each user.

    Returns
    -------
    bool
        Whether any user violates it; False where the bound is for another K, or a quantity has no value.

    Raises
    ------
    InputError
        A quantity is not measured on pairs.

    Examples
    --------
    >>> from spectra_eval.theory import ENVELOPES
    >>> violates(ENVELOPES["tv_upper_from_kl_pinsker"], np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]]))
    False
    """
    if not _speaks_of(envelope, theta_star):
        return False
    given, of = _measured(envelope, (theta_star, theta_s))
    if np.isnan(given).any() or np.isnan(of).any():
        return False
    holds = envelope.holds(given, of, rtol=RTOL, atol=ATOL)
    for moved in (1 - GIVEN_RTOL, 1 + GIVEN_RTOL):
        if not holds.all():
            holds |= envelope.holds(np.minimum(given * moved, _largest(envelope)), of, rtol=RTOL, atol=ATOL)
    return not bool(holds.all())


def _speaks_of(envelope: Envelope, theta: np.ndarray) -> bool:
    return envelope.n_categories in (None, theta.shape[-1])


def _largest(envelope: Envelope) -> float:
    """Return the largest value of the known quantity."""
    top = METRICS[envelope.given].limits[1] if envelope.given in METRICS else 1.0
    return LN2 if envelope.given_unit == "nat" and np.isfinite(top) else top


def excess(envelope: Envelope, theta_star: np.ndarray, theta_s: np.ndarray) -> float:
    """Return the relative excess of a pair over the bound.

    Parameters
    ----------
    envelope : Envelope
        The bound.
    theta_star, theta_s : (1, K) float arrays
        The pair of distributions.

    Returns
    -------
    float
        The excess as a proportion of the bounded quantity: positive where the bound is violated, minus infinity where
        it is for another K.

    Raises
    ------
    InputError
        A quantity is not measured on pairs.

    Examples
    --------
    >>> from spectra_eval.theory import ENVELOPES
    >>> excess(ENVELOPES["tv_upper_from_kl_pinsker"], np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])) < 0
    True
    """
    if not _speaks_of(envelope, theta_star):
        return -np.inf
    given, of = (float(x[0]) for x in _measured(envelope, (theta_star, theta_s)))
    scale = max(of, 1e-9) if np.isfinite(of) else 1.0
    outside = [-np.inf]
    with np.errstate(all="ignore"):
        if envelope.upper is not None:
            outside.append((of - _at(envelope.upper, given)) / scale)
        if envelope.lower is not None:
            outside.append((_at(envelope.lower, given) - of) / scale)
    return max(outside)


def _at(curve: Callable[[np.ndarray], np.ndarray], x: float) -> float:
    return float(np.asarray(curve(np.asarray(x))).reshape(()))


def envelope_checks(envelope: Envelope, *, source: str | None = None) -> Iterator[Check]:
    """Yield the checks that apply to one bound between two quantities of a pair of distributions.

    A bound that is declared valid on an interval is held there; one that is declared to fail elsewhere (it has a
    counterexample, or is valid nowhere) must be refuted by a drawn pair as well.

    Parameters
    ----------
    envelope : Envelope
        Nothing is yielded for a bound between other quantities than those of a pair.
    source : str, optional
        ``MODULE:NAME`` where it can be imported from, for the counterexamples.

    Returns
    -------
    iterator of Check
        On drawn pairs, and on drawn values of the known quantity.

    Examples
    --------
    >>> from spectra_eval.theory import ENVELOPES
    >>> [check.name for check in envelope_checks(ENVELOPES["tv_upper_from_kl_pinsker"])][0]
    'never violated'
    """
    if envelope.given_unit not in units_of(envelope.given) or envelope.of_unit not in units_of(envelope.of):
        return
    line = source_of(envelope, source)
    drawn = st.one_of(adversarial_pairs(envelope=envelope), pairs(max_users=1))

    def on_pairs(name: str, expected: Any, examples: Any) -> Check:
        return Check(
            subject=envelope.name,
            name=name,
            expected=expected,
            examples=examples,
            violated=lambda pair: violates(envelope, *pair),
            show=lambda pair: shown(envelope, pair, line),
        )

    def on_points(name: str, violated: Callable[[float], bool], assertion: str) -> Check:
        return Check(
            subject=envelope.name,
            name=name,
            expected="holds",
            examples=points,
            violated=violated,
            show=lambda x: f"import numpy as np\n{line}\nx = {x!r}\n{assertion}  # {name}\n",
        )

    points = st.floats(*known_range(envelope))
    fails = envelope.valid is None or envelope.counterexample is not None
    if envelope.valid is not None:
        inside = drawn.filter(lambda pair: _in_valid(envelope, pair))
        yield on_pairs("never violated" + (" where it is valid" if fails else ""), "holds", inside)
    if fails:
        yield on_pairs("never violated at all", "fails", drawn)
    if envelope.counterexample is not None:
        yield Check(
            subject=envelope.name,
            name="its own counterexample violates it",
            expected="holds",
            examples=st.just(None),
            violated=lambda _: not violates(envelope, *_rows(envelope.counterexample())),  # type: ignore[misc]
            show=lambda _: (
                f"{line}\nfrom spectra_eval.testing.envelope_checks import violates\n"
                "assert violates(subject, *subject.counterexample())\n"
            ),
        )
    if envelope.lower is not None and envelope.upper is not None:
        lower, upper = envelope.lower, envelope.upper
        yield on_points(
            "lower <= upper",
            lambda x: not _at(lower, x) <= _at(upper, x) * (1 + RTOL) + ATOL,
            "assert subject.lower(np.asarray(x)) <= subject.upper(np.asarray(x)) * (1 + 1e-11) + 1e-13",
        )
    for side, curve in (("lower", envelope.lower), ("upper", envelope.upper)):
        if curve is not None:
            yield on_points(
                f"the {side} curve rises",
                lambda x, curve=curve: not _at(curve, 0.999 * x) <= _at(curve, x) + 1e-12,  # type: ignore[misc]
                f"assert subject.{side}(np.asarray(0.999 * x)) <= subject.{side}(np.asarray(x)) + 1e-12",
            )
    if envelope.witness is not None and envelope.upper is not None:
        yield on_points(
            "the witness attains it",
            lambda x: not _attained(envelope, x),
            "from spectra_eval.testing.envelope_checks import excess\n"
            "assert abs(excess(subject, *map(np.atleast_2d, subject.witness(x)))) <= 1e-7",
        )


def _rows(pair: Any) -> Pair:
    star, predicted = (np.atleast_2d(np.asarray(row, dtype=float)) for row in pair)
    return star, predicted


def _in_valid(envelope: Envelope, pair: Pair) -> bool:
    low, high = envelope.valid or (1.0, 0.0)
    given, _ = _measured(envelope, pair)
    return bool(np.all((given >= low) & (given <= high)))


def _attained(envelope: Envelope, x: float) -> bool:
    """Return whether the witness is on the upper curve, evaluated at the quantities of the rounded pair."""
    assert envelope.witness is not None
    assert envelope.upper is not None
    given, of = (float(value[0]) for value in _measured(envelope, _rows(envelope.witness(x))))
    return abs(of - _at(envelope.upper, given)) <= 1e-7 * max(of, 1e-3)


def shown(envelope: Envelope, pair: Pair, line: str) -> str:
    """Return Python code that measures a pair and asserts the inequality that it violates.

    Parameters
    ----------
    envelope : Envelope
        The bound.
    pair : two (1, K) float arrays
        The distributions.
    line : str
        The line that binds the bound to the name `subject`.

    Returns
    -------
    str
        Several lines; the last one fails for the pair.

    Raises
    ------
    InputError
        A quantity is not measured on pairs.

    Examples
    --------
    >>> from spectra_eval.theory import ENVELOPES
    >>> pair = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> print(shown(ENVELOPES["tv_upper_from_kl_pinsker"], pair, "subject = ...").splitlines()[-1])
    assert not violates(subject, theta_star, theta_s)
    """
    given, of = (float(x[0]) for x in _measured(envelope, pair))
    parts = []
    if envelope.lower is not None and not _at(envelope.lower, given) <= of:
        parts.append(f"# but its lower curve is {_at(envelope.lower, given)!r} there")
    if envelope.upper is not None and not of <= _at(envelope.upper, given):
        parts.append(f"# but its upper curve is {_at(envelope.upper, given)!r} there")
    return (
        "import numpy as np\n"
        "from spectra_eval.testing.envelope_checks import violates\n"
        f"{line}\n"
        f"theta_star = {python_of(pair[0])}\n"
        f"theta_s = {python_of(pair[1])}\n"
        f"# {envelope.given} = {given!r} {envelope.given_unit}, {envelope.of} = {of!r} {envelope.of_unit}\n"
        + "".join(f"{part}\n" for part in parts)
        + "assert not violates(subject, theta_star, theta_s)\n"
    )
