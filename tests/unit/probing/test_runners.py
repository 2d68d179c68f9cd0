from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.errors import InputError, ProbeError, UnknownNameError
from spectra_eval.probing import probe
from spectra_eval.probing._runners import ReadoutRunner
from spectra_eval.probing.backends.mocked import open_mocked
from spectra_eval.probing.readouts import READOUTS
from spectra_eval.probing.readouts._scale import fit_temperature
from spectra_eval.stats.folds import user_folds
from spectra_eval.tables import AnswerScores, Generation, PreferenceTable, ProbeRequest

N, CATEGORIES, PARENTS = 21, ("Noir", "War", "Jazz", "Rock", "Chess"), ("Film", "Film", "Music", "Music", "Game")
SCORED = ("likelihood", "generative", "name", "reranker")


@pytest.fixture(scope="module")
def table() -> PreferenceTable:
    rng = np.random.default_rng(5)
    return PreferenceTable(
        users=[f"u{i}" for i in range(N)],
        categories=CATEGORIES,
        parents=PARENTS,
        counts=rng.integers(1, 9, (N, 5)),
        history=[tuple(f"title {i}-{j}" for j in range(i % 5)) for i in range(N)],
    )


@pytest.mark.parametrize("readout", SCORED)
def test_each_readout_gets_back_what_a_mock_holds(table: PreferenceTable, readout: str) -> None:
    held = {"title 4-3": [0.4, 0.3, 0.15, 0.1, 0.05]}
    with open_mocked(theta=held) as session:
        probed = probe(table.select(slice(4, 5)), session, readout=readout, dg=False)
    assert probed.theta_s is not None and probed.answer_mass is not None
    np.testing.assert_allclose(probed.theta_s, [held["title 4-3"]], rtol=1e-9)
    np.testing.assert_allclose(probed.answer_mass, 0.9, rtol=1e-9)


@pytest.mark.parametrize(
    ("readout", "options"),
    [
        ("generative", {"orders": 2}),
        ("name", {"measure": "pmi"}),
        ("hierarchical", {"budget": 2, "residual": "uniform"}),
        ("verbalised", {"unreadable": "uniform"}),
        ("likelihood", {}),
    ],
)
def test_a_run_of_every_readout_resumes_to_the_same_bytes(
    table: PreferenceTable, tmp_path: Path, readout: str, options: dict[str, Any]
) -> None:
    def run(place: Path, crash_at: int | None = None) -> PreferenceTable:
        with open_mocked("random", seed=3, crash_at=crash_at) as session:
            return probe(table, session, readout=readout, options=options, dg=False, run=place)

    whole = run(tmp_path / "whole")
    with pytest.raises(ProbeError, match="crash"):
        run(tmp_path / "broken", crash_at=3)
    run(tmp_path / "broken")
    for name in ("table.parquet", "manifest.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    read = read_table(tmp_path / "whole")
    np.testing.assert_array_equal(read.theta_s, whole.theta_s)
    np.testing.assert_array_equal(read.scores, whole.scores)
    assert read.metadata["readout_options"] == options


def test_what_was_noticed_is_averaged_in_the_record(table: PreferenceTable) -> None:
    with open_mocked("random") as session:
        means = probe(table, session, readout="generative", dg=False).metadata["readout_means"]
        cut = probe(table, session, readout="hierarchical", dg=False, options={"budget": 2, "residual": "renormalise"})
        words = probe(table, session, readout="verbalised", dg=False, options={"unreadable": "uniform"})
    assert set(means) == {"position_bias"} and 0 <= means["position_bias"] < 1e-9
    assert 0.1 < cut.metadata["readout_means"]["residual"] < 0.9
    assert cut.scores is not None and (np.isnan(cut.scores).sum(axis=1) == 3).all()
    assert words.metadata["readout_means"] == {"readable": 0.0}
    assert words.answer_mass is not None and not words.answer_mass.any()


def test_debiasing_takes_off_what_is_said_of_nobody(table: PreferenceTable) -> None:
    bias = np.array([4.0, 1.0, 2.0, 1.0, 8.0])
    own = {f"title {i}-0": np.roll([1.0, 2.0, 3.0, 4.0, 5.0], i) for i in range(N)}

    def theta(prefix: str, options: tuple[str, ...]) -> np.ndarray:
        return bias * next((w for title, w in own.items() if title + "\n" in prefix), np.ones(5))

    with open_mocked(theta=theta) as session:
        for readout in SCORED:
            plain, debiased = (probe(table, session, readout=readout, debias=d, dg=False) for d in (False, True))
            assert debiased.theta_s is not None and plain.theta_s is not None
            np.testing.assert_allclose(debiased.theta_s[6], own["title 6-0"] / 15, rtol=1e-9)
            np.testing.assert_allclose(plain.theta_s[6], own["title 6-0"] * bias / (own["title 6-0"] @ bias), rtol=1e-9)
            assert debiased.metadata["debias"] is True and plain.metadata["debias"] is False


def test_a_fitted_temperature_comes_from_other_users(table: PreferenceTable, tmp_path: Path) -> None:
    with open_mocked("random", seed=1) as session:
        fixed = probe(table, session, dg=False)
        fitted = probe(table, session, temperature="fitted", dg=False, run=tmp_path / "run")
    assert fitted.scores is not None and fitted.theta_s is not None
    np.testing.assert_array_equal(fitted.scores, fixed.scores)
    fold = user_folds(table.users)
    assert fitted.metadata["temperature"] == "fitted"
    for user in (0, 7, 20):
        others = fold != fold[user]
        tau = fit_temperature(fitted.scores[others], table.theta_star[others])
        weights = np.exp(fitted.scores[user] / tau)
        np.testing.assert_allclose(fitted.theta_s[user], weights / weights.sum(), rtol=1e-9)
        assert fitted.metadata["fold_temperatures"][fold[user]] == pytest.approx(tau, rel=1e-12)
    np.testing.assert_array_equal(read_table(tmp_path / "run").theta_s, fitted.theta_s)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"readout": "generative", "options": {"order": 3}}, "it has orders"),
        ({"options": {"orders": 3}}, "it has verbaliser"),
        ({"readout": "reranker", "options": {"orders": 3}}, "it has none"),
        ({"readout": "verbalised", "temperature": 2.0}, "leave it at 1"),
        ({"readout": "verbalised", "temperature": "fitted"}, "no temperature can be fitted"),
        ({"readout": "hierarchical", "debias": True}, "probe without it"),
        ({"readout": "hierarchical", "options": {"residual": "coarse"}}, "needs renormalise or uniform"),
        ({"readout": "hierarchical", "options": {"budget": 2}}, "was not explored|not explored"),
        ({"temperature": float("nan")}, "temperature"),
    ],
)
def test_what_a_readout_does_not_have_is_refused(table: PreferenceTable, options: dict[str, Any], words: str) -> None:
    with open_mocked() as session, pytest.raises(InputError, match=words):
        probe(table, session, dg=False, **options)


