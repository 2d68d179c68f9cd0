"""The recipe of a training: its settings, checked, and its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spectra_eval.errors import InputError

__all__ = ["Recipe", "learning_rate"]


_HOW = ("lora", "full")


_MOST = {"rank": 65_536, "alpha": 1e9, "batch": 1e9, "learning_rate": 1e6, "epochs": 1e9, "clip": 1e30}
"""The largest value of each positive number; larger ones overflow in the libraries."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained; the defaults are the recipe of the paper.

    Attributes
    ----------
    how : {"lora", "full"}
        Low-rank matrices beside every linear layer of attention and MLP, or all weights.
    rank, alpha : int
        The rank of the matrices, and the scale of their product times the rank.
    dropout : float
        The proportion of inputs of the matrices that are set to zero in training.
    layers : int, optional
        Number of last layers with low-rank matrices; all by default. The layers below are frozen.
    learning_rate : float
        The highest, of AdamW; a cosine to zero follows the warm-up.
    warmup : float
        Proportion of the steps in which the learning rate grows.
    weight_decay : float
        Weight decay of AdamW.
    epochs : float
        Number of passes over the rows.
    steps : int, optional
        Number of steps, instead of `epochs`.
    batch : int
        Rows per step.
    clip : float
        The largest norm of the gradient; a longer gradient is shortened.
    seed : int
        Seed of the first weights, the order of the rows and the dropout.
    bf16 : bool
        Compute in bfloat16; the trained weights stay in float32.
    checkpointing : bool
        Compute activations again instead of keeping them: less memory, a third more time.

    Raises
    ------
    InputError
        A value is out of range, or two of them do not fit together.

    Examples
    --------
    >>> Recipe(batch=4).total(10), Recipe(steps=5).total(10)
    (3, 5)
    """

    how: str = "lora"
    rank: int = 32
    alpha: int = 64
    dropout: float = 0.1
    layers: int | None = None
    learning_rate: float = 8e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    epochs: float = 1.0
    steps: int | None = None
    batch: int = 8
    clip: float = 1.0
    seed: int = 0
    bf16: bool = False
    checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.how not in _HOW:
            raise InputError(f"how: {self.how!r} is none of {', '.join(_HOW)}")
        for name, most in _MOST.items():
            if not 0 < getattr(self, name) <= most:
                raise InputError(f"{name}: not above 0 and at most {most:g}")
        for name in ("dropout", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name}: {getattr(self, name)} is not in [0, 1)")
        if not 0 <= self.weight_decay <= 1:
            raise InputError(f"weight_decay: {self.weight_decay} is not in [0, 1]")
        if not 0 <= self.seed < 1 << 64:
            raise InputError("seed: not at least 0 and below 2^64")
        if self.layers is not None and (self.layers < 1 or self.how == "full"):
            raise InputError(f"layers: {self.layers} for how {self.how!r}; give at least 1, and with lora alone")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps: {self.steps} is below 1; leave it out to count epochs")

    def total(self, rows: int) -> int:
        """Return the number of steps for so many rows.

        Parameters
        ----------
        rows : int
            The number of rows.

        Returns
        -------
        int
            `steps`, or the number of batches in `epochs` passes.
        """
        return self.steps or max(1, math.ceil(self.epochs * math.ceil(rows / self.batch)))


def learning_rate(recipe: Recipe, step: int, total: int) -> float:
    """Return the learning rate of a step, counted from 0: a straight warm-up, then half a cosine.

    Parameters
    ----------
    recipe : Recipe
        The highest rate, and the warm-up.
    step, total : int
        The step, from 0, and the number of steps.

    Returns
    -------
    float
        The rate; above 0 for every step.

    Examples
    --------
    >>> recipe = Recipe(learning_rate=1.0, warmup=0.2)
    >>> [round(learning_rate(recipe, step, 10), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    """
    rise = math.ceil(recipe.warmup * total)
    if step < rise:
        return recipe.learning_rate * (step + 1) / rise
    return recipe.learning_rate * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise))) / 2
