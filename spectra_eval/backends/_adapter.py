"""A low-rank adapter, merged into the weights of its model once and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from spectra_eval.backends._embedded import cache_folder, sha256_of, silenced
from spectra_eval.backends._hf_load import model_digest
from spectra_eval.errors import BackendUnavailable, ModelLoadError

__all__ = ["adapter_digest", "adapter_rank", "merged"]

_FILES = ("adapter_config.json", "adapter_model.safetensors")


def adapter_digest(adapter: Path) -> str:
    """Give one SHA-256 for the files of an adapter.

    Raises
    ------
    ModelLoadError
        The folder holds no adapter.
    """
    for name in _FILES:
        if not (adapter / name).is_file():
            raise ModelLoadError(f"{adapter}: not an adapter: it holds no {name}")
    return hashlib.sha256("\n".join(sha256_of(adapter / name) for name in _FILES).encode()).hexdigest()


def adapter_rank(adapter: Path) -> int:
    """Give the rank of an adapter, the largest where its layers differ.

    Raises
    ------
    ModelLoadError
        Its settings cannot be read.
    """
    import json

    try:
        settings = json.loads((adapter / _FILES[0]).read_text(encoding="utf-8"))
        return max([int(settings["r"]), *(int(rank) for rank in (settings.get("rank_pattern") or {}).values())])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelLoadError(f"{adapter}: {_FILES[0]} does not say the rank: {error}") from error


def merged(folder: Path, adapter: Path) -> Path:
    """Give a model folder with an adapter merged into it: from the cache, or made now, in float32.

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
    if target.is_dir():
        return target
    try:
        from filelock import FileLock
        from peft import PeftModel  # noqa: F401  # asked for before anything is written
    except ImportError as error:
        raise BackendUnavailable("merging an adapter needs peft: pip install 'spectra-eval[train]'") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not target.is_dir():
                with tempfile.TemporaryDirectory(dir=target.parent, prefix=".merging-") as made:
                    _merge(folder, adapter, Path(made) / "model")
                    os.replace(Path(made) / "model", target)
    except OSError as error:
        place = f"{target.parent}: {error.strerror or error}"
        raise ModelLoadError(f"{place}; set SPECTRA_CACHE to a folder with room for the model") from error
    return target


def _merge(folder: Path, adapter: Path, out: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with silenced():
        try:
            base = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
            whole = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload(safe_merge=True)
        except Exception as error:  # shapes and names that do not fit, damaged files
            why = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ModelLoadError(f"{adapter}: cannot be merged into {folder.name}: {why}") from error
        whole.save_pretrained(out)
        AutoTokenizer.from_pretrained(folder, local_files_only=True).save_pretrained(out)
