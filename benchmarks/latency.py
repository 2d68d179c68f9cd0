"""The latency of one user on this machine, as in appendix D.4 of the paper, beside the cost model of its appendix H.

`python benchmarks/latency.py [--dtype bfloat16] [--quick] [--format json]`.

For prefixes of about 80 and 300 tokens and K = 20 categories: seconds a user when every question is read whole
(``whole prompts``: a few of them, scaled to K), when the prefix is read once (``shared prefix``), and for one question
alone. The model says that K questions cost (T_pre + K T_suf)/(T_pre + T_suf) of one (`theory.token_ratio`, tokens as a
proxy of time); ``measured_over_model_P`` holds the measured ratio against it: 1 where tokens are all that costs.
``saved_P`` is whole over shared, and ``saved_by_model_P`` what the model says of that. All are timed in turn, by the
clock and, under ``by_processor``, by the time that the processors gave.
"""

from __future__ import annotations

from typing import Any

from _harness import options, report, take_turns
from _prompts import asked, names, opened

from spectra_eval.theory import token_ratio

K = 20
FEW = 3


def main() -> None:
    """Measure and print."""
    parser = options(__doc__ or "")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    chosen = parser.parse_args()
    repeats = 2 if chosen.quick else 5
    sizes: dict[str, Any] = {"dtype": chosen.dtype, "categories": K, "repeats": repeats}
    seconds: dict[str, float] = {}
    groups: tuple[dict[str, float], dict[str, float]] = ({}, {})
    with opened(chosen.dtype) as (session, model, _, prompter):
        from spectra_eval.probing.backends._hf_tree import TokenRequest, naive

        for prefix in (80, 300):
            one = asked(prompter, prefix=prefix, categories=names(K), user=0)
            suffix = (one.unique - one.prefix) / K
            sides = {
                "whole prompts": lambda one=one: naive(model, one.prompts[:FEW], one.answers),
                "shared prefix": lambda one=one: session._read([TokenRequest(one.prompts, one.answers)]),
                "one question": lambda one=one: session._read([TokenRequest(one.prompts[:1], one.answers)]),
            }
            sides["shared prefix"]()
            turns = take_turns(sides, repeats)
            by_model = token_ratio(prefix=one.prefix, suffix=round(suffix), n_categories=K)
            sizes |= {f"prefix, {prefix}": one.prefix, f"tokens of an ending, {prefix}": round(suffix, 2)}
            for place, ratios in enumerate(groups):
                least = {name: min(turn[place] for turn in some) for name, some in turns.items()}
                least["whole prompts"] *= K / FEW
                if place == 0:
                    seconds |= {f"{name}, {prefix}": value for name, value in least.items()}
                measured = least["shared prefix"] / least["one question"]
                ratios[f"cost_of_{K}_{prefix}"] = measured
                ratios[f"cost_of_{K}_by_model_{prefix}"] = by_model
                ratios[f"measured_over_model_{prefix}"] = measured / by_model
                ratios[f"saved_{prefix}"] = least["whole prompts"] / least["shared prefix"]
                ratios[f"saved_by_model_{prefix}"] = K / by_model
    notes = [f"whole prompts: {FEW} of {K} are read and scaled", "one question: by the same pass, prefix included"]
    report(
        {"sizes": sizes, "seconds": seconds, "ratios": groups[0], "by_processor": groups[1], "notes": notes},
        chosen.format,
    )


if __name__ == "__main__":
    main()
