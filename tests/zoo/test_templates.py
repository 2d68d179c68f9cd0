"""What stands after a prompt is read from the template itself: a turn of the model that it renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectra_eval.errors import ModelLoadError
from spectra_eval.probing.backends import open as open_backend
from spectra_eval.probing.backends._hf_tokens import Prompter
from spectra_eval.tables import ProbeRequest
from tests.zoo.animals import TEMPLATE, VOCABULARY, keep_tokenizer, made

pytest.importorskip("transformers", reason="the extra hf is not installed")

ASK = ProbeRequest(prefix="Will the user", suffixes=(" like War?", " like this?"), answers=("Yes", "No"))


INST = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ GAP + m.content + '</s>' }}"
    "{% else %}{{ '[INST] ' + m.content + ' [/INST]' }}{% endif %}{% endfor %}"
)
ROLES = (
    "{% for m in messages %}"
    "{{ '<|' + m.role + '|>' + ('GAP' if m.role == 'assistant' else '\\n') + m.content + '</s>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>TAIL' }}{% endif %}"
)


def _tokenizer(folder: Path, template: str | None) -> Any:
    from transformers import AutoTokenizer

    keep_tokenizer(folder, template=template)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("template", "end", "spaced"),
    [
        pytest.param(INST.replace("GAP", "' '"), " [/INST]", True, id="a space after [/INST]"),
        pytest.param(INST.replace("GAP", "''"), " [/INST]", False, id="nothing after [/INST]"),
        pytest.param(TEMPLATE, "<|assistant|>\n", False, id="a line of its own"),
        pytest.param(ROLES.replace("GAP", "\\n").replace("TAIL", ""), "<|assistant|>\n", False, id="a line to come"),
        pytest.param(ROLES.replace("GAP", ": ").replace("TAIL", ": "), "<|assistant|>:", True, id="a blank at the end"),
        pytest.param(ROLES.replace("GAP", " ").replace("TAIL", ""), "<|assistant|>", True, id="a space after a token"),
        pytest.param(
            ROLES.replace("GAP", "x").replace("TAIL", ""), "<|assistant|>", False, id="a turn that is another"
        ),
        pytest.param(None, "\nAnswer:", True, id="no template"),
    ],
)
def test_the_template_says_how_an_answer_begins(template: str | None, end: str, spaced: bool, tmp_path: Path) -> None:
    tokenizer = _tokenizer(tmp_path, template)
    view = Prompter(tokenizer).view(ASK)
    assert view.tail.endswith(end) and view.spaced is spaced
    assert tokenizer.decode(view.prompts[0]).endswith(end)
    if template and "x" not in template:
        turns = [{"role": "user", "content": "Will the user like War?"}, {"role": "assistant", "content": "Yes"}]
        whole = tokenizer.apply_chat_template(turns, return_dict=False)
        (answer,) = tokenizer.convert_tokens_to_ids(list(view.answers[0]))
        assert whole[: len(view.prompts[0]) + 1] == [*view.prompts[0], answer], "the tokens of the template itself"


def test_blank_lines_before_an_answer_are_tokens_as_the_template_has_them(tmp_path: Path) -> None:
    template = ROLES.replace("GAP", "\\n<think>\\n\\n</think>\\n\\n").replace("TAIL", "\\n<think>\\n\\n</think>\\n\\n")
    tokenizer = _tokenizer(tmp_path, template)
    blank = tokenizer("\n\n", add_special_tokens=False)["input_ids"]
    assert len(blank) == 1 and len(tokenizer("\n\nYes", add_special_tokens=False)["input_ids"]) == 3
    view = Prompter(tokenizer).view(ASK)
    assert [len(answer) for answer in view.answers] == [1, 1]
    turns = [{"role": "user", "content": "Will the user like War?"}, {"role": "assistant", "content": "Yes"}]
    whole = tokenizer.apply_chat_template(turns, return_dict=False)
    assert whole[: len(view.prompts[0])] == list(view.prompts[0]) and view.prompts[0][-1] != blank[0]


FAILING = (
    "{% for m in messages %}{% if m.role == 'assistant' %}BODY{% else %}[INST] {{ m.content }} [/INST]{% endif %}"
    "{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        pytest.param(
            FAILING.replace("BODY", "{{ raise_exception('no such\\nrole') }}"),
            r"fails on an assistant turn \(no such\), so answers are assumed to begin with a space after",
            id="refused by the template",
        ),
        pytest.param(
            FAILING.replace("BODY", "{{ m.tools[0].name }}"), r"fails on an assistant turn \(", id="undefined"
        ),
        pytest.param(
            FAILING.replace("BODY", "{{ m.content + 1 }}"), r"fails on an assistant turn \(", id="wrong types"
        ),
        pytest.param(FAILING.replace("BODY", ""), "renders no assistant turn, so", id="left out"),
        pytest.param(
            ROLES.replace("GAP", "x").replace("TAIL", ""),
            "renders an assistant turn that does not continue its prompt, so answers .* begin without a space",
            id="another beginning",
        ),
    ],
)
def test_a_beginning_of_answers_that_is_assumed_is_told(template: str, said: str, tmp_path: Path) -> None:
    made("llama").save_pretrained(tmp_path)
    tokenizer = _tokenizer(tmp_path, template)
    with pytest.warns(UserWarning, match=said) as caught, open_backend("hf", model=str(tmp_path)):
        pass
    told = [str(one.message) for one in caught if "assistant turn" in str(one.message)]
    assert len(told) == 1 and "\n" not in told[0] and told[0].startswith(tmp_path.name)
    assert told[0] == f"{tmp_path.name}: {Prompter(tokenizer).view(ASK).assumed}"
    assert not Prompter(_tokenizer(tmp_path, TEMPLATE)).view(ASK).assumed


def test_an_error_that_is_none_of_the_template_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = _tokenizer(tmp_path, TEMPLATE)
    rendered = tokenizer.apply_chat_template

    def apply(messages: Any, **options: Any) -> Any:
        if messages[-1]["role"] == "assistant":
            raise MemoryError("no room")
        return rendered(messages, **options)

    monkeypatch.setattr(tokenizer, "apply_chat_template", apply)
    with pytest.raises(MemoryError, match="no room"):
        Prompter(tokenizer)


def test_a_template_that_opens_a_thought_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    made("llama").save_pretrained(tmp_path)
    _tokenizer(tmp_path, ROLES.replace("GAP", "\\n").replace("TAIL", "\\n<think>\\n"))
    with pytest.warns(UserWarning, match="its chat template opens a thought, so no answer comes next"):
        with open_backend("hf", model=str(tmp_path)):
            pass


def test_a_tokenizer_beyond_the_embedding_is_refused_by_both_sizes(tmp_path: Path) -> None:
    made("llama", vocab_size=VOCABULARY - 20).save_pretrained(tmp_path)
    keep_tokenizer(tmp_path)
    words = rf"its tokenizer knows {VOCABULARY} tokens and its embedding {VOCABULARY - 20}: 20 of them"
    with pytest.raises(ModelLoadError, match=words), open_backend("hf", model=str(tmp_path)):
        pass


def test_a_control_token_beyond_the_embedding_that_no_prompt_holds_is_none_of_its_business(tmp_path: Path) -> None:
    made("llama").save_pretrained(tmp_path)
    tokenizer = _tokenizer(tmp_path, TEMPLATE)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<picture>"]})
    tokenizer.save_pretrained(tmp_path)
    with open_backend("hf", model=str(tmp_path)) as session:
        (found,) = session.score([ASK])
    assert np.isfinite(found.log_probs).all()
