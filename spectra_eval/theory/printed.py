"""The bounds as printed in the paper, valid or not: to reproduce its numbers, never to certify.

The paper gives four envelopes of the total variation by the JS (F.2, F.6). The formulas leave open whether
nats or bits go in, and the numbers printed come from a third arithmetic; so each envelope has its
readings. Every value comes with `valid`: whether it bounds the total variation at this JS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectra_eval.errors import InputError
from spectra_eval.theory._base import ENVELOPES, Envelope
from spectra_eval.theory.js_envelope import phi_star, symmetric_pair
from spectra_eval.units import LN2, Information

__all__ = ["PrintedValue", "paper_phi", "printed_crossover", "readings", "valid_interval"]

_Curve = Callable[[np.ndarray], np.ndarray]


def _root(factor: float) -> _Curve:
    """Return sqrt(factor j) by two roots: the product would lose the digits of a subnormal j."""
    return lambda j: np.sqrt(factor) * np.sqrt(j)


def _exponential(factor: float) -> _Curve:
    """Return sqrt(1 - exp(-factor j)), which is sqrt(factor j) where j is tiny."""
    near = _root(factor)
    return lambda j: np.where(j < 1e-200, near(j), np.sqrt(-np.expm1(-factor * j)))


_CURVES: dict[tuple[str, str], _Curve] = {
    ("ps", "nats"): np.sqrt,
    ("ps", "bits"): _root(1 / LN2),
    ("ps", "printed"): _root(LN2),
    ("bh", "nats"): _exponential(2.0),
    ("bh", "bits"): _exponential(2 / LN2),
    ("bh", "printed"): _exponential(2 * LN2),
    ("js", "nats"): _root(2 * LN2),
    ("js", "bits"): _root(2.0),
    ("js", "printed"): _root(2 * LN2),
    ("th", "nats"): _root(4.0),
    ("th", "bits"): _root(4 / LN2),
    ("th", "printed_a"): _root(8 * LN2),
    ("th", "printed_b"): _root(2 * LN2),
}
"""The printed envelopes in each reading, as functions of the JS in bits."""

_NOWHERE = {("ps", "nats"), ("ps", "printed"), ("bh", "printed")}
_UP_TO = {("bh", "nats"), ("bh", "bits")}
_PRINTED_FORM = {"ps": "sqrt(j/log 2)", "bh": "sqrt(1 - exp(-2j/log 2))", "js": "sqrt(2j)", "th": "sqrt(4j/log 2)"}


@dataclass(frozen=True, kw_only=True)
class PrintedValue:
    """The value of a printed envelope at some JS.

    Attributes
    ----------
    value : float or float array
        The value of the formula, also above 1.
    valid : bool or bool array
        Whether it is an upper bound on the total variation at this JS; of the same shape.
    valid_interval : tuple of two float, or None
        JS in bits on which the formula is a bound; None for nowhere inside (0, 1).

    Examples
    --------
    >>> from spectra_eval.theory import paper_phi
    >>> paper_phi("js", Information.from_bits(0.5), reading=readings("js")[0]).valid_interval is None
    False
    """

    value: Any
    valid: Any
    valid_interval: tuple[float, float] | None


def readings(name: str) -> tuple[str, ...]:
    """Return the readings of one printed envelope.

    Parameters
    ----------
    name : {"ps", "bh", "js", "th"}
        The envelope.

    Returns
    -------
    tuple of str
        The readings of its units, for `paper_phi` and `valid_interval`.

    Raises
    ------
    InputError
        The name is unknown.

    Examples
    --------
    >>> readings("th")
    ('nats', 'bits', 'printed_a', 'printed_b')
    """
    found = tuple(reading for form, reading in _CURVES if form == name)
    if not found:
        raise InputError(f"envelope: {name!r} is none of the printed ones; choose ps, bh, js or th")
    return found


def paper_phi(name: str, js: Information, *, reading: str) -> PrintedValue:
    """Evaluate an envelope of the paper in one reading, and whether it is a bound there.

    Parameters
    ----------
    name : {"ps", "bh", "js", "th"}
        Which envelope of F.6.
    js : Information
        JS(theta_star, theta_s).
    reading : {"nats", "bits", "printed", "printed_a", "printed_b"}
        The unit that goes into the printed formula, or the arithmetic that reproduces the printed numbers
        (``th`` has two of these: one gives the value printed at .062, the other that at .399).

    Returns
    -------
    PrintedValue
        The value and its validity, of the shape of the JS.

    Raises
    ------
    InputError
        There is no such envelope or reading, or a JS is outside [0, 1] bit.

    Examples
    --------
    >>> printed = paper_phi("bh", Information.from_bits(0.062), reading="printed")
    >>> round(printed.value, 3), printed.valid
    (0.287, False)
    """
    if reading not in readings(name):
        raise InputError(f"reading: {reading!r} is none of {', '.join(readings(name))} of the envelope {name!r}")
    bits = np.asarray(js.bits, dtype=np.float64)
    phi_star(bits)  # refuses what is no JS
    bits = np.clip(bits, 0.0, 1.0)
    value = _CURVES[name, reading](bits)
    interval = valid_interval(name, reading)
    valid = (bits == 0) if interval is None else (bits >= interval[0]) & (bits <= interval[1])
    if (name, reading) == ("ps", "nats"):
        valid = valid | (bits == 1.0)  # the one point of (0, 1] at which it is not below the truth
    if value.ndim == 0:
        return PrintedValue(value=float(value), valid=bool(valid), valid_interval=interval)
    return PrintedValue(value=value, valid=valid, valid_interval=interval)


@functools.cache
def valid_interval(name: str, reading: str) -> tuple[float, float] | None:
    """Return the interval of JS in bits on which a printed envelope is a bound.

    Parameters
    ----------
    name : {"ps", "bh", "js", "th"}
        The envelope.
    reading : str
        One of its `readings`.

    Returns
    -------
    tuple of two float, or None
        None for nowhere in (0, 1).

    Examples
    --------
    >>> [round(valid_interval("bh", unit)[1], 6) for unit in ("nats", "bits")]
    [0.574256, 0.846053]
    """
    if (name, reading) in _NOWHERE:
        return None
    if (name, reading) not in _UP_TO:
        return (0.0, 1.0)
    from scipy.optimize import brentq

    curve = _CURVES[name, reading]
    root = brentq(lambda j: float(curve(np.asarray(j))) - phi_star(j), 0.2, 0.99, xtol=1e-15)
    return (0.0, float(root))


def printed_crossover() -> tuple[float, float]:
    """Return where phi_PS and phi_BH meet in the literal form: d = 2 + W(-2 e^-2), and the JS d ln2 / 2.

    In the arithmetic of the printed numbers the meeting point would be d / (2 ln 2) > 1 bit: there is none.

    Returns
    -------
    d, js : float
        The argument of the two formulas, and the JS in bits.

    Examples
    --------
    >>> [round(x, 6) for x in printed_crossover()]
    [1.593624, 0.552308]
    """
    from scipy.special import lambertw

    d = 2 + float(lambertw(-2 * np.exp(-2.0)).real)
    return d, d * LN2 / 2


def _counterexample(name: str, reading: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric pair at TV 1/2 where the envelope fails everywhere, else the disjoint pair."""
    return symmetric_pair(0.5 if (name, reading) in _NOWHERE else 1.0)


