"""What a module holds, before anybody looked up where it stands."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from nni_annotate.grammar import Annotation
from nni_annotate.rules.rule import Edit, Found, Layers

CROWDED = (
    "this f-string becomes one of several, and another value in it is tuned too; assign one of "
    "them to a variable first"
)


@dataclass(frozen=True)
class Problem:
    """A diagnostic before anybody looked up where its node stands.

    `span` is the part of the node's own source that is meant, None for all of it; `statement` is
    the one whose first line may end the message.
    """

    node: cst.CSTNode
    code: str
    message: str
    span: tuple[int, int] | None = None
    is_error: bool = True
    statement: cst.CSTNode | None = None


@dataclass(frozen=True)
class Edited:
    """A parameter: an annotation (or a call in code), and what it is about."""

    node: cst.CSTNode
    edit: Edit
    found: Found


@dataclass(frozen=True)
class Called:
    """An annotation that becomes a call; `is_docstring` where the string is also a docstring."""

    node: cst.CSTNode
    annotation: Annotation
    function: str
    argument: cst.Arg | None
    is_docstring: bool


@dataclass(frozen=True)
class Layered:
    """An annotation that becomes statements of its own."""

    node: cst.CSTNode
    annotation: Annotation
    layers: Layers
    is_docstring: bool
