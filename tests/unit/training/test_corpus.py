"""What a model is trained on: every text and target is computed from what lies before the window."""

from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ShapeError
from spectra_eval.probing.readouts import likelihood
from spectra_eval.tables import Interactions, PreferenceTable
from spectra_eval.training import name_examples, score_examples, texts, with_categories

CATEGORIES = ("Crime", "Drama", "War")


def events(n: int = 5) -> Interactions:
    """Give two users, who choose items 0..n-1 at rising times, ann in the order of the file turned round."""
    rows = [("ann", i, i % 3, 100 - i) for i in range(n)] + [("bob", i, 2, 10 + i) for i in range(n)]
    return Interactions(
        user=np.array([row[0] for row in rows], dtype=object),
        item=np.array([f"m{row[1]}" for row in rows], dtype=object),
        category=np.array([row[2] for row in rows]),
        time=np.array([row[3] for row in rows]),
        weight=np.ones(len(rows)),
        categories=CATEGORIES,
        titles={f"m{i}": f"Film {i}" for i in range(n)},
    )


def table() -> PreferenceTable:
    return PreferenceTable(
        users=["ann", "bob", "eve"],
        categories=CATEGORIES,
        counts=[[1, 3, 0], [0, 0, 2], [0, 0, 0]],
        n_window=[4, 2, 0],
        history=[("A", "B", "C"), ("D",), ("E",)],
    )


def test_a_trace_is_in_the_order_of_time_and_is_cut_into_pieces() -> None:
    told = texts(events(), users=["ann"], titles=3)
    traces = [text.text for text in told if text.kind == "trace"]
    assert [trace.count("\n- ") for trace in traces] == [3, 2]
    assert traces[0].splitlines()[1:] == ["- Film 4 (Drama, War)", "- Film 3 (Crime, War)", "- Film 2 (War)"]
    assert {text.user for text in told} == {None, "ann"}


def test_a_profile_holds_shares_that_sum_to_one() -> None:
    (profile,) = [text.text for text in texts(events(4), users=["ann"]) if text.kind == "user"]
    assert profile == "The 4 items that a user chose fall into these categories: Crime 50%, Drama 25%, War 25%."


def test_only_items_of_the_named_users_are_told() -> None:
    first = events(2)
    more = Interactions(
        user=np.append(first.user, "eve"),
        item=np.append(first.item, "only-eve"),
        category=np.append(first.category, 0),
        time=np.append(first.time, 5),
        weight=np.append(first.weight, 1.0),
        categories=CATEGORIES,
        titles={**first.titles, "only-eve": "Secret"},
    )
    assert not any("Secret" in text.text for text in texts(more, users=["ann", "bob"]))
    assert any("Secret" in text.text for text in texts(more))
    with pytest.raises(InputError, match="no interaction is left"):
        texts(more, users=["nobody"])


def test_titles_that_show_categories_say_so() -> None:
    made = with_categories(events())
    assert made.titles["m1"] == "Film 1: Drama, War" and made.metadata["titles_show"] == "title and categories"
    np.testing.assert_array_equal(made.item, events().item)


def test_a_score_example_is_the_question_of_the_probe() -> None:
    examples = score_examples(table(), likelihood.ask, titles=2, offset=np.arange(9.0).reshape(3, 3))
    assert [example.user for example in examples] == ["ann", "bob"], "a record without a window has no target"
    assert examples[0].request == likelihood.ask(("B", "C"), CATEGORIES)
    np.testing.assert_allclose(examples[0].target, [0.25, 0.75, 0])
    assert examples[1].offset is not None and examples[1].offset.tolist() == [3, 4, 5]
    with pytest.raises(ShapeError, match="offset"):
        score_examples(table(), likelihood.ask, offset=np.zeros((3, 2)))
    with pytest.raises(InputError, match="column history"):
        score_examples(table().replace(history=None), likelihood.ask)
    with pytest.raises(InputError, match="no record has a window"):
        score_examples(table().select(slice(2, 3)), likelihood.ask)


def test_names_are_drawn_from_what_the_user_did() -> None:
    rng = np.random.default_rng(1)
    many = name_examples(table(), rng=rng, draws=10_000)
    np.testing.assert_allclose(many[0].target, [0.25, 0.75, 0], atol=0.02)
    assert many[1].target.tolist() == [0, 0, 1] and many[0].request.answers == CATEGORIES
    again = name_examples(table(), rng=np.random.default_rng(1), draws=10_000)
    np.testing.assert_array_equal(again[0].target, many[0].target)
    with pytest.raises(InputError, match="draws"):
        name_examples(table(), rng=rng, draws=0)
