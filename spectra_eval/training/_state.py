"""The folder of one training: settings, log and the state from which an interrupted training resumes.

The state is one safetensors file: numbers alone, nothing that could run. It appears whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import (
    COUNT,
    TRAINING,
    TRAINING_VERSION,
    check_document,
    check_trained,
    file_digest,
    json_digest,
    open_own,
    own_file,
    parse_json,
    read_training,
    write_json,
    write_text,
    written_path,
)
from spectra_eval.errors import InputError, SchemaError
from spectra_eval.probing.backends._model_files import reason_of

__all__ = ["TrainingFolder"]

_STATE = "state.safetensors"
_FIX = "name a new folder for the training"
_STATE_KEYS = ("weight", "first", "second")
"""Keys of a state for each weight: the value and the two moments of AdamW."""
_LOG = {
    "step": COUNT,
    "loss": float,
    "learning_rate": float,
    "gradient_norm": float,
    "rows": COUNT,
    "tokens": COUNT,
    "seconds": float,
}


class TrainingFolder:
    """The files of one training: manifest.json, log.jsonl, state.safetensors while it runs, then the weights.

    Parameters
    ----------
    path : Path
        Created if missing; an interrupted training in it is resumed.
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
            "schema": TRAINING,
            "schema_version": TRAINING_VERSION,
            "status": "running",
            "configuration": dict(configuration),
            "configuration_digest": json_digest(configuration),
        }
        place = own_file(path / "manifest.json")
        if place.is_file():
            known = read_training(own_file(place), fix=_FIX)
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
        check_trained(self.path, self.manifest)
        return True

    def save_state(self, step: int, model: Any, optimizer: Any) -> None:
        """Write what the next step depends on: trained weights and both moments of each; no more is random."""
        from safetensors.torch import save_file

        tensors: dict[str, Any] = {}
        for name, parameter in _trained(model):
            moments = optimizer.state[parameter]
            values = (parameter.detach(), moments["exp_avg"], moments["exp_avg_sq"])
            tensors |= {f"{kind}/{name}": tensor.contiguous() for kind, tensor in zip(_STATE_KEYS, values, strict=True)}
        log = json.dumps(self.log[:step])
        with written_path(own_file(self.path / _STATE)) as fresh:
            save_file(tensors, fresh, metadata={"step": str(step), "log": log, "digest": self._digest})

    def resume(self, model: Any, optimizer: Any) -> int:
        """Restore the last state and return its number of steps; 0 without a state.

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
            raise InputError(f"{place}: {reason_of(error)}; remove this file, and the training begins again") from error
        self.write_log()
        return step

    def _restored(self, place: Path, model: Any, optimizer: Any) -> tuple[int, list[dict[str, Any]]]:
        """Read a state into a model and its optimizer, once all of it is known to fit."""
        import torch
        from safetensors import safe_open

        with safe_open(place, framework="pt") as state:
            metadata, names = state.metadata() or {}, set(state.keys())
            if metadata.get("digest") != self._digest:
                raise SchemaError("belongs to another training")
            log = parse_json(metadata.get("log", ""))
            check_document(log, [_LOG], fix="the log in it is damaged")
            if metadata.get("step") != str(len(log)) or [entry["step"] for entry in log] != [*range(1, len(log) + 1)]:
                raise SchemaError("it does not hold the log of every step before it")
            trained = _trained(model)
            for name, parameter in trained:
                for kind in _STATE_KEYS:
                    if (key := f"{kind}/{name}") not in names:
                        raise SchemaError(f"lacks {key}")
                    if (shape := state.get_slice(key).get_shape()) != list(parameter.shape):
                        raise SchemaError(f"{key} has the shape {shape}, where {list(parameter.shape)} is meant")
            with torch.no_grad():
                for name, parameter in trained:
                    weight, first, second = (state.get_tensor(f"{kind}/{name}") for kind in _STATE_KEYS)
                    parameter.copy_(weight)
                    optimizer.state[parameter] = {
                        "step": torch.tensor(float(len(log))),
                        "exp_avg": first.to(parameter),
                        "exp_avg_sq": second.to(parameter),
                    }
        return len(log), log

    def log_step(self, entry: dict[str, Any]) -> None:
        """Add one line to the log, at once."""
        self.log.append(entry)
        with open_own(self.path / "log.jsonl", "a") as stream:
            stream.write(json.dumps(entry, allow_nan=False) + "\n")

    def write_log(self) -> None:
        """Write the log anew: lines behind the last state are those of steps that are done again."""
        lines = "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in self.log)
        write_text(lines, own_file(self.path / "log.jsonl"))

    def finish(self, **results: Any) -> None:
        """Write the digests of the files, mark the training as finished, and remove the state."""
        found = (p for p in self.path.rglob("*") if p.is_file() and not p.is_symlink())
        names = sorted(p.relative_to(self.path).as_posix() for p in found)
        files = {name: file_digest(self.path / name) for name in names if _of_training(name)}
        self.manifest |= {"status": "finished", **results, "files": files}
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


def _of_training(name: str) -> bool:
    return name not in ("manifest.json", _STATE) and not name.startswith((".", "merged/"))


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
