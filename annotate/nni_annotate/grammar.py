"""The grammar of annotations: their text read as one Python call, and its arguments."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider

from nni_annotate.annotation_text import (
    MARK,
    WORD,
    AnnotationText,
    call_end,
    parts_of,
    read_literal,
)
from nni_annotate.domains import TYPES
from nni_annotate.errors import NniAnnotateError
from nni_annotate.syntax import code, module_of, one_line


class AnnotationError(NniAnnotateError):
    """What is wrong with an annotation, and which part of its text it is about.

    `node` is a part of the annotation's own expression, or None for the whole annotation; `code`
    is one of `codes.TITLES`.
    """

    def __init__(self, code: str, message: str, node: cst.CSTNode | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.node = node


class AnnotationSyntaxError(AnnotationError):
    """What is wrong with the text itself: where in it, and over how many characters."""

    def __init__(self, code: str, message: str, offset: int, width: int = 1) -> None:
        super().__init__(code, message)
        self.offset = offset
        self.width = width


@dataclass(frozen=True)
class Annotation:
    """One annotation as read: `@nni.KIND(arguments)`."""

    text: AnnotationText
    tree: cst.Module
    kind: str
    call: cst.Call

    @property
    def arguments(self) -> tuple[cst.Arg, ...]:
        """The call's arguments, those of a starred literal display spread out."""
        return spread(self.call)

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where in the literal's source a part of the expression begins and ends."""
        wrapper = MetadataWrapper(self.tree, unsafe_skip_copy=True)
        positions = wrapper.resolve(WhitespaceInclusivePositionProvider)
        place = positions[node]
        begin = _body_offset(self.text.body, place.start.line, place.start.column)
        end = _body_offset(self.text.body, place.end.line, place.end.column)
        return self.text.source_offset(begin), self.text.source_offset(max(begin, end - 1)) + 1


def annotation_text(value: cst.BaseExpression) -> AnnotationText | None:
    """The literal's text where it is marked as an annotation, else None.

    Raises AnnotationError for an f-string or bytes that begin so.
    """
    parts = parts_of(value)
    if not all(isinstance(part, (cst.SimpleString, cst.FormattedString)) for part in parts):
        return None
    text = read_literal(value)
    if not text.value.lstrip().startswith(MARK):
        return None
    for part in parts:
        if isinstance(part, cst.FormattedString):
            raise AnnotationError("NNI103", "an annotation can't be an f-string; remove the f")
        if isinstance(part, cst.SimpleString) and "b" in part.prefix.lower():
            raise AnnotationError("NNI103", "an annotation can't be a bytes literal; remove the b")
    return text


def read_annotation(text: AnnotationText, kinds: Iterable[str], encoding: str) -> Annotation:
    """The annotation that the text spells out, in a file of that encoding.

    Raises AnnotationError; AnnotationSyntaxError where it is no Python.
    """
    kind = _kind(text, list(kinds))
    try:
        text.body.encode(encoding)
        tree = module_of(f"({text.body}\n)\n")
    except UnicodeEncodeError as error:
        raise AnnotationSyntaxError(
            "NNI111",
            f"it holds a character that this file's encoding, {encoding}, can't write",
            error.start,
        ) from None
    except cst.ParserSyntaxError as error:
        raise _syntax_error(text, kind, error) from None
    expression = _only_expression(tree)
    if (
        not isinstance(expression, cst.Call)
        or not isinstance(expression.func, cst.Attribute)
        or not isinstance(expression.func.value, cst.Name)
        or expression.func.attr.value != kind
    ):
        shown = " ".join(text.body.split())
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        message = f"expected a single call, @nni.{kind}(...), found @{shown}"
        raise AnnotationError("NNI101", message)
    return Annotation(text, tree, kind, expression)


def _kind(text: AnnotationText, known: list[str]) -> str:
    """The KIND that the text begins with. Raises AnnotationError where there is none of it."""
    word = WORD.match(text.body)
    if word is None:
        raise AnnotationError("NNI101", "expected @nni.KIND(...), a single call")
    kind = word[1]
    if kind not in known:
        message = f"@nni.{kind} is no annotation{did_you_mean(kind, known, '@nni.')}"
        if kind in TYPES:
            message = f"@nni.{kind} is no annotation; did you mean @nni.variable(nni.{kind}(...))?"
        raise AnnotationSyntaxError("NNI102", message, 0, len(word[0].rstrip()))
    return kind


