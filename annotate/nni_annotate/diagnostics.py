"""What is wrong in a source file, where, and how it is shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from nni_annotate.errors import NniAnnotateError
from nni_annotate.source import SourceText

_NO_PYTHON = frozenset({"NNI401", "NNI402", "NNI403", "NNI408"})


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One problem; line and column count from 1, 0 where the file as a whole is meant.

    `code` is one of `codes.TITLES`, "" where the file is no source; `width` is how many characters
    of the line the problem spans, `cell` the number of the notebook's cell that the line is in, 0
    in other files.
    """

    path: str
    cell: int = 0
    line: int = 0
    column: int = 0
    code: str = ""
    message: str = ""
    width: int = 1
    source_line: str = ""
    is_error: bool = True

    def __str__(self) -> str:
        severity = "error" if self.is_error else "warning"
        place = f"{self.path}:cell {self.cell}" if self.cell else self.path
        place = f"{place}:{self.line}:{self.column}" if self.line else place
        kind = f"{severity}[{self.code}]" if self.code else severity
        head = f"{place}: {kind}: {self.message}"
        if not self.source_line.strip():
            return head
        shown = "".join(
            char if char.isprintable() or char == "\t" else "?"
            for char in self.source_line.rstrip()
        )
        before = shown[: self.column - 1]
        under = "^" * max(_columns(shown[len(before) :][: self.width]), 1)
        indent = "".join("\t" if char == "\t" else " " * _columns(char) for char in before)
        return f"{head}\n    {shown}\n    {indent}{under}"


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


def place_of(source: SourceText, start: int, end: int, cell: int = 0) -> Where:
    """The place of a stretch of a text, as far as it is on its first line."""
    line, column = source.place(start)
    shown = source.line(line)
    width = max(min(end - start, len(shown) - column + 1), 1)
    return Where(line, column, width, shown, cell)


class CompileError(NniAnnotateError):
    """A tree that can't be compiled, with everything that is wrong in it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics))
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))

    def __reduce__(self) -> tuple[type[CompileError], tuple[tuple[Diagnostic, ...]]]:
        return CompileError, (self.diagnostics,)

    @property
    def is_about_annotations(self) -> bool:
        """Whether more is wrong than that files can't be read as Python."""
        return any(found.is_error and found.code not in _NO_PYTHON for found in self.diagnostics)


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
