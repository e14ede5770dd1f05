"""One file that was read: what its annotations make of it, as edits of its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter

import libcst as cst

from nni_annotate.comments import Masked
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.domains import Domain, Value
from nni_annotate.finder import Called, Edited, Finder, Layered, Problem
from nni_annotate.grammar import MARK, is_comment_annotation, reads_like_a_call
from nni_annotate.positions import Span, spans, visible
from nni_annotate.rules.calls import CodeCall, calls_of
from nni_annotate.rules.rule import SourceFile, Spot, option_text
from nni_annotate.source import Edit, SourceText, Token, newlines, spliced
from nni_annotate.space import Parameters
from nni_annotate.syntax import code
from nni_annotate.trial_api import TRIAL_API

_AFTER_A_COMMENT = re.compile(r"#\s*@nni\.\w+\s*\(")
_JOINT = re.compile(r"\\(?:\r\n|\r|\n)")
_BLANK = " \t\f\r\n\\"  # what may stand between the tokens of joined lines
_QUOTES = frozenset("\"'")


@dataclass(frozen=True)
class Where:
    """A stretch of a file that a parameter comes from, with what shows it in a diagnostic."""

    line: int
    column: int
    width: int
    source_line: str
    cell: int = 0

    def __str__(self) -> str:
        return f"cell {self.cell}, line {self.line}" if self.cell else f"line {self.line}"

    def diagnostic(self, path: str, code: str, message: str, *, is_error: bool) -> Diagnostic:
        """A problem at this place."""
        return Diagnostic(
            path, self.cell, self.line, self.column, code, message, self.width,
            self.source_line, is_error,
        )  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One entry of the search space, and where it comes from.

    `default` is a 1-tuple of the value that the script itself holds, None where only running it
    can tell; `is_written` where the source holds the value, so that another can be put there.
    """

    key: str
    domain: Domain
    default: tuple[Value] | None
    where: Where
    is_unnamed: bool = False
    is_written: bool = True


