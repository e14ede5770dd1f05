"""The statements of a tree: blocks, docstrings, imports from `__future__`."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import libcst as cst


def is_simple(line: cst.CSTNode) -> bool:
    """Whether small statements stand on a line, or behind the colon of a header."""
    return isinstance(line, (cst.SimpleStatementLine, cst.SimpleStatementSuite))


def blocks(statement: cst.CSTNode) -> Iterator[cst.BaseSuite]:
    """The blocks of a compound statement, in the order of the text."""
    if isinstance(statement, cst.Match):
        for case in statement.cases:
            yield case.body
        return
    body = getattr(statement, "body", None)
    if isinstance(body, cst.BaseSuite):
        yield body
    for name in ("handlers", "orelse", "finalbody"):
        value = getattr(statement, name, None)
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if part is not None:
                yield from blocks(part)


def future_imports(tree: cst.Module) -> tuple[set[int], set[str]]:
    """The small statements, by id, before the last `from __future__ import`; the names of all."""
    statements = [
        statement
        for line in tree.body
        if isinstance(line, cst.SimpleStatementLine)
        for statement in line.body
    ]
    found = [(i, names) for i, node in enumerate(statements) if (names := _from_future(node))]
    last = max((i for i, _ in found), default=0)
    return {id(each) for each in statements[:last]}, {n for _, names in found for n in names}


def _from_future(node: cst.BaseSmallStatement) -> list[str]:
    """The names that a statement imports from `__future__`."""
    match node:
        case cst.ImportFrom(module=cst.Name(value="__future__"), names=[*aliases]):
            return [str(alias.evaluated_name) for alias in aliases]
    return []


def docstring_of(body: Sequence[Any], comments: Container[str]) -> tuple[cst.Expr | None, set[int]]:
    """The string that Python takes for the docstring of a block, and what stands before it, by id.

    That can only be `comments`, which string literals mask.
    """
    masked: set[int] = set()
    for line in body:
        statements: Sequence[cst.BaseSmallStatement] = line.body if is_simple(line) else ()
        for statement in statements:
            node = statement.value if isinstance(statement, cst.Expr) else None
            if not isinstance(statement, cst.Expr) or not isinstance(
                node, (cst.SimpleString, cst.ConcatenatedString)
            ):
                return None, set()
            if not isinstance(node, cst.SimpleString) or node.value not in comments:
                return statement, masked
            masked.add(id(statement))
        if not is_simple(line):
            return None, set()
    return None, set()
