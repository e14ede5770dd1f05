"""What a rule is: how one kind of annotation is read, and what it makes of the code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import libcst as cst

from nni_annotate.domains import Domain, Value
from nni_annotate.grammar import Annotation, AnnotationError, did_you_mean
from nni_annotate.syntax import one_line, quoted
from nni_annotate.trial_api import TRIAL_API


@dataclass(frozen=True)
class SourceFile:
    """What rules know of the file around the annotation: its module name and its encoding.

    `first_line` is what stands before the first line of a notebook's cell: 0 in other files.
    `keeps_hints` where type hints are kept as text, by an import from `__future__`.
    """

    module: str
    encoding: str = "utf-8"
    first_line: int = 0
    keeps_hints: bool = False

    def key(self, *names: str | None) -> str:
        """The key of a parameter in the search space, of its name and its type."""
        return "/".join([self.module, *map(str, names)])

    def literal(self, text: str) -> str:
        """A string literal for compiled code, in characters that the file can hold."""
        return quoted(text, self.encoding)


@dataclass(frozen=True)
class Spot:
    """A place in the code that takes the tuner's value.

    `compiled` makes compiled code of the key (as code) and of the code that stands there;
    `written` makes source code of a value and of the code that stands there.
    """

    node: cst.CSTNode
    compiled: Callable[[str, str], str]
    written: Callable[[Value, str], str]


@dataclass(frozen=True)
class Found:
    """The places in a statement that an annotation is about.

    `name` is the parameter's, in its key, None for one that is named by its line; `default` a
    1-tuple of the JSON value that the code holds, None where only running the script can tell;
    `binder` the assignment or the parameter that binds the value to a plain name, if one does;
    `outside` says why the tuner can never choose the default, where that is so.
    """

    name: str | None
    spots: Sequence[Spot]
    default: tuple[Value] | None
    binder: cst.CSTNode | None = None
    outside: str = ""


class Edit(Protocol):
    """An annotation that changes the statement after it."""

    @property
    def domain(self) -> Domain:
        """What the tuner chooses from."""
        ...

    @property
    def suffix(self) -> str:
        """The last part of the parameter's key."""
        ...

    def doubts(self) -> Sequence[AnnotationError]:
        """What may not be what was meant, said as warnings."""
        ...

    def find(self, statement: cst.CSTNode) -> Found:
        """The places to rewrite. Raises AnnotationError where there is none."""
        ...


class Layers(Protocol):
    """An annotation that becomes statements of its own."""

    @property
    def domain(self) -> Domain:
        """What the tuner chooses from."""
        ...

    def statements(self, key: str) -> list[str]:
        """The code of each statement, on one line; the key is code."""
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
class LayersRule:
    """A kind of annotation that becomes statements which a parameter of their own decides."""

    read: Callable[[Annotation, SourceFile], Layers]


@dataclass(frozen=True)
class IdleRule:
    """A kind of annotation that is accepted and has no effect; `check` refuses wrong ones."""

    check: Callable[[Annotation], None]


Rule = EditRule | CallRule | LayersRule | IdleRule


def pick(options: Sequence[tuple[str, str]], otherwise: str) -> str:
    """A conditional expression: the code of the first option whose condition holds."""
    chain = "".join(f"{option} if {condition} else " for option, condition in options)
    return chain + otherwise


def chose(key: str, *labels: str) -> str:
    """The code that asks whether the tuner chose an option; all are code themselves."""
    return f"{TRIAL_API}.chose({', '.join((key, *labels))})"


def no_keyword(argument: cst.Arg, kind: str, known: tuple[str, ...] = ()) -> None:
    """Refuses an argument with a name; `known` are those it takes. Raises AnnotationError."""
    if argument.keyword is not None and argument.keyword.value not in known:
        name = argument.keyword.value
        hint = did_you_mean(name, list(known)) if known else ""
        message = f"{kind} takes no argument called {name}{hint}"
        raise AnnotationError("NNI104", message, argument.keyword)


def option_text(option: cst.BaseExpression) -> str:
    """An expression on one line, as it names an option in the search space.

    Raises AnnotationError.
    """
    text = one_line(option)
    if "\n" in text:
        message = "an f-string of several lines can't stand in an annotation"
        raise AnnotationError("NNI109", message, option)
    return text
