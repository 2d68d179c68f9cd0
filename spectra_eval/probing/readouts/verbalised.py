"""A verbalised distribution: one percentage per category, parsed strictly."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from spectra_eval.errors import InputError, ProbeError
from spectra_eval.probing.prompts import shares_request
from spectra_eval.probing.readouts._base import READOUTS, Reading, Readout
from spectra_eval.probing.readouts.dg import name_index, plain_name
from spectra_eval.tables import Generation, ProbeRequest

__all__ = ["TOLERANCE", "UNREADABLE", "ask", "read", "reply_tokens"]

TOLERANCE = 1.0
"""Percentage points by which the sum may differ from 100."""
UNREADABLE = ("refuse", "uniform")
"""What to do with a response that is not a distribution."""
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s?%?\.?")
_TOKENS_A_LINE = 16


def ask(history: Sequence[str], categories: Sequence[str]) -> ProbeRequest:
    """Return the prompt for one percentage for each category.

    Parameters
    ----------
    history : sequence of str
        Titles shown in the prompt, oldest first.
    categories : sequence of K str
        Names of the categories.

    Returns
    -------
    ProbeRequest
        One prompt; the answers are the names.

    Raises
    ------
    InputError
        Two categories read alike in a response.

    Examples
    --------
    >>> ask(["Heat (1995)"], ["Noir", "War"]).answers
    ('Noir', 'War')
    """
    name_index(categories)
    return shares_request(history, categories)


def reply_tokens(n_categories: int) -> int:
    """Return the tokens that a response may have: enough for a long name and a number in each line.

    Parameters
    ----------
    n_categories : int
        Number of categories K.

    Returns
    -------
    int
        Grows linearly with K.

    Examples
    --------
    >>> reply_tokens(2) == 2 * reply_tokens(1)
    True
    """
    return _TOKENS_A_LINE * n_categories


def read(answers: Generation, *, categories: Sequence[str], unreadable: str = "refuse") -> Reading:
    r"""Read a response as a distribution.

    The rule, and nothing beyond it: every line that is not blank is a name, a colon and a percentage; a list mark,
    quotes and stars around the name do not matter, nor do case and width. Each name is that of a category, and
    none comes twice. The percentages lie between 0 and 100 and sum to 100 within `TOLERANCE`, so that a category
    that is not named has none. The response was not cut.

    Parameters
    ----------
    answers : Generation
        What the model wrote.
    categories : sequence of K str
        The names.
    unreadable : str
        ``refuse`` a response that is no distribution, or take it as ``uniform``, with an answer mass of 0.

    Returns
    -------
    Reading
        `scores` the numbers as they were written, before they were divided by their sum, NaN in a response that was
        not readable; `answer_mass` the proportion of the categories that were named, the same for each. `details`:
        `readable`, and the `reason` where it is not.

    Raises
    ------
    ProbeError
        The response is no distribution, and such are refused.
    InputError
        The rule for unreadable responses is unknown, or two categories read alike.

    References
    ----------
    .. [1] Tian et al. (2023), Just ask for calibration, arXiv:2305.14975, on confidence in words.

    Examples
    --------
    >>> reply = Generation(text="1. Noir: 75%\n2. War: 25%", truncated=False, n_prompt_tokens=9)
    >>> read(reply, categories=["War", "Noir", "Drama"]).theta_s.tolist()
    [0.25, 0.75, 0.0]
    """
    if unreadable not in UNREADABLE:
        raise InputError(f"unreadable: {unreadable!r} is none of {', '.join(UNREADABLE)}")
    shares, reason = _shares(answers, name_index(categories))
    count = len(categories)
    if reason is None:
        named = float(np.mean(~np.isnan(shares)))
        written = np.where(np.isnan(shares), 0.0, shares) / 100.0
        return Reading(
            scores=written,
            theta_s=written / written.sum(),
            answer_mass=np.full(count, named),
            details={"readable": True},
        )
    if unreadable == "refuse":
        raise ProbeError(f"the response is not a distribution: {reason}; the option unreadable='uniform' continues")
    return Reading(
        scores=np.full(count, np.nan),
        theta_s=np.full(count, 1.0 / count),
        answer_mass=np.zeros(count),
        details={"readable": False, "reason": reason},
    )


def _shares(reply: Generation, index: dict[str, int]) -> tuple[np.ndarray, str | None]:
    """Return the percentages by category, NaN where none is given, and why the response cannot be parsed."""
    shares = np.full(len(index), np.nan)
    if reply.truncated:
        return shares, "it was cut at the token limit"
    for line in filter(str.strip, reply.text.splitlines()):
        name, _, number = line.rpartition(":")
        place = index.get(plain_name(name))
        found = _SHARE.fullmatch(number.strip(" \t*_`"))
        if place is None or found is None:
            return shares, f"the line {line.strip()[:60]!r} is no category with a percentage"
        if not np.isnan(shares[place]):
            return shares, f"the category of the line {line.strip()[:60]!r} was named before"
        shares[place] = float(found[1])
    total = float(np.nansum(shares))
    if abs(total - 100.0) > TOLERANCE or (shares > 100.0).any():
        return shares, f"its percentages sum to {total:g}"
    return shares, None


READOUTS.add(
    Readout(
        name="verbalised",
        ask=ask,
        read=read,
        summary="the percentages that the model writes, read strictly",
        reference="Tian et al. (2023), arXiv:2305.14975",
        label="Verbalised percentages",
        definition="The percentages that the model writes as text for all categories, divided by their sum.",
        reading="What the model says about its own distribution.",
        pitfalls=(
            "Small models rarely write a readable answer; responses that cannot be read are counted, and are uniform "
            "or an error as chosen. Round numbers are common."
        ),
        options=("categories", "unreadable"),
        form="text",
        reply_tokens=reply_tokens,
        softmax=False,
    )
)
