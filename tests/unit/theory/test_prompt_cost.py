from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spectra_eval.errors import InputError
from spectra_eval.theory import prompt_cost as cost

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/theory_public.json").read_text())["groups"]


@pytest.mark.parametrize("case", GOLDEN["cost_ratio"])
def test_cost_ratio(case: dict[str, Any]) -> None:
    found = cost.token_ratio(prefix=case["T_pre"], suffix=case["T_suf"], n_categories=case["K"])
    assert found == float(case["ratio"])


def test_a_full_expansion_asks_more_than_the_flat_probe() -> None:
    sizes = [50] * 25 + [61]
    assert sum(sizes) == 1311 and cost.prompt_count(sizes) == 1337
    assert cost.prompt_count(sizes, explored=3) == 26 + 161 and cost.prompt_count(sizes, explored=[0]) == 76


def test_no_tokens_at_all() -> None:
    with pytest.raises(InputError, match="tokens"):
        cost.token_ratio(prefix=0, suffix=0, n_categories=3)