def _register(name: str, reading: str) -> None:
    interval = valid_interval(name, reading) if (name, reading) not in _UP_TO else None
    if (name, reading) in _UP_TO:  # rounded down; the exact root needs a solver, which no import should run
        interval = (0.0, 0.5742 if reading == "nats" else 0.8460)
    fails = (name, reading) in _NOWHERE | _UP_TO
    ENVELOPES.add(
        Envelope(
            name=f"printed_{name}_{reading}",
            given="js_divergence",
            of="total_variation",
            given_unit="bit",
            upper=_CURVES[name, reading],
            statement=f"TV <= {_PRINTED_FORM[name]}, read in {reading}"
            + ("" if not fails else ": no bound" if interval is None else f": a bound up to {interval[1]:g} bit only"),
            reference="arXiv:2509.24189 F.2, F.6",
            standing="printed",
            valid=interval,
            counterexample=functools.partial(_counterexample, name, reading) if fails else None,
        )
    )


for _name, _reading in _CURVES:
    _register(_name, _reading)


def _close_pair() -> tuple[np.ndarray, np.ndarray]:
    return np.array([[0.5, 0.5]]), np.array([[0.6, 0.4]])


def _wide_pair() -> tuple[np.ndarray, np.ndarray]:
    return np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]])


ENVELOPES.add(
    Envelope(
        name="printed_kl_upper_from_js",
        given="js_divergence",
        of="kl_divergence",
        given_unit="nat",
        of_unit="nat",
        upper=lambda j: 2 / LN2 * j,
        statement='KL <= (2/log 2) JS, the "Topsoe bridge", both in nats: the true inequality turned round',
        reference="arXiv:2509.24189 F.2",
        standing="printed",
        valid=None,
        counterexample=_close_pair,
    )
)
ENVELOPES.add(
    Envelope(
        name="printed_kl_upper_from_js_bits",
        given="js_divergence",
        of="kl_divergence",
        given_unit="bit",
        of_unit="nat",
        upper=lambda j: 2 / LN2 * j,
        statement='KL <= (2/log 2) JS, the "Topsoe bridge", KL in nats and JS in bits: no bound either',
        reference="arXiv:2509.24189 F.2",
        standing="printed",
        valid=None,
        counterexample=_wide_pair,
    )
)
ENVELOPES.add(
    Envelope(
        name="printed_chi_squared",
        given="chi_squared",
        of="linf_error",
        upper=_root(0.5),
        statement="Linf <= sqrt(chi2/2): valid, loose by a factor of sqrt 2",
        reference="arXiv:2509.24189 F.4.3",
        standing="printed",
    )
)
ENVELOPES.add(
    Envelope(
        name="printed_hellinger",
        given="hellinger",
        of="linf_error",
        upper=lambda h: np.sqrt(2.0) * h,
        statement="Linf <= sqrt(2) H: valid for H normalised to [0, 1], not tight",
        reference="arXiv:2509.24189 F.4.3",
        standing="printed",
    )
)
