"""Reading hybrid models from a copy of their state, against reading every prompt whole.

`python benchmarks/hybrids.py [--quick] [--format json]`.

Random models with recurrent layers, of the width 256 and with four layers; one user, 10 endings after an opening of
120 tokens. ``whole_over_copied`` is the time of whole prompts over that of the copied state. Both are run in turn;
``difference`` is the largest in a log-probability, in nats. Each model's seconds go to the error stream as it is done.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _harness import options, report, take_turns

WIDTH, LAYERS, OPENING, ENDINGS = 256, 4, 120, 10
MODELS: dict[str, tuple[bool, dict[str, Any]]] = {
    "jamba": (True, {"mamba_dt_rank": 16}),
    "lfm2": (False, {"layer_types": ["conv", "full_attention"] * 2}),
    "falcon_h1": (False, {"mamba_d_ssm": 2 * WIDTH, "mamba_d_head": WIDTH // 2}),
    "granitemoehybrid": (False, {"mamba_d_head": WIDTH // 2, "layer_types": ["mamba", "attention"] * 2}),
    "recurrent_gemma": (True, {"lru_width": WIDTH}),
    "qwen3_next": (False, {"layer_types": ["linear_attention", "full_attention"] * 2}),
}
"""Models of the tests' zoo: whether the endings are read token by token, and what changes with the width."""


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__ or "").parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from spectra_eval.probing.backends._hf_tree import naive, repeated
    from tests.zoo.animals import VOCABULARY, made

    repeats = 1 if chosen.quick else 2
    draw = np.random.default_rng(3)
    opening = draw.integers(6, VOCABULARY, OPENING).tolist()
    prompts = [opening + draw.integers(6, VOCABULARY, 7 + i % 3).tolist() for i in range(ENDINGS)]
    seconds: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for name, (stepped, changes) in MODELS.items():
        model = made(name, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=LAYERS, **changes)
        sides = {
            "whole": partial(naive, model, prompts, [10, 11]),
            "copied": partial(repeated, model, prompts, [10, 11], chunk=512, stepped=stepped),
        }
        turns = take_turns(sides, repeats)
        least = {side: min(turn[0] for turn in some) for side, some in turns.items()}
        seconds |= {f"{side}, {name}": value for side, value in least.items()}
        ratios[f"whole_over_copied_{name}"] = least["whole"] / least["copied"]
        print(f"{name}: " + ", ".join(f"{side} {value:.3g} s" for side, value in least.items()), file=sys.stderr)
        ratios[f"difference_{name}"] = float(np.abs(turns["whole"][0][2] - turns["copied"][0][2]).max())
    sizes = {"width": WIDTH, "layers": LAYERS, "opening": OPENING, "endings": ENDINGS, "repeats": repeats}
    report({"sizes": sizes, "seconds": seconds, "ratios": ratios}, chosen.format)


if __name__ == "__main__":
    main()
