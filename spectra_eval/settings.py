"""Settings files: strict YAML with texts, Booleans and flat lists; they may have a section for each command."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

from spectra_eval.errors import SchemaError, one_line

__all__ = ["read_settings"]

Setting: TypeAlias = "str | bool | list[str]"

LARGEST = 65_536
"""The largest size of a settings file, in bytes."""
_AMBIGUOUS = ("yes", "no", "on", "off", "y", "n")


def read_settings(
    data: bytes, place: str, *, section: str | None = None, sections: Collection[str] = ()
) -> dict[str, Setting]:
    r"""Read a mapping of names to values: texts, ``true`` or ``false``, or flat lists of texts.

    Numbers and dates stay texts: the option parses them. Aliases, tags, nested mappings other than sections,
    empty values, a repeated name, and the words that YAML reads as Booleans (``yes``, ``no``, ``on``,
    ``off``) are refused.

    Parameters
    ----------
    data : bytes
        The file: UTF-8, at most 65,536 bytes.
    place : str
        Its name in messages.
    section : str, optional
        The section whose values are returned, together with those outside sections.
    sections : collection of str
        The names that may hold a mapping of values. All of them are read and checked.

    Returns
    -------
    dict
        The values by name, in the order of the file; a value in the section replaces one outside.

    Raises
    ------
    SchemaError
        With the file, the line, the name and the fix.

    Examples
    --------
    >>> read_settings(b"level: 0.9\nquiet: true\nmetrics: [brier, js_divergence]\n", "settings.yaml")
    {'level': '0.9', 'quiet': True, 'metrics': ['brier', 'js_divergence']}
    >>> read_settings(b"certify: {k: 3}\nplan: {k: 5}", "s.yaml", section="certify", sections=["certify", "plan"])
    {'k': '3'}
    """
    import yaml

    if len(data) > LARGEST:
        raise SchemaError(f"{place}: {len(data):,} bytes; a settings file has at most {LARGEST:,}")
    try:
        reader = _Reader(place, sections)
        found = reader.document(yaml.parse(data.decode("utf-8-sig"), Loader=yaml.SafeLoader))
        return found | reader.sections.get(section or "", {})
    except UnicodeDecodeError as error:
        raise SchemaError(f"{place}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    except yaml.YAMLError as error:
        raise SchemaError(f"{place}: not YAML ({one_line(error)})") from error


class _Reader:
    """Read the events of the parser one by one, so that no large or deep object is built."""

    def __init__(self, place: str, names: Collection[str]) -> None:
        self.place, self.names = place, names
        self.sections: dict[str, dict[str, Setting]] = {}

    def document(self, events: Any) -> dict[str, Setting]:
        """Return the values outside sections; the others are in `sections`."""
        import yaml

        event = next(events)
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = next(events)
        self._check(event, "")
        if not isinstance(event, yaml.MappingStartEvent):
            raise SchemaError(f"{self.place}: no mapping of names to values; write one NAME: VALUE a line")
        found = self._mapping(events, sections=True)
        if not isinstance(next(events), yaml.DocumentEndEvent) or not isinstance(next(events), yaml.StreamEndEvent):
            raise SchemaError(f"{self.place}: a second document; remove everything after the first")
        return found

    def _mapping(self, events: Any, *, sections: bool) -> dict[str, Setting]:
        import yaml

        found: dict[str, Setting] = {}
        for key in events:
            if isinstance(key, yaml.MappingEndEvent):
                break
            self._check(key, "")
            if not isinstance(key, yaml.ScalarEvent):
                raise self._error(key, "expected a name; write NAME: VALUE")
            name = key.value
            if name in found or (sections and name in self.sections):
                raise self._error(key, f"{name!r} occurs twice; remove one of the two")
            event = next(events)
            if sections and name in self.names and isinstance(event, yaml.MappingStartEvent):
                self._check(event, name)
                self.sections[name] = self._mapping(events, sections=False)
            else:
                found[name] = self._value(name, event, events)
        return found

    def _value(self, name: str, event: Any, events: Any) -> Setting:
        import yaml

        self._check(event, name)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(name, event)
        if not isinstance(event, yaml.SequenceStartEvent):
            more = ", or the name of a command" if self.names else ""
            raise self._error(event, f"{name!r} is a mapping; write one value or a flat list{more}")
        items = []
        for item in events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            self._check(item, name)
            if not isinstance(item, yaml.ScalarEvent):
                raise self._error(item, f"{name!r} is a nested list; write one value or a flat list")
            value = self._scalar(name, item)
            items.append(item.value if isinstance(value, bool) else value)
        return items

    def _scalar(self, name: str, event: Any) -> str | bool:
        text: str = event.value
        if "\0" in text:  # in quotes, YAML writes it with a backslash
            raise self._error(event, f"{name!r} contains a NUL character; remove it")
        if event.style is not None:  # in quotes, or a block
            return text
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if text.lower() in _AMBIGUOUS:
            raise self._error(
                event,
                f'{name!r} is {text}, which YAML reads as a Boolean; write true, false or "{text}" in quotes',
            )
        if text.lower() in ("", "~", "null"):
            raise self._error(event, f"{name!r} has no value; write one or remove the line")
        return text

    def _check(self, event: Any, name: str) -> None:
        import yaml

        where = f"{name!r}: " if name else ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._error(event, f"{where}an alias or anchor (& or *); write the value out")
        if getattr(event, "tag", None):
            raise self._error(event, f"{where}a tag ({event.tag}); write the plain value")

    def _error(self, event: Any, message: str) -> SchemaError:
        return SchemaError(f"{self.place}: line {event.start_mark.line + 1}: {message}")
