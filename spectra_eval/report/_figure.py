"""The data and texts of a figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spectra_eval.redaction import escaped

__all__ = ["Figure", "short"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: `kind` selects the drawing function, `rows` are the plotted data and the data table.

    `extent` is the size in inches, `labels` are those of the axes, `extra` has further arguments of `kind`.
    Control characters and direction marks in texts are escaped.
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

    def __post_init__(self) -> None:
        for name in ("title", "caption", "alt", "rows", "labels", "extra"):
            object.__setattr__(self, name, _printable(getattr(self, name)))


def _printable(value: Any) -> Any:
    """Return a value with each text in it escaped by `redaction.escaped`."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, tuple):
        return tuple(map(_printable, value))
    return {_printable(name): _printable(one) for name, one in value.items()} if isinstance(value, dict) else value


def short(value: float) -> str:
    """Write a number with three decimals and a true minus."""
    return f"{value:.3f}".replace("-", "−")
