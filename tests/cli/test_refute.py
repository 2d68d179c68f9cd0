"""`spectra-eval refute` on the bounds of the paper, and on bounds that a user invents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spectra_eval_cli.main import main

BOUNDS = """
from spectra_eval.theory import Envelope

def my_bound(kl):
    return (kl / 3) ** 0.5

my_bound.given, my_bound.of = "kl_divergence", "total_variation"

def pinsker(kl):
    return (kl / 2) ** 0.5

def half(bits):
    return bits / 2

CLAIM = Envelope(name="claim", given="total_variation", of="linf_error", given_unit="1", of_unit="1",
                 statement="", reference="", upper=lambda v: v * 0.9)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_bounds.py").write_text(BOUNDS, encoding="utf-8")
    return tmp_path


def ran(*words: str) -> Result:
    return CliRunner().invoke(main, ["refute", *words, "--examples", "100"])


@pytest.mark.parametrize("name", ["printed_kl_upper_from_js", "printed_ps_printed", "printed_bh_printed"])
def test_the_printed_bounds_fall(name: str) -> None:
    done = ran(name, "--format", "json")
    assert done.exit_code == 1, done.output
    found = json.loads(done.output)
    assert found["found"] is True
    assert found["known"] == {
        "quantity": "js_divergence",
        "unit": "nat" if name == "printed_kl_upper_from_js" else "bit",
    }
    with pytest.raises(AssertionError):
        exec(found["python"], {})


@pytest.mark.parametrize("name", ["own_bounds:my_bound", "own_bounds:CLAIM"])
def test_a_bound_of_one_s_own_falls_and_the_python_shows_it(here: Path, name: str) -> None:
    done = ran(name)
    assert done.exit_code == 1, done.output
    head, code = done.output.split("\n", 1)
    assert head == f"refuted by drawing: {name}"
    with pytest.raises(AssertionError):
        exec("\n".join(line[4:] for line in code.splitlines()), {})


def test_options_say_what_is_bounded(here: Path) -> None:
    done = ran("own_bounds:pinsker")
    assert done.exit_code == 1, "it is no bound of the total variation by the JS in bits"
    done = ran("own_bounds:pinsker", "--given", "kl_divergence")
    assert done.exit_code == 0, done.output
    done = ran("own_bounds:half", "--side", "lower")
    assert done.exit_code == 0, "the total variation is never below the JS in bits"
    assert "no pair found that breaks own_bounds:half: that is no proof" in done.output


def test_a_file_can_be_written(here: Path) -> None:
    done = ran("own_bounds:half", "-o", "found.json", "--format", "json")
    assert done.exit_code == 1, done.output
    assert json.loads((here / "found.json").read_text(encoding="utf-8"))["of"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["printed_ps"], "no envelope named 'printed_ps'; near: printed_ps"),
        (["own_bounds:half", "--given", "entropy"], "quantity 'entropy' is not known"),
        (["own_bounds:Envelope"], "neither an Envelope nor a function of one number"),
    ],
)
def test_bad_words_are_one_line(here: Path, words: list[str], said: str) -> None:
    done = ran(*words)
    assert done.exit_code == 3
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
