from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing.readouts.verbalised import ask, read, reply_tokens
from spectra_eval.tables import Generation

NAMES = ("Action", "Sci-Fi", "Drama: modern")


def _reply(text: str, *, truncated: bool = False) -> Generation:
    return Generation(text=text, truncated=truncated, n_prompt_tokens=9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Action: 20%\nSci-Fi: 30%\nDrama: modern: 50%", [0.2, 0.3, 0.5]),
        ("1. **Action**: 20 %\n\n2) sci-fi: 30.5\n- Drama: Modern : 49.5%.", [0.2, 0.305, 0.495]),
        ("Sci-Fi: 100", [0.0, 1.0, 0.0]),
        ("Action: 33%\nSci-Fi: 33%\nDrama: modern: 33%", [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_the_rule(text: str, expected: list[float]) -> None:
    reading = read(_reply(text), categories=NAMES)
    np.testing.assert_allclose(reading.theta_s, expected, rtol=1e-12)
    named = sum(":" in line for line in text.splitlines()) / 3
    np.testing.assert_allclose(reading.answer_mass, named)
    assert reading.details == {"readable": True}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Action: 20%\nSci-Fi: 30%", "sum to 50"),
        ("Action: 120%", "sum to 120"),
        ("Action: -20%\nSci-Fi: 120%", "no category with a percentage"),
        ("Action: 50%\nAction: 50%", "was named before"),
        ("Jazz: 100%", "no category with a percentage"),
        ("Action: most", "no category with a percentage"),
        ("Here you are:\nAction: 100%", "no category with a percentage"),
        ("Action 100%", "no category with a percentage"),
        ("Action: 0.5\nSci-Fi: 0.5", "sum to 1"),
        ("Action: 1e2%", "no category with a percentage"),
        ("", "sum to 0"),
    ],
)
def test_what_is_no_distribution_is_refused_or_uniform_by_choice(text: str, words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        read(_reply(text), categories=NAMES)
    reading = read(_reply(text), categories=NAMES, unreadable="uniform")
    np.testing.assert_allclose(reading.theta_s, 1 / 3)
    assert reading.answer_mass.tolist() == [0.0] * 3 and np.isnan(reading.scores).all()
    assert words in reading.details["reason"]


def test_a_reply_that_was_cut_is_not_read() -> None:
    with pytest.raises(ProbeError, match="token limit"):
        read(_reply("Action: 100%", truncated=True), categories=NAMES)


def test_the_question() -> None:
    request = ask(("Heat",), NAMES)
    assert all(f"- {name}\n" in request.suffixes[0] for name in NAMES) and request.answers == NAMES
    assert reply_tokens(19) > reply_tokens(3) > 0
    with pytest.raises(InputError, match="read alike"):
        ask(("Heat",), ("War", "war"))
    with pytest.raises(InputError, match="'zero' is none of refuse, uniform"):
        read(_reply("Action: 100%"), categories=NAMES, unreadable="zero")
