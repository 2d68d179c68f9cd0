"""The stage-wise experiment: what is fitted on whom, what is computed once, and what the page says of it."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from spectra_eval.data import prepare
from spectra_eval.tables import Interactions, PreferenceTable

pytestmark = pytest.mark.hf

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(EXPERIMENTS))
    names = ("stagewise", "stagewise_page", "stagewise_offset", "stagewise_lower")
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(EXPERIMENTS))
    for name in names:
        del sys.modules[name]


def world(users: int = 40) -> Interactions:
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"m{rng.integers(30)}", time) for user in range(users) for time in range(int(rng.integers(20, 40)))
    ]
    items = [row[1] for row in rows]
    names = ("Crime", "War", "Noir")
    return Interactions(
        user=np.array([row[0] for row in rows], dtype=object),
        item=np.array(items, dtype=object),
        category=np.array([int(item[1:]) % 3 for item in items]),
        time=np.array([row[2] for row in rows]),
        weight=np.ones(len(rows)),
        categories=names,
        titles={item: f"Film {item}: {names[int(item[1:]) % 3]}" for item in items},
    )


def groups() -> dict[str, np.ndarray]:
    return {"test": np.arange(12), "fit": np.arange(12, 18), "train": np.arange(18, 40)}


def test_what_is_known_before_comes_from_no_evaluation_window_and_no_test_user(modules: Any) -> None:
    offset = modules["stagewise_offset"]
    events = world()
    table = prepare(events, weighting="count")
    known = offset.known_before(table, events, groups())
    np.testing.assert_allclose(np.exp(known.theta).sum(axis=1), 1.0, atol=1e-2)
    in_window = np.ones(len(events.user), dtype=bool)
    for user, told in zip(table.users.tolist(), table.history, strict=True):
        in_window[np.flatnonzero(events.user == user)[: len(told)]] = False
    changed = dataclasses.replace(events, category=np.where(in_window, (events.category + 1) % 3, events.category))
    other_windows = prepare(changed, weighting="count")
    assert not np.array_equal(other_windows.counts, table.counts)
    again = offset.known_before(other_windows, changed, groups())
    np.testing.assert_array_equal(again.theta, known.theta)
    assert not {user for user, _ in known.earlier} & set(table.users[:12].tolist())
    assert {cut for _, cut in known.earlier} == set(offset.CUTS)
    # What users outside `test` did before their windows does matter.
    other = offset.known_before(table, events, {**groups(), "test": np.arange(25)})
    assert not np.array_equal(other.theta, known.theta)


def test_two_lines_tell_the_shares_all_in_all_and_of_late(modules: Any) -> None:
    events = world()
    table = prepare(events, weighting="count")
    told = modules["stagewise"].history_transform(events)(table)
    row = 3
    *titles, whole, late = told.history[row]
    assert tuple(titles) == table.history[row]
    counts = np.asarray(table.history_counts)[row]
    first = events.categories[int(np.argmax(counts))]
    assert whole.startswith(f"all in all: {first} {counts.max() / counts.sum():.0%}")
    of_late = [int(title[6:].partition(":")[0]) % 3 for title in titles[-20:]]
    most = max(range(3), key=lambda k: (of_late.count(k), -k))
    assert late.startswith(f"of late: {events.categories[most]} {of_late.count(most) / 20:.0%}")


def test_jobs_come_after_what_they_need_and_every_stage_is_probed(modules: Any) -> None:
    for plan in modules["stagewise"].PLANS.values():
        jobs = modules["stagewise"].jobs_of(plan)
        names = [job.name for job in jobs]
        assert len(set(names)) == len(names)
        for place, job in enumerate(jobs):
            assert job.after is None or job.after in names[:place]
        probed = {job.after for job in jobs if job.kind == "probe"}
        assert {job.name for job in jobs if job.kind == "train"} - {"cpt-0"} <= probed and None in probed


def test_a_job_is_done_by_one_process_at_a_time(modules: Any, tmp_path: Path) -> None:
    stagewise = modules["stagewise"]
    job = stagewise.jobs_of(stagewise.QUICK)[0]
    with stagewise.claimed(job, tmp_path):
        with pytest.raises(SystemExit) as left, stagewise.claimed(job, tmp_path):
            raise AssertionError("two at a time")
        assert left.value.code == stagewise.ELSEWHERE
    with stagewise.claimed(job, tmp_path):
        assert not stagewise.finished(job, tmp_path)


def test_the_page_says_what_the_tables_hold(modules: Any, tmp_path: Path) -> None:
    stagewise, page = modules["stagewise"], modules["stagewise_page"]
    events = world()
    table = prepare(events, weighting="count")
    rng = np.random.default_rng(1)

    def probed(rows: np.ndarray, noise: float) -> PreferenceTable:
        scores = np.log(np.asarray(table.theta_star)[rows] + 0.02) + noise * rng.normal(size=(len(rows), 3))
        return table.select(rows).replace(scores=scores, metadata={"mean_answer_mass": 0.5})

    noise = {"probe-pretrained": 3.0, "probe-sft-0": 0.01, "probe-cpt-sft-added-0": 3.0}
    found = page.Found(
        table=table,
        interactions=events,
        groups=groups(),
        probed={name: {g: probed(groups()[g], size) for g in ("fit", "test")} for name, size in noise.items()},
        training=[{"name": "sft-0", "rows": 8, "steps": 2, "first": 2.5, "last": 2.0}],
        clocks={"sft-0": {"cpu": 3.0, "wall": 9.0}},
        missing=["cpt-sft-0"],
    )
    page.write_page(found, stagewise.SHORT, tmp_path / "page.md", tmp_path, name="short")
    text = (tmp_path / "page.md").read_text()
    rows = {line.split(" | ")[0][2:]: line.split(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert {*page.BASELINES, page.OFFSET, "pretrained", "SFT, seed 0", "SFT, users shuffled"} <= set(rows)
    js = {name: float(cells[1]) for name, cells in rows.items() if name in (*page.BASELINES, "SFT, seed 0")}
    assert js["SFT, seed 0"] < min(js[name] for name in page.BASELINES), "it was nearly told the truth"
    assert f"CPT+SFT on {page.OFFSET}, both exponents fitted" in rows
    assert "- **SFT, seed 0** beats `popularity`, `history`, `mixture`, `linear`" in text
    assert "Not finished when this page was written: cpt-sft-0" in text
    assert "`python experiments/stagewise.py --plan short`" in text and "3 minutes of one core" in text


def test_frozen_layers_are_computed_once_and_give_the_same(modules: Any, tmp_path: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        attn_implementation="sdpa",
    )
    model = LlamaForCausalLM(shape).eval().requires_grad_(requires_grad=False)
    model.model.layers[2].mlp.up_proj.weight.requires_grad_(requires_grad=True)
    ids = torch.tensor([[1, 5, 7, 9, 3]])
    tree = torch.ones(5, 5, dtype=torch.bool).tril()
    tree[4, 3] = False
    calls = [{"input_ids": ids}, {"input_ids": ids, "attention_mask": tree[None, None]}, {"input_ids": ids[:, :3]}]
    plain = [model(**call, use_cache=False).logits for call in calls]
    kept = model(input_ids=ids, use_cache=True).logits
    with modules["stagewise_lower"].kept_below(1, tmp_path) as counted:
        for _ in range(2):
            for call, expected in zip(calls, plain, strict=True):
                torch.testing.assert_close(model(**call, use_cache=False).logits, expected, rtol=0, atol=0)
        assert counted == {"read": 3, "computed": 3} and len(list(tmp_path.iterdir())) == 3
        model(**calls[0], use_cache=False).logits.sum().backward()
        held = model.model.layers[2].mlp.up_proj.weight.grad.clone()
        torch.testing.assert_close(model(input_ids=ids, use_cache=True).logits, kept, rtol=0, atol=0)
    model.zero_grad()
    model(**calls[0], use_cache=False).logits.sum().backward()
    torch.testing.assert_close(model.model.layers[2].mlp.up_proj.weight.grad, held, rtol=0, atol=0)
