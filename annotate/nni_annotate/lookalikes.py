"""Texts that look like annotations and are none: without the `@`, with a blank too many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nni_annotate.diagnostics import Diagnostic, place_of
from nni_annotate.kinds import is_kind
from nni_annotate.source import SourceText, Token
from nni_annotate.texts import PythonText

_FINAL = "report_final_result"
_NEARLY = re.compile(r"nni[^\w\r\n(]{0,3}\w{5,}[ \t]*\(", re.IGNORECASE)  # quick, in any file
# With what can't be seen, or looks like a part of a comment, between the quotes and the mark.
_OPENING = re.compile("[rRuU]?(?:\"{3}|'{3}|\"|'|#)\\s*(?P<odd>[\u200b-\u200f\u2060\ufeff#]\\s*)*")
_WITH_MARK = re.compile(r"@{1,2}\s*nni(?P<link>[^\w\r\n(]{0,3}|_)(?P<kind>[a-z]\w*)\s*\(", re.I)
_WITHOUT = re.compile(r"nni\.(?P<kind>[a-z]\w*)\s*\(", re.I)


def look_alikes(texts: Iterable[PythonText], path: str) -> Iterator[Diagnostic]:
    """Warnings of statements and comments in Python that are nearly annotations."""
    for text in texts:
        source = text.source
        if not _NEARLY.search(source.text):
            continue
        for token in source.tokens():
            if not _is_nearly(source.text[token.start : token.end], token):
                continue
            message = "this looks like an annotation but is none: its text is to begin with @nni."
            where = place_of(source, token.start, token.end, text.cell)
            yield where.diagnostic(path, "NNI502", message, is_error=False)


def may_report(texts: Iterable[PythonText]) -> bool:
    """Whether a file may make a final report, by an annotation or a call.

    What only a comment says, or a string that is nearly an annotation, reports nothing.
    """
    return any(_may_report(text.source) for text in texts)


def _may_report(source: SourceText) -> bool:
    text = source.text
    places = [match.start() for match in re.finditer(_FINAL, text)]
    tokens = source.tokens() if places else ()
    spans = [(token.start, token.end) for token in tokens if _is_silent(text, token)]
    return not all(any(start <= place < end for start, end in spans) for place in places)


def _is_silent(text: str, token: Token) -> bool:
    source = text[token.start : token.end]
    opening = _OPENING.match(source)
    inside = source[opening.end() :] if opening is not None else source
    return (token.is_comment or _is_nearly(source, token)) and not inside.startswith("@nni.")


def _is_nearly(text: str, token: Token) -> bool:
    if not token.is_first and not token.is_comment:
        return False  # a value, an argument
    opening = _OPENING.match(text)
    start = opening.end() if opening is not None else 0
    marked = _WITH_MARK.match(text, start)
    if marked is not None:
        is_exact = text.startswith("@nni.", start) and not (opening and opening["odd"])
        return is_kind(marked["kind"]) and not is_exact
    plain = _WITHOUT.match(text, start)
    if plain is None:
        return False
    if token.is_comment:  # other calls may be code that was taken out
        return plain["kind"].lower() in ("variable", "mutable_layers")
    return is_kind(plain["kind"])
