"""What expressions are: a number, a JSON scalar, a constant, a text on one line."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import MISSING, Field, fields
from typing import Any

import libcst as cst

from nni_annotate.deep import refuse_depth
from nni_annotate.domains import Value

_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_BREAK = re.compile(r"[\r\n]")
_MOST_BITS = 4096  # no number in a search space is longer; 10**10**10 must not be computed


class NotAConstant(Exception):  # noqa: N818 - an answer, caught by the callers in this package
    """The expression is no number; the message says what it is instead."""


def module_of(text: str) -> cst.Module:
    """The tree of a text.

    Raises ParserSyntaxError, where libcst makes a mistake of its own too; RecursionError.
    """
    refuse_depth(text)
    try:
        if text.startswith("\ufeff"):  # which libcst would drop
            raise UnicodeError("invalid non-printable character U+FEFF")
        return cst.parse_module(text)
    # Of `return(lambda: 1)`, and of half a surrogate pair.
    except (TypeError, cst.CSTValidationError, UnicodeError) as error:
        raise cst.ParserSyntaxError(str(error), lines=[text], raw_line=1, raw_column=0) from None


def code(node: cst.CSTNode) -> str:
    """The source text of a node, as it stands."""
    return cst.Module(body=()).code_for_node(node)


def one_line(node: cst.BaseExpression) -> str:
    """The source text with its white space normalised and without parentheses around it.

    >>> one_line(cst.parse_expression("(cfg [ 'lr' ])")), one_line(cst.parse_expression("a ,b"))
    ("cfg['lr']", '(a, b)')
    """
    tidy: Any = node.visit(_Tidy())
    if isinstance(tidy, (cst.Tuple, cst.GeneratorExp, cst.Yield, cst.NamedExpr)):
        return code(tidy.with_changes(lpar=(cst.LeftParen(),), rpar=(cst.RightParen(),)))
    return code(tidy.with_changes(lpar=(), rpar=()))


def number(node: cst.BaseExpression) -> int | float:
    """The value of a literal number or of arithmetic on such; nothing is executed.

    Raises NotAConstant.
    """
    try:
        return _bounded(_number(node))
    except ZeroDivisionError:
        raise NotAConstant("a division by zero") from None
    except OverflowError:
        raise NotAConstant("a number too large") from None


def scalar(node: cst.BaseExpression) -> tuple[Value] | None:
    """The JSON scalar that the expression spells out, in a tuple; None where it is none."""
    if isinstance(node, cst.Name):
        names = {"True": True, "False": False, "None": None}
        return (names[node.value],) if node.value in names else None
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        text = string_value(node)
        return (text,) if isinstance(text, str) and _encodable(text) else None
    negative = isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus)
    literal = node.expression if isinstance(node, cst.UnaryOperation) and negative else node
    if isinstance(literal, (cst.Integer, cst.Float)):
        try:
            value = number(node)
        except NotAConstant:
            return None
        return (value,) if _is_finite(value) else None
    return None


def constant(node: cst.BaseExpression) -> tuple[Value] | None:
    """The value of a literal, or of arithmetic on literals, in a tuple; None where it is neither.

    Evaluating such an expression can neither fail nor do anything.
    """
    if (value := scalar(node)) is not None:
        return value
    try:
        result = number(node)
    except NotAConstant:
        return None
    return (result,) if _is_finite(result) and "math" not in code(node) else None


def literal(node: cst.BaseExpression) -> tuple[object] | None:
    """The value of a constant, or of a display of such, in a tuple; None where it is neither."""
    if (value := constant(node)) is not None:
        return value
    try:
        return (ast.literal_eval(one_line(node)),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def quoted(text: str, encoding: str = "utf-8") -> str:
    """A Python string literal for the text, in double quotes where that needs no escapes."""
    if not text.isprintable() or not _encodable(text, encoding):
        return ascii(text)
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'


def operand(node: cst.BaseExpression) -> str:
    """The source text on one line, fit to stand as an operand of a conditional expression."""
    text = one_line(node)
    return f"({text})" if isinstance(node, (cst.Lambda, cst.IfExp)) else text


def parenthesised(node: cst.BaseExpression, source: str) -> str:
    """`source`, the text of the node, in parentheses where it could not be an operand without."""
    loose = (cst.Tuple, cst.Yield, cst.NamedExpr, cst.GeneratorExp)
    return f"({source})" if isinstance(node, loose) and not node.lpar else source


def first_line(statement: cst.CSTNode) -> str:
    """The first line of a statement, cut where it is long, for messages."""
    lines = code(statement).strip().splitlines()
    text = next((line for line in lines if line and not line.lstrip().startswith("#")), "")
    return cut(text)


def cut(text: str) -> str:
    """A text as messages show it, cut where it is long."""
    return text if len(text) <= 60 else text[:57] + "..."


def string_value(node: cst.SimpleString | cst.ConcatenatedString) -> str | bytes | None:
    try:
        value = node.evaluated_value
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, (str, bytes)) else None


def _encodable(text: str, encoding: str = "utf-8") -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_finite(value: int | float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _bounded(value: int | float) -> int | float:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise NotAConstant("a number too large")
    return value


def _number(node: cst.BaseExpression) -> int | float:
    if isinstance(node, (cst.Integer, cst.Float)):
        if len(node.value) > _MOST_BITS:
            raise NotAConstant("a number too large")
        literal: int | float = node.evaluated_value
        return literal
    if isinstance(node, cst.UnaryOperation):
        operand = _number(node.expression)
        if isinstance(node.operator, cst.Minus):
            return -operand
        if isinstance(node.operator, cst.Plus):
            return operand
    if isinstance(node, cst.BinaryOperation):
        return _arithmetic(node.operator, number(node.left), number(node.right), node)
    if (
        isinstance(node, cst.Attribute)
        and isinstance(node.value, cst.Name)
        and node.value.value == "math"
        and node.attr.value in _CONSTANTS
    ):
        return _CONSTANTS[node.attr.value]
    raise NotAConstant(one_line(node))


def _arithmetic(
    operator: cst.BaseBinaryOp, left: int | float, right: int | float, node: cst.BaseExpression
) -> int | float:
    match operator:
        case cst.Add():
            return left + right
        case cst.Subtract():
            return left - right
        case cst.Multiply():
            return left * right
        case cst.Divide():
            return left / right
        case cst.FloorDivide():
            return left // right
        case cst.Modulo():
            return left % right
        case cst.Power():
            return _power(left, right)
        case cst.LeftShift() if isinstance(left, int) and isinstance(right, int):
            return _power(2, right) * left if right >= 0 else _not_a_shift(node)
        case cst.RightShift() if isinstance(left, int) and isinstance(right, int):
            return left >> right if right >= 0 else _not_a_shift(node)
        case _:
            raise NotAConstant(one_line(node))


def _not_a_shift(node: cst.BaseExpression) -> int:
    raise NotAConstant(one_line(node))


def _power(base: int | float, exponent: int | float) -> int | float:
    if (
        isinstance(base, int)
        and isinstance(exponent, int)
        and base.bit_length() * abs(exponent) > _MOST_BITS
        and abs(base) > 1
    ):
        raise NotAConstant("a number too large")
    value = base**exponent
    if not isinstance(value, (int, float)):
        raise NotAConstant("a complex number")
    return value


class _Tidy(cst.CSTTransformer):
    """Gives every node the white space it would have been born with."""

    def visit_FormattedString(self, node: cst.FormattedString) -> bool:  # noqa: N802, ARG002
        return False  # the spaces in f"{x = }" are part of its value

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        if isinstance(updated_node, cst.FormattedString):
            return updated_node
        if isinstance(updated_node, cst.SimpleString) and _BREAK.search(updated_node.value):
            value = string_value(updated_node)
            return updated_node if value is None else updated_node.with_changes(value=ascii(value))
        if isinstance(updated_node, cst.AssignEqual):
            return cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        changes = {
            field.name: default
            for field in fields(updated_node)
            if (default := _tidied(field, getattr(updated_node, field.name))) is not None
        }
        if isinstance(updated_node, cst.Lambda):
            changes["colon"] = cst.Colon(whitespace_after=cst.SimpleWhitespace(" "))
        if isinstance(updated_node, cst.ConcatenatedString):
            changes["whitespace_between"] = cst.SimpleWhitespace(" ")
        if isinstance(updated_node, cst.Subscript) and len(updated_node.slice) == 1:
            only = original_node.slice[0]
            if isinstance(only.comma, cst.Comma):  # a[1,] is not a[1]
                changes["slice"] = [updated_node.slice[0].with_changes(comma=cst.Comma())]
        return updated_node.with_changes(**changes) if changes else updated_node


def _tidied(field: Field[Any], value: Any) -> Any:
    """The default for a field that is layout; None where it is to stay."""
    if isinstance(value, cst.Comma):
        sentinel = field.default is cst.MaybeSentinel.DEFAULT
        return cst.MaybeSentinel.DEFAULT if sentinel else _COMMA
    if not isinstance(value, cst.BaseParenthesizableWhitespace):
        return None
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default if field.default is not MISSING else cst.SimpleWhitespace("")


_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