def _syntax_error(
    text: AnnotationText, kind: str, error: cst.ParserSyntaxError
) -> AnnotationSyntaxError:
    """Where and why the text is no Python, in CPython's words where they help."""
    body = text.body
    offset, why, width = _body_offset(body, error.raw_line, error.raw_column), "", 1
    with suppress(ValueError, RecursionError, MemoryError):
        try:
            ast.parse(f"({body}\n)\n")
        except SyntaxError as found:
            why = found.msg
            # It names the place more closely, but for our own "(".
            if (found.lineno, found.offset) == (1, 1) and why.endswith("never closed"):
                offset = body.index("(")
            elif found.lineno and found.offset:
                offset = _body_offset(body, found.lineno, found.offset - 1)
            if "forgot a comma" in why and found.end_lineno and found.end_offset:
                end = _body_offset(body, found.end_lineno, found.end_offset - 1)
                width = max(min(end, len(body)) - offset, 1)
    word = WORD.match(body)
    if word is not None and not body.startswith("(", word.end()):
        why, offset, width = f"no bracket follows @nni.{kind}", word.end(), 1
    elif offset + width > (end := call_end(body)) and body[end:].strip():
        why, width = "something follows the call", 1
        offset = len(body) - len(body[end:].lstrip())
    offset = min(offset, max(len(body) - 1, 0))
    message = f"not a valid Python expression{why and ': '}{why}; expected @nni.{kind}(...)"
    if text.is_comment and why.endswith("never closed"):
        message += "; one in a comment ends with its line, one in a string may span several"
    return AnnotationSyntaxError("NNI101", message, offset, width)


def spread(call: cst.Call) -> tuple[cst.Arg, ...]:
    """A call's arguments, `*[1, 2]` written as two.

    Raises AnnotationError for other starred arguments.
    """
    arguments: list[cst.Arg] = []
    for argument in call.args:
        if argument.star == "*" and isinstance(argument.value, (cst.List, cst.Tuple, cst.Set)):
            for element in argument.value.elements:
                if isinstance(element, cst.StarredElement):
                    raise AnnotationError("NNI104", _STARRED, element.value)
                arguments.append(cst.Arg(element.value))
        elif argument.star:
            raise AnnotationError("NNI104", _STARRED, argument.value)
        else:
            arguments.append(argument)
    return tuple(arguments)


def argument_place(argument: cst.Arg) -> cst.CSTNode:
    """What names an argument that is one too many: its keyword, if it has one."""
    return argument.keyword or argument.value


def refuse(node: cst.CSTNode, kinds: tuple[type[cst.CSTNode], ...], why: str) -> None:
    """Raises AnnotationError where one of these kinds of nodes occurs in the expression."""
    if isinstance(node, kinds):
        raise AnnotationError("NNI109", f"{code(node)} {why}", node)
    for child in node.children:
        refuse(child, kinds, why)


@dataclass(frozen=True)
class NameArgument:
    """What `name=` gives, a string read as the expression it holds, and where it is given."""

    expression: cst.BaseExpression
    place: cst.BaseExpression


def take_name(annotation: Annotation) -> tuple[tuple[cst.Arg, ...], NameArgument | None]:
    """The arguments without `name=`, and what that gives. Raises AnnotationError."""
    others: list[cst.Arg] = []
    name: NameArgument | None = None
    for argument in annotation.arguments:
        if argument.keyword is None or argument.keyword.value != "name":
            others.append(argument)
        elif name is not None:
            raise AnnotationError("NNI104", "name= is given twice", argument.keyword)
        else:
            name = NameArgument(_name_expression(argument), argument.value)
    return tuple(others), name


def did_you_mean(word: str, known: list[str], prefix: str = "") -> str:
    """The end of a message about an unknown word: the nearest known one, or all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {prefix}{near[0]}?"
    return f"; known are {', '.join(prefix + name for name in known)}"


_STARRED = "only a literal display can be spread here, as in *[1, 2]; write the arguments out"


def _name_expression(argument: cst.Arg) -> cst.BaseExpression:
    value = argument.value
    if not isinstance(value, (cst.SimpleString, cst.ConcatenatedString)):
        return value
    text = value.evaluated_value
    with suppress(cst.ParserSyntaxError, UnicodeEncodeError):
        if isinstance(text, str) and text.strip():
            return cst.parse_expression(f"({text.strip()}\n)")
    message = f"name= holds no Python expression: {one_line(value)}"
    raise AnnotationError("NNI110", message, value)


def _only_expression(tree: cst.Module) -> cst.BaseExpression | None:
    if len(tree.body) != 1 or not isinstance(line := tree.body[0], cst.SimpleStatementLine):
        return None
    statement = line.body[0]
    only = len(line.body) == 1 and isinstance(statement, cst.Expr)
    return statement.value if only and isinstance(statement, cst.Expr) else None


def _body_offset(body: str, line: int, column: int) -> int:
    """The offset in `body` of a place in `(body`, line counted from 1, column from 0."""
    before = sum(len(text) + 1 for text in body.split("\n")[: line - 1])
    return max(before + column - (1 if line == 1 else 0), 0)
