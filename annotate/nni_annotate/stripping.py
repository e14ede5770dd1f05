"""Annotations taken out of a text, with the lines or the semicolons that go with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nni_annotate.positions import Span
from nni_annotate.source import Edit, SourceText

_JOINT = re.compile(r"\\(?:\r\n|\r|\n)")
_BLANK = " \t\f\r\n\\"  # what may stand between the tokens of joined lines


def stripping(source: SourceText, places: Iterable[tuple[Span, bool]]) -> Iterator[Edit]:
    """The edits that take out annotations, each with whether it is all that its block holds."""
    joints = _joints(source)
    for (start, end), is_only in places:
        if is_only:
            yield Edit(start, end, lambda _: "pass")
        else:
            yield Edit(*_around(source, start, end, joints), lambda _: "")


def _around(source: SourceText, start: int, end: int, joints: frozenset[int]) -> Span:
    """The stretch that goes with an annotation: its lines, or its semicolon, or its blanks."""
    text = source.text
    first, last = _joined_lines(source, start, end, joints)
    before, after = text[first:start], text[end:last]
    if not before.strip(_BLANK) and not after.strip(_BLANK):
        return first, last
    if after.lstrip(_BLANK).startswith(";"):
        rest = after[after.index(";") + 1 :]
        return start, last - len(rest.lstrip(_BLANK if rest.strip(_BLANK) else " \t\f"))
    kept = before.rstrip(_BLANK)
    if kept.endswith(";"):
        kept = kept[:-1].rstrip(_BLANK)
    return first + len(kept) if kept else start, end


def _joined_lines(source: SourceText, start: int, end: int, joints: frozenset[int]) -> Span:
    """The lines of a stretch, with those that a backslash joins to them."""
    first, last = source.line_start(start), source.line_end(end)
    while first in joints:
        first = source.line_start(first - 1)
    while last in joints and last < len(source.text):
        last = source.line_end(last)
    return first, last


def _joints(source: SourceText) -> frozenset[int]:
    """Where lines begin that a backslash joins to those before them."""
    found = list(_JOINT.finditer(source.text))
    tokens = source.tokens() if found else ()
    comments = {token.end for token in tokens if token.is_comment}
    return frozenset(match.end() for match in found if match.start() + 1 not in comments)
