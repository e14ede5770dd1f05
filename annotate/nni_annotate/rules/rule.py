"""What a rule is: how one kind of annotation is read, and what it makes of the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import libcst as cst

from nni_annotate.domains import Domain, Value
from nni_annotate.grammar import Annotation, AnnotationError, did_you_mean
from nni_annotate.syntax import one_line, quoted
from nni_annotate.trial_api import TRIAL_API


@dataclass(frozen=True)
class SourceFile:
    """What rules know of the file around the annotation: its module name and its encoding."""

    module: str
    encoding: str = "utf-8"

    def literal(self, text: str) -> str:
        """A string literal for compiled code, in characters that the file can hold."""
        return quoted(text, self.encoding)


# The code of an expression -> the code that takes its place.
Rewrite = Callable[[str], str]


@dataclass(frozen=True)
class Found:
    """The places in a statement that an edit rewrites, and the value they hold where it is known.

    `default` is a 1-tuple of a JSON value, or None for what only running the script can tell.
    """

    rewrites: Mapping[cst.CSTNode, Rewrite]
    default: tuple[Value] | None


class Edit(Protocol):
    """An annotation that changes the statement after it."""

    @property
    def domain(self) -> Domain:
        """What the tuner chooses from."""
        ...

    @property
    def doubt(self) -> AnnotationError | None:
        """What may not be what was meant, said as a warning."""
        ...

    def key(self, statement: cst.CSTNode) -> str:
        """The parameter's key in the search space. Raises AnnotationError."""
        ...

    def find(self, statement: cst.CSTNode) -> Found:
        """The places to rewrite. Raises AnnotationError where there is none."""
        ...


@dataclass(frozen=True)
class EditRule:
    """A kind of annotation that edits the next statement."""

    read: Callable[[Annotation, SourceFile], Edit]


@dataclass(frozen=True)
class CallRule:
    """A kind of annotation that becomes a call; `read` gives the call's name and its argument."""

    read: Callable[[Annotation], tuple[str, cst.Arg | None]]


@dataclass(frozen=True)
class UnsupportedRule:
    """A kind of the annotation language that this version can't compile; `reason` says so."""

    reason: str


Rule = EditRule | CallRule | UnsupportedRule


def pick(options: list[tuple[str, str]], otherwise: str) -> str:
    """A conditional expression: the code of the first option whose condition holds."""
    chain = "".join(f"{option} if {condition} else " for option, condition in options)
    return chain + otherwise


def chose(key: str, option: str) -> str:
    """The code that asks whether the tuner chose the option; both are code themselves."""
    return f"{TRIAL_API}.chose({key}, {option})"


def no_keyword(argument: cst.Arg, kind: str, known: tuple[str, ...] = ()) -> None:
    """Refuses an argument with a name; `known` are those it takes. Raises AnnotationError."""
    if argument.keyword is not None:
        name = argument.keyword.value
        hint = did_you_mean(name, list(known)) if known else ""
        raise AnnotationError(f"{kind} takes no argument called {name}{hint}", argument.keyword)


def option_text(option: cst.BaseExpression) -> str:
    """An expression on one line, as it names an option in the search space.

    Raises AnnotationError.
    """
    text = one_line(option)
    if "\n" in text:
        raise AnnotationError("an f-string of several lines can't stand in an annotation", option)
    return text
