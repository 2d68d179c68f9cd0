"""Files that the package keeps for itself: names, links, pipes, and what a killed process leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra_eval.artifacts import (
    _writing,
    file_name,
    has_own_folder,
    open_own,
    own_file,
    own_folder,
    write_text,
    written_path,
)
from spectra_eval.errors import InputError
from spectra_eval.probing import probe
from spectra_eval.probing.backends import _embedded
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.tables import PreferenceTable


@pytest.mark.parametrize("name", ["plain", "5-sessions-long", "Größe 7", "a.b", "x@y=z", "w[1]", "日本"])
def test_names_that_are_taken(name: str) -> None:
    assert file_name(name, "variant") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "a/b", "a\\b", "/etc", ".hidden", "-o", "a\n", "a\x00", "a\x1b[2J", "x" * 101),
        *("end.", "end ", "CON", "nul.txt", "a:b", "~root", "\u202ea"),
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"variant: .* cannot name a file"):
        file_name(name, "variant")


@given(st.text(max_size=120))
def test_a_name_that_is_taken_is_one_component_of_a_path(name: str) -> None:
    try:
        taken = file_name(name, "variant")
    except InputError:
        return
    assert Path("folder", taken).parts == ("folder", taken)
    assert taken.isprintable()


def _link(place: Path) -> Path:
    precious = place.parent.parent / "precious"
    precious.write_text("precious", encoding="utf-8")
    place.symlink_to(precious)
    return precious


def test_own_files_are_no_links_pipes_or_folders(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    place = tmp_path / "run" / "file"
    assert own_file(place) == place
    precious = _link(place)
    for call in (lambda: own_file(place), lambda: open_own(place, "a"), lambda: own_folder(place)):
        with pytest.raises(InputError, match=r"file: a (link|file|pipe)"):
            call()
    place.unlink()
    os.mkfifo(place)
    for call in (lambda: own_file(place), lambda: open_own(place, "a+")):
        with pytest.raises(InputError, match="a pipe or device"):
            call()
    place.unlink()
    place.mkdir()
    with pytest.raises(InputError, match="a folder, where a file"):
        own_file(place)
    assert precious.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("name", [".lock", "manifest.json", "table.parquet", "parts", "parts/part-00000.parquet"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_run_opens_nothing_through_a_link_or_a_pipe(tmp_path: Path, name: str, kind: str) -> None:
    table = PreferenceTable(users=["ann"], categories=("a", "b"), counts=[[1, 3]], history=[("Heat",)])
    run = tmp_path / "run"
    with open_backend("mocked") as session:
        probe(table, session, run=run, dg=False)
        place = run / name
        if name == "parts":
            place.rename(tmp_path / "elsewhere")
            place.symlink_to(tmp_path / "elsewhere") if kind == "link" else os.mkfifo(place)
            precious = None
        else:
            place.unlink()
            precious = _link(place) if kind == "link" else None
            if precious is None:
                os.mkfifo(place)
        with pytest.raises(InputError, match=r"of the run is kept|holds files but no manifest"):
            probe(table, session, run=run, dg=False)
    if precious is not None:
        assert precious.read_text(encoding="utf-8") == "precious"


def test_leftovers_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    left = tmp_path / ".table.parquet.0123456789ab.part"
    left.write_bytes(b"half")
    other = tmp_path / ".notes.part"
    other.write_text("mine", encoding="utf-8")
    with written_path(tmp_path / "whole.txt") as hidden:
        hidden.write_text("whole", encoding="utf-8")
        code = "import sys; from spectra_eval.artifacts import write_text; write_text('x', sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.txt")], check=True, timeout=60)
        assert hidden.exists()
    assert not left.exists() and other.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".notes.part", "whole.txt", "x.txt"]
    assert (tmp_path / "whole.txt").read_text(encoding="utf-8") == "whole"


def test_a_leftover_that_is_a_link_or_a_pipe_is_let_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    link, pipe = (tmp_path / "out" / f".t.0123456789a{i}.part" for i in range(2))
    precious = _link(link)
    os.mkfifo(pipe)
    _writing._cleaned.clear()
    write_text("x", tmp_path / "out" / "x.txt")
    assert link.is_symlink() and pipe.exists() and precious.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_the_cache_of_models_is_not_followed_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    if suffix == ".lock":  # only a folder that is not there yet is locked
        pytest.importorskip("filelock", reason="the extra hf is not installed")
    monkeypatch.setenv("SPECTRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_embedded, "_key", lambda _: "key")
    made: list[Path] = []
    monkeypatch.setattr(_embedded, "_make", lambda _, target: made.append(target))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "cache" / "models").mkdir(parents=True)
    (tmp_path / "cache" / "models" / f"m-key{suffix}").symlink_to(tmp_path / "foreign")
    with pytest.raises(InputError, match="a link, where a f"):
        _embedded.converted(tmp_path / "m.gguf")
    assert made == []


def test_a_folder_of_ones_own_is_there_or_not(tmp_path: Path) -> None:
    assert not has_own_folder(tmp_path / "none")
    assert has_own_folder(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="a file, where a folder"):
        has_own_folder(tmp_path / "file")


def test_a_figure_that_fails_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure as Canvas

    from spectra_eval.training._plot import draw_loss

    target = tmp_path / "loss.svg"
    target.write_text("old", encoding="utf-8")

    def fail(_: Canvas, stream: object, **__: object) -> None:
        stream.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Canvas, "savefig", fail)
    with pytest.raises(InputError, match="the disk is full"):
        draw_loss([{"step": 1, "loss": 0.5}], target)
    assert [p.name for p in tmp_path.iterdir()] == ["loss.svg"] and target.read_text(encoding="utf-8") == "old"


def test_every_writer_goes_through_one_door() -> None:
    """Nothing but the module of writers opens a file to write, renames one, or lets a library do so by name."""
    root = Path(__file__).resolve().parents[3] / "spectra_eval"
    words = (".write_bytes(", ".write_text(", "os.replace(", "savefig(path", "to_csv(path", "write_table(path")
    allowed = {
        "artifacts/_writing.py",
        "probing/backends/_adapter.py",  # folders of the cache, which take their name when they are whole
        "probing/backends/_embedded.py",
    }
    found = []
    for path in sorted(root.rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        code = [line for line in lines if not line.lstrip().startswith((">>>", "...", "#"))]
        if any(word in line for line in code for word in words):
            found.append(path.relative_to(root).as_posix())
    assert set(found) <= allowed
