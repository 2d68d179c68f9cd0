"""The directly generated list: the model generates category names, which are parsed strictly.

It is a list and not a distribution, so it is not an entry of `READOUTS`; `spectra_eval.probing` decodes it
in addition to the readout of the run.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spectra_eval.arrays import as_array
from spectra_eval.artifacts._names import joined_names
from spectra_eval.errors import InputError
from spectra_eval.probing.prompts import clean_text, list_request, next_request
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, ProbeRequest

__all__ = ["ENTRY", "alone", "ask", "ask_next", "max_tokens", "name_index", "plain_name", "read"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The description of the decoded list in `list readouts`."""

    name: str
    label: str
    summary: str
    definition: str
    reading: str
    pitfalls: str
    reference: str
    stage: str = "stable"


ENTRY = Entry(
    name="dg",
    label="Generated list",
    summary="the decoded list (probe --dg): greedy or sampled with a seed, free or constrained to category names",
    definition="The categories that the model names, best first, parsed from its text or constrained to the names.",
    reading="What a user of the model would see; compared with a readout as the uniform distribution on the list.",
    pitfalls="Entries that are no category keep their position and count as misses. A short list misses mass.",
    reference="The paper, appendix A.3",
)
_MARK = re.compile(r"^\s*(?:[-*•–—+]+|[(\[]?\d{1,3}[.):\]]+|#\d{1,3}[.:]?)\s+")
_EDGE = " \t\"'`*_“”‘’«».,;:!?"
_MARK_TOKENS = 4
"""Of one entry: a number, its mark, a blank and the end of the line."""
_BYTES_A_TOKEN = 2


def ask(history: Sequence[str], categories: Sequence[str], *, list_length: int = 5) -> ProbeRequest:
    """Return the prompt for the categories that the user will choose most, best first.

    Parameters
    ----------
    history : sequence of str
        Titles shown in the prompt, oldest first.
    categories : sequence of K str
        Names of the categories.
    list_length : int
        Number of categories in the list, from 1 to K.

    Returns
    -------
    ProbeRequest
        One prompt; the answers are the names.

    Raises
    ------
    InputError
        The length is not between 1 and K, or two categories read alike (see `read`).

    Examples
    --------
    >>> ask(["Heat (1995)"], ["Noir", "War"], list_length=1).answers
    ('Noir', 'War')
    """
    if not 1 <= list_length <= len(categories):
        raise InputError(f"list_length: {list_length} is not between 1 and the {len(categories)} categories")
    name_index(categories)
    return list_request(history, categories, list_length=list_length)


def ask_next(
    history: Sequence[str], categories: Sequence[str], named: Sequence[int], *, list_length: int = 5
) -> ProbeRequest:
    """Return the prompt for one more category by name, after some were named; every name is an answer.

    Parameters
    ----------
    history : sequence of str
        Titles shown in the prompt, oldest first.
    categories : sequence of K str
        Names of the categories.
    named : sequence of int
        Indices of the categories that were named before, in order.
    list_length : int
        Number of categories in the list, from 1 to K.

    Returns
    -------
    ProbeRequest
        One prompt; the answers are the names.

    Raises
    ------
    InputError
        The length is not between 1 and K, or two categories read alike.

    Examples
    --------
    >>> ask_next(["Heat (1995)"], ["Noir", "War", "Drama"], [1], list_length=2).suffixes
    ('War was named before. Which of the other categories fits this user best? Write one category name.',)
    """
    ask(history, categories, list_length=list_length)
    return next_request(history, categories, named)


def alone(log_probs: Any, categories: Sequence[str]) -> np.ndarray:
    """Return the probability of each name without that of the longer names that begin with it.

    Parameters
    ----------
    log_probs : (K,) float array
        Of each name as the beginning of a response, in nats.
    categories : sequence of K str
        The names.

    Returns
    -------
    (K,) float array
        Nats; a name whose probability is all used up keeps a billionth of it.

    Raises
    ------
    InputError
        A log-probability is not a number.

    Examples
    --------
    >>> alone(np.log([0.5, 0.3, 0.1]), ["Sci-Fi", "Sci-Fi & Fantasy", "War"]).round(4).tolist()
    [-1.6094, -1.204, -2.3026]
    """
    shares = np.exp(as_array("log_probs", log_probs))
    left = shares.copy()
    for place, longer in _openings(tuple(categories)):
        left[place] = max(shares[place] - shares[list(longer)].sum(), 1e-9 * shares[place])
    return np.log(np.maximum(left, 1e-300))


