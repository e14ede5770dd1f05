"""One file that was read: what its annotations make of it, as edits of its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter

import libcst as cst

from nni_annotate.annotation_text import MARK
from nni_annotate.comments import Masked
from nni_annotate.deep import is_too_deep
from nni_annotate.diagnostics import Diagnostic, Where, place_of
from nni_annotate.domains import Domain, Value
from nni_annotate.finder import Finder
from nni_annotate.found import CROWDED, Edited, Layered, Problem
from nni_annotate.imports import may_call
from nni_annotate.positions import Span, spans, visible
from nni_annotate.rules.calls import CodeCall, calls_of
from nni_annotate.rules.rule import SourceFile, Spot
from nni_annotate.source import Edit, SourceText, newlines, spliced
from nni_annotate.space import Parameters
from nni_annotate.statements import call_statement, layers_statements
from nni_annotate.strays import strays
from nni_annotate.stripping import stripping
from nni_annotate.syntax import code, cut, first_line

_QUOTES = frozenset("\"'")


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
    is_named_by_line: bool = False
    is_written: bool = True


class Module:
    """A text, its tree and what was found in it.

    Calls of nni's functions are looked for where `imported` is given: the names that stand for them
    without an import of the text's own.
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
        imported: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self.python = python
        self.file = file
        self.cell = cell
        self.tree = tree
        self._masked = masked.text
        self.found = Finder(tree, file, masked.comments, is_cell=cell > 0)
        if imported is not None and may_call(python, imported):
            self._add_calls(imported)

    def _add_calls(self, imported: Mapping[str, str]) -> None:
        calls, errors = calls_of(self.tree, self.file, imported)
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
        nodes += (p.statement for p in found.problems if p.statement is not None)
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
        masked = self._masked_values()
        found = [
            self._diagnostic(problem, path)
            for problem in self.found.problems
            if not (problem.code == "NNI505" and problem.node in masked)
        ]
        for node in masked:
            message = "the value is an IPython command, so nothing can take its place"
            found.append(self.where(node).diagnostic(path, "NNI202", message, is_error=True))
        for node in self._crowded():
            found.append(self.where(node).diagnostic(path, "NNI205", CROWDED, is_error=True))
        if self.source.text.count(MARK) == self.found.seen:
            return found
        taken = [self._spans[node] for node in self.found.literals]
        return [*found, *strays(self.source, self.python, taken, path, self.cell)]

    def _crowded(self) -> Iterator[cst.CSTNode]:
        """Choices between whole strings in which there is something else to replace."""
        spots = [(item, self._spans[spot.node], spot.node)
                 for item in self.found.edited for spot in item.found.spots]  # fmt: skip
        for item, (start, end), node in spots:
            if item.edit.suffix != "function_choice" or not isinstance(node, cst.BaseString):
                continue
            inner = (span for other, span, _ in spots if other is not item)
            if any(start <= a and b <= end for a, b in inner):
                yield item.node

    def _masked_values(self) -> list[cst.CSTNode]:
        """Annotations of values that only IPython understands: the compiler hasn't read them."""
        if self.source.text == self.python:
            return []
        python = SourceText(self.python)
        return [
            item.node
            for item in self.found.edited
            for line in {self.where(spot.node).line for spot in item.found.spots}
            if self.source.line(line) != python.line(line)
        ]

    def compiled(self) -> str:
        """The text of the compiled code."""
        return spliced(self.source.text, self._compiling())

    def compiled_python(self) -> str:
        """The same, with what only IPython understands masked."""
        return spliced(self.python, self._compiling())

    def written(self, values: Parameters, *, strip: bool = False, keep_lines: bool = False) -> str:
        """The source with these values in the annotated statements, or without annotations too.

        Layers stay: the source holds no other code that does what they do.
        With `keep_lines` a value takes as many lines as the one whose place it takes.
        """
        writing = self._writing(values, keep_lines=keep_lines)
        stay = {item.node for item in self.found.layered}
        places = [
            (self._spans[node], id(node) in self.found.only)
            for node in self.found.literals
            if node not in stay
        ]
        edits = [*writing, *(stripping(self.source, places) if strip else ())]
        return spliced(self.source.text, edits)

    def first_annotation(self) -> Where | None:
        """The place of the first annotation; calls in code are none."""
        places = sorted(self._spans[node] for node in self.found.literals)
        if not places:
            return None
        return place_of(self.source, *places[0], self.cell)

    def too_long(self) -> Where | None:
        """The first annotation whose code alone Python refuses for its depth, if one is."""
        for item in self.found.edited:
            key = self.file.literal(self._key(item))
            for spot in item.found.spots:
                start, end = self._spans[spot.node]
                if is_too_deep(spot.compiled(key, self.python[start:end])):
                    return self.where(item.node)
        return None

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
            bare = self.found.comments.get(code(node), code(node))
            text = self.source.text[start:end]
            start, end = (
                start + _indented(span[0], bare, text),
                start + _indented(max(span[1] - 1, 0), bare, text) + 1,
            )
        return place_of(self.source, start, end, self.cell)

    def _diagnostic(self, problem: Problem, path: str) -> Diagnostic:
        where = self.where(problem.node, problem.span)
        message = self._unmasked(problem.message, problem.statement)
        return where.diagnostic(path, problem.code, message, is_error=problem.is_error)

    def _unmasked(self, message: str, statement: cst.CSTNode | None) -> str:
        """The message with the cell's own line at its end, where IPython's was masked."""
        if statement is None or self.source.text == self.python:
            return message
        shown = first_line(statement)
        start = self.python.find(shown.removesuffix("..."), self._spans[statement][0])
        if start < 0 or not message.endswith(shown):
            return message
        line, _ = self.source.place(start)
        own = self.source.line(line)
        is_masked = own != SourceText(self.python).line(line)
        return message.removesuffix(shown) + cut(own.strip()) if is_masked else message

    def _parameter(self, item: Edited | Layered) -> Parameter:
        where = self.where(item.node)
        if isinstance(item, Layered):
            key = self._layers_key(item)
            return Parameter(key, item.layers.domain, None, where, True, is_written=False)
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
        return self.file.key(name, item.edit.suffix)

    def _layers_key(self, item: Layered) -> str:
        last, _ = self.source.place(self._spans[item.node][1] - 1)
        return self.file.key(f"mutable_block_{self.file.first_line + last}")

    def _edit(self, node: cst.CSTNode, rewrite: Callable[[str], str], rank: int = 0) -> Edit:
        return Edit(*self._spans[node], rewrite, rank)

    def _compiling(self) -> Iterator[Edit]:
        for item in self.found.edited:
            key = self.file.literal(self._key(item))
            for spot in item.found.spots:
                yield self._edit(spot.node, partial(spot.compiled, key), _rank(item))
        for called in self.found.called:
            newline = self.tree.default_newline
            yield self._edit(called.node, partial(call_statement, called, newline))
        for layered in self.found.layered:
            yield self._edit(layered.node, partial(self._layers, layered))

    def _layers(self, layered: Layered, source: str) -> str:
        start, end = self._spans[layered.node]
        before = self.source.text[self.source.line_start(start) : start]
        after = self.source.text[end : self.source.line_end(end)]
        key = self.file.literal(self._layers_key(layered))
        around = before, after
        return layers_statements(layered, key, around, self.tree.default_newline, source)

    def _writing(self, values: Parameters, *, keep_lines: bool) -> Iterator[Edit]:
        for item in self.found.edited:
            key = self._key(item)
            if key not in values or isinstance(item.edit, CodeCall):
                continue
            for spot in item.found.spots:
                rewrite = partial(self._written, spot, values[key], keep_lines)
                yield self._edit(spot.node, rewrite, _rank(item))

    def _written(self, spot: Spot, value: Value, keep_lines: bool, source: str) -> str:
        """The code of a value, apart from a word beside it: parentheses may have stood between."""
        text = spot.written(value, source)
        if text == source:
            return text
        missing = newlines(source) - newlines(text) if keep_lines else 0
        if missing > 0:
            return f"({text}{self.tree.default_newline * missing})"
        start, end = self._spans[spot.node]
        before, after = self.source.text[start - 1 : start], self.source.text[end : end + 1]
        left = " " if _is_word(before) and (_is_word(text[0]) or text[0] in _QUOTES) else ""
        right = " " if _is_word(text[-1]) and (_is_word(after) or after in _QUOTES) else ""
        if after == "." and text[0].isdigit():  # 1.real is no Python
            right = " "
        return f"{left}{text}{right}"


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
