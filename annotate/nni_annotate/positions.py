"""Where nodes of a module's tree stand in its text: libcst keeps no positions.

They are noted while the tree's code is generated, for chosen nodes only: libcst's own provider
notes all of them, which takes longer than everything else that is done to a file.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState

_VISIBLE = re.compile(r"[^ \t\f\\\r\n]")
Span = tuple[int, int]  # first character and the one after the last, counted in the text


def spans(tree: cst.Module, text: str, nodes: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, Span]:
    """The stretch of the module's text that each node takes, its parentheses included."""
    wanted = list(nodes)
    if not wanted:
        return {}
    state = _Notes(tree, {id(node) for node in wanted})
    tree._codegen(state)
    offsets = [0, *accumulate(map(len, state.tokens))]
    last = len(offsets) - 1  # the last line's break may have been taken back
    found = {
        node: (offsets[min(state.begins[id(node)], last)], offsets[min(state.ends[id(node)], last)])
        for node in wanted
    }
    generated = "".join(state.tokens)
    return found if generated == text else _moved(found, generated, text)


def _moved(found: dict[cst.CSTNode, Span], generated: str, text: str) -> dict[cst.CSTNode, Span]:
    """The places in the text of what was found in generated code that is laid out otherwise.

    libcst drops form feeds and joined empty lines at the beginning of a line and blanks before the
    colon of a format in an f-string, and repeats a form feed in an indentation.
    """
    before, after = visible(generated), visible(text)
    assert [generated[place] for place in before] == [text[place] for place in after]
    return {
        node: (after[bisect_left(before, start)], after[bisect_left(before, end) - 1] + 1)
        for node, (start, end) in found.items()
    }


def visible(code: str) -> list[int]:
    """The places of all characters that are no layout."""
    return [match.start() for match in _VISIBLE.finditer(code)]


class _Notes(CodegenState):
    """Generates code and notes how many tokens stand before the wanted nodes and their ends."""

    def __init__(self, tree: cst.Module, wanted: set[int]) -> None:
        super().__init__(tree.default_indent, tree.default_newline)
        self.begins: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self._wanted = wanted

    def before_codegen(self, node: Any) -> None:
        if id(node) in self._wanted:
            self.begins[id(node)] = len(self.tokens)

    def after_codegen(self, node: Any) -> None:
        if id(node) in self._wanted:
            self.ends[id(node)] = len(self.tokens)
