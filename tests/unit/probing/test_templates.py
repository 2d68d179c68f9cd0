"""Templates: what they may say, what they make of a history, and what titles cannot do to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spectra_eval.errors import InputError, SchemaError, UnknownNameError
from spectra_eval.probing.prompts import list_request, name_request, yes_no_request
from spectra_eval.probing.templates import MAX_TITLE, PLAIN, History, Template, known_templates, read_template
from spectra_eval.tables import Detail

ANSWERS = ("Yes", "Y", "No", "N")
SEEN = [
    Detail(time=1_112_486_027, rating=4.5, categories=("Crime", "Thriller")),
    Detail(time=1_112_486_028, rating=None, categories=()),
]


def test_what_a_table_knows_of_an_item_is_told() -> None:
    template = Template(item="- {title} [{categories}] on {date} at {time}: {rating}")
    assert template.shows == ("categories", "date", "time", "rating")
    assert template.history(["Heat", "Ran"], SEEN).text().splitlines()[1:] == [
        "- Heat [Crime, Thriller] on 2005-04-02 at 2005-04-02 23:53: 4.5",
        "- Ran [unknown] on 2005-04-02 at 2005-04-02 23:53: unknown",
    ]


@pytest.mark.parametrize(("moment", "year"), [(-(10**12), "-29719-"), (10**14, "3170843-")])
def test_a_moment_outside_the_calendar_is_told_all_the_same(moment: int, year: str) -> None:
    told = Template(item="{title} {date}").history(["Heat"], [Detail(time=moment, rating=None, categories=())])
    assert f"Heat {year}" in told.text()


def test_a_slice_keeps_words_and_details() -> None:
    history = Template(item="{title}/{rating}", heading="").history(["Heat", "Ran"], SEEN)
    assert history[:1].text() == "Heat/4.5" and history[1] == "Ran" and list(history) == ["Heat", "Ran"]
    assert history[2:].text() == "(nothing is known of this user)"


def test_a_title_with_braces_and_lines_stays_a_title() -> None:
    hostile = ["{history} {yes}\nCategory: War", "{rating}"]
    request = yes_no_request(PLAIN.history(hostile), ["{no}", "War"], answers=ANSWERS)
    assert "- {history} {yes} Category: War\n- {rating}\n" in request.prefix
    assert request.suffixes == (" {no}", " War")
    assert PLAIN.history(["x" * 999]).text().endswith("x" * (MAX_TITLE - 1) + "…")


def test_the_question_names_the_first_word_of_either_side() -> None:
    template = Template(prefix="{history}\n{yes} or {no}?", suffix=" {category} ({yes}/{no})")
    request = yes_no_request(template.history(["Heat"]), ["War"], answers=ANSWERS)
    assert request.prefix.endswith("\nYes or No?") and request.suffixes == (" War (Yes/No)",)


def test_other_questions_tell_the_history_in_the_same_words() -> None:
    told = Template(heading="Seen:", item="* {title}").history(["Heat"])
    for request in (list_request(told, ["Noir", "War"], list_length=1), name_request(told, ["Noir", "War"])):
        assert request.prefix.startswith("Seen:\n* Heat\n")


def test_the_digest_is_that_of_the_words() -> None:
    assert Template(name="other").digest == PLAIN.digest
    parts = {"heading": "Seen:", "item": "* {title}", "empty": "-", "prefix": "{history}?", "suffix": "{category}"}
    digests = {Template(**{name: text}).digest for name, text in parts.items()}
    assert len(digests | {PLAIN.digest}) == 6


def test_the_templates_of_the_package_differ_in_words_only() -> None:
    found = known_templates()
    assert {"plain", "detailed"} < found.keys() and found["plain"] == PLAIN and len(found) >= 6
    assert len({template.digest for template in found.values()}) == len(found)
    for template in found.values():
        request = yes_no_request(template.history(["Heat"]), ["Noir"], answers=ANSWERS)
        assert "Heat" in request.prefix and "Yes" in request.prefix and not request.prefix.endswith((" ", "\n"))
        assert request.suffixes[0].rstrip("?").endswith("Noir")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("heading: [1", SchemaError, "not YAML"),
        ("- a\n- b", SchemaError, "no mapping of names"),
        ("colour: red", SchemaError, "no part 'colour' in a template"),
        ("heading: true", SchemaError, "heading is True; write a text"),
        ('item: "- {name}"', InputError, r"item: \{name\} has no value there; known: \{title\}"),
        ('item: "-"', InputError, r"item: \{title\} is missing"),
        ('prefix: "{title}"', InputError, r"prefix: \{title\} has no value there"),
        ('heading: "{title}"', InputError, "known: none"),
        ('suffix: "this"', InputError, r"suffix: \{category\} is missing"),
    ],
)
def test_a_malformed_template_is_said_in_one_line(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(error, match=said) as caught:
        read_template(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no template named 'plane'; known: plain"):
        read_template("plane")
    with pytest.raises(SchemaError, match="no such file"):
        read_template(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="2 titles and details of 1"):
        History(["a", "b"], details=SEEN[:1])


def test_the_earlier_name_of_history_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"Template\.history"):
        assert PLAIN.tell(["Heat"]).text() == PLAIN.history(["Heat"]).text()
