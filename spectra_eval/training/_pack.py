"""Examples and texts as rows of tokens: the input of one pass of a model, with its targets.

The prompts of one user share their opening. It is once in a row, the endings follow side by side, and a mask
lets each ending see the opening and itself alone; what is read is what each prompt alone would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing.readouts.likelihood import NEGATIVE, POSITIVE
from spectra_eval.tables import ProbeRequest
from spectra_eval.training.corpus import Example

__all__ = ["Row", "Tokens", "name_row", "packed", "score_row", "text_rows", "tree_mask"]


@runtime_checkable
class Tokens(Protocol):
    """Turns a request into the tokens that the probe itself would put to the model."""

    def prompts(self, request: ProbeRequest) -> list[list[int]]:
        """Return the token ids of every question."""

    def answer_ids(self, answers: tuple[str, ...]) -> list[int]:
        """Return the one token of each answer."""

    def answer_tokens(self, answers: tuple[str, ...]) -> list[list[int]]:
        """Return the tokens of each answer, one or several."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One sequence of Q tokens, R positions in it that are read, and their targets.

    Attributes
    ----------
    ids, depth : (Q,) int arrays
        Tokens, and their places in their own prompt.
    branch : (Q,) int array or None
        The ending that a token belongs to, -1 for the opening; None for plain text.
    reads : (R,) int array
        The logits at these places are used.
    target : (R,) float array
        Proportions of the categories, or the weights of the tokens to predict; they sum to 1.
    labels : (R,) int array or None
        The tokens to predict; None where scores are trained.
    answers, signs : (V,) arrays or None
        The answers whose logits, weighted by `signs`, make a score.
    offset : (R,) float array or None
        Added to the scores, nats.

    Examples
    --------
    >>> place = np.array([1])
    >>> row = Row(ids=np.array([5, 6]), depth=np.arange(2), reads=place, target=np.ones(1), labels=np.array([7]))
    >>> row.branch is None
    True
    """

    ids: np.ndarray
    depth: np.ndarray
    reads: np.ndarray
    target: np.ndarray
    branch: np.ndarray | None = None
    labels: np.ndarray | None = None
    answers: np.ndarray | None = None
    signs: np.ndarray | None = None
    offset: np.ndarray | None = None


def score_row(example: Example, tokens: Tokens) -> Row:
    """Convert the K yes-or-no questions about one user to a row.

    The score of a category is that of the readout `likelihood`.

    Parameters
    ----------
    example : Example
        With one prompt per category.
    tokens : Tokens
        The tokens of the model.

    Returns
    -------
    Row
        One read per category, with `answers` and `signs`.

    Raises
    ------
    InputError
        There is not one prompt per category, or the answers are not those of the readout.
    ProbeError
        A prompt has no tokens.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from spectra_eval.probing.readouts import likelihood
    >>> tokens = SimpleNamespace(  # of a model; here by hand
    ...     prompts=lambda request: [[1, 2, 3], [1, 2, 4]], answer_tokens=lambda answers: [],
    ...     answer_ids=lambda answers: [*range(len(answers))],
    ... )
    >>> request = likelihood.ask(["Heat"], ["Noir", "War"])
    >>> row = score_row(Example(user="ann", request=request, target=np.array([0.25, 0.75])), tokens)
    >>> row.ids.tolist(), row.reads.tolist()
    ([1, 2, 3, 4], [2, 3])
    """
    request = example.request
    if request.answers != POSITIVE + NEGATIVE or len(request.suffixes) != len(example.target):
        raise InputError("example: not the questions of readout 'likelihood'; train its scores, or names instead")
    prompts = tokens.prompts(request)
    ids, branch, depth, ends = packed(prompts)
    return Row(
        ids=ids,
        branch=branch,
        depth=depth,
        reads=ends,
        target=np.asarray(example.target, dtype=np.float64),
        answers=np.array(tokens.answer_ids(request.answers)),
        signs=np.repeat([1 / len(POSITIVE), -1 / len(NEGATIVE)], [len(POSITIVE), len(NEGATIVE)]),
        offset=example.offset,
    )


def name_row(example: Example, tokens: Tokens, *, stop: int | None = None) -> Row:
    """Convert one prompt and the names that answer it to a row.

    Parameters
    ----------
    example : Example
        With one prompt.
    tokens : Tokens
        The tokens of the model.
    stop : int, optional
        The token that ends a response; it is a target too.

    Returns
    -------
    Row
        One read per token of a name, with `labels`; the weight of a name is its proportion, whatever its length.

    Raises
    ------
    InputError
        There is not one prompt.
    ProbeError
        A prompt has no tokens.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from spectra_eval.probing.prompts import name_request
    >>> tokens = SimpleNamespace(  # of a model; here by hand
    ...     prompts=lambda request: [[1, 2]], answer_ids=lambda answers: [],
    ...     answer_tokens=lambda answers: [[7], [8, 9]],
    ... )
    >>> request = name_request(["Heat"], ["Noir", "War"])
    >>> row = name_row(Example(user="ann", request=request, target=np.array([0.0, 1.0])), tokens)
    >>> row.ids.tolist(), row.reads.tolist(), row.labels.tolist()
    ([1, 2, 8], [1, 2], [8, 9])
    """
    if len(example.request.suffixes) != 1:
        raise InputError(f"example: {len(example.request.suffixes)} questions; a name answers one")
    (prompt,) = tokens.prompts(example.request)
    targets = np.flatnonzero(example.target > 0).tolist()
    words = tokens.answer_tokens(example.request.answers)
    replies = [[*words[place], *([] if stop is None else [stop])] for place in targets]
    # The last token of the prompt is read once for every answer, so each answer includes it.
    ids, branch, depth, ends = packed([prompt + reply[:-1] for reply in replies], opening=len(prompt) - 1)
    reads: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    for end, reply, place in zip(ends.tolist(), replies, targets, strict=True):
        reads += range(end - len(reply) + 1, end + 1)
        labels += reply
        weights += [float(example.target[place])] * len(reply)
    return Row(
        ids=ids,
        branch=branch,
        depth=depth,
        reads=np.array(reads),
        target=np.array(weights) / float(np.sum(weights)),
        labels=np.array(labels),
    )


def text_rows(encoded: Iterable[Sequence[int]], *, length: int, stop: int) -> list[Row]:
    """Convert encoded texts to rows in which every token predicts the next.

    The texts are joined to one stream, each closed by `stop`; the stream is cut into rows.

    Parameters
    ----------
    encoded : iterable of sequence of int
        The tokens of each text.
    length : int
        The length of a row in tokens; the last one may be shorter.
    stop : int
        The token that ends a text.

    Returns
    -------
    list of Row
        Rows with `labels`, without `branch`.

    Raises
    ------
    InputError
        The length is below 2.

    Examples
    --------
    >>> rows = text_rows([[5, 6], [7, 8, 9]], length=4, stop=0)
    >>> [(row.ids.tolist(), row.labels.tolist()) for row in rows]
    [([5, 6, 0, 7], [6, 0, 7, 8]), ([8, 9], [9, 0])]
    """
    if length < 2:
        raise InputError(f"length: {length} tokens; a row needs at least 2")
    stream = np.array([token for ids in encoded for token in (*ids, stop)], dtype=np.int64)
    rows = []
    for start in range(0, len(stream) - 1, length):
        piece = stream[start : start + length + 1]  # one token more: the last one's successor
        size = len(piece) - 1
        places = np.arange(size)
        rows.append(Row(ids=piece[:-1], depth=places, reads=places, labels=piece[1:], target=np.full(size, 1.0 / size)))
    return rows


def packed(
    prompts: Sequence[Sequence[int]], *, opening: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pack prompts with one opening into one row: (ids, branch, depth, ends), `ends` the last place of each.

    Examples
    --------
    >>> [part.tolist() for part in packed([[5, 6, 7], [5, 6, 8, 9]])]
    [[5, 6, 7, 8, 9], [-1, -1, 0, 1, 1], [0, 1, 2, 2, 3], [2, 4]]
    """
    if any(not prompt for prompt in prompts) or not prompts:
        raise ProbeError("an empty prompt cannot be trained on; ask something")
    if opening is None:
        shortest = min(len(prompt) for prompt in prompts)
        opening = 0
        while opening < shortest - 1 and all(prompt[opening] == prompts[0][opening] for prompt in prompts):
            opening += 1
    sizes = np.array([len(prompt) - opening for prompt in prompts])
    ids = [*prompts[0][:opening], *(token for prompt in prompts for token in prompt[opening:])]
    branch = np.repeat(np.arange(-1, len(sizes)), [opening, *sizes.tolist()])
    depth = np.concatenate([np.arange(opening), *(opening + np.arange(size) for size in sizes)])
    return np.array(ids, dtype=np.int64), branch, depth, opening + np.cumsum(sizes) - 1


def tree_mask(branch: np.ndarray) -> np.ndarray:
    """Return the attention mask, (Q, Q) bool: a token sees the opening and its own ending up to itself.

    Examples
    --------
    >>> tree_mask(np.array([-1, 0, 1])).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [1, 0, 1]]
    """
    seen = (branch[:, None] == branch[None, :]) | (branch == -1)[None, :]
    return np.asarray(seen & np.tri(len(branch), dtype=bool))
