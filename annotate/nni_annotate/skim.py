"""What of a text matters to its annotations; the rest is masked before libcst parses it.

CPython's own parser, ten times as fast and with room for deeper code, tells where the statements
stand. One that neither mentions nni nor follows an annotation that looks at it is masked by `0` and
blanks, line breaks kept: every other character stays where it is. What follows the last statement
is cut off, for libcst loses some of it.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from nni_annotate.imports import BODIES, imports_of, statements
from nni_annotate.kinds import ALONE
from nni_annotate.source import SourceText

_MARK = "@nni."
# An annotation that is about the next statement, or would be if it were spelt right.
_AHEAD = re.compile(rf"@nni\.(?!(?:{'|'.join(ALONE)})\b)")
_MAIN = "__main__"  # a main guard is looked for
_VISIBLE = re.compile(r"[^\r\n]")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_Body = Sequence[ast.stmt]


def skimmed(source: SourceText, text: str, *, has_calls: bool, imported: Mapping[str, str]) -> str:
    """`text`, which is as long as the source's and is what to parse, with what can't matter masked.

    With `has_calls` what mentions a name that was imported from nni matters, too, those of
    `imported` among them, which the text itself doesn't import. Text that CPython
    doesn't parse is left as it is. Raises RecursionError where it is nested too deeply.
    """
    try:
        tree = ast.parse(text)
    except MemoryError as error:
        raise RecursionError(str(error)) from None
    except (SyntaxError, ValueError):
        return text
    if _LONE_RETURN.search(text):
        return text
    names = {*imports_of(tree), *imported} if has_calls else set()
    return _Skimmer(source, text, tree, names).text()


class _Skimmer:
    def __init__(self, source: SourceText, text: str, tree: ast.Module, names: set[str]) -> None:
        self._source = SourceText(text)  # the columns in the tree are in bytes of this text
        self._unmasked = source.text
        self._text = text
        self._tree = tree
        self._masked: list[tuple[int, int]] = []
        words = "|".join(map(re.escape, {"nni", _MAIN, *names}))
        found = re.finditer(words, source.text)
        hidden = (self._start(node) for node in statements(tree.body) if _is_hidden(node))
        self._matters = sorted({*(match.start() for match in found), *hidden})

    def text(self) -> str:
        """The text with what doesn't matter masked."""
        self._suite(self._tree.body)
        parts: list[str] = []
        cursor = 0
        for start, end in self._masked:
            parts += self._text[cursor:start], "0", _VISIBLE.sub(" ", self._text[start + 1 : end])
            cursor = end
        last = self._tree.body[-1:]
        rest = self._text[cursor : self._source.line_end(self._end(last[0])) if last else None]
        return "".join((*parts, rest))

    def _suite(self, body: _Body) -> None:
        before, is_next = False, False  # whether that mattered, or is an annotation of this
        for node in body:
            start, end = self._start(node), self._end(node)
            line_end = self._source.line_end(end)
            matters = self._holds(start, line_end)
            if matters and not is_next:
                for inner in self._blocks(node):
                    self._suite(inner)
            elif not (matters or is_next) and self._may_be_masked(node, start, end, before=before):
                self._masked.append((start, end))
            before, is_next = matters, matters and self._looks_ahead(node, start, line_end)

    def _looks_ahead(self, node: ast.stmt, start: int, end: int) -> bool:
        text = self._unmasked[start:end]
        match node:
            case ast.Expr(ast.Constant(str(value))):
                text += value
            case ast.Expr(ast.JoinedStr()) | ast.Expr(ast.Constant(bytes())):
                return True
        return _AHEAD.search(text) is not None

    def _may_be_masked(self, node: ast.stmt, start: int, end: int, *, before: bool) -> bool:
        if before and _is_text(node):  # it may be the docstring
            return False
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return False
        if getattr(node, "decorator_list", None) and self._text[start] != "@":
            return False
        rest = self._text[end : self._source.line_end(end)].strip()
        is_one_line = self._source.line_end(start) >= end
        return is_one_line or not rest or rest.startswith("#")

    def _blocks(self, node: ast.AST) -> Iterator[_Body]:
        """The blocks of a compound statement that stand on lines of their own."""
        for name in BODIES:
            inner = getattr(node, name, None)
            if not isinstance(inner, list) or not inner:
                continue
            if not isinstance(inner[0], ast.stmt):
                for part in inner:
                    yield from self._blocks(part)
                continue
            start = self._start(inner[0])
            if name == "orelse" and self._text.startswith("elif", start):
                yield from self._blocks(inner[0])
            elif not self._text[self._source.line_start(start) : start].strip():
                yield inner

    def _holds(self, start: int, end: int) -> bool:
        index = bisect_left(self._matters, start)
        return index < len(self._matters) and self._matters[index] < end

    def _start(self, node: ast.stmt) -> int:
        """Where a statement begins, with its decorators, each on a line of its own."""
        decorators = getattr(node, "decorator_list", ())
        if not decorators:
            return self._source.offset(node.lineno, node.col_offset)
        begin = self._source.offset(min(each.lineno for each in decorators), 0)
        line = self._text[begin : self._source.line_end(begin)]
        return begin + len(line) - len(line.lstrip())

    def _end(self, node: ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._source.offset(node.end_lineno, node.end_col_offset)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_hidden(node: ast.stmt) -> bool:
    """Whether a statement may be an annotation whose text is spelled with escapes or in parts."""
    match node:
        case ast.Expr(ast.Constant(str(text))):
            return text.lstrip().startswith(_MARK)
        case ast.Expr(ast.Constant(bytes(content))):
            return content.lstrip().startswith(_MARK.encode())
        case ast.Expr(ast.JoinedStr()):
            return True
    return False
