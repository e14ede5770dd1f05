"""YAML -> nodes with their places, without what makes YAML dangerous.

No objects of Python, no aliases that grow without bounds, no name twice, and plain words by YAML
1.2 (see `scalars`). From PyYAML comes the parser alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from nni_annotate.diagnostics import Diagnostic, Where
from nni_runner.config.json_reading import DEEPEST
from nni_runner.config.nodes import Array, Entry, Node, Object, Plain, Scalar
from nni_runner.config.problems import ConfigError
from nni_runner.config.scalars import resolve
from nni_runner.config.text import Text

MOST_NODES = 100_000  # aliases counted as what they stand for
_TAG = "tag:yaml.org,2002:"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "null": type(None)
}  # fmt: skip
_STARTER = re.compile(r"found character '([@`%&*!|>])' that cannot start any token")
_GLUED = re.compile(r"\s*([A-Za-z_]\w*:)[^\s/]")  # a name and its value without a space between
_SYNTAX = {
    "found character '\\t' that cannot start any token": "a tab can't stand here; use spaces",
    "mapping values are not allowed here": "a second ':' in one line, or a line that is indented "
    "by mistake; a text that holds ': ' needs quotes",
    "found unexpected end of stream": "the quote that begins here has no end",
    "could not find expected ':'": "expected 'name: value', with a space behind the colon",
    "expected <block end>, but found '<block mapping start>'": "is indented differently from the "
    "lines before that it belongs to",
}
_AT_BEGINNING = ("could not find expected ':'", "found unexpected end of stream")


def read_yaml(text: Text) -> tuple[Node, list[Diagnostic]]:
    """What the text holds, and what is wrong in it beside the syntax. Raises ConfigError."""
    composer = _Composer(text)
    return composer.document(), composer.problems


class _Composer:
    """Makes nodes of the parser's events."""

    def __init__(self, text: Text) -> None:
        self.problems: list[Diagnostic] = []
        self._text = text
        self._events = self._parse()
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open: set[str] = set()
        self._count = 0

    def document(self) -> Node:
        """The one document of the text."""
        event = next(self._events)
        assert isinstance(event, StreamStartEvent)
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            raise ConfigError.of_file(self._text.path, "is empty; expected 'name: value' lines")
        node = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if isinstance(event, DocumentStartEvent):
            raise self._error(self._where(event), "expected one document, found another")
        return node

    def _parse(self) -> Iterator[Event]:
        try:
            yield from yaml.parse(self._text.content, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError.of_file(self._text.path, f"can't be read: {error}") from None

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> ConfigError:
        problem, begin = str(error.problem or error.context), error.context_mark
        mark = error.problem_mark or begin
        if begin and problem in _AT_BEGINNING:
            mark = begin
        shown = problem.replace("'<scalar>'", "a value")
        message = _SYNTAX.get(problem, f"can't be read: {shown}")
        if found := _STARTER.fullmatch(problem):
            message = f"a text that begins with {found[1]} needs quotes"
        if mark is None:
            return ConfigError.of_file(self._text.path, message)
        if begin and begin.line < mark.line and problem not in _SYNTAX:
            message = f"{message}, in what begins in line {begin.line + 1}"
        before = self._text.lines[max(mark.line - 1, 0)]
        if message in _SYNTAX.values() and (glued := _GLUED.match(before)):
            where = self._text.at(mark.line, glued.start(1) + 1, len(glued[1]))
            return self._error(where, _SYNTAX["could not find expected ':'"])
        return self._error(self._text.at(mark.line + 1, mark.column + 1), message)

    def _node(self, event: Event, depth: int) -> Node:
        self._count += 1
        if isinstance(event, AliasEvent):
            return self._alias(event)
        assert isinstance(event, NodeEvent)
        if self._count > MOST_NODES:
            message = f"expected at most {MOST_NODES:,} values, aliases written out; found more"
            raise self._error(self._where(event), message)
        if depth > DEEPEST:
            raise self._error(self._where(event), f"is nested deeper than {DEEPEST} levels")
        before, anchor = self._count, event.anchor
        if anchor is not None:
            self._open.add(anchor)
        node = self._made(event, depth)
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = node, self._count - before
        return node

    def _alias(self, event: AliasEvent) -> Node:
        name, where = event.anchor, self._where(event)
        if name in self._open:
            raise self._error(where, f"*{name} stands inside of &{name} itself")
        if name not in self._anchors:
            raise self._error(where, f"*{name}: there is no &{name} before it")
        node, size = self._anchors[name]
        self._count += size
        if self._count > MOST_NODES:
            message = f"expected at most {MOST_NODES:,} values, aliases written out; found more"
            raise self._error(where, message)
        return node

    def _made(self, event: NodeEvent, depth: int) -> Node:
        match event:
            case ScalarEvent():
                return self._scalar(event)
            case MappingStartEvent():
                self._check_tag(event, "map")
                return self._object(event, depth)
            case _:
                assert isinstance(event, SequenceStartEvent)
                self._check_tag(event, "seq")
                items = list[Node]()
                while not isinstance(inner := next(self._events), CollectionEndEvent):
                    items.append(self._node(inner, depth + 1))
                return Array(self._where(event), tuple(items))

    def _object(self, event: MappingStartEvent, depth: int) -> Object:
        entries: dict[str, Entry] = {}
        merged: list[Entry] = []
        while not isinstance(inner := next(self._events), CollectionEndEvent):
            key, value = self._node(inner, depth + 1), self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._add(key.where, "expected a name, found a list or an object")
            elif key.text == "<<" and isinstance(inner, ScalarEvent) and not inner.style:
                merged += self._merged(value)
            elif key.text in entries:
                first = entries[key.text].key.where.line
                self._add(key.where, f"{key.text}: is there twice, first in line {first}")
            else:
                entries[key.text] = Entry(key, value)
        for entry in merged:
            entries.setdefault(entry.name, entry)
        return Object(self._where(event), tuple(entries.values()))

    def _merged(self, value: Node) -> list[Entry]:
        """The entries that `<<` brings in, the first of a name before others."""
        parts = value.items if isinstance(value, Array) else (value,)
        found: list[Entry] = []
        for part in parts:
            if isinstance(part, Object):
                found += part.entries
            else:
                self._add(part.where, "<< takes an object, or a list of them")
        return found

    def _scalar(self, event: ScalarEvent) -> Scalar:
        where, text = self._where(event), str(event.value)
        try:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._add(where, "half a surrogate pair is no character")
            text = text.encode("utf-16", "replace").decode("utf-16")
        try:
            return Scalar(where, text, self._value(event, text))
        except ValueError as error:
            self._add(where, str(error))
            return Scalar(where, text, text)

    def _value(self, event: ScalarEvent, text: str) -> Plain:
        if event.tag is None or event.tag == "!":
            return resolve(text) if event.tag is None and not event.style else text
        name = event.tag.removeprefix(_TAG)
        if name == "str":
            return text
        kind = _TYPES.get(name) if event.tag.startswith(_TAG) else None
        if kind is None:
            raise ValueError(_tag_message(event.tag))
        value = resolve(text)
        if not isinstance(value, kind) or (name in ("int", "float") and isinstance(value, bool)):
            raise ValueError(f"expected what !!{name} announces, found {text}")
        return float(value) if name == "float" and value is not None else value

    def _check_tag(self, event: NodeEvent, name: str) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TAG + name):
            self._add(self._where(event), _tag_message(str(tag)))

    def _where(self, event: Event) -> Where:
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        if isinstance(event, CollectionEndEvent | MappingStartEvent | SequenceStartEvent):
            width = 1
        else:
            width = end.index - start.index
        return self._text.at(start.line + 1, start.column + 1, width)

    def _add(self, where: Where, message: str) -> None:
        self.problems.append(self._text.problem(where, message))

    def _error(self, where: Where, message: str) -> ConfigError:
        return ConfigError([*self.problems, self._text.problem(where, message)])


def _tag_message(tag: str) -> str:
    name = tag.replace(_TAG, "!!")
    if "python" in name:
        plain = "the path as text, such as ../tuners" if "pathlib" in name else "a plain value"
        return f"{name}: objects of Python aren't made from files; write {plain}"
    return f"{name}: expected no tag, or one of !!str, !!int, !!float, !!bool and !!null"
