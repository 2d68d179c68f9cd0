"""Templates: the text in which a history is shown and a question written; built in, or from a file.

Titles and names are data: they are made harmless for the layout here (no control characters, one line, a bounded
length), and the backend sees to it that none becomes a special token. Substituted text is never
parsed again, so a title with braces stays a title.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import overload

import numpy as np

from spectra_eval.artifacts._files import missing
from spectra_eval.errors import InputError, SchemaError, UnknownNameError
from spectra_eval.settings import read_settings
from spectra_eval.tables import MAX_TITLE, Detail, PreferenceTable, clean_text

__all__ = [
    "MAX_TITLE",
    "PLAIN",
    "History",
    "Template",
    "as_history",
    "clean_text",
    "history_texts",
    "known_templates",
    "read_template",
]

_UNKNOWN = "unknown"
_FOLDER = Path(__file__).parent
_FIELD = re.compile(r"\{(\w+)\}")
_DETAILS = ("categories", "date", "time", "rating")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "heading": (),
    "item": ("title", *_DETAILS),
    "empty": (),
    "prefix": ("history", "yes", "no"),
    "suffix": ("category", "yes", "no"),
}
_NEEDED = {"item": "title", "prefix": "history", "suffix": "category"}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A prompt template: the text of a history and of a yes-or-no question about a category.

    Parameters
    ----------
    name : str
        The name of the template; not part of its digest.
    heading : str
        The line above the history; empty for none.
    item : str
        One entry of the history, with ``{title}`` and, where the table has them, ``{categories}``, ``{date}``,
        ``{time}`` (both UTC) and ``{rating}``.
    empty : str
        The text for a user without a history.
    prefix : str
        The opening of a yes-or-no question, with ``{history}``; ``{yes}`` and ``{no}`` are the first words of the
        verbaliser. Other kinds of prompts use the three patterns above and their own text.
    suffix : str
        The ending of a yes-or-no question, with ``{category}``.

    Raises
    ------
    InputError
        A pattern lacks a required placeholder, or has an unknown one.

    Examples
    --------
    >>> template = Template(item="* {title} ({rating} stars)", heading="Seen:")
    >>> print(template.history(["Heat"], [Detail(time=0, rating=4.5, categories=("Noir",))]).text())
    Seen:
    * Heat (4.5 stars)
    """

    name: str = "plain"
    heading: str = "A user chose these items, oldest first:"
    item: str = "- {title}"
    empty: str = "(nothing is known of this user)"
    prefix: str = (
        "{history}\n"
        "Will the next items that this user chooses belong to the category below? Answer {yes} or {no}.\n"
        "Category:"
    )
    suffix: str = " {category}"

    def __post_init__(self) -> None:
        for part, known in _FIELDS.items():
            named = _FIELD.findall(getattr(self, part))
            for name in named:
                if name not in known:
                    listed = ", ".join(f"{{{field}}}" for field in known) or "none"
                    raise InputError(f"template {self.name!r}, {part}: {{{name}}} has no value there; known: {listed}")
            if part in _NEEDED and _NEEDED[part] not in named:
                raise InputError(f"template {self.name!r}, {part}: {{{_NEEDED[part]}}} is missing; name its place")

    @property
    def shows(self) -> tuple[str, ...]:
        """What it shows of an item besides the title, out of ``categories``, ``date``, ``time``, ``rating``."""
        named = _FIELD.findall(self.item)
        return tuple(name for name in _DETAILS if name in named)

    @property
    def digest(self) -> str:
        """SHA-256 of the patterns: 64 hexadecimal digits; the name is no part of it."""
        words = {name: text for name, text in asdict(self).items() if name != "name"}
        return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()

    def history(self, titles: Sequence[str], details: Sequence[Detail] | None = None) -> History:
        """Return a history with this template.

        Parameters
        ----------
        titles : sequence of str
            Titles, oldest first.
        details : sequence of Detail, optional
            One a title.

        Returns
        -------
        History
            The titles with their details.

        Raises
        ------
        InputError
            The numbers of titles and details differ.
        """
        return History(titles, template=self, details=details)

    def tell(self, titles: Sequence[str], details: Sequence[Detail] | None = None) -> History:
        """Return `history`, with a warning: the earlier name, until version 1.0."""
        warnings.warn("Template.tell is now Template.history", DeprecationWarning, stacklevel=2)
        return self.history(titles, details)


PLAIN = Template()
"""The default template."""


class History(Sequence[str]):
    """Titles, oldest first, with their template; a slice keeps the template.

    Parameters
    ----------
    titles : sequence of str
        The titles, oldest first.
    template : Template
        The template of the prompt.
    details : sequence of Detail, optional
        One a title.

    Raises
    ------
    InputError
        The numbers of titles and details differ.

    Examples
    --------
    >>> history = PLAIN.history(["Laura", "Heat"])
    >>> print(history[1:].text())
    A user chose these items, oldest first:
    - Heat
    """

    def __init__(
        self, titles: Sequence[str], *, template: Template = PLAIN, details: Sequence[Detail] | None = None
    ) -> None:
        self.titles = tuple(titles)
        self.template = template
        self.details = None if details is None else tuple(details)
        if self.details is not None and len(self.details) != len(self.titles):
            raise InputError(f"history: {len(self.titles)} titles and details of {len(self.details)}; give one each")

    def __len__(self) -> int:
        return len(self.titles)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> History: ...
    def __getitem__(self, place: int | slice) -> str | History:
        if isinstance(place, int):
            return self.titles[place]
        details = None if self.details is None else self.details[place]
        return History(self.titles[place], template=self.template, details=details)

    def text(self) -> str:
        """Return the heading and one line per item.

        Returns
        -------
        str
            The heading, then the titles, oldest first.
        """
        lines = [self._line(number) for number in range(len(self))] or [self.template.empty]
        return "\n".join([self.template.heading, *lines] if self.template.heading else lines)

    def opening(self, *, yes: str, no: str) -> str:
        """Return the opening of the yes-or-no questions about this user.

        Parameters
        ----------
        yes, no : str
            The first affirmative and the first negative answer.

        Returns
        -------
        str
            The text that all questions about this user share.
        """
        return _filled(self.template.prefix, {"history": self.text(), "yes": yes, "no": no})

    def ending(self, category: str, *, yes: str, no: str) -> str:
        """Return the ending of the question about one category.

        Parameters
        ----------
        category : str
            The name of the category.
        yes, no : str
            The first affirmative and the first negative answer.

        Returns
        -------
        str
            The text after the opening.
        """
        return _filled(self.template.suffix, {"category": clean_text(category), "yes": yes, "no": no})

    def _line(self, number: int) -> str:
        values = {"title": clean_text(self.titles[number])}
        if self.template.shows:
            values |= _shown(None if self.details is None else self.details[number])
        return _filled(self.template.item, values)


