"""The text of one annotation: found in a string literal or a comment, read as one Python call."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider

from nni_annotate.domains import TYPES
from nni_annotate.errors import NniAnnotateError
from nni_annotate.source import newlines
from nni_annotate.syntax import code, module_of, one_line

MARK = "@nni."
_ESCAPE = re.compile(
    r"\\(?:\r\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|.)",
    re.DOTALL,
)
_KNOWN_ESCAPES = frozenset("01234567xuUN\\'\"abfnrtv")
_CALL_LIKE = re.compile(r"@nni\.\w+\s*\(")


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
    """The text is no Python expression; `offset` is where in the text that shows."""

    def __init__(self, code: str, message: str, offset: int) -> None:
        super().__init__(code, message)
        self.offset = offset


@dataclass(frozen=True)
class AnnotationText:
    """The text of a literal or a comment, and where in its source each character stands.

    `offsets[i]` is the position in `source` of `value[i]`; one more entry marks the end.
    """

    source: str
    value: str
    offsets: tuple[int, ...]

    @property
    def body(self) -> str:
        """The expression: what follows the `@`, without the white space around it."""
        return self.value.strip()[1:]

    @property
    def is_squeezed(self) -> bool:
        """Whether the expression has more lines than its source: escapes break some."""
        return newlines(self.body) > newlines(self.source[self.source_offset(0) :])

    def source_offset(self, body_offset: int) -> int:
        """The place in `source` of a character of `body`."""
        start = self.value.index("@") + 1
        return self.offsets[min(start + body_offset, len(self.value))]


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
    parts = _parts(value)
    if not all(isinstance(part, (cst.SimpleString, cst.FormattedString)) for part in parts):
        return None
    text = _read_literal(value)
    if not text.value.lstrip().startswith(MARK):
        return None
    for part in parts:
        if isinstance(part, cst.FormattedString):
            raise AnnotationError("NNI103", "an annotation can't be an f-string; remove the f")
        if isinstance(part, cst.SimpleString) and "b" in part.prefix.lower():
            raise AnnotationError("NNI103", "an annotation can't be a bytes literal; remove the b")
    return text


def comment_text(comment: str) -> AnnotationText:
    """The text of a comment that begins as an annotation does, `#` and all."""
    return AnnotationText(comment, comment[1:], tuple(range(1, len(comment) + 1)))


def is_comment_annotation(comment: str) -> bool:
    """Whether a comment's text begins as an annotation does, and not as prose would."""
    return reads_like_a_call(comment[1:])


def reads_like_a_call(text: str) -> bool:
    """Whether the text begins as an annotation does, and not as prose would."""
    return _CALL_LIKE.match(text.lstrip()) is not None


def read_annotation(text: AnnotationText, kinds: Iterable[str], encoding: str) -> Annotation:
    """The annotation that the text spells out, in a file of that encoding.

    Raises AnnotationError; AnnotationSyntaxError where it is no Python.
    """
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
        line, column = error.raw_line, error.raw_column + 1
        with suppress(ValueError):
            try:
                ast.parse(f"({text.body}\n)\n")
            except SyntaxError as found:  # it names the place more closely, but for our own "("
                if (found.lineno, found.offset) != (1, 1):
                    line, column = found.lineno or line, found.offset or column
        offset = _body_offset(text.body, line, column - 1)
        raise AnnotationSyntaxError(
            "NNI101",
            "not a valid Python expression; expected @nni.KIND(...), "
            "with every bracket and quote closed",
            min(offset, max(len(text.body) - 1, 0)),
        ) from None
    expression = _only_expression(tree)
    if (
        not isinstance(expression, cst.Call)
        or not isinstance(expression.func, cst.Attribute)
        or not isinstance(expression.func.value, cst.Name)
        or expression.func.value.value != "nni"
    ):
        message = "expected a single call, @nni.KIND(...), and nothing after it"
        raise AnnotationError("NNI101", message)
    kind = expression.func.attr.value
    known = list(kinds)
    if kind not in known:
        message = f"@nni.{kind} is no annotation{did_you_mean(kind, known, '@nni.')}"
        if kind in TYPES:
            message = f"@nni.{kind} is no annotation; did you mean @nni.variable(nni.{kind}(...))?"
        raise AnnotationError("NNI102", message, expression.func)
    return Annotation(text, tree, kind, expression)


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


def refuse(node: cst.CSTNode, kinds: tuple[type[cst.CSTNode], ...], why: str) -> None:
    """Raises AnnotationError where one of these kinds of nodes occurs in the expression."""
    if isinstance(node, kinds):
        raise AnnotationError("NNI109", f"{code(node)} {why}", node)
    for child in node.children:
        refuse(child, kinds, why)


def take_name(annotation: Annotation) -> tuple[tuple[cst.Arg, ...], cst.BaseExpression | None]:
    """The arguments without `name=`, and the expression that `name=` gives.

    A string is read as the expression it holds. Raises AnnotationError.
    """
    others: list[cst.Arg] = []
    name: cst.BaseExpression | None = None
    for argument in annotation.arguments:
        if argument.keyword is None or argument.keyword.value != "name":
            others.append(argument)
        elif name is not None:
            raise AnnotationError("NNI104", "name= is given twice", argument.keyword)
        else:
            name = _name_expression(argument)
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


def _parts(value: cst.BaseExpression) -> list[cst.BaseExpression]:
    if isinstance(value, cst.ConcatenatedString):
        return [*_parts(value.left), *_parts(value.right)]
    return [value]


def _read_literal(value: cst.BaseExpression) -> AnnotationText:
    source = code(value)
    characters: list[str] = []
    offsets: list[int] = []
    cursor = 0
    for part in _parts(value):
        raw = code(part.with_changes(lpar=(), rpar=()))
        cursor = source.index(raw, cursor)
        if isinstance(part, cst.SimpleString):
            start = cursor + raw.index(part.quote) + len(part.quote)
            for character, offset in _characters(part.raw_value, "r" in part.prefix.lower()):
                characters.append(character)
                offsets.append(start + offset)
        elif isinstance(part, cst.FormattedString):  # refused, once it is known for what it is
            inside = raw[len(part.start) : -len(part.end)]
            characters.extend(inside)
            offsets.extend(range(cursor + len(part.start), cursor + len(part.start) + len(inside)))
        cursor += len(raw)
    return AnnotationText(source, "".join(characters), (*offsets, cursor - 1))


def _characters(raw: str, is_raw: bool) -> Iterable[tuple[str, int]]:
    """Each character that the inside of a literal stands for, with its place."""
    index = 0
    while index < len(raw):
        match = None if is_raw else _ESCAPE.match(raw, index)
        piece = match.group() if match else raw[index]
        if match:
            value = _unescaped(piece)
        elif piece == "\r":
            piece, value = ("\r\n" if raw.startswith("\r\n", index) else "\r"), "\n"
        else:
            value = piece
        for character in value:
            yield character, index
        index += len(piece)


def _unescaped(piece: str) -> str:
    if piece[1] in "\r\n":
        return ""
    if piece[1] not in _KNOWN_ESCAPES:
        return piece
    try:
        simple = cst.SimpleString(f'"{piece}"').evaluated_value
    except (SyntaxError, ValueError):
        return piece
    return simple if isinstance(simple, str) else piece
