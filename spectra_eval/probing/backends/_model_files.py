"""The one place where files of a model become objects of ``transformers`` and ``peft``.

No code of a folder is run, there is no prompt on the terminal, nothing is fetched over the network, no pickle is read.
Everything else in the package calls these functions instead of ``from_pretrained``.
"""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from spectra_eval.errors import BackendUnavailable, ModelLoadError, SpectraError
from spectra_eval.probing.backends._model_settings import (
    adapter_settings,
    check_adapter_sizes,
    check_index,
    check_model_sizes,
)

__all__ = ["ADAPTER_KINDS", "load_adapter", "load_part", "loading", "reason_of", "shapes_of", "silenced"]

Part = Literal["tokenizer", "model", "config", "generation"]

_PARTS: Mapping[str, tuple[str, str]] = {
    "tokenizer": ("AutoTokenizer", "its tokenizer cannot be loaded"),
    "model": ("AutoModelForCausalLM", "cannot be loaded as a language model"),
    "config": ("AutoConfig", "its configuration cannot be read"),
    "generation": ("GenerationConfig", "its generation settings cannot be read"),
}
_BARE = (LookupError, AttributeError, TypeError, ArithmeticError)
"""Errors whose text alone says too little."""
_FIX = "get the files of the model again, all from one place"
_NO_SDPA = "does not support an attention implementation"
_BUFFER = re.compile(
    r"(^|\.)(inv_freq|position_ids|causal_mask|freqs_cis|masked_bias|(attn|attention|self_attention)\.bias)$"
)
"""Constants that older versions of the library wrote beside the weights."""
_OTHER_PART = re.compile(r"(model\.)?(vision|visual|image|audio|speech|multi_?modal|mm_|mtp)")
"""Parts of a model that a language model leaves out: for pictures, for sound, and for several tokens at once."""
ADAPTER_KINDS = frozenset(
    "ADALORA BOFT BONE C3A DELORA FOURIERFT GRALORA HIRA HRA IA3 LN_TUNING LOHA LOKR LORA MISS OFT RANDLORA ROAD SHIRA "
    "TRAINABLE_TOKENS VERA WAVEFT".split()
)
"""The kinds of ``peft`` that are merged into weights and name no other file, module or model."""


def load_part(part: Part, place: Path, **options: Any) -> Any:
    """Load one part of a model from its folder or from a GGUF file.

    Parameters
    ----------
    part : {"tokenizer", "model", "config", "generation"}
        What to load.
    place : Path
        A model folder, or a GGUF file; files beside a GGUF file are not looked at.
    **options
        Further arguments of ``from_pretrained``. A model is read with the attention ``sdpa`` where it has that, else
        with ``eager``, unless one is named.

    Raises
    ------
    BackendUnavailable
        The library ``transformers`` is not installed.
    ModelLoadError
        The files cannot be loaded, with the first line of the reason; the cause is kept.
    """
    try:
        import transformers
    except ImportError as error:
        raise BackendUnavailable("models need transformers: pip install 'spectra-eval[hf]'") from error
    name, problem = _PARTS[part]
    fixed: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    # Named here, because a configuration may name kernels of the hub instead.
    tried = [options.pop("attn_implementation", None)] if options.get("attn_implementation") else ["sdpa", "eager"]
    if part == "model":
        if place.is_dir() and (place / "adapter_config.json").exists():
            raise ModelLoadError(f"{place}: holds a model and an adapter; move the adapter to a folder of its own")
    if place.is_dir():
        check_index(place)
        check_model_sizes(
            place, {k: v for file in sorted(place.glob("*.safetensors")) for k, v in shapes_of(file).items()}
        )
    try:
        with _alone(place) as (folder, gguf), silenced():
            if gguf is not None:
                fixed["gguf_file"] = gguf
            elif part == "model":
                fixed["use_safetensors"] = True
            read = partial(getattr(transformers, name).from_pretrained, str(folder), **fixed, **options)
            if part != "model":
                found = read()
                if part == "tokenizer":
                    _try_out(found)
                return found
            try:
                found, seen = read(attn_implementation=tried[0], output_loading_info=True)
            except ValueError as error:
                if len(tried) == 1 or _NO_SDPA not in str(error):
                    raise
                found, seen = read(attn_implementation=tried[1], output_loading_info=True)
    except BaseException as error:  # damaged files, unknown architectures, code that would have to run
        if not _foreign(error):
            raise
        raise ModelLoadError(f"{place.name}: {problem}: {reason_of(error)}; {_FIX}") from error
    if missing := sorted(seen["missing_keys"]):
        raise ModelLoadError(
            f"{place.name}: {problem}: its weights lack {len(missing)} of those that its config.json describes, "
            f"{missing[0]} first; {_FIX}"
        )
    extra = sorted(name for name in seen["unexpected_keys"] if not _BUFFER.search(name))
    if unknown := [name for name in extra if not _OTHER_PART.match(name)]:
        raise ModelLoadError(
            f"{place.name}: {problem}: its weights hold {len(unknown)} that its config.json does not describe, "
            f"{unknown[0][:80]!r} first; {_FIX}"
        )
    if extra:
        warnings.warn(
            f"{place.name}: {len(extra)} weights of parts beside the language model are not used, "
            f"{extra[0][:80]!r} first",
            stacklevel=2,
        )
    return found


