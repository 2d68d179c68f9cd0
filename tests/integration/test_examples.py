"""The examples run, and show what they say they show."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_survey(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("survey", EXAMPLES / "survey.py")
    assert spec is not None and spec.loader is not None
    survey = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(survey)
    found = survey.main()
    assert set(found) == {"hedging", "shifted"}
    steps = {
        (name, group): one["wasserstein_ordinal", "theta_s", f"group={group}"].value
        for name, one in found.items()
        for group in survey.GROUPS
    }
    # The shifted model is off by nearly one option for the oldest group, and for nobody else.
    assert 0.6 < steps["shifted", "60+"] < 1.0
    assert max(steps["shifted", "18-34"], steps["shifted", "35-59"]) < 0.15
    assert found["shifted"].facts["n_users"] == 120 and found["shifted"].facts["n_records"] == 360
    said = capsys.readouterr().out
    assert "shifted  group=60+" in said and "wasserstein_ordinal  hedging - shifted" in said
