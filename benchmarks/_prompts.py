"""The questions that the benchmarks of probing put: real titles, so many categories, prefixes of so many tokens."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from spectra_eval.probing.backends._hf_tree import common_opening
from spectra_eval.probing.readouts import likelihood
from spectra_eval.tables import ProbeRequest

__all__ = ["ANSWERS", "GENRES", "Asked", "asked", "names", "opened"]

MOVIES = Path(__file__).parents[1] / "examples" / "data" / "ml-latest-small" / "movies.csv"
GENRES = (
    "Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror IMAX Musical Mystery "
    "Romance Sci-Fi Thriller War Western"
).split()
ANSWERS = likelihood.POSITIVE + likelihood.NEGATIVE


@dataclass(frozen=True)
class Asked:
    """All questions about one user.

    Attributes
    ----------
    request : ProbeRequest
        As a readout puts it.
    prompts : list of K token lists
        As the model sees it.
    answers : list of 6 int
        The tokens whose log-probabilities are wanted.
    prefix, unique : int
        Tokens that all prompts share, and tokens of all prompts with the shared ones counted once.
    """

    request: ProbeRequest
    prompts: list[list[int]]
    answers: list[int]
    prefix: int
    unique: int


def names(count: int) -> list[str]:
    """Give so many category names, genres first, then genres of other media."""
    media = ("books", "shows", "songs", "games", "plays", "comics", "podcasts")
    return [*GENRES, *(f"{genre} {medium}" for medium, genre in product(media, GENRES))][:count]


def asked(prompter: Any, *, prefix: int, categories: Sequence[str], user: int) -> Asked:
    """Put the questions about one user, with as many titles as fill a prefix of about so many tokens."""
    with MOVIES.open(encoding="utf-8", newline="") as stream:
        titles = [row["title"] for row in csv.DictReader(stream)][97 * user :]
    found: list[tuple[int, ProbeRequest, list[list[int]]]] = []
    while not found or found[-1][0] < prefix:
        request = likelihood.ask(titles[: len(found)], categories)
        prompts = prompter.prompts(request)
        found.append((common_opening(prompts), request, prompts))
    opening, request, prompts = min(found, key=lambda some: abs(some[0] - prefix))
    unique = opening + sum(len(prompt) - opening for prompt in prompts)
    return Asked(request, prompts, prompter.answer_ids(ANSWERS), opening, unique)


@contextmanager
def opened(dtype: str) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Open the embedded model; give session, model, tokenizer and prompter."""
    from spectra_eval.probing.backends import open as open_backend

    with open_backend("hf", dtype=dtype) as session:
        inside: Any = session
        yield inside, inside._model, inside._tokenizer, inside._prompter
