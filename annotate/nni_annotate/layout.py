"""A text laid out as libcst can read it: it gets some layouts wrong that Python takes.

Only white space changes, and only outside strings and comments; where nodes stand in the text is
told by all other characters, see `positions`.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from nni_annotate.source import SourceText

# An empty line that a backslash joins to the next one: libcst takes that for a part of the block
# before it.
_JOINT = re.compile(r"(?:\A|(?<=[\r\n]))([ \t\f]*)\\(?:\r\n|\r|\n)[ \t\f]*")
# A form feed in an indentation.
_FORM_FEED = re.compile(r"(?:\A|(?<=[\r\n]))[ \t\f]*\f(?=[ \t]*[^ \t\f\r\n#])")
# No blank between a keyword and some kinds of expressions, as in `return(a if b else c)`.
_TIGHT = re.compile(
    r"(\b(?:return|if|elif|else|in|is|and|or|not|assert|yield|raise|from|while|with|await)"
    r"(?=\(|\.\d)|\)(?=(?:if|else|in|is|and|or|not|for|as|from)\b))"
)


def unjoined(text: str) -> str:
    """The text without empty lines that are joined to the next ones."""
    return _replaced(text, _JOINT, r"\1")


def spaced(text: str) -> str:
    """The text without form feeds in indentations, and with blanks around its keywords."""
    return _replaced(_replaced(text, _FORM_FEED, ""), _TIGHT, r"\1 ")


def _replaced(text: str, pattern: re.Pattern[str], new: str) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text
    tokens = list(SourceText(text).tokens())
    starts = [token.start for token in tokens]
    parts: list[str] = []
    cursor = 0
    for match in found:
        before = bisect_right(starts, match.start()) - 1
        if before < 0 or tokens[before].end <= match.start():
            parts += text[cursor : match.start()], match.expand(new)
            cursor = match.end()
    return "".join((*parts, text[cursor:]))
