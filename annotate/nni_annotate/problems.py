"""What is wrong with a node of a module's tree, and how its place in the file is found.

Places are looked up for what is wrong only: libcst keeps none, and computing them walks the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.syntax import code


@dataclass(frozen=True)
class Problem:
    """A diagnostic before anybody looked up where its nodes stand.

    `span` is the part of the node's own source that is meant; `other` is the node whose line
    completes the message.
    """

    node: cst.CSTNode
    message: str
    span: tuple[int, int] | None = None
    other: cst.CSTNode | None = None
    is_error: bool = True


def positions(tree: cst.Module) -> Any:
    """Where each node of the tree stands, its parentheses included."""
    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    return wrapper.resolve(WhitespaceInclusivePositionProvider)


def placed(problems: Sequence[Problem], tree: cst.Module, path: str) -> list[Diagnostic]:
    """The problems as diagnostics, sorted."""
    places = positions(tree)
    lines = [line.rstrip("\r") for line in tree.code.split("\n")]
    found = []
    for problem in problems:
        start = places[problem.node].start
        source = code(problem.node)
        begin, end = problem.span or (0, len(source))
        row = source[:begin].count("\n")
        number = start.line + row
        text = lines[number - 1]
        if row == 0:
            column = start.column + begin
        else:
            # What libcst calls the code of a node lacks the indentation of its block.
            written = source.split("\n")[row].rstrip("\r")
            inside = begin - source.rindex("\n", 0, begin) - 1
            column = inside + max(text.find(written), 0)
        message = problem.message
        if problem.other is not None:
            line = str(places[problem.other].start.line)
            message = message.replace("{line}", line)
        width = max(len(source[begin:end].split("\n")[0]), 1)
        found.append(Diagnostic(path, number, column + 1, message, width, text, problem.is_error))
    return sorted(found)
