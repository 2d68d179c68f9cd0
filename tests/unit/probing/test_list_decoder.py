from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import InputError
from spectra_eval.probing import probe
from spectra_eval.probing._runners import ListDecoder
from spectra_eval.probing.backends.mocked import open_mocked
from spectra_eval.probing.readouts.dg import alone
from spectra_eval.tables import PAD, AnswerScores, Generation, PreferenceTable, ProbeRequest, Sampling

NAMES = ("Noir", "War", "Drama", "Western")
HELD = {"Heat": [0.1, 0.6, 0.25, 0.05]}


def test_a_list_held_to_the_names_is_the_order_of_what_is_held() -> None:
    with open_mocked(theta=HELD) as session:
        found, mass = ListDecoder(session, categories=NAMES, list_length=4, constrained=True).read([("Heat",)] * 2)
    assert [some.tolist() for some in found] == [[1, 2, 0, 3]] * 2
    assert mass == pytest.approx([0.9, 0.9])


@pytest.mark.parametrize("constrained", [False, True])
def test_drawn_lists_follow_what_is_held_without_replacement(*, constrained: bool) -> None:
    n, held = 600, np.array(HELD["Heat"])
    firsts, seconds = np.zeros(4), np.zeros(4)
    with open_mocked(theta=HELD) as session:
        for seed in range(n):
            drawn = ListDecoder(
                session, categories=NAMES, list_length=2, temperature=1.0, seed=seed, constrained=constrained
            )
            ((one, two),) = drawn.read([("Heat",)])[0]
            firsts[one] += 1
            seconds[two] += 1
    wanted = sum(held[i] * np.where(np.arange(4) == i, 0, held) / (1 - held[i]) for i in range(4))
    for counts, law in ((firsts, held), (seconds, wanted)):
        assert (np.abs(counts / n - law) < 4 * np.sqrt(law * (1 - law) / n)).all()


def test_a_low_temperature_is_the_greedy_list() -> None:
    with open_mocked(theta=HELD) as session:
        cold = ListDecoder(session, categories=NAMES, list_length=3, temperature=0.01, constrained=True)
        assert cold.read([("Heat",)])[0][0].tolist() == [1, 2, 0]


def test_names_that_open_others_keep_their_own_mass() -> None:
    shares = np.exp(alone(np.log([0.5, 0.3, 0.1, 0.05, 0.2]), ["a", "a b", "a b c", "ab", "z"]))
    np.testing.assert_allclose(shares, [0.2, 0.2, 0.1, 0.05, 0.2], rtol=1e-9)
    used_up = alone(np.log([0.3, 0.3]), ["a", "a b"])
    assert used_up[0] < used_up[1] and np.isfinite(used_up).all()


class _Writing:
    """A session that writes the same reply each time, and says with what it was asked."""

    description: Mapping[str, Any] = {"backend": "writing", "model": "writing", "model_digest": "0" * 64}

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[Sampling | None] = []

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        return [
            AnswerScores(log_probs=np.full((len(r.suffixes), 6), -3.0), n_prompt_tokens=np.ones(len(r.suffixes), int))
            for r in requests
        ]

    def generate(
        self, requests: Sequence[ProbeRequest], *, max_tokens: int, sampling: Sampling | None = None
    ) -> list[list[Generation]]:
        self.asked.append(sampling)
        return [[Generation(text=self.text, truncated=False, n_prompt_tokens=9)] for _ in requests]


def test_what_is_out_of_vocabulary_is_counted() -> None:
    table = PreferenceTable(
        users=["ann", "bob"], categories=NAMES, counts=np.ones((2, 4)), history=[("Heat",), ("Ran",)]
    )
    session = _Writing("1. War\n2. Jazz\n3. Blues\n4. Noir")
    probed = probe(table, session, list_length=3, decoding="sampled", list_temperature=0.7, seed=5)
    assert probed.dg is not None and probed.dg.tolist() == [[1, -1, -1]] * 2
    counted = {name: probed.metadata[name] for name in ("dg_entries", "dg_out_of_vocabulary", "dg_empty")}
    assert counted == {"dg_entries": 6, "dg_out_of_vocabulary": 4, "dg_empty": 0}
    assert session.asked == [Sampling(temperature=0.7, seed=5)]
    how = {name: probed.metadata[name] for name in ("list_decoding", "list_temperature", "list_constrained")}
    assert how == {"list_decoding": "sampled", "list_temperature": 0.7, "list_constrained": False}
    silent = probe(table, _Writing(""), list_length=3)
    assert silent.dg is not None and (silent.dg == PAD).all() and silent.metadata["dg_empty"] == 2


def test_another_seed_draws_other_lists_and_the_same_one_the_same() -> None:
    rng = np.random.default_rng(1)
    table = PreferenceTable(
        users=[f"u{i}" for i in range(20)],
        categories=NAMES,
        counts=rng.integers(1, 9, (20, 4)),
        history=[(f"title {i}",) for i in range(20)],
    )
    found = []
    for seed in (1, 1, 2):
        with open_mocked("random") as session:
            found.append(probe(table, session, decoding="sampled", constrained=True, list_length=3, seed=seed).dg)
    np.testing.assert_array_equal(found[0], found[1])
    assert (np.asarray(found[0]) != found[2]).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"decoding": "beam"}, "decoding"),
        ({"decoding": "sampled", "list_temperature": 0.0}, "temperature"),
        ({"constrained": True, "list_length": 5}, "list_length"),
    ],
)
def test_lists_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    table = PreferenceTable(users=["ann"], categories=NAMES, counts=np.ones((1, 4)), history=[("Heat",)])
    with open_mocked() as session, pytest.raises(InputError, match=words):
        probe(table, session, **{"list_length": 2, **options})
