"""Secrets and characters that steer a terminal are in nothing that is shown; JSON keeps its values."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from spectra_eval.redaction import escaped, escaped_json, hide, redacted, shown

STEERING = "\x00\x07\x08\x0b\x0c\r\x1b\x7f\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202e\u2066\ufeff\udc80\U000e0041"


def test_characters_that_steer_a_terminal_are_written_out() -> None:
    assert escaped("\x1b]0;title\x07") == "\\x1b]0;title\\x07"
    assert escaped("a\u202eb\udc80") == "a\\u202eb\\udc80" and escaped("\U000e0041") == "\\U000e0041"
    plain = "Amélie – 東京 👩‍👧 ✓\n\ta"
    assert escaped(plain) == plain
    assert escaped(STEERING).isascii() and escaped(STEERING).isprintable()


@pytest.mark.parametrize("secret", ["sk-/9+a b", 'quote"and\\back', "ключ-0123456789", "sk-live-0123456789abcdef"])
def test_a_secret_is_taken_out_in_every_form_a_server_may_echo(secret: str) -> None:
    hide(secret)
    coded = base64.b64encode(secret.encode()).decode()
    for form in (secret, f"Bearer {secret}", json.dumps({"got": secret}), quote(secret, safe=""), coded, f"{secret}!"):
        assert "[hidden]" in redacted(form)
        for part in (secret, quote(secret, safe=""), coded.rstrip("="), json.dumps(secret)[1:-1]):
            assert part not in redacted(form)


def test_a_short_secret_is_taken_out_as_a_word_and_an_empty_one_is_none() -> None:
    hide("zq7")
    hide("")
    hide(" ")
    assert redacted("Bearer zq7 is refused; zq7x and a b stay") == "Bearer [hidden] is refused; zq7x and a b stay"


def test_a_longer_secret_is_taken_out_before_one_that_it_holds() -> None:
    hide("inner-secret")
    hide("inner-secret-and-more")
    assert shown("\x1binner-secret-and-more") == "\\x1b[hidden]"


def test_json_holds_the_same_values() -> None:
    document = {"name": STEERING, STEERING: ["é", "\x9b", 1.5]}
    text = escaped_json(json.dumps(document, ensure_ascii=False, indent=2))
    assert json.loads(text) == document
    assert escaped(text) == text
