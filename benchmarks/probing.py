"""How fast the backend `hf` probes: against the naive loop, lm-evaluation-harness, vLLM on the CPU, and the floor.

`make bench-probing`, or `.venv-bench/bin/python benchmarks/probing.py [--dtype bfloat16] [--quick]`.

All sides read the same prompts about the same user, in turn, in this one run, and their log-probabilities are held
against each other. The warm ratios time ready token ids on each side; the others the whole call, texts in, scores out.

- ``naive_P``: every prompt whole and alone through the stock model, only the last row through the head.
- ``lm_eval_P``: lm-evaluation-harness 0.4.13, its `HFLM` around the same loaded model, a batch of K prompts.
- ``vllm_P``: vLLM on the processor in a process of its own, its prefix cache emptied before each run. While it is not
  asked it is stopped, so that it takes no time from the others.
- ``floor_share_P``: share of our time that the matrix products alone take, for the tokens that are unique: the same
  shapes, the last layer and the head for the read rows only, run in this process in the same turns.
  ``floor_share_all_parameters_P``: the same with tokens x 2 x all parameters at the rate of those products, which
  counts the embedding as if it were multiplied.
- ``probe_78_over_19``: seconds a question with 78 categories over those with 19; below 1, more categories are cheaper.
- ``together_4_P``: four users read one by one over the same four in one pass (`together=4`).
- ``flat_over_hierarchical_1311``: 1,311 categories at once over 57 parents and 115 children (hierarchical, by mass).

What was tried and did not help stands in docs/speed.md.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _harness import Turns, options, report, take_turns
from _prompts import ANSWERS, GENRES, Asked, asked, names, opened

from spectra_eval.probing._runners import ReadoutRunner

VLLM = Path(__file__).parents[1] / ".venv-vllm" / "bin" / "python"
NO_VLLM = "vLLM was left out, or there is no environment .venv-vllm: `make test-vllm` makes it"
NO_HARNESS = "lm-eval is not installed here: `make bench-probing` makes an environment that has it"
TOLERANCE = {"float32": 1e-3, "bfloat16": 1.0}


def products(model: Any, tokens: int, rows: int) -> Callable[[], None]:
    """Give the matrix products of one reading of so many tokens, of which so many rows are read, and nothing else.

    They are in the type in which the reading computes.
    """
    import torch
    from torch.nn.functional import linear

    from spectra_eval.probing.backends._hf_weights import arithmetic

    dtype = arithmetic(model)
    layers = [
        [
            torch.cat([layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight]),
            layer.self_attn.o_proj.weight,
            torch.cat([layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight]),
            layer.mlp.down_proj.weight,
        ]
        for layer in model.model.layers
    ]
    layers = [[weight.detach().to(dtype) for weight in some] for some in layers]
    head = model.get_output_embeddings().weight
    width = {weight.shape[1] for some in layers for weight in some}
    inputs = {size: torch.randn(tokens, size, dtype=dtype) for size in width}
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

    head = model.get_output_embeddings()
    wide = head.weight
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=len(one.prompts), backend="causal")
    head.weight = wide  # it has tied the head to the embedding again, which is narrow in bfloat16
    ready = [(("", ""), prompt, [answer]) for prompt in one.prompts for answer in one.answers]
    asked_in_words = [
        Instance(request_type="loglikelihood", doc={}, arguments=(text, answer), idx=0)
        for text in whole
        for answer in ANSWERS
    ]

    def values(pairs: list[tuple[float, bool]]) -> list[float]:
        return [value for value, _ in pairs]

    return {
        "lm_eval": lambda: values(harness._loglikelihood_tokens(ready, disable_tqdm=True)),
        "lm_eval, texts": lambda: values(harness.loglikelihood(asked_in_words, disable_tqdm=True)),
    }


@contextmanager
def vllm(folder: str, dtype: str, *, wanted: bool) -> Iterator[Callable[[Asked], dict[str, Any]] | None]:
    """Start vLLM; give what asks it. It is stopped while it is not asked."""
    if not (wanted and VLLM.is_file()):
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


def held_together(found: dict[str, np.ndarray], dtype: str) -> dict[str, float]:
    """Give each side's largest difference of a log-probability from `naive`; refuse one that is no rounding."""
    gaps = {name: float(np.abs(values - found["naive"]).max()) for name, values in found.items() if name != "naive"}
    for name, gap in gaps.items():
        if gap > TOLERANCE[dtype]:
            raise SystemExit(f"{name} and naive differ by {gap:.2g} nats: they did not read the same questions")
    return gaps


