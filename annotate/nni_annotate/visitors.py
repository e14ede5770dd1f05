"""The walks over a module's tree: rewriting chosen nodes, and looking for stray annotations."""

from __future__ import annotations

from typing import Any

import libcst as cst

from nni_annotate.grammar import reads_like_a_call
from nni_annotate.problems import Problem
from nni_annotate.rules.rule import Rewrite
from nni_annotate.syntax import code


class Rewriter(cst.CSTTransformer):
    """Puts the rewritten code in the place of the nodes it is for."""

    def __init__(self, rewrites: dict[cst.CSTNode, list[tuple[str, Rewrite]]], config: Any) -> None:
        super().__init__()
        self._rewrites = rewrites
        self._config = config

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """The innermost rewrite first: a variable's value may hold a function's call."""
        rewrites = sorted(self._rewrites.get(original_node, ()), key=lambda pair: pair[0])
        for _, rewrite in rewrites:
            updated_node = cst.parse_expression(rewrite(code(updated_node)), self._config)
        return updated_node


class Unindented(cst.CSTTransformer):
    """Keeps lines as they are: an annotation's text carries its indentation in itself."""

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:  # noqa: ARG002
        """Takes away the block's indentation."""
        if isinstance(updated_node, (cst.ParenthesizedWhitespace, cst.EmptyLine)):
            return updated_node.with_changes(indent=False)
        return updated_node


class StringFinder(cst.CSTVisitor):
    """Finds strings that read like annotations where none can stand."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[Problem] = []

    def visit_Expr(self, node: cst.Expr) -> bool:  # noqa: N802
        """Passes over statements that are a string: those were read already."""
        return not isinstance(
            node.value, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)
        )

    def visit_SimpleString(self, node: cst.SimpleString) -> None:  # noqa: N802
        """Notes a string that begins as an annotation does."""
        if reads_like_a_call(node.raw_value):
            message = "an annotation has an effect only as a statement of its own, not here"
            self.problems.append(Problem(node, message, is_error=False))

    def visit_Comment(self, node: cst.Comment) -> None:  # noqa: N802
        """Notes an annotation written as a comment."""
        if reads_like_a_call(node.value.lstrip("# \t")):
            message = (
                "annotations in comments are not supported yet; "
                f'write a string statement, """{node.value.lstrip("# ")}"""'
            )
            self.problems.append(Problem(node, message))
