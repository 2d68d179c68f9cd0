"""Low-rank adapters and full weights, trained by a seeded loop that resumes after a kill.

No step depends on anything random that is not named by the seed and the number of the step, so a training that was
stopped and one that was not give the same losses and the same weights.
"""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval._version import __version__
from spectra_eval.errors import BackendError, BackendUnavailable, InputError, ModelLoadError
from spectra_eval.probing.backends._model_files import load_adapter
from spectra_eval.training._loss import row_loss
from spectra_eval.training._pack import Row
from spectra_eval.training._plot import draw_loss
from spectra_eval.training._recipe import Recipe, learning_rate
from spectra_eval.training._state import TrainingFolder
from spectra_eval.training._workers import training_processes

__all__ = ["Recipe", "adapted", "learning_rate", "train"]

Progress = Callable[[int, int, float], Any]


def adapted(model: Any, recipe: Recipe, *, start: Path | None = None, base: str = "") -> Any:
    """Prepare a model for training: add or load what is trained, and freeze the rest.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Changed in place.
    recipe : Recipe
        Decides between low-rank matrices and all weights.
    start : Path, optional
        The adapter of an earlier stage.
    base : str
        The name of the model in the adapter's configuration, without a path of this machine.

    Returns
    -------
    transformers.PreTrainedModel or peft.PeftModel
        The model to train.

    Raises
    ------
    BackendUnavailable
        The library ``peft`` is not installed.
    InputError
        All weights are to be trained, and yet an adapter is given; or the adapter does not fit.

    Examples
    --------
    >>> import torch
    >>> model = adapted(torch.nn.Linear(2, 2).requires_grad_(False), Recipe(how="full"))
    >>> [weights.requires_grad for weights in model.parameters()]
    [True, True]
    """
    if recipe.how == "full":
        if start is not None:
            raise InputError("start: all weights are trained, so an adapter is merged first; use --merge of its stage")
        model.requires_grad_(requires_grad=True)
        return model
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise BackendUnavailable("training adapters needs peft: pip install 'spectra-eval[train]'") from error
    import torch

    if start is not None:
        try:
            made = load_adapter(model, start, trainable=True)
        except ModelLoadError as error:
            raise InputError(f"{error}; name an adapter of this model") from error
    else:
        torch.manual_seed(recipe.seed)
        settings = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=_targets(model, recipe.layers),
            task_type="CAUSAL_LM",
        )
        made = get_peft_model(model, settings)
    made.peft_config["default"].base_model_name_or_path = base
    return made


def _targets(model: Any, layers: int | None) -> str | list[str]:
    """Name the projections of attention and MLP, of all layers or the last so many; the output head is left out."""
    if layers is None:
        return "all-linear"
    import torch

    number = int(model.config.num_hidden_layers)
    if layers > number:
        raise InputError(f"layers: {layers}, but the model has {number}")
    of_layer = re.compile(r"\.(\d+)\.")  # such as model.layers.29.mlp.up_proj
    found = ((name, of_layer.search(name)) for name, part in model.named_modules() if isinstance(part, torch.nn.Linear))
    return [name for name, place in found if place is not None and int(place.group(1)) >= number - layers]


