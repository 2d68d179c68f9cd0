"""Rows: what is packed side by side is what each prompt alone would be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.probing.readouts import likelihood
from spectra_eval.probing.readouts.likelihood import NEGATIVE, POSITIVE
from spectra_eval.tables import ProbeRequest
from spectra_eval.training import Example, name_row, score_row, text_rows
from spectra_eval.training._pack import packed, tree_mask


class Letters:
    """A tokenizer in which every letter is a token, and every answer its first letters."""

    def prompts(self, request: ProbeRequest) -> list[list[int]]:
        return [[ord(letter) for letter in request.prefix + suffix] for suffix in request.suffixes]

    def answer_ids(self, answers: tuple[str, ...]) -> list[int]:
        return [ord(answer[-1]) for answer in answers]

    def answer_tokens(self, answers: tuple[str, ...]) -> list[list[int]]:
        return [[ord(letter) for letter in answer] for answer in answers]


def test_each_ending_sees_its_own_prompt_alone() -> None:
    prompts = [[1, 2, 3, 4], [1, 2, 5], [1, 2, 3, 6, 7]]
    ids, branch, depth, ends = packed(prompts)
    seen = tree_mask(branch)
    for prompt, end in zip(prompts, ends.tolist(), strict=True):
        assert ids[seen[end]].tolist() == prompt
        assert depth[seen[end]].tolist() == list(range(len(prompt)))


def test_a_score_is_that_of_the_readout() -> None:
    example = Example(user="ann", request=likelihood.ask(("Heat",), ("A", "B")), target=np.array([0.5, 0.5]))
    row = score_row(example, Letters())
    assert row.signs is not None and row.answers is not None and row.labels is None
    np.testing.assert_allclose(row.signs, [1 / 3] * 3 + [-1 / 3] * 3)
    assert row.answers.tolist() == [ord(answer[-1]) for answer in POSITIVE + NEGATIVE]
    assert [chr(i) for i in row.ids[row.reads]] == ["A", "B"]
    other = ProbeRequest(prefix="Is it", suffixes=(" A?", " B?"), answers=("Yes", "No"))
    with pytest.raises(InputError, match="not the questions of readout"):
        score_row(Example(user="ann", request=other, target=np.ones(2) / 2), Letters())


def test_names_are_predicted_each_after_the_prompt_alone() -> None:
    request = ProbeRequest(prefix="Q", suffixes=(":",), answers=("ab", "x", "c"), many_tokens=True)
    row = name_row(Example(user="ann", request=request, target=np.array([0.75, 0.0, 0.25])), Letters(), stop=0)
    assert row.branch is not None and row.labels is not None
    seen = tree_mask(row.branch)
    before = ["".join(chr(i) for i in row.ids[seen[place]]) for place in row.reads.tolist()]
    assert before == ["Q:", "Q:a", "Q:ab", "Q:", "Q:c"]
    assert row.labels.tolist() == [ord("a"), ord("b"), 0, ord("c"), 0]
    np.testing.assert_allclose(row.target, np.array([3, 3, 3, 1, 1]) / 11)
    two = ProbeRequest(prefix="Q", suffixes=(":", "?"), answers=("ab",))
    with pytest.raises(InputError, match="2 questions"):
        name_row(Example(user="ann", request=two, target=np.ones(1)), Letters())


def test_every_token_of_a_text_predicts_the_next_once() -> None:
    encoded = [list(range(1, 8)), list(range(8, 12))]
    rows = text_rows(encoded, length=5, stop=0)
    pairs = [(int(a), int(b)) for row in rows for a, b in zip(row.ids, row.labels, strict=True)]
    stream = [*encoded[0], 0, *encoded[1], 0]
    assert pairs == list(pairwise(stream))
    assert all(abs(row.target.sum() - 1) < 1e-12 for row in rows)
    with pytest.raises(InputError, match="length"):
        text_rows(encoded, length=1, stop=0)
