"""A sweep on the small model that the demo uses: it can be asked in every template, with every set of answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.probing import sweep
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.readouts import likelihood
from spectra_eval.probing.templates import known_templates
from spectra_eval.tables import Detail, PreferenceTable

pytestmark = pytest.mark.hf


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # other test processes want the cores too, and waiting threads burn them
    with open_backend("hf", model="embedded") as opened:
        yield opened
    torch.set_num_threads(threads)


def table() -> PreferenceTable:
    histories = [("Heat (1995)", "Taxi Driver (1976)"), ("Toy Story (1995)", "Aladdin (1992)")]
    known = [[Detail(time=847_434_962 + n, rating=4.0 - n, categories=(name,)) for n in (0, 1)] for name in "AB"]
    return PreferenceTable(
        users=["ann", "bob"],
        categories=("Crime", "Animation", "War"),
        counts=[[3, 0, 1], [0, 3, 0]],
        history=histories,
        history_details=known,
        history_counts=[[2, 0, 0], [0, 2, 0]],
    )


def test_every_template_moves_the_readout(session: Any, tmp_path: Path) -> None:
    made = sweep(table(), session, kind="prompts", run=tmp_path, dg=False, bootstrap=20)
    assert [pair["variant"] for pair in made.pairs] == list(known_templates())[1:]
    assert all(0 < pair["moved"] < 1 for pair in made.pairs)
    masses = {row["variant"]: row["answer_mass"] for row in made.rows if row["system"] == "theta_s"}
    assert len(masses) == len(known_templates()) and all(0 < mass <= 1 for mass in masses.values())


def test_every_verbaliser_is_read_by_its_own_tokens(session: Any, tmp_path: Path) -> None:
    sweep(table(), session, kind="verbalisers", run=tmp_path, dg=False, bootstrap=0)
    for name in likelihood.VERBALISERS:
        probed = read_table(tmp_path / name)
        assert probed.history is not None
        history = known_templates()["plain"].history(probed.history[0])
        request = likelihood.ask(history, probed.categories, verbaliser=name)
        (answers,) = session.score([request])
        scores = likelihood.read(answers, verbaliser=name).scores
        assert probed.scores is not None
        np.testing.assert_allclose(probed.scores[0], scores, atol=1e-4)
