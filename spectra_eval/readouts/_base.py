"""What a readout is: how questions are asked of a model, and how its answers become a distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spectra_eval.registry import Registry
from spectra_eval.tables import ProbeRequest

__all__ = ["READOUTS", "Reading", "Readout"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """One user read: `scores` (K,) raw, `theta_s` (K,) on the simplex, `answer_mass` (K,) in [0, 1]."""

    scores: np.ndarray
    theta_s: np.ndarray
    answer_mass: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Readout:
    """One entry of the family.

    Attributes
    ----------
    ask : callable
        ``ask(history, categories, **options) -> ProbeRequest``: the questions about one user; all
        users of a run get questions of the same shape.
    read : callable
        ``read(answers: AnswerScores, **options) -> Reading``: NumPy only.
    """

    name: str
    ask: Callable[..., ProbeRequest]
    read: Callable[..., Reading]
    summary: str
    reference: str
    options: tuple[str, ...] = ()
    stage: str = "stable"


READOUTS: Registry[Readout] = Registry("readout", package="spectra_eval.readouts", group="spectra_eval.readouts")
