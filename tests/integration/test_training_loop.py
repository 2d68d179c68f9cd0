"""The loop of the training on a model of a few thousand weights: exact packing, resume after a kill, saving."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import BackendError, InputError
from spectra_eval.training import Recipe, Row, train
from spectra_eval.training._loss import row_loss, row_scores
from spectra_eval.training._pack import packed

pytestmark = pytest.mark.hf

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = [[1, 2, 3, 4, 5], [1, 2, 3, 6], [1, 2, 3, 7, 8, 9]]
FAST = Recipe(rank=4, alpha=8, learning_rate=5e-3, steps=10, batch=3, seed=5)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(shape).eval()


def score_rows(number: int = 7) -> list[Row]:
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(number):
        opening = rng.integers(1, 30, size=6).tolist()
        ids, branch, depth, ends = packed([[*opening, 30 + k, 31] for k in range(4)])
        rows.append(
            Row(
                ids=ids,
                branch=branch,
                depth=depth,
                reads=ends,
                target=rng.dirichlet(np.ones(4)),
                answers=np.array([35, 36, 37, 38]),
                signs=np.array([0.5, 0.5, -0.5, -0.5]),
            )
        )
    return rows


def losses(folder: Path) -> list[tuple[Any, ...]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(e["step"], e["loss"], e["learning_rate"], e["gradient_norm"], e["tokens"]) for e in lines]


def test_a_packed_row_reads_what_each_prompt_alone_gives() -> None:
    import torch

    model = tiny()
    ids, branch, depth, ends = packed(PROMPTS)
    signs, answers = np.array([1.0, -1.0]), np.array([11, 12])
    row = Row(ids=ids, branch=branch, depth=depth, reads=ends, target=np.ones(3) / 3, answers=answers, signs=signs)
    with torch.no_grad():
        alone = [model(input_ids=torch.tensor([p])).logits[0, -1] for p in PROMPTS]
        expected = torch.stack([z[11] - z[12] for z in alone])
        np.testing.assert_allclose(row_scores(model, row), expected, atol=1e-6)
        plain = float(row_loss(model, row))
        lifted = Row(**{**vars(row), "offset": np.array([1.0, 0.0, 0.0])})
        shifted = (expected + torch.tensor([1.0, 0.0, 0.0])).log_softmax(0).mean()
        assert plain == pytest.approx(-float(expected.log_softmax(0).mean()), abs=1e-6)
        assert float(row_loss(model, lifted)) == pytest.approx(-float(shifted), abs=1e-6)


def test_training_lowers_the_loss_and_a_second_run_is_the_same(tmp_path: Path) -> None:
    import torch

    for name in ("a", "b"):
        model = tiny()
        before = torch.random.get_rng_state()
        train(model, score_rows(), tmp_path / name, recipe=FAST, about={"model": "tiny"})
    assert torch.equal(before, torch.random.get_rng_state()), "the caller's random numbers are his own"
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    weights = "adapter_model.safetensors"
    assert (tmp_path / "a" / weights).read_bytes() == (tmp_path / "b" / weights).read_bytes()
    # 60 steps on 7 rows: the loss comes near the entropy of the targets, below which nothing can go.
    least = float(np.mean([-(row.target * np.log(row.target)).sum() for row in score_rows()]))
    longer = Recipe(how="full", learning_rate=1e-2, steps=60, batch=7)
    train(tiny(), score_rows(), tmp_path / "c", recipe=longer, about={})
    curve = [entry[1] for entry in losses(tmp_path / "c")]
    assert least <= curve[-1] < 0.5 * (curve[0] + least)


def test_the_first_step_is_that_of_adamw_after_a_warm_up(tmp_path: Path) -> None:
    recipe = Recipe(how="full", learning_rate=1e-3, weight_decay=0.1, steps=20, batch=1, warmup=0.1, clip=1e9)

    def stop(done: int, total: int, loss: float) -> None:
        raise KeyboardInterrupt

    model = tiny()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with pytest.raises(KeyboardInterrupt):
        train(model, score_rows(1), tmp_path / "a", recipe=recipe, about={}, progress=stop)
    assert losses(tmp_path / "a")[0][2] == pytest.approx(5e-4), "half of the highest, in a warm-up of two steps"
    for name, p in model.named_parameters():
        # Both moments are the gradient's own, so that every weight that has one moves by the learning rate.
        own = (p.detach() - before[name] * (1 - 5e-4 * 0.1)).abs()
        assert float(own.max()) <= 5e-4 * 1.001
        assert float(own.median()) == pytest.approx(5e-4, rel=0.01) or "embed" in name


def test_the_folder_says_how_it_was_made(tmp_path: Path) -> None:
    made = train(tiny(), score_rows(), tmp_path / "a", recipe=FAST, about={"model": "tiny", "corpus_digest": "x"})
    said = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert said["status"] == "finished" and said["configuration"]["corpus_digest"] == "x"
    assert said["configuration"]["recipe"]["rank"] == 4 and said["configuration"]["steps"] == 10
    assert set(said["files"]) == {"adapter_config.json", "adapter_model.safetensors", "log.jsonl", "loss.svg"}
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny" and str(Path.home()) not in str(said)
    projections = {name.split(".")[-4] for name, p in made.named_parameters() if p.requires_grad}
    assert projections == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert "<svg" in (tmp_path / "a" / "loss.svg").read_text()


def test_a_saved_adapter_is_loaded_without_difference_and_merges_closely(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    row = score_rows(1)[0]
    made = train(tiny(), score_rows(), tmp_path / "a", recipe=FAST, about={})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft and transformers of their own futures
        loaded = PeftModel.from_pretrained(tiny(), str(tmp_path / "a")).eval()
    with torch.no_grad():
        trained = row_scores(made, row)
        assert torch.equal(trained, row_scores(loaded, row))
        assert not torch.allclose(trained, row_scores(tiny(), row), atol=1e-3)
        merged = loaded.merge_and_unload(safe_merge=True)
        np.testing.assert_allclose(row_scores(merged, row), trained, atol=1e-4)


def test_a_training_that_was_killed_goes_on_to_the_same_loss_curve(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
        import torch
        torch.set_num_threads(1)
        from pathlib import Path
        from test_training_loop import FAST, score_rows, tiny
        from spectra_eval.training import train
        def die(done, total, loss):
            if done == 5:
                os.kill(os.getpid(), signal.SIGKILL)
        train(tiny(), score_rows(), Path(sys.argv[1]), recipe=FAST, about={{}}, keep_every=3, progress=die)
        """
    )
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = subprocess.run([sys.executable, "-c", script, str(killed)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-800:]
    assert len(losses(killed)) == 5 and (killed / "state.safetensors").is_file()
    for folder in (killed, whole):
        train(tiny(), score_rows(), folder, recipe=FAST, about={}, keep_every=3)
    assert losses(killed) == losses(whole) and len(losses(whole)) == 10
    name = "adapter_model.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert not [name for name in os.listdir(killed) if "state" in name]


def test_all_weights_are_trained_and_gone_on_with_alike(tmp_path: Path) -> None:
    recipe = Recipe(**{**vars(FAST), "how": "full"})

    def stop(done: int, total: int, loss: float) -> None:
        if done == 2:
            raise KeyboardInterrupt

    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), score_rows(), stopped, recipe=recipe, about={}, keep_every=3, progress=stop)
    for folder in (stopped, whole):
        train(tiny(), score_rows(), folder, recipe=recipe, about={}, keep_every=3)
    assert losses(stopped) == losses(whole)
    name = "model/model.safetensors"
    assert (stopped / name).read_bytes() == (whole / name).read_bytes()


