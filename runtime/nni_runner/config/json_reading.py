"""JSON -> nodes with their places: it may hold what YAML won't take, such as tabs."""

from __future__ import annotations

import json
import re

from nni_annotate.diagnostics import Diagnostic, Where
from nni_runner.config.nodes import Array, Entry, Node, Object, Scalar
from nni_runner.config.scalars import resolve
from nni_runner.config.text import Text

DEEPEST = 64
NO_COMMENTS = "JSON knows no comments"
_COMMENTS = ("//", "/*")  # no YAML either
_TOKEN = re.compile(
    r"""[ \t\n\r]*(?:
    (?P<mark>[{}\[\],:])
  | (?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
  | (?P<word>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)
  | (?P<end>\Z))""",
    re.VERBOSE,
)


class NoJSONError(Exception):
    """The text is something else."""


def read_json(text: Text) -> tuple[Node, list[Diagnostic]]:
    """What the text holds, and the names that are there twice. Raises NoJSONError."""
    reader = _Reader(text)
    node = reader.value(0)
    if reader.kind != "end":
        raise NoJSONError
    return node, reader.problems


def no_json(text: Text) -> tuple[Where, str] | None:
    """Where a text stops to be JSON, and why; None where it is JSON."""
    try:
        json.loads(text.content)
    except json.JSONDecodeError as error:
        rest = text.content[error.pos :]
        why = error.msg[:1].lower() + error.msg[1:]
        why = NO_COMMENTS if rest.startswith(_COMMENTS) else why
        return text.at(error.lineno, error.colno), why
    except (ValueError, RecursionError):
        pass
    return None


class _Reader:
    """Reads from token to token; the one at hand is `token`."""

    def __init__(self, text: Text) -> None:
        self.problems: list[Diagnostic] = []
        self._text = text
        self._end = 0
        self._next()

    def value(self, depth: int) -> Node:
        """The value that begins at this token."""
        if depth > DEEPEST:
            raise NoJSONError
        if self.token == "{":
            return self._object(depth)
        if self.token == "[":
            return self._array(depth)
        return self._scalar()

    def _object(self, depth: int) -> Object:
        begin, entries, names = self._start, list[Entry](), set[str]()
        self._next()
        while self.token != "}":
            if entries:
                self._expect(",")
            if self.kind != "string":
                raise NoJSONError
            key = self._scalar()
            if key.text in names:
                message = f"{key.text}: is there twice"
                self.problems.append(self._text.problem(key.where, message))
            names.add(key.text)
            self._expect(":")
            entries.append(Entry(key, self.value(depth + 1)))
        self._next()
        return Object(self._text.span(begin, begin + 1), tuple(entries))

    def _array(self, depth: int) -> Array:
        begin, items = self._start, list[Node]()
        self._next()
        while self.token != "]":
            if items:
                self._expect(",")
            items.append(self.value(depth + 1))
        self._next()
        return Array(self._text.span(begin, begin + 1), tuple(items))

    def _scalar(self) -> Scalar:
        where = self._text.span(self._start, self._end)
        try:
            if self.kind == "string":
                value = json.loads(self.token)
                value.encode()  # half a surrogate pair is no character
                scalar = Scalar(where, value, value)
            elif self.kind == "word":
                scalar = Scalar(where, self.token, resolve(self.token))
            else:
                raise NoJSONError
        except ValueError:
            raise NoJSONError from None
        self._next()
        return scalar

    def _expect(self, mark: str) -> None:
        if self.token != mark:
            raise NoJSONError
        self._next()

    def _next(self) -> None:
        found = _TOKEN.match(self._text.content, self._end)
        if found is None or found.lastgroup is None:
            raise NoJSONError
        self.kind, self.token = found.lastgroup, found[found.lastgroup]
        self._start, self._end = found.span(found.lastgroup)
