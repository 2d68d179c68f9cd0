"""Print the lowest versions that pyproject.toml allows, one ``name==version`` a line; ``make test-lowest`` uses them.

The extras named on the command line are included: ``python tests/lowest.py testing``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lowest(requirements: list[str]) -> list[str]:
    """Return each requirement at its lower bound."""
    found = []
    for requirement in requirements:
        parts = re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", requirement)
        if parts is None:
            sys.exit(f"pyproject.toml: {requirement!r} has no lower bound; write NAME>=VERSION")
        found.append(f"{parts[1]}=={parts[2]}")
    return found


if __name__ == "__main__":
    extras = [line for name in sys.argv[1:] for line in PROJECT["optional-dependencies"][name]]
    print("\n".join(lowest([*PROJECT["dependencies"], *extras])))