def test_a_training_that_is_over_is_not_done_again_and_a_changed_one_refused(tmp_path: Path) -> None:
    import torch

    for how in ("lora", "full"):
        recipe = Recipe(**{**vars(FAST), "how": how, "steps": 2})
        made = train(tiny(), score_rows(), tmp_path / how, recipe=recipe, about={})
        before = (tmp_path / how / "manifest.json").stat().st_mtime_ns
        again = train(tiny(), score_rows(), tmp_path / how, recipe=recipe, about={})
        assert (tmp_path / how / "manifest.json").stat().st_mtime_ns == before and len(losses(tmp_path / how)) == 2
        with torch.no_grad():
            assert torch.equal(row_scores(made, score_rows(1)[0]), row_scores(again, score_rows(1)[0]))
        (tmp_path / how / "log.jsonl").write_text("")
        with pytest.raises(InputError, match=r"log\.jsonl: missing or changed"):
            train(tiny(), score_rows(), tmp_path / how, recipe=recipe, about={})


def test_a_second_stage_goes_on_from_the_adapter_of_the_first(tmp_path: Path) -> None:
    first = train(tiny(), score_rows(), tmp_path / "a", recipe=FAST, about={})
    still = Recipe(**{**vars(FAST), "learning_rate": 1e-12, "steps": 1})
    second = train(tiny(), score_rows(), tmp_path / "b", recipe=still, about={}, start=tmp_path / "a")
    import torch

    with torch.no_grad():
        for row in score_rows(2):
            np.testing.assert_allclose(row_scores(first, row), row_scores(second, row), atol=1e-6)
    with pytest.raises(InputError, match="name an adapter of this model"):
        train(tiny(), score_rows(), tmp_path / "c", recipe=FAST, about={}, start=tmp_path)


