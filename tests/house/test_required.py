"""`SPECTRA_REQUIRE=1` turns the skip of a test or of a module into a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


@pytest.mark.parametrize(("required", "code", "said"), [("", 0, "1 passed, 2 skipped"), ("1", 1, "allows no skip")])
def test_a_skip_is_a_failure_where_everything_is_required(tmp_path: Path, required: str, code: int, said: str) -> None:
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_one.py").write_text(
        "import pytest\ndef test_skipped(): pytest.importorskip('no_such_library')\ndef test_run(): pass\n",
        encoding="utf-8",
    )
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_library')\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "."]
    environment = {**os.environ, "SPECTRA_REQUIRE": required}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout
    assert not required or done.stdout.count("no_such_library") >= 2
