"""A certificate has the same digits however its table is divided into blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.arrays import _blocks
from spectra_eval.artifacts import iter_table, write_table
from spectra_eval.certification import _records, certify
from spectra_eval.metrics import _flatness
from spectra_eval.tables import PreferenceTable
from tests.unit.certification.test_certify import simulated

CELLS = (200, 10**9)


def _several() -> PreferenceTable:
    """Return a table in which users have one to four records, some of them without a window."""
    table, rng = simulated(), np.random.default_rng(3)
    owner = np.repeat(np.arange(300), rng.integers(1, 5, 300))[:300]
    names = [f"u{number:05d}" for number in owner]
    place = np.arange(300) - np.searchsorted(owner, owner)
    return table.replace(users=names, context_window=place)


TABLES = {
    "one record": simulated(),
    "several": _several(),
    "flat": simulated(theta_s=np.full(simulated().theta_star.shape, 1 / simulated().n_categories)),
}


def _documents(table: PreferenceTable, path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[Any]:
    found = []
    for cells in CELLS:
        monkeypatch.setattr(_blocks, "CELLS", cells)
        found.append(certify(table, **options).to_json())
    found.append(certify(iter_table(path, empty_windows="keep", block=77), **options).to_json())
    return found


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("group", [100, 65_536])
def test_blocks_change_no_digit(name: str, group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_records, "BLOCK", group)
    monkeypatch.setattr(_flatness, "_GROUP", group)
    write_table(TABLES[name], tmp_path / "t.parquet")
    options = {"scope": "population", "bound": "betting"}
    first, *others = _documents(TABLES[name], tmp_path / "t.parquet", monkeypatch, **options)
    assert all(other == first for other in others)


def test_the_reason_of_a_refusal_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    table = simulated()
    n_window = np.where(np.arange(300) < 200, table.n_window * 2, -1)  # windows of an unknown length come last
    table = table.replace(n_window=np.where(table.observed, n_window, 0))
    reasons = set()
    for cells in CELLS:
        monkeypatch.setattr(_blocks, "CELLS", cells)
        reasons.add(certify(table)["fraction.law"].reason)
    assert len(reasons) == 1
    assert "add the column n_window" in str(reasons.pop())
