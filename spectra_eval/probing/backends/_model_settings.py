"""What the settings beside the weights of a model or adapter may say, checked before a library acts on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectra_eval.artifacts import COUNT, check_document, read_json
from spectra_eval.errors import InputError, ModelLoadError, SchemaError, one_line

__all__ = [
    "adapter_settings",
    "check_adapter_sizes",
    "check_index",
    "check_model_sizes",
    "check_pattern",
    "model_settings",
]

_FIX = "save the adapter again with peft"
_SIZE = range(2**31)
_TEXTS = (None, str, [str])
_ADAPTER = {
    "peft_type?": str,
    "task_type?": (None, str),
    "base_model_name_or_path?": (None, str),
    "revision?": (None, str),
    "inference_mode?": bool,
    "r?": _SIZE,
    "lora_alpha?": float,
    "lora_dropout?": float,
    "bias?": str,
    "fan_in_fan_out?": bool,
    "use_rslora?": bool,
    "use_dora?": bool,
    "lora_bias?": bool,
    "target_modules?": _TEXTS,
    "exclude_modules?": _TEXTS,
    "feedforward_modules?": _TEXTS,
    "modules_to_save?": (None, [str]),
    "target_parameters?": (None, [str]),
    "layers_pattern?": _TEXTS,
    "layers_to_transform?": (None, COUNT, [COUNT]),
    "rank_pattern?": (None, {...: (_SIZE, [bool])}),
    "alpha_pattern?": (None, {...: float}),
    "init_lora_weights?": (None, bool, re.compile("[a-z_]{1,20}(_niter_[0-9]{1,2})?")),
    "layer_replication?": None,
    ...: object,
}
_SIZES = ("r", "init_r", "target_r", "n_frequency", "block_size", "oft_block_size", "boft_block_size", "boft_block_num")
"""Settings that say how large a matrix of an adapter is."""
_SMALL = 4096
"""A size up to which no matrix of an adapter is larger than one of its model."""
_PATTERNS = ("target_modules", "exclude_modules", "feedforward_modules", "layers_pattern")
"""Settings whose texts peft reads as regular expressions; so are the keys of `rank_pattern` and `alpha_pattern`."""

_GROUP = re.compile(r"\((?:\?:)?((?:[\w-]|\\\.|\|)+)\)")
_VARIABLE = r"(?:[*+?]\??|\{\d{1,2}(?:,\d{0,2})?\})"
_PIECE = rf"(?:[\w.-]|\\[.dwb]|\[[\w.-]{{1,30}}\]){_VARIABLE}?|{_GROUP.pattern}|[|^$]"
_PLAIN = re.compile(rf"(?:{_PIECE})*")
_LONGEST = 1000
_MOST = 4


def check_pattern(pattern: str) -> str | None:
    r"""Return why a pattern over names of modules could take too long, or None.

    What is matched takes at most the fourth power of the length of a name: every piece repeats one character, groups
    hold different words alone, and at most four pieces of an alternative vary.

    Examples
    --------
    >>> check_pattern(r".*\.layers\.\d+\.(q_proj|v_proj)")
    >>> check_pattern("(a+)+")
    'it repeats or nests groups, or looks around'
    """
    if len(pattern) > _LONGEST:
        return f"it has {len(pattern)} characters, more than {_LONGEST}"
    if _PLAIN.fullmatch(pattern) is None:
        return "it repeats or nests groups, or looks around"
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        return f"it is no regular expression ({error})"
    words = [group.split("|") for group in _GROUP.findall(pattern)]
    if any(len({*group}) < len(group) for group in words):
        return "a group names a word twice"
    for alternative in _GROUP.sub("(", pattern).split("|"):
        if len(re.findall(rf"\(|{_VARIABLE}", alternative)) > _MOST:
            return f"more than {_MOST} of its pieces vary"
    return None


def adapter_settings(adapter: Path) -> dict[str, Any]:
    """Read adapter_config.json of an adapter, with types and ranges of all that is used.

    Raises
    ------
    ModelLoadError
        It cannot be read, or holds what no adapter has.
    """
    place = adapter / "adapter_config.json"
    try:
        settings: Any = read_json(place)
    except InputError as error:
        raise ModelLoadError(f"{error}: not the settings of an adapter; {_FIX}") from error
    try:
        check_document(settings, _ADAPTER, fix=_FIX)
    except SchemaError as error:
        raise ModelLoadError(f"{place}: not the settings of an adapter: {error}") from error
    for name in _PATTERNS:
        texts = settings.get(name) or []
        # A list of target modules is compared by name and not by pattern.
        listed = [] if name.endswith("modules") and isinstance(texts, list) else texts
        _check_patterns(place, name, [texts] if isinstance(texts, str) else listed)
    _check_patterns(place, "modules_to_save", settings.get("modules_to_save") or [])
    for name in ("rank_pattern", "alpha_pattern"):
        _check_patterns(place, name, list(settings.get(name) or {}))
    return dict(settings)


def check_adapter_sizes(place: Path, settings: Mapping[str, Any], shapes: Iterable[Sequence[int]]) -> None:
    """Refuse an adapter whose settings ask for larger matrices than its weights are, before room is made for them.

    Raises
    ------
    ModelLoadError
        With the setting and both sizes.
    """
    largest = max((size for shape in shapes for size in shape), default=0)
    sizes = [(name, settings.get(name)) for name in _SIZES]
    sizes += [(f"rank_pattern.{key}", rank) for key, rank in (settings.get("rank_pattern") or {}).items()]
    for name, size in sizes:
        if isinstance(size, int) and size > max(largest, _SMALL):
            raise ModelLoadError(f"{place}: {name[:60]} is {size}, and no weight has more than {largest} rows; {_FIX}")


_REPEATED = re.compile(r"(?:.*_)?(?:layers?|experts|blocks)")
"""Settings of a model that say how often a part of it is repeated."""
_POSITIONS = re.compile(r"max_position_embeddings|n_positions|n_ctx|max_seq_len|seq_length|max_sequence_length")
_WEIGHTS = re.compile(r"[\w.-]+\.safetensors(\.index\.json)?")
_WHOLE = "get the files of the model again, all from one place"
_FEW = 512
_MOST_POSITIONS = 2**24


def model_settings(folder: Path) -> dict[str, Any]:
    """Read config.json of a model; empty where there is none.

    Raises
    ------
    ModelLoadError
        It is no JSON object, or what it says of a leak is neither true nor false.
    """
    place = folder / "config.json"
    if not place.is_file():
        return {}
    try:
        settings = json.loads(place.read_text(encoding="utf-8"))  # some models need its Infinity
    except (OSError, ValueError, RecursionError) as error:
        reason = one_line(error)[:160]
        raise ModelLoadError(f"{place}: not a readable configuration: {reason}; get the file again") from error
    try:
        check_document(settings, {"spectra_eval?": {"leaked": bool}, ...: object}, fix="get the file again")
    except SchemaError as error:
        raise ModelLoadError(f"{place}: not a configuration: {error}") from error
    return dict(settings)


def check_model_sizes(folder: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Refuse a config.json that asks for more parts than the weights can hold, before a library makes them.

    Parameters
    ----------
    folder : Path
        The model's; one without config.json is left to the library.
    shapes : mapping
        Of all weights, by name; empty where the folder holds none.

    Raises
    ------
    ModelLoadError
        It cannot be read, or a number in it is out of range.
    """
    place, settings = folder / "config.json", model_settings(folder)
    most = max(_FEW, len(shapes), *(size for shape in shapes.values() for size in shape))
    for name, value in _numbers(settings, ""):
        key = name.rpartition(".")[-1]
        least, limit = -(2**63), 2**63 - 1
        if _REPEATED.fullmatch(key):
            least, limit = -1, most
        elif _POSITIONS.fullmatch(key):
            least, limit = -1, _MOST_POSITIONS
        if not least <= value <= limit:
            shown = f"{value:.3g}" if abs(value) > limit else value
            fix = "put the config.json of these weights into the folder"
            raise ModelLoadError(f"{place}: {name[:80]} is {shown}, and at most {limit} can be meant; {fix}")


