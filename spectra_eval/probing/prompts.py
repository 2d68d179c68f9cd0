"""Prompts: the requests about one user, and the digest of their text.

Everything about the user is in the prefix, which a backend reads once; the category comes as late as possible. Titles
and names are data: here they are made harmless for the layout (no control characters, one line, a bounded length), and
the backend ensures that none becomes a special token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from spectra_eval.probing.templates import MAX_TITLE, as_history, clean_text
from spectra_eval.tables import ProbeRequest

__all__ = [
    "MAX_TITLE",
    "choice_request",
    "clean_text",
    "document_request",
    "list_request",
    "name_request",
    "next_request",
    "prompt_digest",
    "shares_request",
    "yes_no_request",
]

_RERANKER = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)


def yes_no_request(history: Sequence[str], categories: Sequence[str], *, answers: Sequence[str]) -> ProbeRequest:
    """Return one yes-or-no question per category: Algorithm 1 of the paper.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    categories : sequence of K str
        One question each, in this order.
    answers : sequence of str
        The answers to score; the first half is affirmative, the second negative, and the first of
        either half is named in the question.

    Returns
    -------
    ProbeRequest
        K endings, one a category; a `History` uses its own template.

    Examples
    --------
    >>> request = yes_no_request(["Heat (1995)"], ["Noir", "War"], answers=("Yes", "No"))
    >>> print(request.prefix + request.suffixes[0])
    A user chose these items, oldest first:
    - Heat (1995)
    Will the next items that this user chooses belong to the category below? Answer Yes or No.
    Category: Noir
    """
    shown = as_history(history)
    words = {"yes": answers[0], "no": answers[len(answers) // 2]}
    endings = tuple(shown.ending(name, **words) for name in categories)
    return ProbeRequest(prefix=shown.opening(**words), suffixes=endings, answers=tuple(answers))


def list_request(history: Sequence[str], categories: Sequence[str], *, list_length: int) -> ProbeRequest:
    """Return the prompt for one list of categories, best first; the answers are the names.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    categories : sequence of K str
        All of them are named in the question.
    list_length : int
        Number of categories in the list.

    Returns
    -------
    ProbeRequest
        One question; `answers` holds the cleaned names.

    Examples
    --------
    >>> request = list_request(["Heat (1995)"], ["Noir", "War"], list_length=1)
    >>> print(request.prefix + request.suffixes[0])
    A user chose these items, oldest first:
    - Heat (1995)
    <BLANKLINE>
    Categories: Noir; War.
    Which of the categories fits this user best? Write one category name.
    """
    names = tuple(clean_text(name) for name in categories)
    question = (
        "Which of the categories fits this user best? Write one category name."
        if list_length == 1
        else f"Which {list_length} of the categories fit this user best? "
        f"Write a numbered list of {list_length} category names."
    )
    prefix = f"{as_history(history).text()}\n\nCategories: {'; '.join(names)}.\n"
    return ProbeRequest(prefix=prefix, suffixes=(question,), answers=names)


def next_request(history: Sequence[str], categories: Sequence[str], named: Sequence[int]) -> ProbeRequest:
    """Return the prompt for the best category that was not named before; the names are the answers.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    categories : sequence of K str
        The names, in the order in which they are shown.
    named : sequence of int
        Indices of the categories named before, the first one first.

    Returns
    -------
    ProbeRequest
        One question; its answers may have several tokens.

    Examples
    --------
    >>> request = next_request(["Heat (1995)"], ["Noir", "War", "Drama"], [1, 0])
    >>> print(request.prefix + request.suffixes[0])
    A user chose these items, oldest first:
    - Heat (1995)
    <BLANKLINE>
    Categories: Noir; War; Drama.
    War; Noir were named before. Which of the other categories fits this user best? Write one category name.
    """
    opening = list_request(history, categories, list_length=1)
    before = "; ".join(opening.answers[i] for i in named)
    verb = "was" if len(named) == 1 else "were"
    which = "the other" if named else "the"
    question = f"Which of {which} categories fits this user best? Write one category name."
    words = f"{before} {verb} named before. {question}" if named else question
    return ProbeRequest(prefix=opening.prefix, suffixes=(words,), answers=opening.answers, many_tokens=True)


def choice_request(history: Sequence[str], offers: Sequence[Sequence[str]], *, labels: Sequence[str]) -> ProbeRequest:
    """Return multiple-choice questions: Algorithm 2 of the paper.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    offers : sequence of sequences of str
        The options of each question, in the order in which they are shown.
    labels : sequence of str
        The label of the first option, of the second, and so on; at least as many as a question has options.

    Returns
    -------
    ProbeRequest
        One question an offer; the answers are the labels.

    Examples
    --------
    >>> request = choice_request(["Heat (1995)"], [["Noir", "War"], ["War", "Noir"]], labels="AB")
    >>> print(request.prefix + request.suffixes[1])
    A user chose these items, oldest first:
    - Heat (1995)
    Which category will the next items that this user chooses belong to? Answer with one label.
    A. War
    B. Noir
    """
    width = max(len(offer) for offer in offers)
    prefix = (
        f"{as_history(history).text()}\n"
        "Which category will the next items that this user chooses belong to? Answer with one label.\n"
    )
    endings = tuple(
        "\n".join(f"{label}. {clean_text(name)}" for label, name in zip(labels, offer, strict=False))
        for offer in offers
    )
    return ProbeRequest(prefix=prefix, suffixes=endings, answers=tuple(labels[:width]))


def name_request(history: Sequence[str], categories: Sequence[str]) -> ProbeRequest:
    """Return the prompt for a category by name; the answers are the names.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    categories : sequence of K str
        The answers.

    Returns
    -------
    ProbeRequest
        One question; its answers may have several tokens.

    Examples
    --------
    >>> request = name_request(["Heat (1995)"], ["Noir", "War"])
    >>> print(request.prefix + request.suffixes[0])
    A user chose these items, oldest first:
    - Heat (1995)
    Which category will the next items that this user chooses belong to? Answer with its name alone.
    >>> request.answers, request.many_tokens
    (('Noir', 'War'), True)
    """
    question = "Which category will the next items that this user chooses belong to? Answer with its name alone."
    names = tuple(clean_text(name) for name in categories)
    return ProbeRequest(prefix=f"{as_history(history).text()}\n", suffixes=(question,), answers=names, many_tokens=True)


def document_request(history: Sequence[str], categories: Sequence[str], *, answers: Sequence[str]) -> ProbeRequest:
    """Return the history as a query and each category as a document, in the template of Qwen3-Reranker.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    categories : sequence of K str
        One document each, in this order.
    answers : sequence of str
        The answers to score.

    Returns
    -------
    ProbeRequest
        K endings, one a category, with the system prompt of that model.

    Examples
    --------
    >>> request = document_request(["Heat (1995)"], ["Noir", "War"], answers=("yes", "no"))
    >>> print(request.prefix + request.suffixes[0])
    <Instruct>: Given the items that a user chose, judge whether the items chosen next belong to the category
    <Query>: A user chose these items, oldest first:
    - Heat (1995)
    <Document>: Noir
    """
    prefix = (
        "<Instruct>: Given the items that a user chose, judge whether the items chosen next belong to the category\n"
        f"<Query>: {as_history(history).text()}\n<Document>:"
    )
    endings = tuple(f" {clean_text(name)}" for name in categories)
    return ProbeRequest(prefix=prefix, suffixes=endings, answers=tuple(answers), system=_RERANKER)


def shares_request(history: Sequence[str], categories: Sequence[str]) -> ProbeRequest:
    """Return the prompt for a verbalised distribution: a percentage for every category.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first; may be empty.
    categories : sequence of K str
        The names, in the order in which they are shown.

    Returns
    -------
    ProbeRequest
        One question for all categories; its response is generated.

    Examples
    --------
    >>> request = shares_request(["Heat (1995)"], ["Noir", "War"])
    >>> print(request.prefix + request.suffixes[0])
    A user chose these items, oldest first:
    - Heat (1995)
    Which share of the next items that this user chooses will belong to each of these categories?
    - Noir
    - War
    Write one line for each category, its name, a colon and a percentage, such as
    Noir: 50%
    The percentages must sum to 100. Write nothing else.
    """
    names = tuple(clean_text(name) for name in categories)
    prefix = (
        f"{as_history(history).text()}\n"
        "Which share of the next items that this user chooses will belong to each of these categories?\n"
    )
    question = (
        "\n".join(f"- {name}" for name in names)
        + "\nWrite one line for each category, its name, a colon and a percentage, such as\n"
        + f"{names[0]}: {100 / len(names):.0f}%\nThe percentages must sum to 100. Write nothing else."
    )
    return ProbeRequest(prefix=prefix, suffixes=(question,), answers=names)


def prompt_digest(*requests: ProbeRequest) -> str:
    """Return the SHA-256 of the text of requests.

    Parameters
    ----------
    *requests : ProbeRequest
        The requests.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> one, two = (list_request(["{title}"], ["a", "b"], list_length=n) for n in (1, 2))
    >>> prompt_digest(one) == prompt_digest(one), prompt_digest(one) == prompt_digest(two)
    (True, False)
    """
    words = [[r.system, r.prefix, list(r.suffixes), list(r.answers)] for r in requests]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()
