"""The folder of one training: settings, log and the state from which a training that was stopped goes on.

The state is one safetensors file: numbers alone, nothing that could run. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import json_digest, open_own, own_file, read_json, write_json, write_text, written_path
from spectra_eval.errors import InputError

__all__ = ["TrainingFolder", "file_digest"]

SCHEMA = "spectra-eval/training"
VERSION = 1
_STATE = "state.safetensors"
_CHUNK = 1 << 20


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
            known = read_json(place)
            if not isinstance(known, dict) or known.get("schema") != SCHEMA:
                raise InputError(f"{place}: not the manifest of a training; name a new folder")
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
        for name, digest in self.manifest["files"].items():
            place = self.path / name
            if not place.is_file() or file_digest(place) != digest:
                raise InputError(f"{place}: missing or changed since the training wrote it; train into a new folder")
        return True

    def keep(self, step: int, model: Any, optimizer: Any) -> None:
        """Write what the next step depends on: trained weights and both moments of each; no more is random."""
        from safetensors.torch import save_file

        tensors = {}
        for name, parameter in _trained(model):
            moments = optimizer.state[parameter]
            tensors[f"weight/{name}"] = parameter.detach().contiguous()
            tensors[f"first/{name}"] = moments["exp_avg"].contiguous()
            tensors[f"second/{name}"] = moments["exp_avg_sq"].contiguous()
        log = json.dumps(self.log[:step])
        with written_path(own_file(self.path / _STATE)) as fresh:
            save_file(tensors, fresh, metadata={"step": str(step), "log": log, "digest": self._digest})

    def resume(self, model: Any, optimizer: Any) -> int:
        """Put the last state back and give the number of steps it has seen; 0 where there is none.

        Raises
        ------
        InputError
            The state belongs to another training, or lacks a weight.
        """
        import torch
        from safetensors import safe_open

        place = own_file(self.path / _STATE)
        if not place.is_file():
            self.log = []
            self.write_log()
            return 0
        with safe_open(place, framework="pt") as state:
            said = state.metadata()
            if said["digest"] != self._digest:
                raise InputError(f"{place}: belongs to another training; name a new folder")
            step = int(said["step"])
            with torch.no_grad():
                for name, parameter in _trained(model):
                    parameter.copy_(state.get_tensor(f"weight/{name}"))
                    optimizer.state[parameter] = {
                        "step": torch.tensor(float(step)),
                        "exp_avg": state.get_tensor(f"first/{name}").to(parameter.device),
                        "exp_avg_sq": state.get_tensor(f"second/{name}").to(parameter.device),
                    }
        self.log = json.loads(said["log"])
        self.write_log()
        return step

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
        names = sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())
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


def _of_training(name: str) -> bool:
    return name not in ("manifest.json", _STATE) and not name.startswith((".", "merged/"))


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