def test_checkpointing_changes_no_loss_and_bfloat16_little(tmp_path: Path) -> None:
    curves = {}
    for how in ("lora", "full"):
        for name, change in (("plain", {}), ("checkpointing", {"checkpointing": True}), ("bf16", {"bf16": True})):
            recipe = Recipe(**{**vars(FAST), "how": how, "steps": 4, **change})
            train(tiny(), score_rows(), tmp_path / how / name, recipe=recipe, about={})
            curves[how, name] = np.array([entry[1] for entry in losses(tmp_path / how / name)])
        np.testing.assert_allclose(curves[how, "checkpointing"], curves[how, "plain"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(curves["full", "bf16"], curves["full", "plain"], atol=0.02)
    assert (curves["full", "bf16"] != curves["full", "plain"]).all()


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        train(tiny(), [], tmp_path / "a", recipe=FAST, about={})
    train(tiny(), score_rows(), tmp_path / "a", recipe=FAST, about={"model": "tiny"})
    with pytest.raises(InputError, match=r"another training \(model differ\)"):
        train(tiny(), score_rows(), tmp_path / "a", recipe=FAST, about={"model": "other"})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"no manifest\.json"):
        train(tiny(), score_rows(), tmp_path / "b", recipe=FAST, about={})
    for change, words in (
        ({"how": "magic"}, "how"),
        ({"rank": 0}, "rank"),
        ({"dropout": 1.0}, "dropout"),
        ({"steps": 0}, "steps"),
    ):
        with pytest.raises(InputError, match=words):
            Recipe(**{**vars(FAST), **change})
    broken = tiny()
    broken.get_output_embeddings().weight.data[:] = float("nan")
    with pytest.raises(BackendError, match="step 1: the loss is nan"):
        train(broken, score_rows(), tmp_path / "d", recipe=FAST, about={})


@pytest.mark.slow
def test_two_processes_share_a_batch_and_lose_nothing(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
            import torch
            torch.set_num_threads(1)
            from pathlib import Path
            from test_training_loop import FAST, score_rows, tiny
            from spectra_eval.training import train
            train(tiny(), score_rows(8), Path({str(tmp_path / "two")!r}), recipe=FAST, about={{}}, several=True)
            """
        )
    )
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    done = subprocess.run(words, check=False, capture_output=True, env={**os.environ, "ACCELERATE_USE_CPU": "true"})
    assert done.returncode == 0, done.stderr.decode()[-800:]
    train(tiny(), score_rows(8), tmp_path / "one", recipe=FAST, about={})
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    np.testing.assert_allclose(np.array(two), np.array(one), rtol=0, atol=1e-5)
    assert json.loads((tmp_path / "two" / "manifest.json").read_text())["configuration"]["processes"] == 2
