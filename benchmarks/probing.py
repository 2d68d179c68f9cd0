"""How fast the backend `hf` probes: against the naive loop, lm-evaluation-harness, vLLM on the CPU, and the floor.

`make bench-probing`, or `.venv-bench/bin/python benchmarks/probing.py [--dtype bfloat16] [--quick] [--format json]`.

All sides read the same prompts about the same user, in turn, in this one run, and their log-probabilities are held
against each other. The warm ratios time ready token ids on each side; the others the whole call, texts in, scores out.

- ``naive_P``: every prompt whole and alone through the stock model, only the last row through the head.
- ``lm_eval_P``: lm-evaluation-harness 0.4.13, its `HFLM` around the same loaded model, a batch of K prompts.
- ``vllm_P``: vLLM on the processor in a process of its own, its prefix cache emptied before each run. While it is not
  asked it is stopped, so that it takes no time from the others.
- ``floor_share_P``: share of our time that the matrix products alone take, for the tokens that are unique: the same
  shapes, the last layer and the head for the read rows only, run in this process in the same turns.
  ``floor_share_P_all_parameters``: the same with tokens x 2 x all parameters at the rate of those products, which
  counts the embedding as if it were multiplied.
- ``probe_78_over_19``: seconds a question with 78 categories over those with 19; below 1, more categories are cheaper.
- ``flat_over_hierarchical_1311``: 1,311 categories at once over 57 parents and 115 children (hierarchical, by mass).

What was tried and did not help stands in docs/speed.md.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _harness import in_turn, options, report
from _prompts import ANSWERS, GENRES, Asked, asked, names, opened

PREFIXES = (80, 300)
VLLM = Path(__file__).parents[1] / ".venv-vllm" / "bin" / "python"
NO_VLLM = "there is no environment .venv-vllm: `make test-vllm` makes it"
NO_HARNESS = "lm-eval is not installed here: `make bench-probing` makes an environment that has it"
TOLERANCE = {"float32": 1e-3, "bfloat16": 1.0}


def products(model: Any, tokens: int, rows: int) -> Callable[[], None]:
    """Give the matrix products of one reading of so many tokens, of which so many rows are read, and nothing else."""
    import torch
    from torch.nn.functional import linear

    layers = [
        [
            torch.cat([layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight]),
            layer.self_attn.o_proj.weight,
            torch.cat([layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight]),
            layer.mlp.down_proj.weight,
        ]
        for layer in model.model.layers
    ]
    head = model.get_output_embeddings().weight
    width = {weight.shape[1] for some in layers for weight in some}
    inputs = {size: torch.randn(tokens, size, dtype=layers[0][0].dtype) for size in width}
    last = torch.randn(rows, head.shape[1], dtype=head.dtype)

    def run() -> None:
        with torch.inference_mode():
            for some in layers:
                for place, weight in enumerate(some):
                    given = inputs[weight.shape[1]]
                    linear(given[:rows] if some is layers[-1] and place else given, weight)
            linear(last, head)

    return run


def multiplied(model: Any, tokens: int, rows: int) -> float:
    """Count the operations of `products`."""
    head = model.get_output_embeddings().weight
    sizes = [
        (layer.self_attn, "q_proj k_proj v_proj", "o_proj", layer.mlp, "gate_proj up_proj", "down_proj")
        for layer in model.model.layers
    ]

    def count(module: Any, listed: str) -> int:
        return sum(getattr(module, name).weight.numel() for name in listed.split())

    total = 0.0
    for number, (attention, first, out, mlp, up, down) in enumerate(sizes):
        behind = count(attention, out) + count(mlp, up) + count(mlp, down)
        total += tokens * count(attention, first) + (rows if number == len(sizes) - 1 else tokens) * behind
    return 2 * (total + rows * head.numel())


def harness_sides(model: Any, tokenizer: Any, one: Asked, whole: list[str]) -> dict[str, Callable[[], Any]]:
    """Give lm-evaluation-harness on the questions of one user: on ready token ids, and on texts."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=len(one.prompts), backend="causal")
    ready = [(("", ""), prompt, [answer]) for prompt in one.prompts for answer in one.answers]
    asked_in_words = [
        Instance(request_type="loglikelihood", doc={}, arguments=(text, answer), idx=0)
        for text in whole
        for answer in ANSWERS
    ]
    return {
        "lm_eval": lambda: harness._loglikelihood_tokens(ready, disable_tqdm=True),
        "lm_eval, texts": lambda: harness.loglikelihood(asked_in_words, disable_tqdm=True),
    }


@contextmanager
def vllm(folder: str, dtype: str) -> Iterator[Callable[[Asked], dict[str, Any]] | None]:
    """Start vLLM; give what asks it. It is stopped while it is not asked."""
    if not VLLM.is_file():
        yield None
        return
    read, write = os.pipe()
    command = [str(VLLM), str(Path(__file__).with_name("_vllm_side.py")), folder, dtype, str(write)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[write],
        start_new_session=True,
        text=True,
    )
    os.close(write)
    try:
        with os.fdopen(read) as said:
            if not said.readline():
                raise SystemExit(f"{command[0]}: vLLM does not start; `make test-vllm` shows why")
            os.killpg(process.pid, signal.SIGSTOP)

            def ask(one: Asked) -> dict[str, Any]:
                assert process.stdin is not None
                os.killpg(process.pid, signal.SIGCONT)
                try:
                    print(json.dumps({"prompts": one.prompts, "answers": one.answers}), file=process.stdin, flush=True)
                    return json.loads(said.readline())
                finally:
                    os.killpg(process.pid, signal.SIGSTOP)

            yield ask
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def held_together(found: dict[str, np.ndarray], dtype: str) -> float:
    """Give the largest difference of a log-probability between the sides; refuse one that is no rounding."""
    gap = max(float(np.abs(values - found["naive"]).max()) for values in found.values())
    if gap > TOLERANCE[dtype]:
        raise SystemExit(f"the sides differ by {gap:.2g} nats: they did not read the same questions")
    return gap


