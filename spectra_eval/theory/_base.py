"""The definition of a bound: curves that limit a quantity, with assumptions and standing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.registry import Registry, words_of
from spectra_eval.units import LN2

__all__ = ["ENVELOPES", "Assumption", "Envelope", "Standing"]

Standing = Literal["proven", "printed"]


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """One hypothesis of a bound.

    Attributes
    ----------
    name : str
        Short name, for instance ``no-peek``.
    text : str
        The hypothesis in one sentence.
    checked : bool
        Whether this run checked the hypothesis on the data, and found it true.

    Examples
    --------
    >>> Assumption(name="no-peek", text="theta_s and the list depend on the history only").checked
    False
    """

    name: str
    text: str
    checked: bool = False


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Two curves that bound one quantity, given another.

    Attributes
    ----------
    name : str
        The name in the registry.
    given, of : str
        The known quantity and the bounded one: names of metrics, ``kl_divergence`` say.
    given_unit, of_unit : str
        ``nat``, ``bit`` or ``1``.
    statement : str
        The bound in one line.
    reference : str
        Source and equation.
    lower, upper : callable or None
        Elementwise curves of plain numbers in those units; None where there is no such bound.
    standing : str
        ``proven`` (derived and tested here) or ``printed`` (as a source states it, valid or not).
    valid : tuple of two float, or None
        Interval of the given quantity on which the upper curve is a valid bound; None for nowhere.
    witness : callable or None
        ``witness(x) -> (theta_star, theta_s)``: a pair that attains the upper curve at x, where it is tight.
    counterexample : callable or None
        ``counterexample() -> (theta_star, theta_s)``: a pair that violates a printed bound.
    assumptions : tuple of Assumption
        The hypotheses.
    n_categories : int or None
        The number of categories for which the bound is valid; None for any.
    label, reading, pitfalls : str
        The name in words, what the bound says, and what goes wrong; made from the fields above when not given.

    Examples
    --------
    >>> from spectra_eval.theory import ENVELOPES
    >>> envelope = ENVELOPES["tv_upper_from_js"]
    >>> envelope.given, envelope.of, envelope.standing
    ('js_divergence', 'total_variation', 'proven')
    """

    name: str
    given: str
    of: str
    statement: str
    reference: str
    given_unit: str = "1"
    of_unit: str = "1"
    lower: Callable[[np.ndarray], np.ndarray] | None = None
    upper: Callable[[np.ndarray], np.ndarray] | None = None
    standing: Standing = "proven"
    valid: tuple[float, float] | None = (0.0, float("inf"))
    witness: Callable[[float], tuple[np.ndarray, np.ndarray]] | None = None
    counterexample: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    assumptions: tuple[Assumption, ...] = ()
    n_categories: int | None = None
    label: str = ""
    reading: str = ""
    pitfalls: str = ""

    def __post_init__(self) -> None:
        """Derive the missing texts from the other fields."""
        sides = " and ".join(side for side in ("lower", "upper") if getattr(self, side) is not None)
        unit = "" if self.given_unit == "1" else f" in {self.given_unit}s"
        words = {
            "label": _words(self.name),
            "reading": f"{sides.capitalize()} bound of {_words(self.of)} for a known {_words(self.given)}{unit}."
            + (" The upper bound is attained." if self.witness is not None else ""),
            "pitfalls": " ".join(self._limits()),
        }
        for name, text in words.items():
            object.__setattr__(self, name, getattr(self, name) or text)

    def _limits(self) -> Iterator[str]:
        """Yield the limitations of the bound, in sentences."""
        if self.standing == "printed":
            yield "As a source states it; it certifies nothing."
        if self.valid is None:
            yield "No bound: there is a counterexample."
        elif self.valid[1] not in (1.0, LN2, float("inf")):
            yield f"Valid for a known value from {self.valid[0]:g} to {self.valid[1]:g}."
        if self.n_categories is not None:
            yield f"For {self.n_categories} categories only."
        yield "For one user; a mean over users needs a concave upper curve, or a convex lower one."

    @property
    def definition(self) -> str:
        """Return the bound as text."""
        return self.statement

    @property
    def summary(self) -> str:
        """Return one line for listings."""
        return self.statement

    def holds(self, given: Any, of: Any, *, rtol: float = 1e-12, atol: float = 1e-300) -> np.ndarray:
        """Return, elementwise, whether measured quantities are between the curves, up to rounding.

        Parameters
        ----------
        given, of : array-like
            The known and the bounded quantity, in the units of the bound; their shapes must broadcast.
        rtol, atol : float
            How far a quantity may pass a curve, relative and absolute.

        Returns
        -------
        bool array
            In the broadcast shape.

        Raises
        ------
        InputError, ShapeError
            A quantity is no array of numbers.
        """
        given, of = as_array("given", given), as_array("of", of)
        good = np.ones(np.broadcast_shapes(given.shape, of.shape), dtype=bool)
        if self.upper is not None:
            good &= of <= self.upper(given) * (1 + rtol) + atol
        if self.lower is not None:
            good &= of >= self.lower(given) * (1 - rtol) - atol
        return good


def _words(name: str) -> str:
    """Return a name in words, with the abbreviations of the field in capitals."""
    capitals = {"Tv": "TV", "Js": "JS", "Kl": "KL", "tv": "TV", "js": "JS", "kl": "KL"}
    return " ".join(capitals.get(word, word) for word in words_of(name).split())


ENVELOPES: Registry[Envelope] = Registry("envelope", package="spectra_eval.theory", group="spectra_eval.theory")
