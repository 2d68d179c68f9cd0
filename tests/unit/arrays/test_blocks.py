"""Blocks are counted in cells, not in users."""

from __future__ import annotations

import pytest

from spectra_eval.arrays import _blocks, row_blocks, rows_per_block


@pytest.mark.parametrize("k", [2, 26, 1001, 100_000])
def test_a_block_has_a_bounded_number_of_cells(k: int) -> None:
    assert rows_per_block(k) * k <= _blocks.CELLS
    assert rows_per_block(k) <= 65_536


def test_a_block_has_a_row_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "CELLS", 10)
    assert rows_per_block(11) == 1
    assert [(rows.start, rows.stop) for rows in row_blocks(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert list(row_blocks(0, 3)) == []
