"""What reads like an annotation and stands where it has no effect."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from nni_annotate.annotation_text import MARK, is_comment_annotation, reads_like_a_call
from nni_annotate.diagnostics import Diagnostic, place_of
from nni_annotate.kinds import is_kind
from nni_annotate.positions import Span
from nni_annotate.source import SourceText, Token

_AFTER_A_COMMENT = re.compile(
    r"[#:!]\s*@nni\.\w+\s*\(|\w\s+@nni\.(?:variable\s*\(\s*nni\.|function_choice\s*\()"
)
_NO_STATEMENT = "an annotation has an effect only as a statement of its own, not here"
_BARE = re.compile(r"(?:\A|(?<=[\r\n]))[ \t]*(@nni\.(\w+))\s*\(")


def strays(
    source: SourceText, python: str, taken: Sequence[Span], path: str, cell: int = 0
) -> Iterator[Diagnostic]:
    """Errors and warnings of all that begins with the mark, but for the annotations at `taken`.

    `python` is the source with what only IPython understands masked.
    """
    text = source.text
    for start, end in _formatted(SourceText(python)):
        where = place_of(source, start, end, cell)
        yield where.diagnostic(path, "NNI501", _NO_STATEMENT, is_error=False)
    for match in bare_annotations(text):
        message = "this is a decorator; an annotation is a string or a comment, so quote it"
        where = place_of(source, *match.span(1), cell)
        yield where.diagnostic(path, "NNI502", message, is_error=False)
    for token in source.tokens():
        if any(start <= token.start < end for start, end in taken):
            continue
        found = _stray(text[token.start : token.end], token)
        if found is not None:
            code, message = found
            where = place_of(source, token.start, token.end, cell)
            yield where.diagnostic(path, code, message, is_error=code == "NNI208")


def _stray(text: str, token: Token) -> tuple[str, str] | None:
    """The code and the message of what is wrong with a string or a comment."""
    if not token.is_comment:
        if not reads_like_a_call(_inside(text)):
            return None
        return "NNI501", _NO_STATEMENT
    if is_comment_annotation(text):
        return "NNI208", (
            "no statement can stand here; put the annotation on a line of its own before the "
            "statement, indented as that is; name= then says which value is meant"
        )
    if text[1:].lstrip().startswith(MARK):
        return "NNI502", "this comment begins like an annotation, but is none: @nni.KIND(...)"
    if _AFTER_A_COMMENT.search(text):
        return "NNI501", "an annotation has an effect only where the comment begins with it"
    return None


def _formatted(python: SourceText) -> Iterator[Span]:
    """The f-strings in whose replacement fields a string reads like an annotation."""
    try:
        tree = ast.parse(python.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    inner: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr) or id(node) in inner:
            continue
        fields = [value for value in node.values if isinstance(value, ast.FormattedValue)]
        parts = [part for value in fields for part in ast.walk(value)]
        inner.update(map(id, parts))
        if any(_is_marked(part) for part in parts):
            yield python.span(node)


def _is_marked(node: ast.AST) -> bool:
    match node:
        case ast.Constant(str(text)):
            return reads_like_a_call(text)
    return False


def reads_annotated(text: str) -> bool:
    """Whether a text that is no valid Python seems to hold annotations all the same."""
    if MARK not in text:
        return False
    return next(bare_annotations(text), None) is not None or any(
        _begins(text[token.start : token.end]) for token in SourceText(text).tokens()
    )


def _begins(source: str) -> bool:
    """Whether a string or a comment begins as an annotation does, escapes for white space read."""
    inside = source[1:] if source.startswith("#") else _inside(source)
    return reads_like_a_call(re.sub(r"^(?:\\[a-z]|\\\n|\s)+", "", inside))


def _inside(literal: str) -> str:
    """The text of a string literal, its escapes as they are."""
    return literal.lstrip("rRbBuUfFtT").strip("\"'")


def bare_annotations(text: str) -> Iterator[re.Match[str]]:
    """Lines of code that would be annotations if they were strings or comments."""
    found = [match for match in _BARE.finditer(text) if is_kind(match[2])]
    if found:
        spans = [(token.start, token.end) for token in SourceText(text).tokens()]
        yield from (m for m in found if not any(a < m.start(1) < b for a, b in spans))
