"""Prompts as token ids: the model's own chat template around text that stays text.

A prompt is tokenised whole, as the model would see it. Should the text of a user hold something that
reads as a control token of the model, the ids show it, and the prompt is put together from pieces in
which control tokens are not recognised.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from spectra_eval.errors import ProbeError, first_line
from spectra_eval.probing.backends._base import PromptView, opens_thought
from spectra_eval.tables import ProbeRequest

__all__ = ["Prompter", "answer_steps"]

_USER = "SPECTRA0USER0TEXT"
_SYSTEM = "SPECTRA0SYSTEM0TEXT"
_ANSWER = "SPECTRA0ANSWER0TEXT"
_PLAIN_END = "\nAnswer:"
_LOOKS_CONTROL = re.compile(r"<.*>|\[.*\]", re.DOTALL)


class Prompter:
    """Turns requests into token ids for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        As loaded; it is not changed.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = {int(i): str(token) for i, token in tokenizer.added_tokens_decoder.items()}
        special = {int(i) for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        special |= {int(i) for i in tokenizer.all_special_ids}
        loose = [text for i, text in added.items() if i not in special and _LOOKS_CONTROL.fullmatch(text)]
        self.control = frozenset(special | {i for i, text in added.items() if text in loose})
        # Longest first, so that the whole of a token is found and not a part of it.
        self._loose = re.compile("|".join(map(re.escape, sorted(loose, key=len, reverse=True)))) if loose else None
        self._chat = bool(tokenizer.chat_template)
        self._bos = self._opening()
        self._spaced = True
        self._assumed = ""
        self._frames = {True: self._frame(with_system=True), False: self._frame(with_system=False)}
        self._dated = self._chat and self._frame_at("1991") != self._frame_at("2024")
        self._tail = self._frames[False][-1] or _PLAIN_END
        self._end = self._before_a_word()
        self._leads: dict[str, list[int]] = {}
        self._answers: dict[tuple[str, ...], list[list[int]]] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of what the chat template puts around the text of a user, at the time when it was loaded."""
        words = [self._chat, self._bos, self._frames[False], self._frames[True]]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()

    def warn_of_template(self, model: str) -> None:
        """Warn where every prompt opens a thought, and where the template does not show how an answer begins."""
        if opens_thought(self._tail):
            warnings.warn(
                f"{model}: its chat template opens a thought, so no answer comes next and likelihoods say little "
                f"({self._tail[-40:]!r}); use a template or a model that answers at once",
                stacklevel=3,
            )
        elif self._assumed:
            warnings.warn(f"{model}: {self._assumed}", stacklevel=3)

    def prompts(self, request: ProbeRequest) -> list[list[int]]:
        """Return the token ids of every question of a request.

        Raises
        ------
        ProbeError
            A piece of text cannot be kept from turning into a control token.
        """
        return [self._prompt(request.system, request.prefix + suffix) for suffix in request.suffixes]

    def lead(self, request: ProbeRequest, prompt: Sequence[int]) -> int:
        """Count the tokens of a prompt before its user text: those that every request with this system message has."""
        if request.system not in self._leads:
            frame = self._frames[bool(request.system)]
            before = frame[0] + (request.system + frame[1] if request.system else "")
            self._leads[request.system] = ([] if self._chat else self._bos) + self._encode(before)
        known = self._leads[request.system]
        same = (a == b for a, b in zip(known, prompt, strict=False))
        return sum(1 for _ in takewhile(bool, same))

    def answer_ids(self, answers: tuple[str, ...]) -> list[int]:
        """Return the one token of each answer, in the form that it has right after a prompt.

        Raises
        ------
        ProbeError
            An answer is not one token, or two answers are the same one.
        """
        tokens = self.answer_tokens(answers)
        for answer, some in zip(answers, tokens, strict=True):
            if len(some) != 1:
                pieces = self._tokenizer.convert_ids_to_tokens(some)
                raise ProbeError(f"answer {answer!r} is not one token of this model but {pieces}; choose another word")
        return [some[0] for some in tokens]

    def answer_tokens(self, answers: tuple[str, ...]) -> list[list[int]]:
        """Return the tokens of each answer, one or several, in the form that they have right after a prompt.

        Raises
        ------
        ProbeError
            An answer cannot be distinguished from the prompt or from another answer.
        """
        if answers not in self._answers:
            self._answers[answers] = self._find_answers(answers)
        return self._answers[answers]

    def view(self, request: ProbeRequest) -> PromptView:
        """Return a request as the model sees it."""
        prompts = self.prompts(request)
        named = self._tokenizer.convert_ids_to_tokens
        return PromptView(
            prompts=tuple(map(tuple, prompts)),
            control=tuple(tuple(named([i for i in prompt if i in self.control])) for prompt in prompts),
            answers=tuple(tuple(named(tokens)) for tokens in self.answer_tokens(request.answers)),
            tail=self._frames[bool(request.system)][-1] or _PLAIN_END,
            spaced=self._spaced,
            dated=self._dated,
            assumed=self._assumed,
        )

    def labels(self, candidates: Iterable[str], count: int) -> tuple[str, ...]:
        """Return the first `count` candidates that are single tokens, each another one, right after a prompt."""
        found: dict[int, str] = {}
        for label in candidates:
            if len(found) == count:
                break
            tokens = self._after_prompt(label)
            if tokens is not None and len(tokens) == 1 and tokens[0] not in found:
                found[tokens[0]] = label
        return tuple(found.values())

    def text_ids(self, text: str) -> list[int]:
        """Encode text in which nothing is a control token: each look-alike is cut in its middle."""
        cuts = [0, *((m.start() + m.end()) // 2 for m in self._loose.finditer(text))] if self._loose else [0]
        ids: list[int] = []
        for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
            piece = text[start:end]
            if piece:
                ids += self._tokenizer(piece, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def _find_answers(self, answers: tuple[str, ...]) -> list[list[int]]:
        found: dict[tuple[int, ...], str] = {}
        for answer in answers:
            fresh = self._after_prompt(answer)
            if fresh is None:
                fix = "choose another word"
                if self._after_prompt("A") is None and self._after_prompt("Yes") is None:
                    fix = f"so does every other after {self._tail[-40:]!r}; use another chat template or model"
                raise ProbeError(f"answer {answer!r} changes the tokens of the prompt before it; {fix}")
            if (known := found.get(tuple(fresh))) is not None:
                raise ProbeError(f"answers {known!r} and {answer!r} are the same token; drop one of the two")
            found[tuple(fresh)] = answer
        return [list(tokens) for tokens in found]

    def _after_prompt(self, answer: str) -> list[int] | None:
        """Return the tokens of a text right after a prompt, none of them a control token; None where they merge."""
        before = self._settled(self._encode(self._tail))
        words = (" " if self._spaced else "") + answer
        after = self._encode(self._tail + words)
        fresh = after[len(before) :]
        if any(token in self.control for token in fresh):
            fresh = self.text_ids(words)
        elif after[: len(before)] != before:
            return None
        return fresh or None

    def _before_a_word(self) -> tuple[list[int], list[int]]:
        """Return the tokens at the very end of a prompt that are others where a word follows, and those others.

        Many tokenizers join blank lines at the end of a text into one token, and keep them apart before a word.
        """
        before = self._encode(self._tail)
        after = self._encode(self._tail + (" Yes" if self._spaced else "Yes"))
        same = sum(1 for _ in takewhile(bool, (a == b for a, b in zip(before, after, strict=False))))
        for end in range(same + 1, len(after)):
            if same < len(before) and self._text(after[same:end]) == self._text(before[same:]):
                return before[same:], after[same:end]
        return [], []

    def _settled(self, ids: list[int]) -> list[int]:
        """Let a prompt end in the tokens that it has where a word follows."""
        alone, followed = self._end
        return [*ids[: -len(alone)], *followed] if alone and ids[-len(alone) :] == alone else ids

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _opening(self) -> list[int]:
        """Return what the tokenizer itself puts before a text: the begin token, or nothing."""
        ids = self._tokenizer("x")["input_ids"]
        plain = self._encode("x")
        return list(ids[: len(ids) - len(plain)]) if plain and ids[-len(plain) :] == plain else []

    def _frame(self, *, with_system: bool) -> tuple[str, ...]:
        """Return the pieces of the template around the texts: (before, after), or with a system text between."""
        if not self._chat:
            return ("", "\n\n", _PLAIN_END) if with_system else ("", _PLAIN_END)
        messages = [{"role": "user", "content": _USER}]
        marks = [_USER]
        if with_system:
            messages.insert(0, {"role": "system", "content": _SYSTEM})
            marks.insert(0, _SYSTEM)
        try:
            # Reasoning is switched off where the template can, since the next token is read.
            text = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except _template_errors() as error:  # for instance on a system message
            if with_system:
                return self._merged()
            raise ProbeError(f"the chat template of the model fails: {first_line(error)[:120]}") from error
        if [text.count(mark) for mark in marks] != [1] * len(marks):
            if with_system:
                return self._merged()
            raise ProbeError("the chat template of the model does not show the message once; use another model")
        pieces = re.split("|".join(marks), text)
        # The tokens of a prompt that ends in a blank would change once an answer follows.
        end = pieces[-1].rstrip(" ") or pieces[-1]
        gap = self._gap(messages, text[: len(text) - len(pieces[-1])] + end)
        self._spaced = gap.endswith(" ")
        return (*pieces[:-1], end + gap.removesuffix(" "))

    def _gap(self, messages: Sequence[dict[str, str]], prompt: str) -> str:
        """Return the blanks between a prompt and an answer, as the template renders an assistant turn.

        Where the template renders no such turn, or one that does not continue the prompt, an answer is assumed to
        begin as in a sentence: with a space after a word, without one after a control token or a blank. This is noted.
        """
        answered = [*messages, {"role": "assistant", "content": _ANSWER}]
        try:
            text = str(self._tokenizer.apply_chat_template(answered, tokenize=False, enable_thinking=False))
        except _template_errors() as error:
            why = f"fails on an assistant turn ({first_line(error)[:120]})"
        else:
            before, found, _ = text.partition(_ANSWER)
            gap = before[len(prompt) :]
            if found and before.startswith(prompt) and not gap.strip():
                return gap
            why = (
                "renders an assistant turn that does not continue its prompt" if found else "renders no assistant turn"
            )
        assumed = "" if prompt[-1:].isspace() or _ends_with_control(prompt, self._tokenizer) else " "
        how = f"with{'' if assumed else 'out'} a space after {prompt.rpartition(_USER)[2][-40:]!r}"
        self._assumed = (
            f"its chat template {why}, so answers are assumed to begin {how}; "
            "if the model writes them otherwise, use a chat template that renders assistant turns"
        )
        return assumed

    def _frame_at(self, moment: str) -> str:
        """Return what the template puts around a message when its clock says `moment`, or `moment` where it fails."""
        text = f"{moment} {moment} {moment}-{moment}-{moment} {moment}:{moment}"  # for templates that take it to pieces
        clock = f"{{% macro strftime_now(format) %}}{text}{{% endmacro %}}"
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    [{"role": "user", "content": _USER}],
                    chat_template=clock + self._tokenizer.get_chat_template(),
                    tokenize=False,
                    add_generation_prompt=True,
                    enable_thinking=False,
                )
            )
        except _template_errors():  # the real clock did not fail, so a template that fails on this one reads it
            return moment

    def _merged(self) -> tuple[str, ...]:
        before, after = self._frame(with_system=False)
        return (before, "\n\n", after)

    def _prompt(self, system: str, content: str) -> list[int]:
        frame = self._frames[bool(system)]
        texts = (system, content) if system else (content,)
        parts = [frame[0]]
        for text, piece in zip(texts, frame[1:], strict=True):
            parts += [text, piece]
        bos = [] if self._chat else self._bos
        wanted = [i for piece in frame for i in self._encode(piece) if i in self.control]
        ids = self._encode("".join(parts))
        if [i for i in ids if i in self.control] != wanted:
            ids = []
            for place, part in enumerate(parts):
                ids += self.text_ids(part) if place % 2 else self._encode(part)
            if [i for i in ids if i in self.control] != wanted:
                raise ProbeError(f"the text {content[:60]!r} holds a control token of this model; take it out")
        return bos + self._settled(ids)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def _template_errors() -> tuple[type[Exception], ...]:
    """Return what a chat template can raise: errors of Jinja, and of Python where it computes with wrong types."""
    from jinja2 import TemplateError

    return TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError


def _ends_with_control(tail: str, tokenizer: Any) -> bool:
    return any(tail.endswith(str(token)) for token in tokenizer.added_tokens_decoder.values())


def answer_steps(answers: Sequence[Sequence[int]]) -> dict[tuple[int, ...], list[int]]:
    """List what is to be read after a prompt: for each opening of an answer the tokens that may follow it."""
    steps: dict[tuple[int, ...], dict[int, None]] = {}
    for tokens in answers:
        for k, token in enumerate(tokens):
            steps.setdefault(tuple(tokens[:k]), {})[token] = None
    return {opening: list(following) for opening, following in steps.items()}