def one_prefix(
    prefix: int, tools: tuple[Any, ...], asks: Callable[[Asked], dict[str, Any]] | None, repeats: int, dtype: str
) -> tuple[dict[str, Any], Turns]:
    """Measure all sides on the questions about one user."""
    from spectra_eval.probing.backends._hf_tree import TokenRequest, naive

    session, model, tokenizer, prompter = tools
    one = asked(prompter, prefix=prefix, categories=GENRES, user=0)
    lead = prompter.lead(one.request, one.prompts[0])
    new, rows = one.unique - lead, len(one.prompts)  # the template's own opening is read once in a session
    sides: dict[str, Callable[[], Any]] = {
        "split": lambda: session._read([TokenRequest(one.prompts, one.answers, lead)])[0],
        "floor": products(model, new, rows),
        "split, texts": lambda: session.score([one.request])[0].log_probs,
        "naive": lambda: naive(model, one.prompts, one.answers),
    }
    sides["split"](), sides["floor"]()
    if importlib.util.find_spec("lm_eval") is not None:
        sides |= harness_sides(model, tokenizer, one, [tokenizer.decode(prompt) for prompt in one.prompts])
    if asks is not None:
        asks(one)
        sides["vllm"] = lambda: asks(one)
    turns = take_turns(sides, repeats)
    shape = (rows, len(one.answers))
    found = {name: np.asarray(some[-1][2]).reshape(shape) for name, some in turns.items() if name != "floor"}
    return {
        "tokens that all prompts share": one.prefix,
        "tokens, shared ones once": one.unique,
        "tokens read for a user": new,
        "largest difference of a log-probability from naive [nat]": held_together(found, dtype),
        "operations": multiplied(model, new, rows),
    }, turns


def ratios_of(turns: Turns, facts: Mapping[str, Any], parameters: int, place: int) -> dict[str, float | None]:
    """Hold the sides against each other by the clock (place 0) or by the processors' time (place 1)."""
    least = {name: min(turn[place] for turn in some) for name, some in turns.items()}
    ours = least["split"]
    rate = facts["operations"] / least["floor"]
    ratios = {name: least[name] / ours if name in least else None for name in ("naive", "lm_eval", "vllm")}
    ratios["lm_eval_texts"] = least["lm_eval, texts"] / least["split, texts"] if "lm_eval" in least else None
    ratios["floor_share"] = least["floor"] / ours
    ratios["floor_share_all_parameters"] = facts["tokens read for a user"] * 2 * parameters / rate / ours
    return ratios