@lru_cache(maxsize=8)
def _openings(categories: tuple[str, ...]) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return each name that opens others, with those of them that no other of them opens."""
    names = [clean_text(name) for name in categories]

    def extends(longer: str, name: str) -> bool:
        return longer != name and longer.startswith(name) and not longer[len(name)].isalnum()

    found = []
    for place, name in enumerate(names):
        longer = [i for i, other in enumerate(names) if extends(other, name)]
        direct = tuple(i for i in longer if not any(extends(names[i], names[j]) for j in longer))
        if direct:
            found.append((place, direct))
    return tuple(found)


def max_tokens(categories: Sequence[str], list_length: int) -> int:
    """Return the tokens that a response may have: enough for the longest names, at two bytes a token.

    Parameters
    ----------
    categories : sequence of K str
        Names of the categories.
    list_length : int
        Number of categories in the list.

    Returns
    -------
    int
        At least 1 for each name.

    Examples
    --------
    >>> max_tokens(["Noir", "War", "Drama"], 2)
    13
    """
    longest = sorted((len(clean_text(name).encode()) for name in categories), reverse=True)[:list_length]
    return sum(math.ceil(size / _BYTES_A_TOKEN) + _MARK_TOKENS for size in longest)


def read(text: str, categories: Sequence[str], *, list_length: int = 5, truncated: bool = False) -> np.ndarray:
    r"""Read a response as a list of categories.

    The rule, and nothing beyond it: entries are one a line, or between semicolons or commas when the whole
    response is one line. Of each entry the list mark before it (``1.``, ``-``), and quotes, stars and punctuation
    around it are removed, and letters are compared without regard to case, width or repeated blanks. What is
    left must be the name of a category whole; else the entry is out of vocabulary and keeps its place. A category
    named again is dropped, and entries beyond `list_length` are not read.

    Parameters
    ----------
    text : str
        What the model wrote.
    categories : sequence of K str
        The names, in the order of the result's indices.
    list_length : int
        Length L of the result.
    truncated : bool
        The response was cut at the token limit: a last entry that is no name may be half of one, and is dropped.

    Returns
    -------
    (L,) int32 array
        Indices of categories, best first; -1 for an entry out of vocabulary, -2 after the end.

    Raises
    ------
    InputError
        The rule cannot distinguish two categories.

    Examples
    --------
    >>> read("1. **Noir**\n2. Jazz\n3. noir\n4. War.", ["War", "Noir", "Drama"], list_length=3).tolist()
    [1, -1, 0]
    >>> read("War, Drama", ["War", "Noir", "Drama"], list_length=3).tolist()
    [0, 2, -2]
    """
    index = name_index(categories)
    entries = _entries(text, index)
    if truncated and entries and entries[-1] not in index:
        entries = entries[:-1]
    found: list[int] = []
    for entry in entries:
        place = index.get(entry, OUT_OF_VOCABULARY)
        if place == OUT_OF_VOCABULARY or place not in found:
            found.append(place)
    found = found[:list_length]
    return np.array(found + [PAD] * (list_length - len(found)), dtype=np.int32)


def name_index(categories: Sequence[str]) -> dict[str, int]:
    """Return the index of each category by its normalised name.

    Parameters
    ----------
    categories : sequence of K str
        Names of the categories.

    Returns
    -------
    dict of str to int
        The names as `plain_name` returns them.

    Raises
    ------
    InputError
        Two names read alike in a response.

    Examples
    --------
    >>> name_index(["Noir", "War"])
    {'noir': 0, 'war': 1}
    """
    index: dict[str, int] = {}
    for place, name in enumerate(categories):
        key = plain_name(clean_text(name))
        if key in index:
            other = categories[index[key]]
            raise InputError(f"categories: {other!r} and {name!r} read alike in a response; rename one of the two")
        index[key] = place
    return index


def _entries(text: str, index: dict[str, int]) -> list[str]:
    lines = [line for line in text.splitlines() if plain_name(line)]
    if len(lines) == 1 and plain_name(lines[0]) not in index:
        separator = ";" if ";" in lines[0] else ","
        known = {tuple(map(plain_name, name.split(separator))): name for name in index if separator in name}
        parts = [part for part in map(plain_name, lines[0].split(separator)) if part]
        return joined_names(parts, known)
    return [plain_name(line) for line in lines]


def plain_name(text: str) -> str:
    """Return a name in lower case, without the marks around it.

    A name that begins with a mark, such as ``-18``, loses it in the response and in the category.

    Parameters
    ----------
    text : str
        A name, or a line of a response.

    Returns
    -------
    str
        Case-folded and normalised to NFKC, with single spaces.

    Examples
    --------
    >>> plain_name(" 1. Sci-Fi ")
    'sci-fi'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_MARK.sub("", folded.strip(_EDGE)).strip(_EDGE).split())
