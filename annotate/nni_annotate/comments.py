"""Annotations in comments: those on a line of their own stand where a string would.

Each is masked by a string literal of the same length before the file is parsed, so that it is a
statement to Python's own rules of indentation and blocks, and every other character stays where it
is. Those at the end of a line stay comments.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from nni_annotate.annotation_text import is_comment_annotation
from nni_annotate.source import SourceText, Token

_CANDIDATE = re.compile(r"#[ \t]*@nni\.")
_PRIVATE = range(0xE000, 0xF900)  # characters that mean nothing


@dataclass(frozen=True)
class Masked:
    """The text to parse, and the comment behind every string literal that masks one."""

    text: str
    comments: Mapping[str, str]
    tokens: tuple[Token, ...]


def mask_comments(source: SourceText, leave: Container[int] = ()) -> Masked:
    """Masks the comment annotations that are alone on their line; `tokens` are all of them.

    Those that begin at the places to leave stay comments.
    """
    text = source.text
    if not _CANDIDATE.search(text):
        return Masked(text, {}, ())
    found = tuple(
        token
        for token in source.tokens()
        if token.is_comment and is_comment_annotation(text[token.start : token.end])
    )
    mark = next(chr(code) for code in _PRIVATE if chr(code) not in text)
    comments: dict[str, str] = {}
    parts: list[str] = []
    cursor = 0
    for number, token in enumerate(
        token for token in found if token.is_first and token.start not in leave
    ):
        length = token.end - token.start
        # The number makes every literal one of its own; comments are longer than any such number.
        literal = f'"{mark}{number}'[: length - 1].ljust(length - 1, mark) + '"'
        comments[literal] = text[token.start : token.end]
        parts += text[cursor : token.start], literal
        cursor = token.end
    return Masked("".join((*parts, text[cursor:])), comments, found)