def _try_out(tokenizer: Any) -> None:
    """Use a tokenizer once, so that settings of a wrong type are noticed when it is loaded."""
    tokenizer("Yes, no", add_special_tokens=False)
    [int(number) for number in tokenizer.all_special_ids]
    tokenizer.model_max_length > 1  # noqa: B015  # text cannot be compared
    tokenizer.decode([0], skip_special_tokens=True)


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Map what a library raises on a model that it has loaded to one line; errors of our own pass.

    Raises
    ------
    ModelLoadError
        With the first line of the reason; the cause is kept.
    """
    try:
        yield
    except BaseException as error:  # settings that only show where they are used
        if not _foreign(error):
            raise
        raise ModelLoadError(f"{what}: {reason_of(error)}; {_FIX}") from error


def load_adapter(model: Any, adapter: Path, *, trainable: bool = False) -> Any:
    """Load an adapter onto a model and return the model of ``peft``.

    Raises
    ------
    BackendUnavailable
        The library ``peft`` is not installed.
    ModelLoadError
        The folder holds no adapter in safetensors, one that names modules or models of its own, or one that does not
        fit the model.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise BackendUnavailable("adapters need peft: pip install 'spectra-eval[train]'") from error
    _check_adapter(adapter)
    try:
        with silenced():
            return PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)
    except Exception as error:  # shapes and names that do not fit, damaged files
        raise ModelLoadError(f"{adapter}: does not fit this model: {reason_of(error)}") from error


def _foreign(error: BaseException) -> bool:
    """Return whether an error is one of a library; a panic of the tokenizers' Rust code is no `Exception`."""
    panic = type(error).__name__ == "PanicException"
    return panic or (isinstance(error, Exception) and not isinstance(error, SpectraError | MemoryError))


def reason_of(error: BaseException) -> str:
    """Return the first line of an error that says something, with its class where that is one of Python's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if "ignore_mismatched_sizes" in str(error):
        return "config.json asks for other sizes than its weights have"
    reason = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return f"{type(error).__name__}: {reason}" if isinstance(error, _BARE) else reason


@contextmanager
def silenced() -> Iterator[None]:
    """Keep progress bars, notes and warnings of the model library from the terminal, and restore them afterwards."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _alone(place: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield a folder to load from; a GGUF file is given a folder in which nothing else is."""
    if not place.is_file():
        yield place, None
        return
    with tempfile.TemporaryDirectory(prefix="spectra-eval-") as made:
        os.symlink(place.resolve(), Path(made) / "model.gguf")
        yield Path(made), "model.gguf"


def _check_adapter(adapter: Path) -> None:
    """Refuse an adapter that would be read as a pickle, or that names other modules or models to load."""
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / name).is_file():
            raise ModelLoadError(f"{adapter}: not an adapter: it holds no {name}")
    place = adapter / "adapter_config.json"
    settings = adapter_settings(adapter)
    kind = settings.get("peft_type")
    if kind not in ADAPTER_KINDS:
        known = ", ".join(sorted(ADAPTER_KINDS))
        raise ModelLoadError(f"{place}: peft_type is {kind!r}, which is not merged here; the known ones are {known}")
    if settings.get("megatron_config") is not None:
        raise ModelLoadError(f"{place}: megatron_config names a module to import; save the adapter without it")
    check_adapter_sizes(place, settings, shapes_of(adapter / "adapter_model.safetensors").values())


def shapes_of(weights: Path) -> dict[str, list[int]]:
    """Read the names and shapes of a safetensors file, and none of its numbers.

    Raises
    ------
    ModelLoadError
        The file is damaged, or no such file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="np") as state:
            return {name: state.get_slice(name).get_shape() for name in state.keys()}
    except (SafetensorError, OSError) as error:
        raise ModelLoadError(f"{weights}: not a readable safetensors file: {reason_of(error)}") from error
