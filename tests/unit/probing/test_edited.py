"""A run folder that somebody has edited: every edit is refused in one line, and no part passes for another."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.artifacts import read_table, write_table
from spectra_eval.errors import InputError, SchemaError, SpectraError
from spectra_eval.probing import probe
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.tables import PreferenceTable
from tests.unit.mutations import edits

N = 20
TABLE = PreferenceTable(
    users=[f"user {i}" for i in range(N)],
    categories=("Noir", "War", "Musical"),
    counts=np.arange(3 * N).reshape(N, 3) % 5 + 1,
    history=[(f"Film {i}",) for i in range(N)],
)


class _Stop(Exception):
    pass


def _stop_after_two(done: int, total: int) -> None:
    if done == 16:
        raise _Stop


def _probe(run: Path, progress: Any = None) -> PreferenceTable:
    with open_backend("mocked", model="random") as session:
        return probe(TABLE, session, run=run, list_length=2, progress=progress)


@pytest.fixture(params=["stopped", "complete"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "run"
    if request.param == "complete":
        _probe(folder)
    else:
        with pytest.raises(_Stop):
            _probe(folder, _stop_after_two)
    yield folder
    assert not list(folder.rglob("*.part"))


def test_every_edit_of_a_manifest_is_refused_in_one_line(run: Path) -> None:
    place = run / "manifest.json"
    before = place.read_bytes()
    tried = 0
    for name, edited in edits(json.loads(before), (None, True, -7, "x", [[]])):
        if edited == json.loads(before):
            continue
        place.write_text(json.dumps(edited))
        with pytest.raises(InputError) as caught:
            _probe(run)
        said = str(caught.value)
        assert "\n" not in said and str(run) in said, name
        tried += 1
    for text in ("", "{", "[" * 10_000, '{"schema": NaN}', "null", "\x00"):
        place.write_text(text)
        with pytest.raises(InputError):
            _probe(run)
    place.write_bytes(before)
    assert _probe(run).n_users == N and tried > 250


def _digest(place: Path) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()


def _redigested(run: Path) -> None:
    """Write the digests of the files as they are now into the manifest."""
    manifest = json.loads((run / "manifest.json").read_text())
    for entry in manifest["parts"]:
        entry["sha256"] = _digest(run / "parts" / entry["file"])
    if manifest["table"] is not None:
        manifest["table"] = _digest(run / "table.parquet")
    (run / "manifest.json").write_text(json.dumps(manifest))


def _swap(run: Path) -> None:
    first, second = (run / "parts" / f"part-0000{i}.parquet" for i in range(2))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def _twice(run: Path) -> None:
    shutil.copy(run / "parts" / "part-00000.parquet", run / "parts" / "part-00001.parquet")


def _changed(**columns: Any) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        place = run / "parts" / "part-00001.parquet"
        write_table(read_table(place).replace(**columns), place)

    return change


def _shorter(run: Path) -> None:
    place = run / "parts" / "part-00001.parquet"
    write_table(read_table(place).select(slice(0, 7)), place)


def _other_categories(run: Path) -> None:
    place = run / "parts" / "part-00001.parquet"
    write_table(read_table(place).replace(categories=("Noir", "War", "Western")), place)


def _no_table(run: Path) -> None:
    (run / "parts" / "part-00001.parquet").write_bytes(b"PAR1 and nothing else")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_swap, "column users is not that of the same records"),
        (_twice, "column users is not that of the same records"),
        (_shorter, "7 records for 8"),
        (_other_categories, "its categories are not those"),
        (_changed(counts=np.full((8, 3), 9.0), theta_star=None, n_window=None), "column counts is not that"),
        (_changed(theta_s=None), "it lacks answers"),
        (_changed(answer_mass=np.full((8, 3), 0.25)), "and the manifest says"),
        (_changed(dg=np.zeros((8, 3), dtype=int) + np.arange(3)), "lists have 3 entries instead of 2"),
        (_no_table, "corrupted Parquet"),
    ],
)
def test_a_part_with_an_edited_digest_is_refused(run: Path, edit: Callable[[Path], None], said: str) -> None:
    edit(run)
    _redigested(run)
    with pytest.raises(SchemaError, match=said) as caught:
        _probe(run)
    assert "part-0000" in str(caught.value)
    for place in (run / "parts").iterdir():
        place.unlink()
    with pytest.warns(UserWarning, match="the run resumes from this part"):
        assert _probe(run).users.tolist() == TABLE.users.tolist()


def test_a_whole_table_of_others_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    whole = _probe(run)
    for other, said in (
        (whole.replace(users=whole.users[::-1]), "column users"),
        (whole.select(slice(0, 8)), "records are missing"),
        (whole.select(np.r_[0:N, 0:0]).replace(users=[f"x{i}" for i in range(N)]), "column users"),
    ):
        write_table(other, run / "table.parquet")
        _redigested(run)
        with pytest.raises(SpectraError, match=said):
            _probe(run)
    (run / "table.parquet").unlink()
    with pytest.warns(UserWarning, match="it is written again"):
        assert _probe(run).theta_s.tolist() == whole.theta_s.tolist()
