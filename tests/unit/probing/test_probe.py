from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table
from spectra_eval.errors import InputError, ProbeError, SchemaError
from spectra_eval.probing import probe
from spectra_eval.probing.backends.mocked import open_mocked
from spectra_eval.tables import AnswerScores, Generation, PreferenceTable, ProbeRequest

N, CATEGORIES = 21, ("Noir", "War", "Drama", "Western")


@pytest.fixture(scope="module")
def table() -> PreferenceTable:
    rng = np.random.default_rng(5)
    return PreferenceTable(
        users=[f"u{i}" for i in range(N)],
        categories=CATEGORIES,
        counts=rng.integers(1, 9, (N, 4)),
        history=[tuple(f"title {i}-{j}" for j in range(i % 5)) for i in range(N)],
        history_counts=rng.integers(0, 9, (N, 4)),
        metadata={"split": "chronological"},
    )


def _run(table: PreferenceTable, run: Path | None, *, crash_at: int | None = None, **options: Any) -> PreferenceTable:
    options = {"list_length": 4, **options}
    with open_mocked("random", seed=3, noise=0.2, crash_at=crash_at) as session:
        return probe(table, session, run=run, **options)


def _manifest(run: Path) -> Any:
    return json.loads((run / "manifest.json").read_text())


def test_the_known_distribution_comes_back(table: PreferenceTable) -> None:
    held = {"title 4-3": [0.4, 0.3, 0.2, 0.1]}
    with open_mocked(theta=held, temperature=2.0) as session:
        probed = probe(table.select(slice(4, 5)), session, temperature=2.0, list_length=3)
    assert probed.theta_s is not None and probed.dg is not None
    np.testing.assert_allclose(probed.theta_s, [held["title 4-3"]], rtol=1e-12)
    assert probed.dg.tolist() == [[0, 1, 2]]


def test_a_run_folder_holds_all_that_was_promised(table: PreferenceTable, tmp_path: Path) -> None:
    probed = _run(table, tmp_path / "run", titles=3, list_length=2)
    manifest = _manifest(tmp_path / "run")
    assert manifest["status"] == "complete" and manifest["progress"] == {"done": N, "total": N}
    assert [part["rows"] for part in manifest["parts"]] == [8, 8, 5]
    assert sorted(p.name for p in (tmp_path / "run" / "parts").iterdir()) == [p["file"] for p in manifest["parts"]]
    read = read_table(tmp_path / "run")
    np.testing.assert_array_equal(read.theta_s, probed.theta_s)
    assert read.history is not None and max(len(titles) for titles in read.history) == 3
    assert read.history[4] == ("title 4-1", "title 4-2", "title 4-3")
    wanted = {
        "readout": "likelihood",
        "backend": "mocked",
        "model": "random",
        "temperature": 1.0,
        "seed": 0,
        "titles": 3,
        "list_length": 2,
        "prompts_truncated": 0,
        "split": "chronological",
    }
    assert {key: read.metadata[key] for key in wanted} == wanted
    assert read.metadata["mean_answer_mass"] == pytest.approx(0.9)
    for key in ("model_digest", "prompt_digest", "input_digest", "history_digest"):
        assert len(read.metadata[key]) == 64


