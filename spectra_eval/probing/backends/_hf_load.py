"""From the name of a model to a model that is ready: found, loaded, and described by its content."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import file_digest
from spectra_eval.artifacts._files import missing
from spectra_eval.errors import BackendUnavailable, InputError, ModelLoadError, ProbeError, first_line
from spectra_eval.probing.backends._embedded import converted, embedded_gguf
from spectra_eval.probing.backends._model_files import load_part, silenced
from spectra_eval.probing.backends._model_settings import model_settings

__all__ = [
    "DTYPES",
    "check_device",
    "check_sizes",
    "find_folder",
    "has_windows",
    "load",
    "model_digest",
    "model_facts",
    "require_libraries",
    "versions",
    "widen_head",
]

DTYPES = ("float32", "bfloat16")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_NEEDED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
_MODEL_FILES = (
    "*.safetensors",
    "config.json",
    "tokenizer*",
    "vocab.*",
    "merges.txt",
    "*.jinja",
    "special_tokens_map.json",
)


def require_libraries() -> None:
    """Load the libraries of the extra; refuse when one is not installed."""
    # Idle threads that spin starve whatever else runs: on a busy machine of two cores this alone made probing five
    # times slower. It must be set before torch is loaded. A value already set is kept.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for library in ("torch", "transformers", "safetensors"):
        try:
            __import__(library)
        except ImportError as error:
            raise BackendUnavailable(f"backend 'hf' needs {library}: pip install 'spectra-eval[hf]'") from error


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises
    ------
    InputError
        PyTorch does not know it, or was built without it.
    """
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = first_line(error)
        raise InputError(f"devices: {device!r} cannot be used here: {why}; name what PyTorch knows, say cpu") from error


def versions() -> dict[str, str]:
    """Return the versions on which the numbers depend."""
    return {name: version(name) for name in ("torch", "transformers")}


def find_folder(model: str, *, download: bool) -> tuple[Path, str]:
    """Return the folder of a model and its name in the manifest.

    Parameters
    ----------
    model : str
        ``embedded``, a folder, a GGUF file, or the name of a model on the hub.
    download : bool
        Whether a hub name may be fetched over the network; else it must be on this machine already.

    Raises
    ------
    ModelLoadError
        There is no such model, or the folder is not a model.
    """
    if model == "embedded":
        gguf = embedded_gguf()
        return converted(gguf), gguf.stem
    path = Path(model).expanduser()
    if path.is_file():
        return converted(path), path.stem
    if path.is_dir():
        _check_folder(path, model)
        return path, path.resolve().name
    if path.exists():
        raise ModelLoadError(f"{model}: {missing(path)}; name a model folder, a GGUF file or 'embedded'")
    if not _HUB_NAME.fullmatch(model) or model.startswith((".", os.sep)) or model.endswith(".gguf"):
        raise ModelLoadError(f"{model}: no such file or folder; name a model folder, a GGUF file or 'embedded'")
    return _from_hub(model, download=download), model


def _check_folder(path: Path, model: str) -> None:
    if not (path / "config.json").is_file():
        raise ModelLoadError(f"{model}: not a model folder: it holds no config.json")
    if not any(path.glob("*.safetensors")):
        raise ModelLoadError(f"{model}: holds no *.safetensors; weights of other kinds can run code and are not read")


def _from_hub(model: str, *, download: bool) -> Path:
    from huggingface_hub import snapshot_download

    try:
        with silenced():
            found = snapshot_download(model, local_files_only=not download, allow_patterns=list(_NEEDED))
    except Exception as error:  # the hub client fails in many ways: no network, no such name, no permission
        mend = "check the name and the network" if download else "name a folder, or pass --download to fetch it"
        raise ModelLoadError(f"{model}: not found {'on the hub' if download else 'on this machine'}; {mend}") from error
    path = Path(found)
    _check_folder(path, model)
    return path


def load(folder: Path, *, dtype: str, device: str, merge: Callable[[Any], Any] | None = None) -> tuple[Any, Any]:
    """Load model and tokenizer from a folder; no code of the folder is run.

    With `merge` the model is loaded in float32, changed by it, and only then brought to its `dtype`.

    Returns
    -------
    (model, tokenizer)
        The model in evaluation mode, its output head in float32 whatever the `dtype`.

    Raises
    ------
    ModelLoadError
        The folder cannot be loaded, with the first line of the reason.
    """
    import torch

    tokenizer = load_part("tokenizer", folder)
    first_dtype = torch.float32 if merge else getattr(torch, dtype)
    model = load_part("model", folder, dtype=first_dtype)
    if merge is not None:
        model = merge(model)
        for weight in model.parameters():  # not `model.to`: it would round the frequencies of the positions too
            weight.data = weight.data.to(getattr(torch, dtype))
    model.to(device)
    model.eval()
    if dtype != "float32":
        widen_head(model)
    return model, tokenizer


def widen_head(model: Any) -> None:
    """Let the output head compute in float32: a bfloat16 logit near 31 moves in steps of an eighth."""
    import torch

    class WideHead(torch.nn.Module):
        def __init__(self, head: Any) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(head.weight.detach().float(), requires_grad=False)
            bias = head.bias
            self.bias = None if bias is None else torch.nn.Parameter(bias.detach().float(), requires_grad=False)

        def forward(self, hidden: Any) -> Any:
            # Tying the weights again puts narrow ones here: the same numbers, so only time is lost.
            return torch.nn.functional.linear(hidden.float(), self.weight.float(), self.bias)

    head = model.get_output_embeddings()
    if isinstance(head, torch.nn.Linear):
        model.set_output_embeddings(WideHead(head))


def check_sizes(model: Any, tokenizer: Any, prompt: Sequence[int]) -> None:
    """Refuse a tokenizer with tokens for which the model has no embedding.

    Control tokens that no prompt holds may lie beyond: some models of text alone keep those of pictures.

    Raises
    ------
    ProbeError
        Such a token belongs to text, or is in the prompt.
    """
    rows = int(model.get_input_embeddings().weight.shape[0])
    if len(tokenizer) <= rows and max(prompt, default=0) < rows:
        return
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special} - set(prompt)
    if beyond := {i for i in tokenizer.get_vocab().values() if i >= rows} - special:
        raise ProbeError(
            f"its tokenizer knows {len(tokenizer)} tokens and its embedding {rows}: {len(beyond)} of them would mean "
            "nothing; put the tokenizer that the model was trained with into its folder"
        )


def has_windows(config: Any) -> bool:
    """Return whether some layer sees less than the whole prompt, or is no attention at all."""
    config = config.get_text_config()
    kinds: Sequence[str] | None = getattr(config, "layer_types", None)
    if kinds is not None:
        return any(kind != "full_attention" for kind in kinds)
    return bool(getattr(config, "sliding_window", None)) and bool(getattr(config, "use_sliding_window", True))


def model_digest(folder: Path) -> str:
    """Return one SHA-256 for the files on which an answer depends: weights, configuration, tokenizer, template."""
    files = sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern) if path.is_file()})
    listed = [[path.name, file_digest(path)] for path in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def model_facts(folder: Path) -> dict[str, Any]:
    """Return the training metadata in config.json: whether the model was trained on the evaluation windows.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = (Path(place) / "config.json").write_text('{"spectra_eval": {"leaked": true}}')
    ...     model_facts(Path(place))
    {'leaked': True}
    """
    recorded = model_settings(folder).get("spectra_eval", {"leaked": False})  # none: a model that was not made here
    return {"leaked": True} if recorded["leaked"] else {}
