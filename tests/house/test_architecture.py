"""The house itself: what is imported, what is named, what stands where."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "spectra_eval").rglob("*.py"), *(ROOT / "cli").rglob("*.py")])
HEAVY = (
    "torch",
    "httpx",
    "transformers",
    "pandas",
    "pyarrow",
    "matplotlib",
    "scipy.stats",
    "hypothesis",
    "click",
    "rich",
)


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'cli')!r}]; "
    done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_library_loads_no_other_package() -> None:
    assert not _loaded_by("import spectra_eval").intersection([*HEAVY, "numpy", "scipy", "jaxtyping"])


def test_using_the_whole_face_loads_nothing_heavy() -> None:
    everything = "import spectra_eval as se; [getattr(se, name) for name in se.__all__]"
    assert not _loaded_by(everything).intersection(set(HEAVY) - {"pandas", "pyarrow"})


def test_the_help_of_a_command_loads_click_alone() -> None:
    asked = "from spectra_eval_cli.main import main; main(['verify', '--help'], standalone_mode=False)"
    assert not _loaded_by(asked).intersection([*set(HEAVY) - {"click"}, "numpy"])


def test_the_command_line_loads_click_alone() -> None:
    heavy = [name for name in HEAVY if name != "click"]
    assert not _loaded_by("import spectra_eval_cli.main").intersection([*heavy, "numpy"])


def test_no_file_is_longer_than_400_lines() -> None:
    folders = ("spectra_eval", "cli", "tests", "benchmarks", "experiments", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > len(SOURCES)
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_source_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is for"
    relative = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative
    for word in ("TODO", "FIXME", "trust_remote_code=True", "pickle.load"):
        assert word not in text


def test_one_module_alone_loads_files_of_models() -> None:
    """So that no other call forgets to forbid the code of a folder, the network or a pickle."""
    words = {"from_pretrained", "load_checkpoint_and_dispatch", "torch.load", "pipeline"}
    for path in SOURCES:
        called = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {ast.unparse(one) for one in called} | {one.attr for one in called if isinstance(one, ast.Attribute)}
        if path.name == "_model_files.py":
            assert "from_pretrained" in names
        else:
            assert not names & words, path


def test_one_module_alone_prints() -> None:
    """So that all that is printed is free of secrets and of characters that steer a terminal."""
    words = {"click.echo", "click.secho", "click.echo_via_pager", "print", "sys.stdout.write", "sys.stderr.write"}
    for path in SOURCES:
        if path.name == "_printing.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in words | {"traceback.print_exc"}:
                assert ast.unparse(node).startswith("print(shown("), f"{path}: {ast.unparse(node)}"


def test_help_names_every_command() -> None:
    from spectra_eval_cli.main import COMMANDS, main

    assert set(COMMANDS) == set(main.list_commands(None))  # type: ignore[arg-type]
    for name in COMMANDS:
        command = main.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None and command.name == name and command.help
