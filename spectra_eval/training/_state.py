"""The folder of one training: settings, log and the state from which a training that was stopped goes on.

The state is one safetensors file: numbers alone, nothing that could run. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from spectra_eval.artifacts import (
    COUNT,
    SHA256,
    check_document,
    has_own_folder,
    json_digest,
    open_own,
    own_file,
    parse_json,
    read_json,
    write_json,
    write_text,
    written_path,
)
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.model_files import said_by

__all__ = ["TrainingFolder", "check_files", "file_digest", "read_training"]

SCHEMA = "spectra-eval/training"
VERSION = 1
_STATE = "state.safetensors"
_CHUNK = 1 << 20
_FIX = "name a new folder for the training"
_SHAPE = {
    "schema": SCHEMA,
    "schema_version": VERSION,
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
_KEPT = ("weight", "first", "second")
"""What a state holds of each weight: itself and its two moments."""
_LOG = {
    "step": COUNT,
    "loss": float,
    "learning_rate": float,
    "gradient_norm": float,
    "rows": COUNT,
    "tokens": COUNT,
    "seconds": float,
}
_WEIGHTS = {"lora": ("adapter_config.json", "adapter_model.safetensors"), "full": ("model/model.safetensors",)}
"""Files that a finished training has, by what was trained."""


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


class TrainingFolder:
    """The files of one training: manifest.json, log.jsonl, state.safetensors while it runs, then the weights.

    Parameters
    ----------
    path : Path
        Made when it is not there; gone on with when the same training was stopped in it.
    configuration : mapping
        Everything that the weights depend on, as JSON values.

    Raises
    ------
    InputError
        The folder belongs to another training or holds other files.
    """

    def __init__(self, path: Path, configuration: Mapping[str, Any]) -> None:
        self.path = path
        self.log: list[dict[str, Any]] = []
        self.manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "schema_version": VERSION,
            "status": "running",
            "configuration": dict(configuration),
            "configuration_digest": json_digest(configuration),
        }
        place = own_file(path / "manifest.json")
        if place.is_file():
            known = read_training(place, fix=_FIX)
            self._check_same(known, place)
            self.manifest = known
            return
        if path.is_dir() and any(path.iterdir()):
            raise InputError(f"{path}: holds files but no manifest.json; name a new folder for the training")
        path.mkdir(parents=True, exist_ok=True)
        write_json(self.manifest, place)

    @property
    def finished(self) -> bool:
        """The training is over, and its files are as they were written.

        Raises
        ------
        InputError
            A file is missing or changed.
        """
        if self.manifest["status"] != "finished":
            return False
        check_files(self.path, self.manifest)
        return True

    def keep(self, step: int, model: Any, optimizer: Any) -> None:
        """Write what the next step depends on: trained weights and both moments of each; no more is random."""
        from safetensors.torch import save_file

        tensors = {}
        for name, parameter in _trained(model):
            moments = optimizer.state[parameter]
            kept = (parameter.detach(), moments["exp_avg"], moments["exp_avg_sq"])
            tensors |= {f"{kind}/{name}": tensor.contiguous() for kind, tensor in zip(_KEPT, kept, strict=True)}
        log = json.dumps(self.log[:step])
        with written_path(own_file(self.path / _STATE)) as fresh:
            save_file(tensors, fresh, metadata={"step": str(step), "log": log, "digest": self._digest})

    def resume(self, model: Any, optimizer: Any) -> int:
        """Put the last state back and return the number of steps it has seen; 0 where there is none.

        Raises
        ------
        InputError
            The state belongs to another training, is damaged, or lacks a weight.
        """
        from safetensors import SafetensorError

        place = own_file(self.path / _STATE)
        if not place.is_file():
            self.log = []
            self.write_log()
            return 0
        try:
            step, self.log = self._restored(place, model, optimizer)
        except (ValueError, SafetensorError, OSError) as error:
            raise InputError(f"{place}: {said_by(error)}; remove this file, and the training begins again") from error
        self.write_log()
        return step

    def _restored(self, place: Path, model: Any, optimizer: Any) -> tuple[int, list[dict[str, Any]]]:
        """Read a state into a model and its optimizer, once all of it is known to fit."""
        import torch
        from safetensors import safe_open

        with safe_open(place, framework="pt") as state:
            said, names = state.metadata() or {}, set(state.keys())
            if said.get("digest") != self._digest:
                raise SchemaError("belongs to another training")
            log = parse_json(said.get("log", ""))
            check_document(log, [_LOG], fix="the log in it is damaged")
            if said.get("step") != str(len(log)) or [entry["step"] for entry in log] != [*range(1, len(log) + 1)]:
                raise SchemaError("it does not hold the log of every step before it")
            trained = _trained(model)
            for name, parameter in trained:
                for kind in _KEPT:
                    if (key := f"{kind}/{name}") not in names:
                        raise SchemaError(f"lacks {key}")
                    if (shape := state.get_slice(key).get_shape()) != list(parameter.shape):
                        raise SchemaError(f"{key} has the shape {shape}, where {list(parameter.shape)} is meant")
            with torch.no_grad():
                for name, parameter in trained:
                    weight, first, second = (state.get_tensor(f"{kind}/{name}") for kind in _KEPT)
                    parameter.copy_(weight)
                    optimizer.state[parameter] = {
                        "step": torch.tensor(float(len(log))),
                        "exp_avg": first.to(parameter),
                        "exp_avg_sq": second.to(parameter),
                    }
        return len(log), log

    def noted(self, entry: dict[str, Any]) -> None:
        """Add one line to the log, at once."""
        self.log.append(entry)
        with open_own(self.path / "log.jsonl", "a") as stream:
            stream.write(json.dumps(entry, allow_nan=False) + "\n")

    def write_log(self) -> None:
        """Write the log anew: lines behind the last state are those of steps that are done again."""
        lines = "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in self.log)
        write_text(lines, own_file(self.path / "log.jsonl"))

    def finish(self, **said: Any) -> None:
        """Digest the files, say that the training is over, and drop the state: a kill in between loses nothing."""
        found = (p for p in self.path.rglob("*") if p.is_file() and not p.is_symlink())
        names = sorted(p.relative_to(self.path).as_posix() for p in found)
        files = {name: file_digest(self.path / name) for name in names if _of_training(name)}
        self.manifest |= {"status": "finished", **said, "files": files}
        write_json(self.manifest, own_file(self.path / "manifest.json"))
        (self.path / _STATE).unlink(missing_ok=True)

    @property
    def _digest(self) -> str:
        return str(self.manifest["configuration_digest"])

    def _check_same(self, known: Mapping[str, Any], place: Path) -> None:
        if known["configuration_digest"] == self._digest:
            return
        old, new = known["configuration"], self.manifest["configuration"]
        changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        raise InputError(
            f"{place}: another training ({', '.join(changed)} differ); name a new folder, or the same options"
        )


def read_training(place: Path, *, fix: str) -> dict[str, Any]:
    """Read the manifest of a training, checked to its last level.

    Parameters
    ----------
    place : Path
        The file; a link is not followed.
    fix : str
        What to do where it is refused.

    Raises
    ------
    SchemaError
        It is not such a manifest, or its configuration was edited.
    """
    known: Any = read_json(own_file(place))
    try:
        if not isinstance(known, dict) or known.get("schema") != SCHEMA:
            raise SchemaError(f"not the manifest of a training; {fix}")
        check_document(known, _SHAPE, fix=fix)
        if json_digest(known["configuration"]) != known["configuration_digest"]:
            raise SchemaError(f"configuration was edited: configuration_digest is of another one; {fix}")
        if (known["status"] == "finished") != ("files" in known):
            raise SchemaError(f"status is {known['status']!r}, and files says otherwise; {fix}")
    except SchemaError as error:
        raise SchemaError(f"{place}: {error}") from error
    return known


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare the files of a finished training with the digests in its manifest.

    Raises
    ------
    InputError
        A file is missing, changed or a link, or the manifest names a file outside the folder or not the weights.
    """
    for name, digest in manifest["files"].items():
        parts = PurePosixPath(name).parts
        if name != "/".join(parts) or not parts or {"/", ".", ".."} & {*parts} or not name.isprintable():
            raise SchemaError(
                f"{folder / 'manifest.json'}: files names {name[:60]!r}, which is no file below it; {_FIX}"
            )
        inner = [folder.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
        place = folder.joinpath(*parts)
        if not all(map(has_own_folder, inner)) or not own_file(place).is_file() or file_digest(place) != digest:
            raise InputError(f"{place}: missing or changed since the training wrote it; train into a new folder")
    how = manifest["configuration"].get("recipe", {}).get("how", "lora")
    for name in (*_WEIGHTS[how], "log.jsonl"):
        if name not in manifest["files"]:
            raise SchemaError(f"{folder / 'manifest.json'}: files does not name {name}; {_FIX}")


def _of_training(name: str) -> bool:
    return name not in ("manifest.json", _STATE) and not name.startswith((".", "merged/"))


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
