"""Prompts in the words of a template, with what the table knows of each item; the newest items are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.errors import InputError
from spectra_eval.probing import probe, probe_file
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.templates import PLAIN, Template, known_templates
from spectra_eval.tables import Detail, PreferenceTable

SEEN: list[str] = []


def held(prefix: str, options: tuple[str, ...]) -> list[float]:
    SEEN.append(prefix)
    return [3.0] + [1.0] * (len(options) - 1)


def table(*, details: bool = True) -> PreferenceTable:
    titles = [tuple(f"film {row}-{n}" for n in range(4)) for row in range(3)]
    seen = [
        tuple(Detail(time=86_400 * n, rating=n / 2, categories=("Noir", "War")[: 1 + n % 2]) for n in range(4))
        for _ in range(3)
    ]
    return PreferenceTable(
        users=["a", "b", "c"],
        categories=("Noir", "War"),
        counts=[[1, 1], [2, 0], [0, 3]],
        history=titles,
        history_details=seen if details else None,
    )


def asked(tmp_path: Path | None = None, *, given: PreferenceTable | None = None, **options: Any) -> PreferenceTable:
    SEEN.clear()
    with open_backend("mocked", theta=held) as session:
        run = None if tmp_path is None else tmp_path / "run"
        return probe(given or table(), session, run=run, **{"dg": False, **options})


def test_the_model_reads_what_the_template_says() -> None:
    probed = asked(template=known_templates()["detailed"], titles=2)
    assert "- film 0-2 (Noir), chosen on 1970-01-03, rated 1\n- film 0-3 (Noir, War), chosen on 1970-01-04" in SEEN[0]
    assert "film 0-1" not in SEEN[0], "the newest are kept"
    assert probed.metadata["template"] == "detailed"
    assert probed.metadata["template_digest"] == known_templates()["detailed"].digest
    assert probed.history is not None and probed.history_details is not None
    assert [len(row) for row in probed.history_details] == [2, 2, 2]
    assert probed.history_details[1][0].rating == 1.0 and probed.history[1] == ("film 1-2", "film 1-3")


def test_lists_and_the_content_free_context_are_told_alike() -> None:
    asked(template=Template(heading="Seen:"), dg=True, list_length=1, debias=True)
    assert len(SEEN) > 6 and all(text.startswith("Seen:\n- ") for text in SEEN)
    assert any(text.startswith("Seen:\n- N/A\n") for text in SEEN)


def test_a_run_in_a_folder_and_one_of_a_file_keep_the_details(tmp_path: Path) -> None:
    template = known_templates()["detailed"]
    whole = asked(template=template)
    kept = asked(tmp_path, template=template)
    write_table(table(), tmp_path / "t.parquet")
    with open_backend("mocked", theta=held) as session:
        probe_file(tmp_path / "t.parquet", session, run=tmp_path / "file", dg=False, template=template)
    for other in (kept, read_table(tmp_path / "file")):
        assert other.history_details is not None and whole.history_details is not None
        assert other.history_details.tolist() == whole.history_details.tolist()
        assert other.metadata["history_digest"] == whole.metadata["history_digest"]
        assert np.array_equal(other.theta_s, whole.theta_s)


def test_other_words_are_another_run(tmp_path: Path) -> None:
    asked(tmp_path)
    with pytest.raises(InputError, match="belongs to another run: template is 'plain' there and 'terse' here"):
        asked(tmp_path, template=known_templates()["terse"])
    with pytest.raises(InputError, match="belongs to another run: template_digest"):
        asked(tmp_path, template=Template(heading="Seen:"))
    assert asked(tmp_path, template=PLAIN).n_users == 3


def test_details_count_as_what_is_told() -> None:
    bare = asked(given=table(details=False))
    assert bare.metadata["history_digest"] != asked().metadata["history_digest"]
    with pytest.raises(
        InputError, match=r"'detailed': it shows categories, date, rating, and .* prepare it with --details"
    ):
        asked(given=table(details=False), template=known_templates()["detailed"])
