"""A prediction that is uniform, or almost, is described by how far it is from uniform."""

from __future__ import annotations

import pytest

from spectra_eval.metrics._flatness import in_words


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("uniform", "theta_s is flat: it is the uniform distribution"),
        ("flat", "theta_s is flat: its mean total variation to the uniform distribution is 0.0200"),
        ("nearly flat", "theta_s is close to uniform: its mean total variation to the uniform distribution is 0.0200"),
    ],
)
def test_each_verdict_has_a_sentence(verdict: str, said: str) -> None:
    facts = {"verdict": verdict, "mean_tv_to_uniform": 0.02, "mean_tv_of_truth_to_uniform": 0.4}
    sentence = in_words("theta_s", facts)
    assert sentence is not None and sentence.startswith(said)


def test_no_facts_give_no_sentence() -> None:
    assert in_words("theta_s", {}) is None
