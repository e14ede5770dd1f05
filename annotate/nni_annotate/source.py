"""A file's text: decoded, scanned for strings and comments, and edited by splicing."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_BOM = b"\xef\xbb\xbf"
_NEWLINE = re.compile(r"\r\n|\r|\n")
# Strings and comments, as Python's tokenizer would find them; good enough in files that parse. An
# f-string with its own quotes inside (3.12) may be cut short, at worst up to the end of its line.
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\r\n]*)
    |(?P<prefix>\b[rRbBuUfFtT]{1,2})?(?P<string>
        \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
        |"(?:[^"\\\r\n]|\\\r\n|\\.)*" | '(?:[^'\\\r\n]|\\\r\n|\\.)*'
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Edit:
    """A stretch of the text and what takes its place; of two on one stretch the lower rank first.

    An edit inside another is made first: the outer one gets its outcome.
    """

    start: int
    end: int
    rewrite: Callable[[str], str]
    rank: int = 0


@dataclass(frozen=True)
class Token:
    """A string literal or a comment, and whether it is the first thing on its line."""

    start: int
    end: int
    is_comment: bool
    is_first: bool


@dataclass(frozen=True)
class SourceText:
    """The text of a file, and what it takes to get its bytes back."""

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""

    def to_bytes(self, text: str) -> bytes:
        """The bytes of an edited text."""
        return self.bom + text.encode(self.encoding)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _NEWLINE.finditer(self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the column of a character, both counted from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The character at a line, counted from 1, and a column in bytes of UTF-8, from 0."""
        begin = self._starts[line - 1]
        before = self.text[begin : begin + column]
        return begin + (column if before.isascii() else len(before.encode()[:column].decode()))

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """Where a node of this text's tree begins and ends."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        begin = self._starts[number - 1]
        match = _NEWLINE.search(self.text, begin)
        return self.text[begin : match.start() if match else None]

    def line_start(self, offset: int) -> int:
        """Where the line of a character begins."""
        return self._starts[bisect_right(self._starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Where the line of a character ends, its line break included."""
        match = _NEWLINE.search(self.text, offset)
        return match.end() if match else len(self.text)

    def tokens(self) -> Iterator[Token]:
        """The strings and comments of the text."""
        for match in _TOKEN.finditer(self.text):
            before = self.text[self.line_start(match.start()) : match.start()]
            yield Token(
                match.start(), match.end(), match["comment"] is not None, not before.strip()
            )


def read_source(content: bytes) -> SourceText:
    """Decodes a file as Python would. Raises UnicodeDecodeError, SyntaxError."""
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(lines).readline)
    bom = _BOM if content.startswith(_BOM) else b""
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    try:
        text = content[len(bom) :].decode(encoding)
        same = text.encode(encoding) == content[len(bom) :]
    except UnicodeDecodeError:
        raise
    except (LookupError, ValueError) as error:  # of rot13, which makes no text of bytes
        raise SyntaxError(f"its encoding, {encoding}, is none of text: {error}") from None
    if not same:  # a state-keeping encoding, such as utf-7
        raise SyntaxError(f"its encoding, {encoding}, doesn't give the same bytes back")
    return SourceText(text, encoding, bom)


def newlines(text: str) -> int:
    """How many line breaks a text holds."""
    return sum(1 for _ in _NEWLINE.finditer(text))


def spliced(text: str, edits: Iterable[Edit]) -> str:
    """The text with every edit made; they are disjoint or lie one within the other."""
    ordered = sorted(edits, key=lambda edit: (edit.start, -edit.end, -edit.rank))
    return _spliced(text, 0, len(text), ordered)


def _spliced(text: str, start: int, end: int, edits: Sequence[Edit]) -> str:
    parts: list[str] = []
    cursor, index = start, 0
    while index < len(edits):
        edit = edits[index]
        last = index + 1
        while last < len(edits) and edits[last].end <= edit.end and edits[last].start < edit.end:
            last += 1
        inner = _spliced(text, edit.start, edit.end, edits[index + 1 : last])
        parts += text[cursor : edit.start], edit.rewrite(inner)
        cursor, index = edit.end, last
    parts.append(text[cursor:end])
    return "".join(parts)
