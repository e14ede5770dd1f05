"""The text of a string or a comment that may be an annotation, and where each character stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import libcst as cst

from nni_annotate.source import newlines
from nni_annotate.syntax import code

MARK = "@nni."
_ESCAPE = re.compile(
    r"\\(?:\r\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|.)",
    re.DOTALL,
)
_KNOWN_ESCAPES = frozenset("01234567xuUN\\'\"abfnrtv")
_CALL_LIKE = re.compile(r"@nni\.\w+\s*\(")
WORD = re.compile(r"nni\.\s*(\w+)\s*")
_PROSE = re.compile(r"[,.:;]?\s+[^\W\d_]+[,.:;]?\s+[^\W\d_]")  # two words or more
_PIECE = re.compile(
    r"(?P<quote>\"{3}|'{3}|[\"'])(?:\\.|(?!(?P=quote)).)*(?P=quote)|#[^\n]*|.", re.DOTALL
)


@dataclass(frozen=True)
class AnnotationText:
    """The text of a literal or a comment, and where in its source each character stands.

    `offsets[i]` is the position in `source` of `value[i]`; one more entry marks the end.
    """

    source: str
    value: str
    offsets: tuple[int, ...]

    @property
    def body(self) -> str:
        """The expression: what follows the `@`, without the white space around it."""
        return self.value.strip()[1:]

    @property
    def is_comment(self) -> bool:
        """Whether it stands in a comment."""
        return self.source.startswith("#")

    @property
    def is_squeezed(self) -> bool:
        """Whether the expression has more lines than its source: escapes break some."""
        return newlines(self.body) > newlines(self.source[self.source_offset(0) :])

    def source_offset(self, body_offset: int) -> int:
        """The place in `source` of a character of `body`."""
        start = self.value.index("@") + 1
        return self.offsets[min(start + body_offset, len(self.value))]


def comment_text(comment: str) -> AnnotationText:
    """The text of a comment that begins as an annotation does, `#` and all."""
    return AnnotationText(comment, comment[1:], tuple(range(1, len(comment) + 1)))


def is_comment_annotation(comment: str) -> bool:
    """Whether a comment's text begins as an annotation does, and not as prose would."""
    return reads_like_a_call(comment[1:])


def reads_like_a_call(text: str) -> bool:
    """Whether the text begins as an annotation does, and not as prose would."""
    return _CALL_LIKE.match(text.lstrip()) is not None


def is_prose(text: str) -> bool:
    """Whether a docstring that begins with the mark only goes on like an annotation, or doesn't.

    >>> is_prose("@nni.variable strings are code"), is_prose("@nni.variable(...) strings are")
    (True, True)
    >>> is_prose("@nni.varible"), is_prose("@nni.variable(x) y"), is_prose("@nni.variable(x # a b")
    (False, False, False)
    """
    body = text.strip()[1:]
    word = WORD.match(body)
    if word is None:
        return bool(body.removeprefix("nni.").strip())
    if not body.startswith("(", word.end()):
        rest = body[word.end() :].lstrip(",.:; ")
        return rest[:1].isalpha() and "nni." not in rest
    end = call_end(body)
    return "nni." not in body[word.end() : end] and _PROSE.match(body, end) is not None


def call_end(body: str) -> int:
    """The place behind the bracket that closes the first one; the end where there is none."""
    depth = 0
    for piece in _PIECE.finditer(body):
        depth += (piece[0] in "([{") - (piece[0] in ")]}")
        if depth == 0 and piece[0] in ")]}":
            return piece.end()
    return len(body)


def parts_of(value: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The literals that Python joins to one string."""
    if isinstance(value, cst.ConcatenatedString):
        return [*parts_of(value.left), *parts_of(value.right)]
    return [value]


def read_literal(value: cst.BaseExpression) -> AnnotationText:
    """The text of a string literal, f-strings and bytes among it as they are written."""
    source = code(value)
    characters: list[str] = []
    offsets: list[int] = []
    cursor = 0
    for part in parts_of(value):
        raw = code(part.with_changes(lpar=(), rpar=()))
        cursor = source.index(raw, cursor)
        if isinstance(part, cst.SimpleString):
            start = cursor + raw.index(part.quote) + len(part.quote)
            for character, offset in _characters(part.raw_value, "r" in part.prefix.lower()):
                characters.append(character)
                offsets.append(start + offset)
        elif isinstance(part, cst.FormattedString):  # refused, once it is known for what it is
            inside = raw[len(part.start) : -len(part.end)]
            characters.extend(inside)
            offsets.extend(range(cursor + len(part.start), cursor + len(part.start) + len(inside)))
        cursor += len(raw)
    return AnnotationText(source, "".join(characters), (*offsets, cursor - 1))


def _characters(raw: str, is_raw: bool) -> Iterable[tuple[str, int]]:
    """Each character that the inside of a literal stands for, with its place."""
    index = 0
    while index < len(raw):
        match = None if is_raw else _ESCAPE.match(raw, index)
        piece = match.group() if match else raw[index]
        if match:
            value = _unescaped(piece)
        elif piece == "\r":
            piece, value = ("\r\n" if raw.startswith("\r\n", index) else "\r"), "\n"
        else:
            value = piece
        for character in value:
            yield character, index
        index += len(piece)


def _unescaped(piece: str) -> str:
    if piece[1] in "\r\n":
        return ""
    if piece[1] not in _KNOWN_ESCAPES:
        return piece
    try:
        simple = cst.SimpleString(f'"{piece}"').evaluated_value
    except (SyntaxError, ValueError):
        return piece
    return simple if isinstance(simple, str) else piece