def main() -> None:
    """Measure and print."""
    parser = options(__doc__ or "")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--repeats", type=int, help="turns of each side; 3, with --quick 1")
    parser.add_argument("--prefixes", type=int, nargs="+", default=[80, 300], help="tokens that all prompts share")
    parser.add_argument("--no-vllm", action="store_true", help="leave vLLM out")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the process of vLLM is ended too
    repeats = chosen.repeats or (1 if chosen.quick else 3)
    tail = "" if chosen.dtype == "float32" else "_bf16"
    sizes: dict[str, Any] = {"dtype": chosen.dtype, "categories": len(GENRES), "repeats": repeats}
    seconds: dict[str, float] = {}
    by_clock: dict[str, Any] = {}
    by_processor: dict[str, Any] = {}
    notes = [
        "each number is the least of its repeats; a warm side is given token ids that are ready",
        "by_processor: the same ratios by the time that the processors gave, which other programs disturb less",
    ]
    with opened(chosen.dtype) as tools, vllm(tools[1].name_or_path, chosen.dtype, wanted=not chosen.no_vllm) as asks:
        notes += [] if importlib.util.find_spec("lm_eval") else [NO_HARNESS]
        notes += [] if asks else [NO_VLLM]
        parameters = sum(parameter.numel() for parameter in tools[1].parameters())
        for prefix in chosen.prefixes:
            facts, turns = one_prefix(prefix, tools, asks, repeats, chosen.dtype)
            sizes |= {f"{name}, {prefix}": value for name, value in facts.items()}
            seconds |= {f"{name}, {prefix}": min(turn[0] for turn in some) for name, some in turns.items()}
            for place, ratios in enumerate((by_clock, by_processor)):
                found = ratios_of(turns, facts, parameters, place)
                ratios |= {f"{name}_{prefix}{tail}": value for name, value in found.items()}
        turns = take_turns(many(tools[0], tools[3], chosen.prefixes, quick=chosen.quick), repeats)
        seconds |= {name: min(turn[0] for turn in some) for name, some in turns.items()}
        for place, ratios in enumerate((by_clock, by_processor)):
            least = {name: min(turn[place] for turn in some) for name, some in turns.items()}
            ratios[f"probe_78_over_19{tail}"] = least["78 categories"] / 78 / (least["19 categories"] / 19)
            for prefix in chosen.prefixes:
                alone, together = (least[f"4 users {how}, {prefix}"] for how in ("one by one", "together"))
                ratios[f"together_4_{prefix}{tail}"] = alone / together
            flat = least.get("1311 categories")
            ratios[f"flat_over_hierarchical_1311{tail}"] = flat and flat / least["1311, hierarchical"]
    document = {"sizes": sizes, "seconds": seconds, "ratios": by_clock, "by_processor": by_processor, "notes": notes}
    report(document, chosen.format)


def many(session: Any, prompter: Any, prefixes: Sequence[int], *, quick: bool) -> dict[str, Callable[[], Any]]:
    """Give the sides with many categories; the largest number of them not in a quick run."""
    from spectra_eval.probing.backends._hf_split import split
    from spectra_eval.probing.backends._hf_tree import TokenRequest

    sides: dict[str, Callable[[], Any]] = {}
    for prefix in prefixes:
        four = [asked(prompter, prefix=prefix, categories=GENRES, user=user) for user in range(4)]
        asks = [TokenRequest(one.prompts, one.answers, prompter.lead(one.request, one.prompts[0])) for one in four]
        apart = [[ask] for ask in asks]
        sides |= {
            f"4 users one by one, {prefix}": lambda some=apart: [split(session._model, s, chunk=512) for s in some],
            f"4 users together, {prefix}": lambda asks=asks: split(session._model, asks, chunk=512),
        }
    for count in (19, 78):
        one = asked(prompter, prefix=80, categories=names(count), user=1)
        sides[f"{count} categories"] = lambda one=one: session.score([one.request])[0].log_probs
    if not quick:
        leaves = [f"{parent} {number}" for parent in names(57) for number in range(23)]
        parents = [parent for parent in names(57) for _ in range(23)]
        flat = ReadoutRunner(session, categories=leaves)
        choices = {"budget": 115, "residual": "uniform"}
        tree = ReadoutRunner(session, readout="hierarchical", categories=leaves, parents=parents, options=choices)
        sides["1311 categories"] = lambda: flat.read([("Heat (1995)",)])
        sides["1311, hierarchical"] = lambda: tree.read([("Heat (1995)",)])
    return sides


if __name__ == "__main__":
    main()
