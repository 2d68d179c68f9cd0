"""A low-rank adapter, merged into the weights of its model once and kept in the cache."""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import file_digest, has_own_folder, own_file, read_training
from spectra_eval.errors import BackendUnavailable, InputError, ModelLoadError
from spectra_eval.probing.backends._embedded import cache_folder
from spectra_eval.probing.backends._hf_load import load, model_digest, model_facts
from spectra_eval.probing.backends._model_files import load_adapter, reason_of, silenced
from spectra_eval.probing.backends._model_settings import adapter_settings

__all__ = ["adapter_digest", "adapter_facts", "adapter_rank", "attached", "merged", "write_merged"]

_TOLERANCE = 1e-2
"""Tolerance in nats of a merged adapter, for rounding."""
_PROBED = 24
_FILES = ("adapter_config.json", "adapter_model.safetensors")


def adapter_digest(adapter: Path) -> str:
    """Return one SHA-256 for the files of an adapter.

    Raises
    ------
    ModelLoadError
        The folder holds no adapter.
    """
    for name in _FILES:
        if not (adapter / name).is_file():
            raise ModelLoadError(f"{adapter}: not an adapter: it holds no {name}")
    return hashlib.sha256("\n".join(file_digest(adapter / name) for name in _FILES).encode()).hexdigest()


def adapter_rank(adapter: Path) -> int:
    """Return the rank of an adapter, the largest where its layers differ.

    Raises
    ------
    ModelLoadError
        Its settings cannot be read.
    """
    settings = adapter_settings(adapter)
    if "r" not in settings:
        raise ModelLoadError(f"{adapter}: {_FILES[0]} does not say the rank; save the adapter again with peft")
    ranks = (settings.get("rank_pattern") or {}).values()
    return max([settings["r"], *(rank for rank in ranks if isinstance(rank, int))])


def merged(folder: Path, adapter: Path) -> Path:
    """Return a model folder with an adapter merged into it in float32, from the cache if it is there.

    Parameters
    ----------
    folder : Path
        The model.
    adapter : Path
        A folder as the library ``peft`` saves it.

    Returns
    -------
    Path
        A model folder like the first, that appears whole or not at all.

    Raises
    ------
    BackendUnavailable
        The library ``peft`` is not installed.
    ModelLoadError
        The adapter does not fit the model, or the cache cannot be written.
    """
    key = hashlib.sha256(f"{model_digest(folder)}\n{adapter_digest(adapter)}".encode()).hexdigest()[:16]
    target = cache_folder() / "models" / f"{folder.name}-{adapter.name}-{key}"
    if has_own_folder(target):
        return target
    try:
        from filelock import FileLock

        importlib.import_module("peft")  # before anything is written
    except ImportError as error:
        raise BackendUnavailable("merging an adapter needs peft: pip install 'spectra-eval[train]'") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(own_file(Path(f"{target}.lock"))):
            if not has_own_folder(target):
                with tempfile.TemporaryDirectory(dir=target.parent, prefix=".merging-") as made:
                    write_merged(folder, adapter, Path(made) / "model")
                    os.replace(Path(made) / "model", target)
    except OSError as error:
        place = f"{target.parent}: {error.strerror or error}"
        raise ModelLoadError(f"{place}; set SPECTRA_CACHE to a folder with room for the model") from error
    return target


def write_merged(folder: Path, adapter: Path, out: Path) -> None:
    """Write a model folder with an adapter merged into it, in float32; a mark that it leaked goes along."""
    base, tokenizer = load(folder, dtype="float32", device="cpu")
    if adapter_facts(adapter, folder).get("leaked"):
        base.config.spectra_eval = {"leaked": True}
    with silenced():
        attached(base, adapter, name=folder.name).save_pretrained(out)
        tokenizer.save_pretrained(out)


def attached(model: Any, adapter: Path, *, name: str) -> Any:
    """Merge an adapter into a model that is loaded in float32, and return the plain model.

    A head that is tied to the embedding gets weights of its own where the adapter changes one of the two. The merged
    model is compared with the unmerged one.

    Raises
    ------
    BackendUnavailable
        The library ``peft`` is not installed.
    ModelLoadError
        The adapter does not fit the model, or cannot be merged into it without changing what it says.
    """
    placed = load_adapter(model, adapter).eval()
    with silenced():
        try:
            unmerged = _log_probs(placed)
            untied = _untied(placed.get_base_model())
            found = placed.merge_and_unload(safe_merge=True).eval()
            gap = float((_log_probs(found) - unmerged).abs().max())
        except Exception as error:  # a kind that cannot be merged, numbers that are not finite
            raise ModelLoadError(f"{adapter}: cannot be merged into {name}: {reason_of(error)}") from error
    if not gap <= _TOLERANCE:
        raise ModelLoadError(
            f"{adapter}: cannot be merged into {name}: its log-probabilities change by {gap:.2g} nats; "
            "merge it with the tool that made it, and name the merged model"
        )
    if untied:
        found.config.get_text_config().tie_word_embeddings = found.config.tie_word_embeddings = False
    return found


def _log_probs(model: Any) -> Any:
    """Return the log-probabilities of every token after each token of one text: (tokens, vocabulary)."""
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    ids = torch.arange(_PROBED).mul(7919).add(3).remainder(rows)[None]
    with torch.inference_mode():
        return model(input_ids=ids, use_cache=False).logits[0].double().log_softmax(dim=-1)


def _untied(model: Any) -> bool:
    """Return the head weights of its own if an adapter changes it or the embedding to which it is tied."""
    import torch

    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    plain = [getattr(end, "base_layer", getattr(end, "original_module", end)) for end in ends]
    changed = any(inner is not end for inner, end in zip(plain, ends, strict=True))
    if None in plain or not changed or plain[0].weight is not plain[1].weight:
        return False
    plain[1].weight = torch.nn.Parameter(plain[1].weight.detach().clone(), requires_grad=False)
    return True


def adapter_facts(adapter: Path, folder: Path) -> dict[str, Any]:
    """Return the metadata of an adapter and its model: whether one of them was trained on the evaluation windows.

    Raises
    ------
    ModelLoadError
        The folder holds no adapter, one that was trained on another model, or a record that was edited or is not of
        these files.
    """
    facts: dict[str, Any] = {"adapter_digest": adapter_digest(adapter), **model_facts(folder)}
    manifest = adapter / "manifest.json"
    if not manifest.is_file():
        return facts
    try:
        record = read_training(manifest, fix="train the adapter again, or remove this file")
    except InputError as error:
        raise ModelLoadError(str(error)) from error
    if record["status"] != "finished":
        raise ModelLoadError(f"{adapter}: its training is not finished; run the same command again")
    for name in _FILES:
        if record["files"].get(name) != file_digest(adapter / name):
            raise ModelLoadError(f"{adapter / name}: changed since the training wrote it; train the adapter again")
    trained = record["configuration"]
    if trained.get("model_digest") not in (None, model_digest(folder)):
        name = trained.get("model", "")
        raise ModelLoadError(f"{adapter}: trained on another model, {name!r}; name that one as the model")
    return facts | ({"leaked": True} if trained.get("leaked") else {})
