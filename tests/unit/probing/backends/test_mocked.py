from __future__ import annotations

import numpy as np
import pytest

from spectra_eval.errors import InputError, ModelLoadError, ProbeError, UnknownNameError
from spectra_eval.probing.backends import BACKENDS
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._base import Session
from spectra_eval.probing.backends.mocked import ANSWER_MASS, open_mocked
from spectra_eval.probing.readouts import likelihood
from spectra_eval.tables import ProbeRequest, Sampling
from spectra_eval.testing.answer_checks import session_checks

CATEGORIES = ("Noir", "War", "Drama")
REQUESTS = [likelihood.ask((title,), CATEGORIES) for title in ("Heat", "Alien", "Brazil", "Ran")]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_readout_gets_back_what_is_held(temperature: float) -> None:
    held = {"Heat": [0.7, 0.2, 0.1], "Alien": [0.05, 0.05, 0.9]}
    with open_mocked(theta=held, temperature=temperature) as session:
        for request, theta in zip(REQUESTS[:2], held.values(), strict=True):
            (answers,) = session.score([request])
            reading = likelihood.read(answers, temperature=temperature)
            np.testing.assert_allclose(reading.theta_s, theta, rtol=1e-12)
            np.testing.assert_allclose(reading.answer_mass, ANSWER_MASS, rtol=1e-12)


def test_a_category_without_weight_is_read_as_zero() -> None:
    with open_mocked(theta={"Heat": [1, 3, 0]}) as session:
        (answers,) = session.score(REQUESTS[:1])
    np.testing.assert_allclose(likelihood.read(answers).theta_s, [0.25, 0.75, 0.0], atol=1e-15)


def test_a_function_is_asked_with_prefix_and_options() -> None:
    with open_mocked(theta=lambda prefix, options: [len(prefix)] + [0.0] * (len(options) - 1)) as session:
        (answers,) = session.score(REQUESTS[:1])
        ((reply, *others),) = session.generate(REQUESTS[:1], max_tokens=2)
    np.testing.assert_allclose(likelihood.read(answers).theta_s, [1, 0, 0], atol=1e-12)
    assert reply.text == "Yes\nY" and reply.truncated and len(others) == 2


def test_uniform_and_random_models() -> None:
    with open_mocked("uniform") as session:
        np.testing.assert_allclose(likelihood.read(session.score(REQUESTS[:1])[0]).theta_s, 1 / 3)
    with open_mocked("random", seed=4) as one, open_mocked("random", seed=4) as two, open_mocked("random") as other:
        first, same, differing = (s.score(REQUESTS[:1])[0].log_probs for s in (one, two, other))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - differing).max() > 1e-3


def test_noise_belongs_to_the_question() -> None:
    with open_mocked("random", noise=0.5, seed=2) as session:
        together = session.score(REQUESTS)
        alone = [session.score([request])[0] for request in REQUESTS[::-1]][::-1]
        turned = ProbeRequest(
            prefix=REQUESTS[0].prefix, suffixes=REQUESTS[0].suffixes[::-1], answers=REQUESTS[0].answers
        )
        (back,) = session.score([turned])
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.log_probs, other.log_probs)
    np.testing.assert_allclose(back.log_probs[::-1], together[0].log_probs, rtol=1e-12)
    with open_mocked("random", seed=2) as quiet:
        assert np.abs(quiet.score(REQUESTS)[0].log_probs - together[0].log_probs).max() > 1e-3


def test_the_checks_of_the_kit_hold() -> None:
    with open_mocked("random", noise=0.1) as session:
        for check in session_checks(session, REQUESTS):
            check()


def test_it_crashes_at_the_call_asked_for() -> None:
    with open_mocked(crash_at=2) as session:
        session.score(REQUESTS)
        with pytest.raises(ProbeError, match="crash at call 2"):
            session.generate(REQUESTS, max_tokens=5)


def test_a_closed_session_refuses() -> None:
    with open_mocked() as session:
        pass
    with pytest.raises(ProbeError, match="closed"):
        session.score(REQUESTS)


def test_the_digest_covers_what_answers_depend_on() -> None:
    digests = set()
    for options in ({}, {"seed": 1}, {"noise": 0.1}, {"model": "random"}, {"theta": {"Heat": [1, 2]}}):
        with open_backend("mocked", **options) as session:
            assert isinstance(session, Session)
            digests.add(session.description["model_digest"])
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("theta", "words"),
    [({"Heat": [1.0, 2.0]}, "3 options"), ({"Heat": [1, 1, 1], "A user": [1, 1, 1]}, "2 keys"), ({}, "0 keys")],
)
def test_what_is_held_must_fit(theta: dict[str, list[float]], words: str) -> None:
    with open_mocked(theta=theta) as session, pytest.raises(ProbeError, match=words):
        session.score(REQUESTS[:1])


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(ModelLoadError, match="uniform, random"), open_mocked("gpt"):
        pass
    with pytest.raises(InputError, match="noise -1"), open_mocked(noise=-1.0):
        pass
    with pytest.raises(UnknownNameError, match="mocked"):
        open_backend("mockd")
    assert BACKENDS["mocked"].extra is None


def test_a_drawn_list_is_drawn_without_replacement_by_what_is_held() -> None:
    n, held = 3000, np.array([0.5, 0.3, 0.2])
    asked = ProbeRequest(prefix="Heat", suffixes=("?",), answers=("a", "b", "c"))
    firsts = []
    with open_mocked(theta={"Heat": held}) as session:
        for seed in range(n):
            ((reply,),) = session.generate([asked], max_tokens=9, sampling=Sampling(seed=seed))
            assert sorted(reply.text.split()) == ["a", "b", "c"]
            firsts.append("abc".index(reply.text[0]))
        again = session.generate([asked, asked], max_tokens=9, sampling=Sampling(seed=n - 1))
        with pytest.raises(InputError, match="not a positive number"):
            session.generate([asked], max_tokens=9, sampling=Sampling(temperature=0.0))
    assert again == [[reply], [reply]]
    shares = np.bincount(firsts, minlength=3) / n
    assert (np.abs(shares - held) < 4 * np.sqrt(held * (1 - held) / n)).all()


def test_the_share_of_words_read_before_is_counted() -> None:
    with open_mocked() as session:
        assert np.isnan(session.cached_share)
        session.score([ProbeRequest(prefix="one two three four", suffixes=(" a", " b"), answers=("Yes", "No"))])
        assert session.cached_share == pytest.approx(4 / 10)