def test_an_unknown_readout_and_a_flat_taxonomy_are_refused(table: PreferenceTable) -> None:
    with open_mocked() as session:
        with pytest.raises(UnknownNameError, match="likelihood"):
            ReadoutRunner(session, readout="likelyhood", categories=CATEGORIES)
        with pytest.raises(InputError, match="two-level taxonomy"):
            ReadoutRunner(session, readout="hierarchical", categories=CATEGORIES)


class _Plain:
    """A session that knows no labels, has one answer for all, and counts what it is asked."""

    description: Mapping[str, Any] = {"backend": "plain"}

    def score(self, requests: list[ProbeRequest]) -> list[AnswerScores]:
        return [AnswerScores(log_probs=np.full((5, 6), np.nan), n_prompt_tokens=np.ones(5, int)) for _ in requests]

    def generate(self, requests: list[ProbeRequest], *, max_tokens: int) -> list[list[Generation]]:
        return [[Generation(text="no idea", truncated=False, n_prompt_tokens=3)] for _ in requests]


def test_what_cannot_be_read_names_the_user() -> None:
    with pytest.raises(ProbeError, match=r"user 1 of 2 \('Ran'\): question 1"):
        ReadoutRunner(_Plain(), categories=CATEGORIES).read([("Heat", "Ran"), ()])
    with pytest.raises(ProbeError, match=r"without history\): the response is not a distribution"):
        ReadoutRunner(_Plain(), readout="verbalised", categories=CATEGORIES).read([()])
    with pytest.raises(ProbeError, match="cannot tell which labels"):
        ReadoutRunner(_Plain(), readout="generative", categories=CATEGORIES)


@pytest.mark.parametrize("readout", sorted(READOUTS.names()))
def test_the_longest_prompt_holds_for_every_round_and_the_reply(readout: str) -> None:
    def count(request: ProbeRequest) -> int:
        return max(len(f"{request.prefix}{suffix}".split()) for suffix in request.suffixes)

    with open_mocked("random") as session:
        runner = ReadoutRunner(session, readout=readout, categories=CATEGORIES, parents=PARENTS)
        longest = runner.longest(("Heat",), count)
    room = runner.reply_tokens
    assert longest >= count(runner.request(("Heat",))) + room
    assert (room > 0) == (readout == "verbalised")
