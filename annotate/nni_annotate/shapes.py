"""Which expressions are equal as syntax: their layout, and how literals are spelt, aside."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import libcst as cst

from nni_annotate.syntax import code, string_value

_LAYOUT = (
    cst.BaseParenthesizableWhitespace,
    cst.LeftParen,
    cst.RightParen,
    cst.LeftSquareBracket,
    cst.RightSquareBracket,
    cst.LeftCurlyBrace,
    cst.RightCurlyBrace,
    cst.Comma,
    cst.Colon,
    cst.Dot,
    cst.AssignEqual,
    cst.MaybeSentinel,
)
_STRINGS = (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)


def shape(node: cst.CSTNode) -> Hashable:
    """What two expressions share exactly when they are equal as syntax."""
    return Shapes().of(node)


class Shapes:
    """The shapes of nodes, which have to outlive it: what they share is worked out once."""

    def __init__(self) -> None:
        self._known: dict[int, Hashable] = {}

    def of(self, node: Any) -> Hashable:
        """The shape of a node, of a sequence of such, or of anything that a node holds."""
        if isinstance(node, cst.CSTNode):
            if id(node) not in self._known:
                self._known[id(node)] = self._node(node)
            return self._known[id(node)]
        if isinstance(node, Sequence) and not isinstance(node, str):
            return tuple(self.of(item) for item in node if not _is_layout(item))
        return node if isinstance(node, Hashable) else repr(node)

    def _node(self, node: Any) -> Hashable:
        kind: Any = type(node)
        if kind in _STRINGS:
            return self._string(node)
        if kind is cst.Name:
            return "Name", unicodedata.normalize("NFKC", node.value)
        if kind is cst.Integer:
            return "Integer", _integer(node)
        if kind in (cst.Float, cst.Imaginary):
            return kind.__name__, repr(node.evaluated_value)
        if kind is cst.Subscript:
            return "Subscript", self.of(node.value), self._slices(node)
        if kind is cst.Slice:
            return "Slice", *(self.of(getattr(node, name)) for name in ("lower", "upper", "step"))
        values = (getattr(node, name) for name in _names(kind))
        return kind.__name__, *(self.of(value) for value in values if not _is_layout(value))

    def _slices(self, node: cst.Subscript) -> Hashable:
        """The elements of a subscript, `a[1, 2]` and `a[(1, 2)]` alike."""
        slices = [element.slice for element in node.slice]
        if len(slices) > 1 or isinstance(node.slice[0].comma, cst.Comma):
            return "several", *(self._slice(each) for each in slices)
        match slices:
            case [cst.Index(value=cst.Tuple(elements=elements), star=None)]:
                return "several", *(self.of(_bare(element)) for element in elements)
        return "one", self._slice(slices[0])

    def _slice(self, node: cst.BaseSlice) -> Hashable:
        return self.of(node.value if isinstance(node, cst.Index) and node.star is None else node)

    def _string(self, node: Any) -> Hashable:
        value = None if isinstance(node, cst.FormattedString) else string_value(node)
        if value is not None:
            return type(value).__name__, value
        parts: list[Hashable] = []
        for piece in self._pieces(node):
            if piece is None:  # bytes, or no text that could be read
                return code(node)
            if isinstance(piece, str) and parts and isinstance(parts[-1], str):
                parts[-1] += piece
            elif piece:
                parts.append(piece)
        return "f-string", *parts

    def _pieces(self, node: Any) -> Iterator[Hashable]:
        """The parts of an f-string, or of several joined: what texts mean, and expressions."""
        if isinstance(node, cst.ConcatenatedString):
            yield from self._pieces(node.left)
            yield from self._pieces(node.right)
        elif isinstance(node, cst.FormattedString):
            raw = "r" if "r" in node.prefix.lower() else ""
            for part in node.parts:
                yield from self._piece(part, raw, node.end)
        else:
            value = string_value(node)
            yield value if isinstance(value, str) else None

    def _piece(
        self, part: cst.BaseFormattedStringContent, raw: str, quote: str
    ) -> Iterator[Hashable]:
        if isinstance(part, cst.FormattedStringText):
            text = part.value.replace("{{", "{").replace("}}", "}")
            yield string_value(cst.SimpleString(f"{raw}{quote}{text}{quote}"))
        elif isinstance(part, cst.FormattedStringExpression):
            bare = part.with_changes(conversion=None, format_spec=None)
            shown = code(bare) if part.equal is not None else None
            spec = [one for each in part.format_spec or () for one in self._piece(each, raw, quote)]
            yield "expression", self.of(part.expression), shown, part.conversion, tuple(spec)


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    assert isinstance(kind, type)
    assert issubclass(kind, cst.CSTNode)
    return tuple(field.name for field in fields(kind))


def _is_layout(value: object) -> bool:
    kind: Any = type(value)
    return _is_layout_kind(kind)


@cache
def _is_layout_kind(kind: Hashable) -> bool:  # asked so often that isinstance takes long
    return isinstance(kind, type) and issubclass(kind, _LAYOUT)


def _bare(element: cst.BaseElement) -> cst.CSTNode:
    return element.value if isinstance(element, cst.Element) else element


def _integer(node: cst.Integer) -> int | str:
    """The number, or its text where it has more digits than Python converts."""
    try:
        value: int = node.evaluated_value
    except (SyntaxError, ValueError):
        return node.value
    return value
