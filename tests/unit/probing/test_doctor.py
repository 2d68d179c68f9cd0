from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing import Diagnosis, Finding, diagnose
from spectra_eval.probing.backends._base import PromptView
from spectra_eval.probing.backends.mocked import open_mocked
from spectra_eval.tables import AnswerScores, Generation, PreferenceTable, ProbeRequest
from spectra_eval_cli.main import main


def _status(diagnosis: Diagnosis) -> dict[str, str]:
    return {finding.name: finding.status for finding in diagnosis.findings}


class _Shown:
    """A session over words that shows its prompts; everything about it can be spoiled."""

    description: Mapping[str, Any] = {"backend": "shown"}

    def __init__(self, **spoiled: Any) -> None:
        self.tail = spoiled.get("tail", "<end><turn>\n")
        self.dated = spoiled.get("dated", False)
        self.assumed = spoiled.get("assumed", "")
        self.pieces = spoiled.get("pieces", {})
        self.leaky = spoiled.get("leaky", False)
        self.mass = spoiled.get("mass", 0.9)
        self.noise = spoiled.get("noise", 0.0)
        self.naive_shift = spoiled.get("naive_shift", 0.0)
        self.obeys = spoiled.get("obeys", False)
        self.reply = spoiled.get("reply", "Yes")
        self.labels_known = spoiled.get("labels", 26)
        self._rng = np.random.default_rng(1)

    def view(self, request: ProbeRequest) -> PromptView:
        if self.pieces is None:
            raise ProbeError("answer 'Yes' changes the tokens of the prompt before it")
        texts = [f"{request.prefix}{suffix}" for suffix in request.suffixes]
        extra = ("<end>",) if self.leaky else ()
        return PromptView(
            prompts=tuple(tuple(range(len(text.split()))) for text in texts),
            control=tuple(("<turn>", "<end>", "<turn>", *(extra if "<end>" in text else ())) for text in texts),
            answers=tuple(self.pieces.get(answer, (answer,)) for answer in request.answers),
            tail=self.tail,
            spaced=False,
            dated=self.dated,
            assumed=self.assumed,
        )

    def labels(self, count: int) -> tuple[str, ...]:
        return tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: min(count, self.labels_known)])

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        return [self._one(request) for request in requests]

    def score_naively(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        return [self._one(request, self.naive_shift) for request in requests]

    def generate(self, requests: Sequence[ProbeRequest], *, max_tokens: int) -> list[list[Generation]]:
        return [[Generation(text=self.reply, truncated=True, n_prompt_tokens=1)] for _ in requests]

    def _one(self, request: ProbeRequest, shift: float = 0.0) -> AnswerScores:
        user = sum(map(ord, request.prefix.split("\n")[1])) % 7
        odds = np.array([np.sin(1.0 + 3 * user + sum(map(ord, suffix))) for suffix in request.suffixes]) + shift
        odds += self.noise * self._rng.normal(size=len(odds))
        if self.obeys and "<end>" in request.prefix:
            odds = -odds
        half = len(request.answers) // 2
        log_probs = np.empty((len(odds), len(request.answers)))
        log_probs[:, :half] = (-np.logaddexp(0, -odds) + np.log(self.mass / half))[:, None]
        log_probs[:, half:] = (-np.logaddexp(0, odds) + np.log(self.mass / half))[:, None] if half > 1 else -1.0
        return AnswerScores(log_probs=np.minimum(log_probs, 0.0), n_prompt_tokens=np.ones(len(odds), dtype=int))


def test_a_good_probe_passes_every_check() -> None:
    diagnosis = diagnose(_Shown(), compare=_Shown())
    found = _status(diagnosis)
    assert diagnosis.measures and "fail" not in found.values()
    for name in (
        "answer tokens",
        "template tail",
        "template answer",
        "template clock",
        "title stays text",
        "answer mass",
        "noise",
        "shared and naive",
    ):
        assert found[name] == "ok", name
    assert (
        found["shared and naive"] == found["the two backends"] == "ok"
        and found["injection"] == "ok"
        and found["history matters"] == "ok"
    )
    assert diagnosis.verdict.startswith("this probe measures something")


@pytest.mark.parametrize(
    ("spoiled", "name", "status", "words"),
    [
        ({"pieces": {"Yes": ("Y", "es")}}, "answer tokens", "fail", "Yes take several tokens"),
        ({"pieces": {"Yes": ("y",), "y": ("y",)}}, "answer tokens", "fail", "the same token"),
        ({"pieces": {"yes": ("ye", "s")}}, "answer tokens of reranker", "warn", "yes take several"),
        ({"pieces": None}, "answer tokens", "fail", "changes the tokens"),
        ({"labels": 3}, "labels", "warn", "3 of 728"),
        ({"tail": "<end><turn>\n<think>\n"}, "template tail", "fail", "opens a thought"),
        ({"tail": "<turn><think>\n\n</think>\n\n"}, "template tail", "ok", "</think>"),
        ({"tail": "Answer: "}, "template tail", "fail", "ends in a blank"),
        ({"assumed": "its chat template renders no assistant turn"}, "template answer", "warn", "no assistant turn"),
        ({"dated": True}, "template clock", "warn", "reads the clock"),
        ({"leaky": True}, "title stays text", "fail", "became control tokens"),
        ({"mass": 0.01}, "answer mass", "fail", "have 0.010"),
        ({"mass": 0.3}, "answer mass", "warn", "have 0.300"),
        ({"noise": 0.01}, "noise", "warn", "changes by"),
        ({"noise": 9.0}, "noise", "fail", "changes by"),
        ({"noise": 9.0}, "history matters", "fail", "vary with the user"),
        ({"naive_shift": 0.1}, "shared and naive", "warn", "at most 0.1 nats"),
        ({"naive_shift": 5.0}, "shared and naive", "fail", "at most 5 nats"),
        ({"obeys": True}, "injection", "warn", "of equal length is -"),
        ({"reply": "<think> Well"}, "first words", "warn", "writes '<think> Well'"),
    ],
)
def test_each_way_of_measuring_nothing_is_named(spoiled: Any, name: str, status: str, words: str) -> None:
    diagnosis = diagnose(_Shown(**spoiled))
    (finding,) = [finding for finding in diagnosis.findings if finding.name == name]
    assert finding.status == status and words in finding.found
    assert diagnosis.measures == all(f.status != "fail" for f in diagnosis.findings)
    if status == "fail":
        assert name in diagnosis.verdict and not diagnosis.measures


def test_another_model_is_told_apart() -> None:
    with open_mocked("random") as one, open_mocked("random", seed=1) as other, open_mocked("random") as same:
        assert _status(diagnose(one, compare=other))["the two backends"] in ("warn", "fail")
        assert _status(diagnose(one, compare=same))["the two backends"] == "ok"


def test_a_mock_that_holds_nothing_measures_nothing() -> None:
    with open_mocked("uniform") as session:
        diagnosis = diagnose(session)
    assert not diagnosis.measures and _status(diagnosis)["history matters"] == "fail"
    with open_mocked(theta=lambda prefix, options: np.arange(1.0, len(options) + 1)) as session:
        found = _status(diagnose(session))
    assert found["categories tell apart"] == "ok" and found["history matters"] == "fail"


def test_a_table_gives_users_categories_and_the_time_it_takes() -> None:
    table = PreferenceTable(
        users=[f"u{i}" for i in range(40)],
        categories=tuple(f"category {i}" for i in range(60)),
        counts=np.ones((40, 60)),
        history=[(), *((f"title {i}",) for i in range(39))],
    )
    seen: list[ProbeRequest] = []
    with open_mocked("random") as session:
        score = session.score
        session.score = lambda requests: seen.extend(requests) or score(requests)  # type: ignore[method-assign, func-returns-value]
        diagnosis = diagnose(session, table=table, users=2)
    assert "40 users with 60 take about" in diagnosis.findings[-1].found
    assert len(seen[0].suffixes) == 20 and "title 0" in seen[0].prefix


def test_a_table_that_cannot_be_asked_about_is_refused() -> None:
    table = PreferenceTable(users=["a", "b"], categories=("x", "y"), counts=np.ones((2, 2)))
    with open_mocked() as session:
        with pytest.raises(InputError, match="column history: missing"):
            diagnose(session, table=table)
        with pytest.raises(InputError, match="fewer than two users"):
            diagnose(session, table=table.replace(history=[("same",), ("same",)]))
        with pytest.raises(InputError, match="users=1"):
            diagnose(session, users=1)


def test_the_verdict_names_what_to_look_at() -> None:
    good, odd = Finding(name="a", status="ok", found=""), Finding(name="b", status="warn", found="")
    assert Diagnosis(findings=(good,)).verdict == "this probe measures something"
    assert Diagnosis(findings=(good, odd)).verdict == "this probe measures something; look at: b"


@pytest.mark.parametrize(("model", "code"), [("random", 0), ("uniform", 1), ("nobody", 4)])
def test_the_command_ends_in_a_verdict_and_a_code(model: str, code: int) -> None:
    done = CliRunner().invoke(main, ["doctor", "--backend", "mocked", "--model", model, "--format", "json"])
    assert done.exit_code == code, done.output
    if code < 4:
        document = json.loads(done.stdout)
        assert document["measures"] == (code == 0) and document["findings"][-1]["looked at"] == "speed"
        assert "this probe measures" in done.stderr
    else:
        assert done.stderr.startswith("error: mocked: no mock is called 'nobody'")


def test_the_command_compares_two_backends() -> None:
    asked = ["doctor", "--backend", "mocked", "--model", "random", "--compare", "mocked", "--format", "csv"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0 and "the two backends,ok" in done.stdout
    assert "the two backends,ok" not in CliRunner().invoke(main, [*asked, "--compare-model", "uniform"]).stdout