def as_history(history: Sequence[str]) -> History:
    """Return titles as a `History`.

    Parameters
    ----------
    history : sequence of str
        Titles, oldest first.

    Returns
    -------
    History
        A `History` is returned unchanged; other titles have the template `PLAIN`.

    Examples
    --------
    >>> as_history(["Heat"]).template.name
    'plain'
    """
    return history if isinstance(history, History) else PLAIN.history(history)


def _shown(detail: Detail | None) -> dict[str, str]:
    """Return the values of the placeholders of an item; missing values are ``unknown``."""
    values = dict.fromkeys(_DETAILS, _UNKNOWN)
    if detail is None:
        return values
    if detail.categories:
        values["categories"] = ", ".join(map(clean_text, detail.categories))
    if detail.rating is not None:
        values["rating"] = f"{detail.rating:g}"
    date, _, clock = str(np.datetime64(detail.time, "s")).partition("T")
    return {**values, "date": date, "time": f"{date} {clock[:5]}"}


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: values[found[1]], pattern)


@functools.cache
def known_templates() -> Mapping[str, Template]:
    """Return the built-in templates by name, `plain` first.

    Returns
    -------
    mapping of str to Template
        The templates, read once.

    Raises
    ------
    SchemaError, InputError
        A file of the package was changed to something else.

    Examples
    --------
    >>> next(iter(known_templates())), known_templates()["plain"] == PLAIN
    ('plain', True)
    """
    found = [read_template(path) for path in sorted(_FOLDER.glob("*.yaml"))]
    return {template.name: template for template in sorted(found, key=lambda one: one.name != PLAIN.name)}


def read_template(source: str | Path) -> Template:
    r"""Read a template: a YAML file, or the name of a built-in one.

    A file holds any of ``heading``, ``item``, ``empty``, ``prefix`` and ``suffix``; what it leaves out is as in
    `PLAIN`. It is called by its ``name``, else by that of the file.

    Parameters
    ----------
    source : str or Path
        A path that ends in ``.yaml`` or ``.yml``, or a name of `known_templates`.

    Returns
    -------
    Template
        The template.

    Raises
    ------
    UnknownNameError
        No template has that name.
    SchemaError
        The file is missing or holds something else.
    InputError
        A placeholder is missing or unknown.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name, "short.yaml")
    ...     _ = path.write_text('heading: "Seen:"\nprefix: "{history}\\nFits, {yes} or {no}?"\n')
    ...     template = read_template(path)
    >>> template.name, template.history(["Heat"]).opening(yes="Yes", no="No")
    ('short', 'Seen:\n- Heat\nFits, Yes or No?')
    """
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        if str(source) not in known_templates():
            known = ", ".join(known_templates())
            raise UnknownNameError(f"no template named {str(source)!r}; known: {known}; or name a .yaml file")
        return known_templates()[str(source)]
    if not path.is_file():
        raise SchemaError(f"{path}: {missing(path)}; a template is a YAML file with heading, item, prefix and suffix")
    document = read_settings(path.read_bytes(), str(path))
    known_fields = [item.name for item in fields(Template)]
    for name, value in document.items():
        if name not in known_fields:
            raise SchemaError(f"{path}: no part {name!r} in a template; it has {', '.join(known_fields)}")
        if not isinstance(value, str):
            raise SchemaError(f"{path}: {name} is {value!r}; write a text, in quotes where it holds a colon or a brace")
    try:
        return Template(**{"name": path.stem, **document})  # type: ignore[arg-type]  # each value is a text by now
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def history_texts(table: PreferenceTable) -> dict[str, list[str]]:
    """Return the text of the history in the prompts about each record, by user: the `texts` of `check_leakage`.

    Parameters
    ----------
    table : PreferenceTable
        The table, with `history`.

    Returns
    -------
    dict of str to list of str
        One text for each record of the user.

    Raises
    ------
    InputError
        The table has no `history`.

    Examples
    --------
    >>> table = PreferenceTable(users=["ann"], categories=("a", "b"), counts=[[1, 3]], history=[("Heat",)])
    >>> print(history_texts(table)["ann"][0])
    A user chose these items, oldest first:
    - Heat
    """
    if table.history is None:
        raise InputError("table: no column history; the check compares it with the interactions")
    texts: dict[str, list[str]] = {}
    for user, titles in zip(table.users.tolist(), table.history, strict=True):
        texts.setdefault(user, []).append(PLAIN.history(titles).text())
    return texts
