"""The prompts of each user, and the configuration on which the answers depend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from spectra_eval._version import __version__
from spectra_eval.arrays import check_number
from spectra_eval.errors import InputError
from spectra_eval.probing._runners import ListDecoder, ReadoutRunner, added, sums
from spectra_eval.probing._source import Source
from spectra_eval.probing.backends._base import Session
from spectra_eval.probing.prompts import prompt_digest
from spectra_eval.probing.templates import PLAIN, History, Template
from spectra_eval.simplex import restricted
from spectra_eval.tables import OUT_OF_VOCABULARY, PAD, PreferenceTable, ProbeRequest

__all__ = ["Measured", "Questions", "questions_for"]

_AT_ONCE = 256
"""Maximum number of users whose prompts are built together; a backend may batch them."""


@runtime_checkable
class Measured(Protocol):
    """A session that reports its context length.

    Examples
    --------
    >>> from spectra_eval.probing.backends import open
    >>> with open("mocked") as session:
    ...     isinstance(session, Measured)
    False
    """

    @property
    def context_limit(self) -> int | None:
        """Maximum number of tokens of prompt and response together; None if unknown."""

    def count_tokens(self, request: ProbeRequest) -> int:
        """Count the tokens of the longest prompt of a request.

        Parameters
        ----------
        request : ProbeRequest
            The request.

        Returns
        -------
        int
            Tokens of the prompt with its template.
        """


@dataclass(frozen=True, kw_only=True)
class Questions:
    """The prompts of each user; without a `decoder` no list is decoded."""

    runner: ReadoutRunner
    decoder: ListDecoder | None
    fitted: bool
    titles: int

    def ask(
        self, table: PreferenceTable, report: Callable[[int], Any] | None = None
    ) -> tuple[PreferenceTable, dict[str, Any]]:
        """Return the table with the answers of the model, and sums over the records of the other counts.

        Where records offer some categories only, theta_s is conditional on these.

        Of many users `report` is called in between with how many are done.
        """
        assert table.history is not None
        columns: dict[str, list[Any]] = {"scores": [], "theta_s": [], "answer_mass": [], "history": []}
        columns["history_details"] = []
        lists: list[np.ndarray] = []
        noticed: dict[str, Any] = {"prompts_truncated": 0}
        for start in range(0, table.n_users, _AT_ONCE):
            if start and report is not None:
                report(start)
            whole = self._histories(table.select(slice(start, start + _AT_ONCE)))
            shown = [self._fitting(titles[max(0, len(titles) - self.titles) :]) for titles in whole]
            cut = sum(len(k) < min(len(h), self.titles) for k, h in zip(shown, whole, strict=True))
            readings = self.runner.read(shown)
            noticed = added(noticed, {"prompts_truncated": cut, **sums(readings)})
            columns["history"] += [history.titles for history in shown]
            columns["history_details"] += [history.details for history in shown]
            for name in ("scores", "theta_s", "answer_mass"):
                columns[name] += [getattr(reading, name) for reading in readings]
            if self.decoder is not None:
                found, mass = self.decoder.read(shown)
                lists += found
                noticed = added(noticed, {"list_mass": sum(mass)} if mass else {})
        noticed["answer_mass"] = float(np.sum(columns["answer_mass"]))
        shown_columns = {name: columns.pop(name) for name in ("history", "history_details")}
        answered: dict[str, Any] = {name: np.array(values) for name, values in columns.items()} | shown_columns
        answered["theta_s"] = restricted(answered["theta_s"], table.support)
        answered["history_details"] = answered["history_details"] if table.history_details is not None else None
        if self.decoder is not None:
            answered["dg"] = np.array(lists)
        made = table.replace(metadata={}, **answered)
        if self.decoder is not None:
            assert made.dg is not None  # it was answered
            dg = made.dg
            noticed |= {
                "dg_entries": int((dg != PAD).sum()),
                "dg_out_of_vocabulary": int((dg == OUT_OF_VOCABULARY).sum()),
                "dg_empty": int((dg == PAD).all(axis=1).sum()),
            }
        return made, noticed

    def configuration(self, source: Source, seed: int) -> dict[str, Any]:
        """Return everything that the answers depend on."""
        template = self.runner.template
        title = template.history(("{title}",))
        requests = [self.runner.request(title)]
        if self.decoder is not None:
            requests.append(self.decoder.request(title))
        return {
            "readout": self.runner.readout.name,
            "readout_options": self.runner.choices,
            **self.runner.session.description,
            "temperature": "fitted" if self.fitted else self.runner.temperature,
            "debias": self.runner.debias,
            "dg": self.decoder is not None,
            **(ListDecoder.nothing() if self.decoder is None else self.decoder.description),
            "titles": self.titles,
            "template": template.name,
            "template_digest": template.digest,
            "prompt_digest": prompt_digest(*requests),
            "input_digest": source.input_digest,
            "history_digest": source.history_digest,
            "n_records": source.n_records,
            "seed": seed,
            "package_version": __version__,
        }

    def summary(self, noticed: Mapping[str, Any], n_users: int, n_categories: int) -> dict[str, Any]:
        """Return the metadata from the sums over all users."""
        means = dict(noticed)
        counted = {name: int(means.pop(name)) for name in list(means) if name.startswith(("prompts_", "dg_"))}
        mass = means.pop("answer_mass")
        return {
            **counted,
            "mean_answer_mass": mass / (n_users * n_categories),
            "readout_means": {name: total / n_users for name, total in sorted(means.items())},
        }

    def _histories(self, table: PreferenceTable) -> list[History]:
        """Return the whole histories, with the template."""
        assert table.history is not None
        details = [None] * table.n_users if table.history_details is None else table.history_details
        return [self.runner.template.history(*row) for row in zip(table.history, details, strict=True)]

    def _fitting(self, history: History) -> History:
        """Drop the oldest titles until every prompt fits the context of the model."""
        session = self.runner.session
        limit = session.context_limit if isinstance(session, Measured) else None
        while limit is not None and history and self._longest(history) > limit:
            history = history[1:]
        return history

    def _longest(self, history: Sequence[str]) -> int:
        session = self.runner.session
        assert isinstance(session, Measured)
        longest = self.runner.longest(history, session.count_tokens)
        return longest if self.decoder is None else max(longest, self.decoder.longest(history, session.count_tokens))


def questions_for(
    session: Session,
    table: PreferenceTable,
    *,
    titles: int,
    seed: int,
    decoding: str,
    list_length: int | None,
    readout: str = "likelihood",
    options: Mapping[str, Any] | None = None,
    temperature: float | Literal["fitted"] = 1.0,
    debias: bool = False,
    list_temperature: float = 1.0,
    constrained: bool = False,
    template: Template = PLAIN,
) -> Questions:
    """Return the prompts of a run from the options of `probe`, and check these."""
    if not hasattr(session, "description"):
        raise InputError(f"session: {type(session).__name__} is no session; open one with probing.backends.open")
    if template.shows and table.history_details is None:
        raise InputError(
            f"template {template.name!r}: it shows {', '.join(template.shows)}, and the table has no column "
            "history_details; prepare it with --details"
        )
    check_number("list_temperature", list_temperature, low=0.0)  # also where the list is decoded greedily
    fitted = temperature == "fitted"
    runner = ReadoutRunner(
        session,
        readout=readout,
        categories=table.categories,
        parents=table.parents,
        temperature=1.0 if temperature == "fitted" else temperature,
        debias=debias,
        options=options,
        template=template,
    )
    if fitted and not runner.readout.softmax:
        raise InputError(
            f"temperature: theta of readout {readout!r} is not a softmax of scores; no temperature can be fitted"
        )
    decoder = None
    if list_length is not None:
        decoder = ListDecoder(
            session,
            categories=table.categories,
            list_length=list_length,
            temperature=None if decoding == "greedy" else list_temperature,
            seed=seed,
            constrained=constrained,
        )
    return Questions(runner=runner, decoder=decoder, fitted=fitted, titles=titles)