def test_without_a_folder_the_answers_are_the_same(table: PreferenceTable, tmp_path: Path) -> None:
    kept, free = _run(table, tmp_path / "run"), _run(table, None)
    for name in ("scores", "theta_s", "answer_mass", "dg"):
        np.testing.assert_allclose(getattr(kept, name), getattr(free, name), rtol=1e-15)


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4, 6])
def test_a_run_that_crashed_goes_on_to_the_same_bytes(table: PreferenceTable, tmp_path: Path, crash_at: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    _run(table, whole)
    with pytest.raises(ProbeError, match=f"crash at call {crash_at}"):
        _run(table, broken, crash_at=crash_at)
    assert not (broken / "table.parquet").exists()
    assert _manifest(broken)["progress"]["done"] == 8 * ((crash_at - 1) // 2)
    seen: list[tuple[int, int]] = []
    _run(table, broken, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (8 * ((crash_at - 1) // 2), N) and seen[-1] == (N, N)
    for name in ("table.parquet", "manifest.json", *(f"parts/part-0000{i}.parquet" for i in range(3))):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()


def test_a_complete_run_is_not_asked_again(table: PreferenceTable, tmp_path: Path) -> None:
    first = _run(table, tmp_path / "run")
    again = _run(table, tmp_path / "run", crash_at=1)
    np.testing.assert_array_equal(first.theta_s, again.theta_s)


def test_a_damaged_part_is_asked_again(table: PreferenceTable, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(ProbeError):
        _run(table, run, crash_at=5)
    (run / "parts" / "part-00001.parquet").write_bytes(b"PAR1 cut")
    with pytest.warns(UserWarning, match=r"part-00001\.parquet: missing or damaged"):
        _run(table, run)
    _run(table, tmp_path / "whole")
    assert (run / "table.parquet").read_bytes() == (tmp_path / "whole" / "table.parquet").read_bytes()


def test_a_changed_table_is_made_again(table: PreferenceTable, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _run(table, run)
    good = (run / "table.parquet").read_bytes()
    (run / "table.parquet").write_bytes(good[:-9])
    with pytest.warns(UserWarning, match="changed since"):
        _run(table, run, crash_at=1)
    assert (run / "table.parquet").read_bytes() == good


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"temperature": 2.0}, "temperature is 1.0 there and 2.0 here"),
        ({"titles": 2}, "titles is 20 there and 2 here"),
        ({"list_length": 3}, "list_length is 4 there and 3 here"),
        ({"dg": False}, "dg is True there and False here"),
        ({"seed": 9}, "seed is 0 there and 9 here"),
        ({"limit": 4}, "input_digest"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    table: PreferenceTable, tmp_path: Path, options: dict[str, Any], key: str
) -> None:
    _run(table, tmp_path / "run", list_length=4)
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(InputError, match=key):
        _run(table, tmp_path / "run", **{"list_length": 4, **options})
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before


def test_another_model_is_refused(table: PreferenceTable, tmp_path: Path) -> None:
    _run(table, tmp_path / "run", list_length=4)
    with open_mocked("uniform") as session, pytest.raises(InputError, match="model is 'random' there and 'uniform'"):
        probe(table, session, list_length=4, run=tmp_path / "run")


def test_a_folder_that_is_none_is_refused(table: PreferenceTable, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="no manifest"):
        _run(table, tmp_path)
    with pytest.raises(InputError, match="does not exist; create it or choose another"):
        _run(table, tmp_path / "notes.txt" / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"schema": "something else"}')
    with pytest.raises(SchemaError, match="not the manifest of a run"):
        _run(table, tmp_path / "other")


def test_answers_do_not_depend_on_the_other_users(table: PreferenceTable) -> None:
    whole = _run(table, None)
    turned = _run(table.select(slice(None, None, -1)), None)
    np.testing.assert_array_equal(whole.theta_s, np.asarray(turned.theta_s)[::-1])
    np.testing.assert_array_equal(whole.dg, np.asarray(turned.dg)[::-1])
    few = _run(table, None, limit=3)
    np.testing.assert_array_equal(np.asarray(whole.theta_s)[:3], few.theta_s)


def test_no_list_is_asked_for_when_none_is_wanted(table: PreferenceTable) -> None:
    assert _run(table, None, dg=False).dg is None


class _Narrow:
    """A session with room for few words that writes half names."""

    description: Mapping[str, Any] = {"backend": "narrow", "model": "narrow", "model_digest": "0" * 64}
    context_limit = 110

    def __init__(self) -> None:
        self.longest = 0

    def count_tokens(self, request: ProbeRequest) -> int:
        return max(len(f"{request.prefix}{suffix}".split()) for suffix in request.suffixes)

    def score(self, requests: Sequence[ProbeRequest]) -> list[AnswerScores]:
        out = []
        for request in requests:
            self.longest = max(self.longest, self.count_tokens(request))
            n = len(request.suffixes)
            out.append(AnswerScores(log_probs=np.full((n, 6), -3.0), n_prompt_tokens=np.full(n, 9)))
        return out

    def generate(self, requests: Sequence[ProbeRequest], *, max_tokens: int) -> list[list[Generation]]:
        self.longest = max(self.longest, *(self.count_tokens(r) + max_tokens for r in requests))
        return [[Generation(text="War\nJazz\nNo", truncated=True, n_prompt_tokens=9)] for _ in requests]


def test_the_oldest_titles_go_where_the_context_is_short(tmp_path: Path) -> None:
    long = PreferenceTable(
        users=["short", "long"],
        categories=CATEGORIES,
        counts=np.ones((2, 4)),
        history=[("first",), tuple(f"a title of five words{i}" for i in range(20))],
    )
    session = _Narrow()
    probed = probe(long, session, list_length=2, run=tmp_path / "run")
    assert probed.history is not None and probed.history[0] == ("first",)
    kept = probed.history[1]
    assert 0 < len(kept) < 20 and kept[-1].endswith("words19")
    assert session.longest <= 110
    assert probed.metadata["prompts_truncated"] == 1
    assert probed.dg is not None and probed.dg.tolist() == [[1, -1], [1, -1]]
    assert read_table(tmp_path / "run").metadata["prompts_truncated"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 0}, "limit"),
        ({"titles": -1}, "titles"),
        ({"temperature": 0.0}, "temperature"),
        ({"list_length": 5}, "list_length"),
        ({"list_length": 0}, "list_length"),
    ],
)
def test_options_out_of_range_are_refused(
    table: PreferenceTable, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        _run(table, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_table_without_history_is_refused(table: PreferenceTable) -> None:
    with pytest.raises(InputError, match="column history"):
        _run(table.replace(history=None), None)


def test_no_titles_is_no_history(table: PreferenceTable) -> None:
    probed = _run(table, None, titles=0)
    assert probed.history is not None and set(probed.history) == {()}
