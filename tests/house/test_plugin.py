"""A real little package adds a metric and a bound through entry points, and tests them with the kit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = Path(__file__).with_name("plugin")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay the package out as an installer does: its modules, and the metadata that its pyproject.toml asks for."""
    site = tmp_path_factory.mktemp("site")
    project: dict[str, Any] = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(PLUGIN / "src" / "spectra_overlap", site / "spectra_overlap")
    info = site / f"spectra_overlap-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head, encoding="utf-8")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return site


def ran(site: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, ROOT, ROOT / "cli")))}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    shutil.copy(PLUGIN / "tests" / "test_overlap.py", tmp_path)
    done = ran(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", ".", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "failed" not in done.stdout


def test_the_command_line_knows_it(installed: Path, tmp_path: Path) -> None:
    done = ran(installed, "-m", "spectra_eval_cli", "check-metric", "overlap_loss", "--examples", "60", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 checks ran: 13 held, 0 were refuted as declared, 0 failed" in done.stdout
    done = ran(
        installed, "-m", "spectra_eval_cli", "refute", "spectra_overlap.bound:half_of_it", "--examples", "200",
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "refuted by drawing" in done.stdout
    found = ran(installed, "-m", "spectra_eval_cli", "list", "metrics", folder=tmp_path)
    assert "overlap_loss" in found.stdout, found.stderr


def test_a_plug_in_that_fails_is_a_warning_and_an_error_when_asked_for(installed: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n", encoding="utf-8")
    (broken / "entry_points.txt").write_text("[spectra_eval.metrics]\nbroken = no_such_module\n", encoding="utf-8")
    code = (
        "import warnings\n"
        "from spectra_eval.errors import UnknownNameError\n"
        "from spectra_eval.metrics import METRICS\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    assert 'overlap_loss' in METRICS.names()\n"
        "assert any('broken' in str(w.message) for w in said)\n"
        "try:\n"
        "    METRICS['broken']\n"
        "except UnknownNameError as error:\n"
        "    print(error)\n"
    )
    done = ran(installed, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "metric 'broken' could not be imported: No module named 'no_such_module'" in done.stdout
