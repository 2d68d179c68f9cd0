"""What the backend `vllm` says where it cannot start; the engine itself is asked in tests/integration/vllm."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spectra_eval.errors import BackendUnavailable, InputError, ModelLoadError, ProbeError
from spectra_eval.probing.backends import BACKENDS
from spectra_eval.probing.backends._adapter import adapter_digest, adapter_rank, merged
from spectra_eval.probing.backends._vllm_engine import _warmed, environments, head_names, quiet_engine
from spectra_eval.probing.backends.vllm import _wanted_only, open_vllm


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtype": "float8"}, "dtype: 'float8' is none of"),
        ({"route": "chat"}, "route: 'chat' is none of generate, classify"),
        ({"tensor_parallel": 0}, "tensor_parallel: 0"),
        ({"max_model_len": 0}, "max_model_len: 0"),
        ({"serve_adapter": True}, "there is no adapter"),
        ({"serve_adapter": True, "adapter": "here", "route": "classify"}, "let the adapter be merged"),
        ({"data_parallel": 0}, "data_parallel: 0"),
        ({"engine": {"trust_remote_code": True}}, "trust_remote_code is set by the backend"),
        ({"kv_cache_gib": 0}, "kv_cache_gib: 0"),
        ({"kv_cache_gib": math.nan}, "kv_cache_gib: nan"),
    ],
)
def test_an_option_out_of_range(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said), open_vllm(**options):
        pass


def test_without_the_extra_the_mend_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(BackendUnavailable, match="pip install 'spectra-eval\\[vllm\\]'"), BACKENDS["vllm"].open():
        pass


def test_libraries_that_do_not_fit_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            if name == "LLM":
                raise RuntimeError("operator torchvision::nms does not exist")
            raise AttributeError(name)

    monkeypatch.setitem(sys.modules, "vllm", Broken())
    with pytest.raises(BackendUnavailable, match=r"torchvision::nms .* uninstall it"), open_vllm():
        pass


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for what vLLM says of the machine: one with GPUs."""
    found = SimpleNamespace(is_cpu=lambda: False, device_control_env_var="CUDA_VISIBLE_DEVICES")
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "vllm.platforms", SimpleNamespace(current_platform=found))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return found


def test_every_copy_has_devices_of_its_own(platform: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="the extra hf is not installed")
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 4)
    assert environments(2, 2) == [{"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2,3"}]
    with pytest.raises(InputError, match="data_parallel: 3 copies on 2 devices each; 4 devices are visible here"):
        environments(3, 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,GPU-5,2")
    assert environments(3, 1) == [{"CUDA_VISIBLE_DEVICES": name} for name in ("7", "GPU-5", "2")]
    with pytest.raises(InputError, match="3 devices are visible"):
        environments(2, 2)


def test_copies_on_a_processor_share_its_cores(platform: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="the extra hf is not installed")
    platform.is_cpu = lambda: True
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    for copies, cores in ((2, "4"), (3, "2"), (99, "1")):
        bound = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": cores}
        assert environments(copies, 1) == [bound] * copies


def test_a_divided_model_on_a_processor_needs_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ModelLoadError, match=r"pipeline_parallel: .* no g\+\+"):
        _warmed()
    (tmp_path / "g++").touch(mode=0o755)
    assert _warmed()["enforce_eager"] is False


def test_settings_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)
    with quiet_engine(VLLM_EXTRA="x"):
        inside = [os.environ[name] for name in ("HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS", "VLLM_EXTRA")]
    assert inside == ["1", "1", "x"]
    assert os.environ["HF_HUB_OFFLINE"] == "0" and not {"VLLM_NO_USAGE_STATS", "VLLM_EXTRA"} & set(os.environ)


def test_every_asked_token_must_come_back() -> None:
    given = {3: SimpleNamespace(logprob=-0.5), 8: SimpleNamespace(logprob=-2.0)}
    output = SimpleNamespace(outputs=[SimpleNamespace(logprobs=[given])])
    assert _wanted_only(output, [8, 3]) == {8: -2.0, 3: -0.5}
    with pytest.raises(ProbeError, match=r"tokens \[4\]"):
        _wanted_only(output, [3, 4])
    with pytest.raises(ProbeError, match=r"tokens \[3\]"):
        _wanted_only(SimpleNamespace(outputs=[SimpleNamespace(logprobs=None)]), [3])


class _Names:
    """A tokenizer of a few names."""

    def __init__(self, names: list[str | None]) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def add_tokens(self, more: list[str]) -> None:
        self.names += more

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str | None]:
        return [self.names[i] for i in ids]

    def convert_tokens_to_ids(self, names: list[str]) -> list[int]:
        return [self.names.index(name) for name in names]

    def save_pretrained(self, place: Path) -> None:
        (place / "names").write_text(repr(self.names), encoding="utf-8")


def test_rows_past_the_vocabulary_get_names_of_their_own(tmp_path: Path) -> None:
    tokenizer = _Names(["a", "b"])
    names, place = head_names(tokenizer, 4, scratch=tmp_path)
    assert names[:2] == ["a", "b"] and len(set(names)) == 4 and len(tokenizer) == 2
    assert (place / "names").read_text(encoding="utf-8") == repr(names)


@pytest.mark.parametrize("names", [["a", None, "c"], ["a", "b", "a"]])
def test_a_row_without_a_name_of_its_own_is_refused(names: list[str | None], tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="use route 'generate'"):
        head_names(_Names(names), 3, scratch=tmp_path)


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"holds no adapter_config\.json"):
        merged(tmp_path, tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelLoadError, match=r"adapter_model\.safetensors"):
        adapter_digest(tmp_path)
    with pytest.raises(ModelLoadError, match="does not say the rank"):
        adapter_rank(tmp_path)


def test_the_rank_of_an_adapter_is_its_largest(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 8, "rank_pattern": {"q_proj": 24}}', encoding="utf-8")
    assert adapter_rank(tmp_path) == 24
