"""One figure: what it shows and says, before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "short"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: `kind` names how it is drawn, `rows` are what is drawn and what the data table shows.

    `extent` is the size in inches that it asks for, `labels` name the axes, `extra` holds what else `kind` needs.
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
