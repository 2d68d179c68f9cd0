from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.probing.readouts.dg import ask, max_tokens, read

CATEGORIES = ("Action", "Film-Noir", "Sci-Fi", "Health, Beauty & Care", "(no genres listed)", "Drama")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Drama\nAction", [5, 0, -2, -2]),
        ("1. Drama\n2. Action\n3. Sci-Fi\n4. Film-Noir", [5, 0, 2, 1]),
        ("- drama\n* ACTION\n• sci-fi", [5, 0, 2, -2]),
        ("1) **Drama**\n2) 'Action',\n#3. Sci-Fi.", [5, 0, 2, -2]),
        ("**1. Drama**\n", [5, -2, -2, -2]),
        ("Drama, Action, Sci-Fi", [5, 0, 2, -2]),
        ("Drama; Health, Beauty & Care", [5, 3, -2, -2]),
        ("Health, Beauty & Care", [3, -2, -2, -2]),
        ("Drama, Health, Beauty & Care, Action", [5, 3, 0, -2]),
        ("1. Health, Beauty & Care, 2. Drama, Health", [3, 5, -1, -2]),
        ("(no genres listed)", [4, -2, -2, -2]),
        ("Drama\nJazz\nAction", [5, -1, 0, -2]),
        ("Drama\nAction\ndrama\nSci-Fi\nFilm-Noir", [5, 0, 2, 1]),
        ("Drama\nAction\nSci-Fi\nFilm-Noir\n(no genres listed)", [5, 0, 2, 1]),
        ("Jazz\nBlues", [-1, -1, -2, -2]),
        ("The user likes Drama", [-1, -2, -2, -2]),
        ("Dramas", [-1, -2, -2, -2]),
        ("Ｄｒａｍａ", [5, -2, -2, -2]),
        ("", [-2, -2, -2, -2]),
        ("\n\n  \n", [-2, -2, -2, -2]),
    ],
)
def test_the_rule(text: str, expected: list[int]) -> None:
    got = read(text, CATEGORIES, list_length=4)
    assert got.tolist() == expected and got.dtype == np.int32


def test_half_a_name_at_the_cut_is_dropped() -> None:
    assert read("Drama\nFilm-", CATEGORIES, list_length=3, truncated=True).tolist() == [5, -2, -2]
    assert read("Drama\nFilm-", CATEGORIES, list_length=3).tolist() == [5, -1, -2]
    assert read("Drama\nAction", CATEGORIES, list_length=3, truncated=True).tolist() == [5, 0, -2]


def test_names_that_read_alike_are_refused() -> None:
    with pytest.raises(InputError, match="'War' and 'war'"):
        read("War", ("War", "war"))
    with pytest.raises(InputError, match="read alike"):
        ask(("Heat",), ("War", "War."), list_length=1)


@pytest.mark.parametrize("length", [0, 7])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    with pytest.raises(InputError, match="between 1 and the 6"):
        ask(("Heat",), CATEGORIES, list_length=length)


def test_the_question_and_its_room() -> None:
    assert ask(("Heat",), CATEGORIES, list_length=3).answers == CATEGORIES
    assert max_tokens(CATEGORIES, 5) > max_tokens(CATEGORIES, 1) >= len("Health, Beauty & Care") // 2
    assert max_tokens(["x" * 40], 1) == max_tokens(["x" * 20], 1) + 10