class Module:
    """A text, its tree and what was found in it.

    `python` is the text with what only IPython understands masked, the text itself in other files.
    """

    def __init__(
        self,
        source: SourceText,
        python: str,
        tree: cst.Module,
        masked: Masked,
        file: SourceFile,
        cell: int = 0,
        *,
        has_calls: bool = False,
    ) -> None:
        self.source = source
        self.python = python
        self.file = file
        self.cell = cell
        self.tree = tree
        self._masked = masked.text
        self.found = Finder(tree, file, masked.comments)
        if has_calls:
            self._add_calls()

    def _add_calls(self) -> None:
        calls, errors = calls_of(self.tree, self.file)
        for error in errors:
            assert error.node is not None
            self.found.problems.append(Problem(error.node, error.code, str(error)))
        for call, edit, found in calls:
            self.found.edited.append(Edited(call, edit, found))
            for doubt in edit.doubts():
                assert doubt.node is not None
                self.found.problems.append(
                    Problem(doubt.node, doubt.code, str(doubt), is_error=False)
                )

    @property
    def is_annotated(self) -> bool:
        """Whether compiling changes anything or was meant to."""
        return bool(self.found.literals or self.found.edited)

    @cached_property
    def _spans(self) -> dict[cst.CSTNode, Span]:
        found = self.found
        nodes = [*found.literals, *(problem.node for problem in found.problems)]
        for edited in found.edited:
            nodes += edited.node, *(spot.node for spot in edited.found.spots)
            if edited.found.binder is not None:
                nodes.append(edited.found.binder)
        return spans(self.tree, self._masked, dict.fromkeys(nodes))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every place that a parameter comes from, in the order of the text."""
        items: list[Edited | Layered] = [*self.found.edited, *self.found.layered]
        places = [(self._spans[item.node], self._parameter(item)) for item in items]
        return tuple(parameter for _, parameter in sorted(places, key=itemgetter(0)))

    def diagnostics(self, path: str) -> list[Diagnostic]:
        """Every problem found, with its place in the file."""
        problems = [self._diagnostic(problem, path) for problem in self.found.problems]
        return [*problems, *self._strays(path), *self._masked_values(path)]

    def _masked_values(self, path: str) -> Iterator[Diagnostic]:
        """Errors of values that only IPython understands: the compiler hasn't read them."""
        if self.source.text == self.python:
            return
        for item in self.found.edited:
            for spot in item.found.spots:
                line = self.where(spot.node).line
                if self.source.line(line) != SourceText(self.python).line(line):
                    message = "the value is an IPython command, so nothing can take its place"
                    yield self.where(item.node).diagnostic(path, "NNI202", message, is_error=True)

    def compiled(self) -> str:
        """The text of the compiled code."""
        return spliced(self.source.text, self._compiling())

    def compiled_python(self) -> str:
        """The same, with what only IPython understands masked."""
        return spliced(self.python, self._compiling())

    def written(self, values: Parameters, *, strip: bool = False) -> str:
        """The source with these values in the annotated statements, or without annotations too."""
        edits = [*self._writing(values), *(self._stripping() if strip else ())]
        return spliced(self.source.text, edits)

    def first_annotation(self) -> Where | None:
        """The place of the first annotation; calls in code are none."""
        places = sorted(self._spans[node] for node in self.found.literals)
        if not places:
            return None
        line, column = self.source.place(places[0][0])
        return Where(line, column, 1, self.source.line(line), self.cell)

    def bound_names(self) -> dict[tuple[str, int], Where]:
        """The plain names that parameters are bound to, with the line that binds each."""
        return {
            (str(item.found.name), self.source.place(self._spans[binder][0])[0]): self.where(
                item.node
            )
            for item in self.found.edited
            if (binder := item.found.binder) is not None
        }

    def reports(self) -> dict[int, Where]:
        """The lines of the annotations that report something."""
        return {
            (where := self.where(called.node)).line: where
            for called in self.found.called
            if called.argument is not None
        }

    def where(self, node: cst.CSTNode, span: Span | None = None) -> Where:
        """The place of a node, or of a part of its source."""
        start, end = self._spans[node]
        if span is not None:
            text, bare = self.source.text[start:end], code(node)
            start, end = (
                start + _indented(span[0], bare, text),
                start + _indented(max(span[1] - 1, 0), bare, text) + 1,
            )
        line, column = self.source.place(start)
        width = len(self.source.text[start:end].splitlines()[0]) if end > start else 1
        return Where(line, column, max(width, 1), self.source.line(line), self.cell)

    def _diagnostic(self, problem: Problem, path: str) -> Diagnostic:
        where = self.where(problem.node, problem.span)
        return where.diagnostic(path, problem.code, problem.message, is_error=problem.is_error)

    def _parameter(self, item: Edited | Layered) -> Parameter:
        where = self.where(item.node)
        if isinstance(item, Layered):
            key = self._layers_key(item)
            return Parameter(key, item.layers.domain, None, where, is_written=False)
        found, edit = item.found, item.edit
        return Parameter(
            self._key(item), edit.domain, found.default, where, found.name is None,
            not isinstance(edit, CodeCall),
        )  # fmt: skip

    def _key(self, item: Edited) -> str:
        name = item.found.name
        if name is None:
            line, _ = self.source.place(self._spans[item.node][0])
            name = f"__line{self.file.first_line + line}"
        return f"{self.file.module}/{name}/{item.edit.suffix}"

    def _layers_key(self, item: Layered) -> str:
        last, _ = self.source.place(self._spans[item.node][1] - 1)
        return f"{self.file.module}/mutable_block_{self.file.first_line + last}"

    def _edit(self, node: cst.CSTNode, rewrite: Callable[[str], str], rank: int = 0) -> Edit:
        return Edit(*self._spans[node], rewrite, rank)

    def _compiling(self) -> Iterator[Edit]:
        for item in self.found.edited:
            key = self.file.literal(self._key(item))
            for spot in item.found.spots:
                yield self._edit(spot.node, partial(spot.compiled, key), _rank(item))
        for called in self.found.called:
            yield self._edit(called.node, partial(self._call, called))
        for layered in self.found.layered:
            yield self._edit(layered.node, partial(self._layers, layered))

    def _call(self, called: Called, source: str) -> str:
        """The call that stands for the annotation, over as many lines as the string took."""
        total = newlines(source)
        if called.argument is None:
            function = f"{TRIAL_API}.{called.function}"
            inside, before, after = "", 0, total
        else:
            function = f"{TRIAL_API}.in_experiment() and {TRIAL_API}.{called.function}"
            annotation = called.annotation
            bare = annotation.call.with_changes(
                lpar=(), rpar=(), func=cst.Name("f"),
                whitespace_after_func=cst.SimpleWhitespace(""),
            )  # fmt: skip
            inside = code(bare)[2:-1]
            before = newlines(source[: annotation.text.source_offset(0)])
            after = total - before - newlines(inside)
            if called.is_docstring or after < 0 or annotation.call.args[0].star:
                inside, before, after = option_text(called.argument.value), 0, total
        if called.is_docstring:  # the string stays what __doc__ is
            return f"{source}; {function}({inside})"
        newline = self.tree.default_newline
        text = f"{newline * before}{inside.replace(chr(10), newline)}{newline * after}"
        return f"{function}({text})"

    def _layers(self, layered: Layered, source: str) -> str:
        """The statements that stand for the annotation, over as many lines as the string took."""
        statements = layered.layers.statements(self.file.literal(self._layers_key(layered)))
        if layered.is_docstring:
            return "; ".join((source, *statements))
        start, end = self._spans[layered.node]
        before = self.source.text[self.source.line_start(start) : start]
        after = self.source.text[end : self.source.line_end(end)]
        newline, total = self.tree.default_newline, newlines(source)
        if before.strip() or after.strip():  # the last one ends in a bracket, that may be wide
            code = "; ".join(statements)
            return f"{code[:-1]}{newline * total}{code[-1]}"
        rows = [*statements[:total], "; ".join(statements[total:])]
        rows = [row for row in rows if row]
        return f"{newline}{before}".join(rows) + newline * (total + 1 - len(rows))

    def _writing(self, values: Parameters) -> Iterator[Edit]:
        for item in self.found.edited:
            key = self._key(item)
            if key not in values or isinstance(item.edit, CodeCall):
                continue
            for spot in item.found.spots:
                rewrite = partial(self._written, spot, values[key])
                yield self._edit(spot.node, rewrite, _rank(item))

    def _written(self, spot: Spot, value: Value, source: str) -> str:
        """The code of a value, apart from a word beside it: parentheses may have stood between."""
        text = spot.written(value, source)
        if text == source:
            return text
        start, end = self._spans[spot.node]
        before, after = self.source.text[start - 1 : start], self.source.text[end : end + 1]
        left = " " if _is_word(before) and (_is_word(text[0]) or text[0] in _QUOTES) else ""
        right = " " if _is_word(text[-1]) and (_is_word(after) or after in _QUOTES) else ""
        if after == "." and text[0].isdigit():  # 1.real is no Python
            right = " "
        return f"{left}{text}{right}"

    def _stripping(self) -> Iterator[Edit]:
        for node in self.found.literals:
            start, end = self._spans[node]
            if id(node) in self.found.only:
                yield Edit(start, end, lambda _: "pass")
            else:
                yield Edit(*self._around(start, end), lambda _: "")

    def _around(self, start: int, end: int) -> Span:
        """The stretch that goes with an annotation: its lines, or its semicolon, or its blanks."""
        text = self.source.text
        first, last = self._joined_lines(start, end)
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

    def _joined_lines(self, start: int, end: int) -> Span:
        """The lines of a stretch, with those that a backslash joins to them."""
        first, last = self.source.line_start(start), self.source.line_end(end)
        while first in self._joints:
            first = self.source.line_start(first - 1)
        while last in self._joints and last < len(self.source.text):
            last = self.source.line_end(last)
        return first, last

    @cached_property
    def _joints(self) -> frozenset[int]:
        """Where lines begin that a backslash joins to those before them."""
        found = list(_JOINT.finditer(self.source.text))
        tokens = self.source.tokens() if found else ()
        comments = {token.end for token in tokens if token.is_comment}
        return frozenset(match.end() for match in found if match.start() + 1 not in comments)

    def _strays(self, path: str) -> Iterator[Diagnostic]:
        """What reads like an annotation and stands where it has no effect."""
        text = self.source.text
        if text.count(MARK) == self.found.seen:
            return
        taken = [self._spans[node] for node in self.found.literals]
        for token in self.source.tokens():
            if any(start <= token.start < end for start, end in taken):
                continue
            source = text[token.start : token.end]
            if token.is_comment and is_comment_annotation(source):
                message = (
                    "no statement can stand here; put the annotation on a line of its own, "
                    "indented as the block that it is part of"
                )
                yield self._at(token).diagnostic(path, "NNI208", message, is_error=True)
            elif token.is_comment and source[1:].lstrip().startswith(MARK):
                message = "this comment begins like an annotation, but is none: @nni.KIND(...)"
                yield self._at(token).diagnostic(path, "NNI502", message, is_error=False)
            elif token.is_comment and _AFTER_A_COMMENT.search(source):
                message = "an annotation has an effect only where the comment begins with it"
                yield self._at(token).diagnostic(path, "NNI501", message, is_error=False)
            elif not token.is_comment and reads_like_a_call(_inside(source)):
                message = "an annotation has an effect only as a statement of its own, not here"
                yield self._at(token).diagnostic(path, "NNI501", message, is_error=False)

    def _at(self, token: Token) -> Where:
        line, column = self.source.place(token.start)
        shown = self.source.line(line)
        width = min(token.end - token.start, len(shown) - column + 1)
        return Where(line, column, width, shown, self.cell)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _rank(item: Edited) -> int:
    """A variable's value may hold a function's call, or be one: that is rewritten first."""
    return int(item.edit.suffix != "function_choice")


def _indented(offset: int, bare: str, text: str) -> int:
    """The place in a node's text of a place in what libcst gives as its code.

    That lacks the indentation of the block that the node is in, and may break lines otherwise.
    """
    if bare == text:
        return offset
    places = visible(text)
    return places[min(len(visible(bare[:offset])), len(places) - 1)]


def _inside(literal: str) -> str:
    """The text of a string literal, its escapes as they are."""
    return literal.lstrip("rRbBuUfFtT").strip("\"'")