def check_index(folder: Path) -> None:
    """Refuse weights that are named by a path: in the index of several files, and in config.json.

    Raises
    ------
    ModelLoadError
        An index cannot be read, or something in it is no safetensors file of this folder.
    """
    named = [(folder / "config.json", model_settings(folder).get("transformers_weights"))]
    for place in sorted(folder.glob("*.safetensors.index.json")):
        try:
            index: Any = read_json(place)
            check_document(index, {"weight_map": {...: str}, ...: object}, fix=_WHOLE)
        except InputError as error:
            raise ModelLoadError(f"{place}: not an index of weights: {error}") from error
        named += [(place, name) for name in sorted(set(index["weight_map"].values()))]
    for place, name in named:
        if name is None:
            continue
        if not isinstance(name, str) or not _WEIGHTS.fullmatch(name) or not (folder / name).is_file():
            raise ModelLoadError(f"{place}: {str(name)[:80]!r} is no safetensors file in this folder; {_WHOLE}")


def _numbers(value: Any, place: str) -> Iterator[tuple[str, int]]:
    """Yield every whole number in a document, with its place."""
    waiting = [(place, value)]
    while waiting:
        at, one = waiting.pop()
        if type(one) is int:
            yield at, one
        inner = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        waiting += [(f"{at}.{key}" if at else str(key), value) for key, value in inner]


def _check_patterns(place: Path, name: str, patterns: list[str]) -> None:
    for pattern in patterns:
        if (why := check_pattern(pattern)) is not None:
            shown = pattern if len(pattern) <= 60 else f"{pattern[:57]}..."
            raise ModelLoadError(f"{place}: {name} {shown!r}: {why}; list the names of the modules instead")
