"""Draws the figures: inline SVG that follows the theme of the page, or PDF for a paper (extra ``plots``).

Matplotlib is imported inside the functions. The same rows give the same bytes: settings start from the
defaults of the library whatever the user's own, identifiers come from a fixed salt, and no date is written.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spectra_eval.artifacts import written_whole
from spectra_eval.errors import BackendUnavailable
from spectra_eval.report._drawing import DRAW, Palette
from spectra_eval.report._figure import Figure

__all__ = ["Palette", "to_pdf", "to_svg"]


# Placeholder colours while an SVG is drawn; each becomes a variable of the page's style sheet.
_ROLES = tuple(Palette.__dataclass_fields__)
_STANDINS = Palette(**{role: f"#fe01{place:02x}" for place, role in enumerate(_ROLES)})
_STYLE = MappingProxyType(
    {
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "text.parse_math": False,
        "font.family": ["DejaVu Sans"],
        "font.size": 11,
        "axes.titlesize": 11,
        "axes.labelsize": 11,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 10.5,
        "legend.fontsize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.linewidth": 0.8,
        "lines.linewidth": 1.6,
        "legend.frameon": False,
        "xtick.major.size": 3,
        "ytick.major.size": 0,
    }
)


def to_svg(figure: Figure) -> str:
    """Return a figure as one ``<svg>`` element for a page.

    Text stays text; colours are variables of the page (``var(--blue)``), text and axes `currentColor`.

    Parameters
    ----------
    figure : Figure
        The figure; the same rows give the same text.

    Returns
    -------
    str
        The element without its closing tag, which the page adds after the description.

    Raises
    ------
    BackendUnavailable
        Matplotlib is not installed.

    Examples
    --------
    >>> figure = Figure(
    ...     name="bars", kind="bars", title="JS", caption="", alt="", columns=("system", "value", "low", "high", "n"),
    ...     rows=(("uniform", 0.18, None, None, 2),), labels=("bit",), extra={"reference": [True], "ceiling": [False]},
    ... )
    >>> to_svg(figure)[:12]
    '<svg viewBox'
    """
    buffer = io.BytesIO()
    with _settings(figure.name):
        drawn = _drawn(figure, _STANDINS)
        drawn.savefig(
            buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    return _inline(buffer.getvalue().decode("utf-8"), figure)


def to_pdf(figure: Figure, path: Path) -> None:
    """Write a figure as a PDF file without a date.

    Parameters
    ----------
    figure : Figure
        The figure; the same rows give the same bytes.
    path : Path
        The file; it is written completely or not at all.

    Raises
    ------
    BackendUnavailable
        Matplotlib is not installed.
    InputError
        The file cannot be written.

    Examples
    --------
    >>> figure = Figure(
    ...     name="bars", kind="bars", title="JS", caption="", alt="", columns=("system", "value", "low", "high", "n"),
    ...     rows=(("uniform", 0.18, None, None, 2),), labels=("bit",), extra={"reference": [True], "ceiling": [False]},
    ... )
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_pdf(figure, Path(folder) / "bars.pdf")
    ...     (Path(folder) / "bars.pdf").read_bytes()[:5]
    b'%PDF-'
    """
    with _settings(figure.name):
        drawn = _drawn(figure, Palette())
        with written_whole(path) as stream:
            drawn.savefig(stream, format="pdf", metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))


@contextmanager
def _settings(salt: str) -> Iterator[None]:
    try:
        from matplotlib import style
    except ImportError as error:
        raise BackendUnavailable("figures need matplotlib: pip install 'spectra-eval[plots]'") from error
    with style.context(["default", {**_STYLE, "svg.hashsalt": f"spectra-eval {salt}"}]), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _drawn(figure: Figure, colours: Palette) -> Any:
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=figure.extent, layout="constrained")
    DRAW[figure.kind](canvas, figure, colours)
    for axes in canvas.axes:
        _dress(axes, colours)
    return canvas


def _dress(axes: Any, colours: Palette) -> None:
    """Set the colours of text and axes."""
    for spine in axes.spines.values():
        spine.set_color(colours.muted)
    axes.tick_params(colors=colours.muted, labelcolor=colours.ink)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(colours.ink)
    legend = axes.get_legend()
    if legend is not None:
        for text in legend.get_texts():
            text.set_color(colours.ink)


_HEADER = re.compile(r"^.*?<svg\b[^>]*>", re.S)
_VIEWBOX = re.compile(r'viewBox="([^"]+)"')
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.S)
_FONT = re.compile(r"font: ([\d.]+)px [^;\"]*")
_ID = re.compile(r' id="([^"]+)"')


def _inline(text: str, figure: Figure) -> str:
    """Convert an SVG file to an element without header and metadata, with identifiers that are unique on the page."""
    box = _VIEWBOX.search(text)
    assert box is not None
    body = _METADATA.sub("", _HEADER.sub("", text, count=1))
    body = _FONT.sub(r"font-size: \1px", body).replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = _ID.sub(lambda m: f' id="{figure.name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(href="|url\()#', rf"\1#{figure.name}-", body)
    for role in _ROLES:
        value = "currentColor" if role == "ink" else f"var(--{role})"
        body = body.replace(getattr(_STANDINS, role), value)
    # Fail closed: a <style> or a comment would affect the whole page.
    body = re.sub(r"<style[^>]*>.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", body)).strip()
    width = round(figure.extent[0] * 100)
    return f'<svg viewBox="{box[1]}" width="{width}" role="img" aria-labelledby="{figure.name}-alt">{body}'
