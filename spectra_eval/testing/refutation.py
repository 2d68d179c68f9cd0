"""The search for a pair that violates a claimed bound: random draws, then hill climbing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spectra_eval.errors import InputError
from spectra_eval.testing._base import Check, search
from spectra_eval.testing._subjects import source_of
from spectra_eval.testing.envelope_checks import excess, known_quantities, quantity, shown, units_of, violates
from spectra_eval.testing.strategies import adversarial_pairs, pairs
from spectra_eval.theory._base import Envelope
from spectra_eval.units import Information

__all__ = ["Refutation", "as_bound", "refute"]


@dataclass(frozen=True, kw_only=True)
class Refutation:
    """A pair that violates a bound, or the result that none was found.

    Attributes
    ----------
    bound : str
        The name of the bound.
    found : bool
        Whether it is violated.
    found_by : str, optional
        ``drawing``, ``optimisation`` or ``its own counterexample``.
    theta_star, theta_s : (K,) float arrays, optional
        The pair.
    given, of : float, optional
        The known and the bounded quantity of the pair, in the units of the bound.
    curve : float, optional
        The bound at `given`.
    excess : float, optional
        The distance of `of` from the curve, in its unit.
    python : str, optional
        The counterexample as runnable Python.

    Examples
    --------
    >>> Refutation(bound="mine", found=False).python is None
    True
    """

    bound: str
    found: bool
    found_by: str | None = None
    theta_star: np.ndarray | None = None
    theta_s: np.ndarray | None = None
    given: float | None = None
    of: float | None = None
    curve: float | None = None
    excess: float | None = None
    python: str | None = None


def as_bound(
    subject: Any, *, name: str, given: str | None = None, of: str | None = None, side: str | None = None
) -> Envelope:
    """Return an `Envelope` from an `Envelope` or a function that claims to bound one quantity by another.

    Parameters
    ----------
    subject : Envelope or function
        A function takes the known quantity, as a number or as an `Information`, and gives the bound likewise.
    name : str
        What to call it.
    given, of : str, optional
        What is known and what is bounded, for instance ``"js_divergence"`` or ``"kl_divergence:bit"``; by default
        the attributes `given` and `of` of the function, else JS in bits and the total variation.
    side : {"upper", "lower"}, optional
        Which side is claimed; by default the attribute `side` of the function, else ``upper``.

    Returns
    -------
    Envelope
        The subject itself, or an envelope with the function as one of its curves.

    Raises
    ------
    InputError
        It is neither, or it names a quantity or a side that is not known.

    Examples
    --------
    >>> as_bound(lambda kl: (kl / 2) ** 0.5, name="Pinsker", given="kl_divergence").given_unit
    'nat'
    """
    if isinstance(subject, Envelope):
        return subject
    if not callable(subject) or isinstance(subject, type):
        raise InputError(f"{name}: neither an Envelope nor a function of one number")
    try:
        inspect.signature(subject).bind(0.5)
    except (TypeError, ValueError):
        raise InputError(f"{name}: a bound is a function of one number, the quantity that is known") from None
    known = _named(str(given or getattr(subject, "given", "js_divergence")))
    bounded = _named(str(of or getattr(subject, "of", "total_variation")))
    side = str(side or getattr(subject, "side", "upper"))
    if side not in ("upper", "lower"):
        raise InputError(f"{name}: side {side!r} is neither upper nor lower")
    curve = _curve(subject, name, known[1], bounded[1])
    return Envelope(
        name=name,
        given=known[0],
        of=bounded[0],
        given_unit=known[1],
        of_unit=bounded[1],
        statement=(subject.__doc__ or "").strip().split("\n")[0],
        reference="",
        upper=curve if side == "upper" else None,
        lower=curve if side == "lower" else None,
    )


def _curve(subject: Any, name: str, given_unit: str, of_unit: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return an elementwise curve of plain numbers from a function of numbers or of amounts of information."""

    def informed(x: float) -> Any:
        return subject(Information.from_bits(x) if given_unit == "bit" else Information(x))

    def read(value: Any) -> float:
        if isinstance(value, Information):
            value = value.bits if of_unit == "bit" else value.nats
        return float(np.asarray(value, dtype=np.float64).reshape(()))

    call: Callable[[float], Any] = subject
    try:
        read(call(0.25))
    except Exception as plain:  # a function of its user's: any error may mean that it wants the unit
        try:
            read(informed(0.25))
        except Exception:
            raise InputError(f"{name}: gives no bound at 0.25: {type(plain).__name__}: {plain}") from plain
        call = informed
    return lambda x: np.array([read(call(float(v))) for v in np.ravel(x)]).reshape(np.shape(x))


