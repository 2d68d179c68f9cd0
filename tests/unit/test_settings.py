"""Settings in YAML: what is read, and one line for everything that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval.errors import SchemaError
from spectra_eval.settings import LARGEST, read_settings


def test_values_are_texts_truth_values_or_flat_lists() -> None:
    text = b'\xef\xbb\xbfa: 1\nb: 2001-99-99\nc: False\nd: [x, 2, true]\ne: "no"\nf: |\n  two\n  lines\n'
    read = read_settings(text, "s.yaml")
    assert read == {"a": "1", "b": "2001-99-99", "c": False, "d": ["x", "2", "true"], "e": "no", "f": "two\nlines\n"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: *b", "alias"),
        ("a: &b 1", "line 1: 'a': an alias or anchor"),
        ("&x a: 1", "alias or anchor"),
        ('a: !!bool "x"', r"a tag \(tag:yaml.org,2002:bool\)"),
        ('!!int "a": 1', "a tag"),
        ("!!set {a, b}", "a tag"),
        ("a: {b: 1}", "'a' is a mapping; write one value or a flat list"),
        ("a: [[1]]", "'a' is a nested list"),
        ("a: [{b: 1}]", "'a' is a nested list"),
        ("heading: " + "[" * 5000, "'heading' is a nested list"),
        ("[" * 5000, "no mapping of names to values"),
        ("a:", "'a' has no value"),
        ("a: null", "'a' has no value"),
        ("a: [~]", "'a' has no value"),
        ("a: no", "'a' is no, which YAML reads as a Boolean; write true, false or \"no\" in quotes"),
        ("on: 1\na: On", "'a' is On"),
        ("a: 1\nb: 2\na: 3", "line 3: 'a' occurs twice"),
        ("? [a]\n: 1", "expected a name"),
        ("just text", "no mapping"),
        ("", "no mapping"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("a: 'x", "not YAML"),
        ("a: \x00", "not YAML"),
        ("a: " + "x" * LARGEST, "at most 65,536"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said) as caught:
        read_settings(text.encode(), "s.yaml")
    assert str(caught.value).startswith("s.yaml: ") and "\n" not in str(caught.value)


def test_other_encodings_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"not UTF-8 \(byte 4\)"):
        read_settings(b"a: x\xe9", "s.yaml")


@given(st.text(alphabet="ab:-[]{}&*!?|>'\"#%@,~ \n\t0", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = read_settings(text.encode(), "s.yaml")
    except SchemaError:
        return
    assert all(isinstance(value, str | bool | list) for value in read.values())


SECTIONS = ("prepare", "certify")


def test_each_command_gets_its_section_and_what_is_outside() -> None:
    text = b"quiet: true\nk: 9\nprepare:\n  split: 0.5\n  option: [users=3, days=60]\ncertify: {k: 3}\n"
    read = {name: read_settings(text, "s.yaml", section=name, sections=SECTIONS) for name in SECTIONS}
    assert read["prepare"] == {"quiet": True, "k": "9", "split": "0.5", "option": ["users=3", "days=60"]}
    assert read["certify"] == {"quiet": True, "k": "3"}
    assert read_settings(b"a: 1\nprepare: {}", "s.yaml", section="certify", sections=SECTIONS) == {"a": "1"}
    assert read_settings(b"prepare: csv", "s.yaml", section="prepare", sections=SECTIONS) == {"prepare": "csv"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("evaluat: {k: 3}", "'evaluat' is a mapping; write one value or a flat list, or the name of a command"),
        ("prepare: {a: {b: 1}}", "'a' is a mapping"),
        ("prepare: {certify: {k: 1}}", "'certify' is a mapping"),
        ("prepare: {a: 1, a: 2}", "line 1: 'a' occurs twice"),
        ("prepare: {a: 1}\nprepare: {b: 2}", "line 2: 'prepare' occurs twice"),
        ("prepare: 1\nprepare: {b: 2}", "line 2: 'prepare' occurs twice"),
        ("prepare: &x {a: 1}", "'prepare': an alias or anchor"),
        ("prepare: !!map {a: 1}", "'prepare': a tag"),
        ("certify: {a: no}", "'a' is no, which YAML reads as a Boolean"),
        ("prepare: {a: 1}\n---\nb: 1", "a second document"),
    ],
)
def test_sections_are_as_strict_and_the_others_are_checked_too(text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said) as caught:
        read_settings(text.encode(), "s.yaml", section="prepare", sections=SECTIONS)
    assert "\n" not in str(caught.value)