def train(
    model: Any,
    rows: Sequence[Row],
    folder: Path,
    *,
    recipe: Recipe,
    about: Mapping[str, Any],
    start: Path | None = None,
    keep_every: int = 50,
    several: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Train a model on rows, and write weights, log and manifest to a folder.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Loaded; changed in place.
    rows : sequence of Row
        Any order: the seed shuffles them anew in every epoch.
    folder : Path
        New, or that of the same training when it was stopped; of one that is over nothing is done again.
    recipe : Recipe
        How.
    about : mapping
        What else the weights depend on, as JSON values: model, data, digests. It is in the manifest; `model`
        names the model.
    start : Path, optional
        The adapter of an earlier stage.
    keep_every : int
        Steps between two states: what a kill can lose.
    several : bool
        Share every batch with the other processes that ``accelerate launch`` started.
    progress : callable, optional
        Called with (steps done, steps in all, last loss).

    Returns
    -------
    model
        With what was trained, in evaluation mode.

    Raises
    ------
    InputError
        There is nothing to train on, or the folder belongs to another training.
    BackendError
        The loss is not finite.

    Examples
    --------
    >>> import tempfile
    >>> from transformers import LlamaConfig, LlamaForCausalLM
    >>> from spectra_eval.training import text_rows
    >>> sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    >>> model, rows = LlamaForCausalLM(LlamaConfig(vocab_size=16, **sizes)), text_rows([[5, 6, 7]], length=4, stop=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trained = train(model, rows, Path(folder), recipe=Recipe(rank=2, steps=1), about={"model": "tiny"})
    ...     (Path(folder) / "manifest.json").is_file(), trained.training
    (True, False)
    """
    import torch

    if not rows:
        raise InputError("rows: none; there is nothing to train on")
    if keep_every < 1:
        raise InputError(f"keep_every: {keep_every} is below 1")
    processes = training_processes(several=several)
    total = recipe.total(len(rows))
    configuration = {
        **about,
        "recipe": asdict(recipe),
        "rows": len(rows),
        "steps": total,
        "processes": processes.count,
        "versions": {
            "spectra-eval": __version__,
            **{name: version(name) for name in ("torch", "transformers", "peft")},
        },
    }
    if processes.is_main:
        TrainingFolder(folder, configuration)
    processes.wait()
    run = TrainingFolder(folder, configuration)
    if run.finished:
        return _load_finished(model, run, recipe)
    with _own_randomness():
        with _no_warnings():
            made = adapted(model, recipe, start=start, base=str(about.get("model", "")))
            made.train()
            if recipe.checkpointing:
                made.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        whole = processes.prepared(made)
        optimizer = torch.optim.AdamW(
            [p for p in whole.parameters() if p.requires_grad],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        done = run.resume(processes.unwrapped(whole), optimizer)
        for step in range(done, total):
            entry = _step(whole, rows, recipe, optimizer, step, total, processes)
            if not math.isfinite(entry["loss"]):
                raise BackendError(f"step {step + 1}: the loss is {entry['loss']}; lower the learning rate")
            if processes.is_main:
                run.log_step(entry)
                if (step + 1) % keep_every == 0 and step + 1 < total:
                    run.save_state(step + 1, processes.unwrapped(whole), optimizer)
            if progress is not None and processes.is_main:
                progress(step + 1, total, entry["loss"])
    made.eval()
    if processes.is_main:
        _save(processes.unwrapped(whole), run, recipe)
    processes.wait()
    return processes.unwrapped(whole)


def _step(
    model: Any, rows: Sequence[Row], recipe: Recipe, optimizer: Any, step: int, total: int, processes: Any
) -> dict[str, Any]:
    """Do one step and return its log entry."""
    import torch

    began = time.monotonic()
    rate = learning_rate(recipe, step, total)
    for group in optimizer.param_groups:
        group["lr"] = rate
    batch = _batch(len(rows), recipe, step)
    part = processes.part(batch)
    narrow = recipe.bf16 and recipe.how == "full"
    device = next(model.parameters()).device
    summed, tokens = torch.zeros((), device=device), 0
    for place, number in part:
        torch.manual_seed(_seed(recipe.seed, step, place))
        last = place == part[-1][0]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=narrow):
            if last:
                loss = row_loss(model, rows[number]) / len(batch)
                (loss * processes.count).backward()  # the processes average what is meant to be summed
            else:
                with processes.no_sync(model):
                    loss = row_loss(model, rows[number]) / len(batch)
                    (loss * processes.count).backward()
        summed += loss.detach()
        tokens += len(rows[number].ids)
    norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], recipe.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {
        "step": step + 1,
        "loss": processes.total(summed),
        "learning_rate": rate,
        "gradient_norm": float(norm),
        "rows": len(batch),
        "tokens": int(processes.total(torch.tensor(tokens, device=device))),
        "seconds": round(time.monotonic() - began, 3),
    }


def _batch(rows: int, recipe: Recipe, step: int) -> list[int]:
    """Return the rows of a step: those of an epoch are the seed's own shuffle of all rows, cut into batches."""
    a_pass = math.ceil(rows / recipe.batch)
    order = np.random.default_rng([recipe.seed, step // a_pass]).permutation(rows)
    start = step % a_pass * recipe.batch
    return [int(number) for number in order[start : start + recipe.batch]]


def _seed(seed: int, step: int, place: int) -> int:
    """Return the seed of the dropout of one row of one step, the same in every process."""
    return int(np.random.SeedSequence([seed, step, place]).generate_state(1, np.uint64)[0] >> 1)


def _load_finished(model: Any, run: TrainingFolder, recipe: Recipe) -> Any:
    """Return the model of a finished training."""
    if recipe.how == "lora":
        with _own_randomness(), _no_warnings():
            return adapted(
                model, recipe, start=run.path, base=str(run.manifest["configuration"].get("model", ""))
            ).eval()
    from safetensors.torch import load_model

    load_model(model, run.path / "model" / "model.safetensors")
    return model.eval()


def _save(model: Any, run: TrainingFolder, recipe: Recipe) -> None:
    with _no_warnings():
        if recipe.how == "full":
            model.save_pretrained(run.path / "model")
        else:
            model.save_pretrained(str(run.path), save_embedding_layers=False)
    if recipe.how == "lora":
        (run.path / "README.md").unlink(missing_ok=True)  # a form that the library leaves to be filled in
    drawn = draw_loss(run.log, run.path / "loss.svg")
    run.finish(
        final_loss=run.log[-1]["loss"],
        loss_plot="loss.svg" if drawn else "not drawn: matplotlib is not installed (extra plots)",
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Leave the caller's random numbers as they were."""
    import torch

    with torch.random.fork_rng():
        yield


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Ignore warnings of the libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