def refute(
    envelope: Envelope, *, max_examples: int = 2000, restarts: int = 16, seed: int = 0, source: str | None = None
) -> Refutation:
    """Search for a pair that violates a bound.

    First pairs are drawn: of the shapes at which inequalities between divergences are tight, of the bound's own
    witnesses, and free ones; what is found is made as small as possible. Then a climb: the excess is maximised
    over pairs of softmax vectors from random starts. At last the counterexample that the bound itself carries.

    Parameters
    ----------
    envelope : Envelope
        The claim: `lower` and `upper` curves of one quantity in another; `as_bound` makes one of a function.
    max_examples : int
        Pairs drawn.
    restarts : int
        Starts of the climb.
    seed : int
        The search is the same for the same seed.
    source : str, optional
        ``MODULE:NAME`` where the bound can be imported from, for the returned Python code.

    Returns
    -------
    Refutation
        The pair; that none was found is no proof.

    Raises
    ------
    InputError
        A quantity is not measured on pairs of distributions, the bound has no curve, or a curve raises on a drawn pair.

    Examples
    --------
    >>> import math
    >>> claimed = as_bound(lambda bits: math.sqrt(bits), name="the root of the bits")
    >>> found = refute(claimed, max_examples=200)
    >>> found.found, found.of > found.curve
    (True, True)
    """
    quantity(envelope.given, envelope.given_unit)
    quantity(envelope.of, envelope.of_unit)
    if envelope.lower is None and envelope.upper is None:
        raise InputError(f"{envelope.name}: has neither a lower nor an upper curve, so nothing can break it")
    drawn = Check(
        subject=envelope.name,
        name="never violated",
        expected="holds",
        examples=st.one_of(adversarial_pairs(envelope=envelope), pairs(max_users=1)),
        violated=lambda pair: violates(envelope, *pair),
        show=lambda _: "",
    )
    found = search(drawn, max_examples=max_examples, seed=seed)
    if found is not None:
        pair, error = found
        if error is not None:
            raise InputError(f"{envelope.name}: raised {type(error).__name__} on a drawn pair: {error}") from error
        return _refutation(envelope, pair, "drawing", source)
    climbed = _climb(envelope, restarts=restarts, seed=seed)
    if climbed is not None:
        return _refutation(envelope, climbed, "optimisation", source)
    if envelope.counterexample is not None:
        star, predicted = (np.atleast_2d(np.asarray(row, dtype=float)) for row in envelope.counterexample())
        if violates(envelope, star, predicted):
            return _refutation(envelope, (star, predicted), "its own counterexample", source)
    return Refutation(bound=envelope.name, found=False)


def _climb(envelope: Envelope, *, restarts: int, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    for start in range(restarts):
        k = 2 + start % 3

        def pair(x: np.ndarray, k: int = k) -> tuple[np.ndarray, np.ndarray]:
            logits = x.reshape(2, 1, k)
            theta = np.exp(logits - logits.max(axis=-1, keepdims=True))
            theta /= theta.sum(axis=-1, keepdims=True)
            return theta[0], theta[1]

        def loss(x: np.ndarray, pair: Callable[[np.ndarray], Any] = pair) -> float:
            reached = excess(envelope, *pair(x))
            return -reached if np.isfinite(reached) else 1e9

        begin = rng.normal(scale=float(rng.choice([0.1, 1.0, 3.0])), size=2 * k)
        options: Any = {"maxfev": 300, "xatol": 1e-6, "fatol": 1e-12}
        best = minimize(loss, begin, method="Nelder-Mead", options=options)
        candidate = pair(np.asarray(best.x))
        if violates(envelope, *candidate):
            return candidate
    return None


def _refutation(envelope: Envelope, pair: tuple[np.ndarray, np.ndarray], how: str, source: str | None) -> Refutation:
    given = float(quantity(envelope.given, envelope.given_unit)(*pair)[0])
    of = float(quantity(envelope.of, envelope.of_unit)(*pair)[0])
    outside = {}
    for side, curve in (("upper", envelope.upper), ("lower", envelope.lower)):
        if curve is not None:
            value = float(np.asarray(curve(np.asarray(given))).reshape(()))
            outside[side] = (of - value if side == "upper" else value - of, value)
    beyond, value = max(outside.values())
    return Refutation(
        bound=envelope.name,
        found=True,
        found_by=how,
        theta_star=pair[0][0],
        theta_s=pair[1][0],
        given=given,
        of=of,
        curve=value,
        excess=beyond,
        python=_python(envelope, pair, source),
    )


def _python(envelope: Envelope, pair: tuple[np.ndarray, np.ndarray], source: str | None) -> str:
    """Return runnable Python code of the counterexample."""
    text = shown(envelope, pair, source_of(envelope, source))
    if source is None or ":" not in source:
        return text
    side = "upper" if envelope.upper is not None else "lower"
    words = f"name='bound', given='{envelope.given}:{envelope.given_unit}', of='{envelope.of}:{envelope.of_unit}'"
    again = (
        f"from spectra_eval.testing.refutation import as_bound\nsubject = as_bound(subject, {words}, side={side!r})\n"
    )
    return text.replace("theta_star = ", again + "theta_star = ", 1)


def _named(text: str) -> tuple[str, str]:
    name, _, unit = text.partition(":")
    units = units_of(name)
    if not units:
        raise InputError(f"quantity {name!r} is not known; known: {', '.join(known_quantities())}")
    if unit and unit not in units:
        raise InputError(f"quantity {name!r} is not measured in {unit!r}; write one of: {', '.join(units)}")
    return name, unit or units[0]
