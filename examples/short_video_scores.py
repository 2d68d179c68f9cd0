"""Item scores of a stand-in for a production ranker, for the data of short-video.yaml.

``python short_video_scores.py short-video.yaml`` writes the file that its section ``baseline`` names. The score of an
item is the logarithm of its popularity plus that of the user's history proportion of its category; only interactions
before the split date count. A real ranker writes the same columns: user,item,score,category.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spectra_eval.data import DATASETS
from spectra_eval.settings import read_settings

COMMANDS = ("prepare", "baseline", "evaluate", "compare", "certify", "report")
CANDIDATES = 100
"""Items of each user that are scored, the most popular ones."""


def main(config: str) -> Path:
    """Write the scores, and return the file."""
    settings: dict[str, dict[str, Any]] = {
        name: read_settings(Path(config).read_bytes(), config, section=name, sections=COMMANDS) for name in COMMANDS
    }
    prepared = settings["prepare"]
    pairs = (pair.split("=", 1) for pair in prepared["option"])
    options = {name.replace("-", "_"): value for name, value in pairs} | {"seed": prepared["seed"]}
    events = DATASETS[prepared["dataset"]].read(prepared.get("source"), **options)
    before = events.time < datetime.fromisoformat(prepared["split-date"]).replace(tzinfo=UTC).timestamp()
    category_of = dict(zip(events.item.tolist(), events.category.tolist(), strict=True))
    popular = Counter(events.item[before].tolist()).most_common(CANDIDATES)
    own = Counter(zip(events.user[before].tolist(), events.category[before].tolist(), strict=True))
    path = Path(config).parent / settings["baseline"]["scores"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["user", "item", "score", "category"])
        for user in dict.fromkeys(events.user.tolist()):
            for item, count in popular:
                score = math.log(count) + math.log(1 + own[user, category_of[item]])
                rows.writerow([user, item, f"{score:.6f}", events.categories[category_of[item]]])
    print(f"scores: {path.name}, {CANDIDATES} items for each user")
    return path


if __name__ == "__main__":
    main(sys.argv[1])
