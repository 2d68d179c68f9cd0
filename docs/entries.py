"""Write docs/entries.md: what each registered readout, claim and bound says of itself.

``python docs/entries.py`` writes the page; a test holds that it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spectra_eval.certification import CLAIMS, RIVAL_CLAIMS
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts.dg import ENTRY
from spectra_eval.theory import ENVELOPES

__all__ = ["page"]

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Readouts, claims and bounds

*This page is made by `python docs/entries.py` from the registries; change the entries. `spectra-eval list FAMILY NAME`
shows one of them.* [Readouts](#readouts) turn the answers of a model into a distribution, [claims](#claims) are
what `certify` states, and [bounds](#bounds) relate two metrics ([theory](theory.md)). The metrics have
[a page of their own](metrics.md).
"""


def page() -> str:
    """Return the page of all registered entries."""
    families = {"Readouts": [*READOUTS, ENTRY], "Claims": [*CLAIMS, *RIVAL_CLAIMS], "Bounds": ENVELOPES}
    return "\n".join([HEAD, *(line for title, entries in families.items() for line in _family(title, entries))])


def _family(title: str, entries: Iterable[Any]) -> list[str]:
    """Return the section of one family, an entry a paragraph."""
    lines = [f"## {title}", ""]
    for entry in entries:
        standing = getattr(entry, "standing", None) or getattr(entry, "stage", "stable")
        said = [(field, getattr(entry, field, "")) for field in ("definition", "reading", "pitfalls")]
        lines += [
            f"### {entry.name}",
            "",
            f"**{entry.label}** ({standing}).",
            "",
            *(f"- *{field.capitalize()}.* {text}" for field, text in said if text),
            f"- *Source.* {entry.reference}.",
            "",
        ]
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
