"""The manifest of a training run, and the digests of the files that it wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from spectra_eval.artifacts._json import json_digest, read_json
from spectra_eval.artifacts._own import has_own_folder, own_file
from spectra_eval.artifacts._schema import COUNT, SHA256, check_document
from spectra_eval.errors import InputError, SchemaError

__all__ = ["TRAINING", "TRAINING_VERSION", "check_trained", "file_digest", "read_training"]

TRAINING = "spectra-eval/training"
TRAINING_VERSION = 1
_FIX = "train into a new folder"
_SHAPE = {
    "schema": TRAINING,
    "schema_version": TRAINING_VERSION,
    "status": ("running", "finished"),
    "configuration": {
        "recipe?": {"how": ("lora", "full"), ...: object},
        "model?": str,
        "model_digest?": (None, SHA256),
        "leaked?": bool,
        ...: object,
    },
    "configuration_digest": SHA256,
    "final_loss?": float,
    "loss_plot?": str,
    "trained_parameters?": COUNT,
    "files?": {...: SHA256},
}
_NEEDED = {
    "lora": ("adapter_config.json", "adapter_model.safetensors", "log.jsonl"),
    "full": ("model/model.safetensors", "log.jsonl"),
}
"""Files of a finished training run, by what was trained."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(b"")
    ...     file_digest(Path(folder) / "a")[:8]
    'e3b0c442'
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_training(place: Path, *, fix: str) -> dict[str, Any]:
    """Read the manifest of a training run and check its structure.

    Parameters
    ----------
    place : Path
        The file.
    fix : str
        The fix in messages.

    Returns
    -------
    dict
        The content of the manifest.

    Raises
    ------
    SchemaError
        It is not a manifest, or its configuration was edited.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "training.json").write_text("{}")
    ...     try:
    ...         read_training(Path(folder) / "training.json", fix="train into a new folder")
    ...     except SchemaError as error:
    ...         str(error).endswith("not the manifest of a training; train into a new folder")
    True
    """
    known: Any = read_json(place)
    try:
        if not isinstance(known, dict) or known.get("schema") != TRAINING:
            raise SchemaError(f"not the manifest of a training; {fix}")
        check_document(known, _SHAPE, fix=fix)
        if json_digest(known["configuration"]) != known["configuration_digest"]:
            raise SchemaError(f"configuration was edited: configuration_digest is of another one; {fix}")
        if (known["status"] == "finished") != ("files" in known):
            raise SchemaError(f"status is {known['status']!r}, and files says otherwise; {fix}")
    except SchemaError as error:
        raise SchemaError(f"{place}: {error}") from error
    return known


def check_trained(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare the files of a finished training with the digests in its manifest.

    Parameters
    ----------
    folder : Path
        Where they are.
    manifest : mapping
        What `read_training` returned.

    Raises
    ------
    InputError
        A file is missing, changed or a link, or the manifest names a file outside the folder or not the weights.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "log.jsonl").write_text("")
    ...     try:
    ...         check_trained(Path(folder), {"configuration": {"recipe": {"how": "lora"}}, "files": {}})
    ...     except (InputError, SchemaError):
    ...         "refused"
    'refused'
    """
    for name in _NEEDED[manifest["configuration"].get("recipe", {}).get("how", "lora")]:
        if name not in manifest["files"]:
            raise SchemaError(f"{folder / 'manifest.json'}: files does not name {name}; {_FIX}")
    for name, digest in manifest["files"].items():
        parts = PurePosixPath(name).parts
        if name != "/".join(parts) or not parts or {"/", ".", ".."} & {*parts} or not name.isprintable():
            raise SchemaError(f"{folder / 'manifest.json'}: files names {name[:60]!r}, no file below it; {_FIX}")
        inner = [folder.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
        place = folder.joinpath(*parts)
        if not all(map(has_own_folder, inner)) or not own_file(place).is_file() or file_digest(place) != digest:
            raise InputError(f"{place}: missing or changed since the training wrote it; {_FIX}")