def main() -> None:
    """Measure and print."""
    parser = options(__doc__ or "")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--repeats", type=int, help="turns of each side; 3, with --quick 1")
    chosen = parser.parse_args()
    repeats = chosen.repeats or (1 if chosen.quick else 3)
    tail = "" if chosen.dtype == "float32" else "_bf16"
    sizes: dict[str, Any] = {"dtype": chosen.dtype, "categories": len(GENRES), "repeats": repeats}
    seconds: dict[str, float] = {}
    ratios: dict[str, Any] = {}
    notes = ["each number is the least of its repeats; a warm side is given token ids that are ready"]
    with opened(chosen.dtype) as (session, model, tokenizer, prompter), vllm(model.name_or_path, chosen.dtype) as asks:
        from spectra_eval.backends._hf_tree import naive

        harnessed = importlib.util.find_spec("lm_eval") is not None
        notes += [] if harnessed else [NO_HARNESS]
        notes += [] if asks else [NO_VLLM]
        parameters = sum(parameter.numel() for parameter in model.parameters())
        for prefix in PREFIXES:
            one = asked(prompter, prefix=prefix, categories=GENRES, user=0)
            whole = [tokenizer.decode(prompt) for prompt in one.prompts]
            lead = prompter.lead(one.request, one.prompts[0])  # the template's own opening: read once in a session
            new = one.unique - lead
            sides: dict[str, Callable[[], Any]] = {
                "split": lambda one=one, lead=lead: session._read(one.prompts, one.answers, lead),
                "floor": products(model, new, len(one.prompts)),
                "split, texts": lambda one=one: session.score([one.request]),
                "naive": lambda one=one: naive(model, one.prompts, one.answers),
            }
            if harnessed:
                sides |= harness_sides(model, tokenizer, one, whole)
            found = {"split": sides["split"](), "naive": sides["naive"]()}
            if harnessed:
                shape = found["naive"].shape
                for name in ("lm_eval", "lm_eval, texts"):
                    found[name] = np.array([value for value, _ in sides[name]()]).reshape(shape)
            asked_of_vllm = [asks(one) for _ in range(2)] if asks else []  # the first warms it up
            least = {name: float("inf") for name in sides}
            for _ in range(repeats):
                for name, value in in_turn(sides, 1).items():
                    least[name] = min(least[name], value)
                asked_of_vllm += [asks(one)] if asks else []
            if asks:
                found["vllm"] = np.array(asked_of_vllm[-1]["log_probs"])
                least["vllm"] = min(answer["seconds"] for answer in asked_of_vllm[1:])
            sizes |= {f"prefix_{prefix}": one.prefix, f"unique_{prefix}": one.unique, f"new_{prefix}": new}
            sizes[f"largest difference in a log-probability, {prefix} [nat]"] = held_together(found, chosen.dtype)
            seconds |= {f"{name}, {prefix}": value for name, value in least.items()}
            ours, rate = least["split"], multiplied(model, new, len(one.prompts)) / least["floor"]
            sizes[f"GFLOP/s of the products, {prefix}"] = rate / 1e9
            for name in ("naive", "lm_eval", "vllm"):
                ratios[f"{name}_{prefix}{tail}"] = least[name] / ours if name in least else None
            if harnessed:
                ratios[f"lm_eval_{prefix}_texts{tail}"] = least["lm_eval, texts"] / least["split, texts"]
            ratios[f"floor_share_{prefix}{tail}"] = least["floor"] / ours
            ratios[f"floor_share_{prefix}_all_parameters{tail}"] = new * 2 * parameters / rate / ours
        found_many, sides_many = many(session, prompter, quick=chosen.quick)
        least = in_turn(sides_many, repeats)
        seconds |= least
        sizes |= found_many
        ratios[f"probe_78_over_19{tail}"] = least["78 categories"] / 78 / (least["19 categories"] / 19)
        ratios[f"flat_over_hierarchical_1311{tail}"] = None
        if "1311 categories" in least:
            ratios[f"flat_over_hierarchical_1311{tail}"] = least["1311 categories"] / least["1311, hierarchical"]
    report({"sizes": sizes, "seconds": seconds, "ratios": ratios, "notes": notes}, chosen.format)


def many(session: Any, prompter: Any, *, quick: bool) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """Give the sides with many categories; the largest number of them not in a quick run."""
    sizes, sides = {}, {}
    for count in (19, 78):
        one = asked(prompter, prefix=PREFIXES[0], categories=names(count), user=1)
        sizes[f"unique tokens, {count} categories"] = one.unique
        sides[f"{count} categories"] = lambda one=one: session.score([one.request])
    if not quick:
        from spectra_eval.asking import Asker

        leaves = [f"{parent} {number}" for parent in names(57) for number in range(23)]
        parents = [parent for parent in names(57) for _ in range(23)]
        flat = Asker(session, categories=leaves)
        choices = {"budget": 115, "residual": "uniform"}
        tree = Asker(session, readout="hierarchical", categories=leaves, parents=parents, options=choices)
        history = ["Heat (1995)"]
        sides["1311 categories"] = lambda: flat.read([history])
        sides["1311, hierarchical"] = lambda: tree.read([history])
    return sizes, sides


if __name__ == "__main__":
    main()
