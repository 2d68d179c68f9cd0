"""The data and texts of a figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "short"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: `kind` selects the drawing function, `rows` are the plotted data and the data table.

    `extent` is the size in inches, `labels` are those of the axes, `extra` has further arguments of `kind`.
    """

    name: str
    kind: str
    title: str
    caption: str
    alt: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    labels: tuple[str, ...] = ()
    extent: tuple[float, float] = (6.6, 3.8)
    extra: dict[str, Any] = field(default_factory=dict)


def short(value: float) -> str:
    """Write a number with three decimals and a true minus."""
    return f"{value:.3f}".replace("-", "−")
