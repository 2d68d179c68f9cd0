"""The chat template belongs to the identity of a run, and one that reads the clock is named."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.errors import InputError
from spectra_eval.probing import probe
from spectra_eval.probing.backends._hf_tokens import Prompter
from spectra_eval.probing.backends._prompted import load_tokenizer
from spectra_eval.probing.backends.server import open_server
from spectra_eval.probing.templates import PLAIN
from spectra_eval.tables import PreferenceTable, ProbeRequest
from tests.unit.probing.backends.a_server import State, write_tokenizer

pytest.importorskip("httpx", reason="the extra server is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")

DATED = "{{ strftime_now('%d') }} "
LLAMA = "{% if not day is defined %}{% set day = strftime_now('%d %b %Y') %}{% endif %}{{ day }} "
CATEGORIES = ("War", "Noir")


def _set_day(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    from transformers.utils import chat_template_utils

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return datetime.datetime(2026, 1, day, tzinfo=tz)

    monkeypatch.setattr(chat_template_utils, "datetime", Clock)


def _prompter(place: Path, opening: str) -> Prompter:
    place.mkdir(exist_ok=True)
    write_tokenizer(place, opening)
    return Prompter(load_tokenizer(place))


@pytest.mark.parametrize(
    ("opening", "dated"),
    [
        ("", False),
        ("{% if tools %}{{ strftime_now('%d') }}{% endif %}", False),
        (DATED, True),
        (LLAMA, True),
        ("{% set parts = strftime_now('%d %b').split(' ') %}{{ parts[1] }} ", True),
        ("\n  {% if true %}[Q]{% endif %}\n", False),
        ("{% if strftime_now is defined %}{{ strftime_now('%H') }} {% endif %}", True),
    ],
)
def test_a_template_that_reads_the_clock_is_told_from_one_that_does_not(
    opening: str, dated: bool, tmp_path: Path
) -> None:
    prompter = _prompter(tmp_path, opening)
    request = ProbeRequest(prefix="films", suffixes=("?",), answers=("Yes", "No"))
    assert prompter.view(request).dated is dated


def test_a_run_is_not_resumed_under_another_chat_template(
    served: tuple[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = served
    state.models[0]["max_model_len"] = None
    _prompter(tmp_path / "dated", DATED)
    table = PreferenceTable(
        users=[f"u{i}" for i in range(20)], categories=CATEGORIES, counts=[[1, 2]] * 20, history=[("films",)] * 20
    )

    def run(day: int, progress: Any = None, folder: str = "run") -> PreferenceTable:
        _set_day(monkeypatch, day)
        with open_server(url=url, tokenizer=str(tmp_path / "dated"), route="ids") as session:
            return probe(table, session, dg=False, readout="name", run=tmp_path / folder, progress=progress)

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(1, stop)
    with pytest.raises(InputError, match="belongs to another run: chat_template_digest"):
        run(2)
    first, other = run(1), run(2, folder="other")
    assert first.metadata["template_digest"] == other.metadata["template_digest"] == PLAIN.digest
    digests = [probed.metadata["chat_template_digest"] for probed in (first, other)]
    assert len(set(digests)) == 2 and all(len(digest) == 64 for digest in digests)
