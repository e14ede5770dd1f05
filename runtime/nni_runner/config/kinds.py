"""What the value of a field may be: how it is read, how an error calls it, and its JSON Schema."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

from nni_runner.config.nodes import Array, Node, Object, Scalar, plain

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = r"(?:[0-9]+(?:\.[0-9]+)?[smhd])+"
_TRUTHS = {"on": "true", "yes": "true", "y": "true", "off": "false", "no": "false", "n": "false"}


class MismatchError(Exception):
    """The value isn't what the field takes; the message is a hint, or ""."""


class Kind(Protocol):
    """A kind of value."""

    @property
    def expected(self) -> str:
        """What an error says is expected."""
        ...

    def read(self, node: Node) -> Any:
        """The value as it is worked with. Raises MismatchError."""
        ...

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        ...


@dataclass(frozen=True)
class Text:
    """A text that isn't empty."""

    expected: str = "a text"

    def read(self, node: Node) -> str:
        """The text itself."""
        if not isinstance(node, Scalar):
            raise MismatchError
        if not isinstance(node.value, str):
            raise MismatchError(f'write "{node.text}" in quotes if that is the text')
        if not node.value.strip() or "\0" in node.value:
            raise MismatchError
        return node.value

    def schema(self) -> dict[str, Any]:
        """A string."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Count:
    """An integer from a least one on."""

    least: int = 1

    @property
    def expected(self) -> str:
        """An int, and from where on."""
        return f"an int from {self.least} on"

    def read(self, node: Node) -> int:
        """The int."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str) and re.fullmatch("[0-9]{1,12}", value.strip()):
            raise MismatchError(f"write {value.strip()} without quotes")
        if not isinstance(value, int) or isinstance(value, bool) or value < self.least:
            raise MismatchError
        return value

    def schema(self) -> dict[str, Any]:
        """An integer with its minimum."""
        return {"type": "integer", "minimum": self.least}


@dataclass(frozen=True)
class Number:
    """A finite number from a least one on."""

    least: float = 0.0

    @property
    def expected(self) -> str:
        """A number, and from where on."""
        return f"a number from {self.least:g} on"

    def read(self, node: Node) -> float:
        """The number."""
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise MismatchError
        if not math.isfinite(value) or value < self.least:
            raise MismatchError
        return value

    def schema(self) -> dict[str, Any]:
        """A number with its minimum."""
        return {"type": "number", "minimum": self.least}


@dataclass(frozen=True)
class Flag:
    """True or false."""

    expected: str = "true or false"

    def read(self, node: Node) -> bool:
        """The truth value."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        meant = _TRUTHS.get(word, word if word in ("true", "false") else None)
        raise MismatchError(f"did you mean {meant}?" if meant else "")

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Duration:
    """Seconds, as a number or as NNI writes them."""

    expected: str = "a duration such as 90s, 30m, 1h or 2d"

    def read(self, node: Node) -> float:
        """The seconds."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str):
            text = value.strip().lower()
            if not re.fullmatch(_DURATION, text):
                raise MismatchError(_unit_hint(text))
            parts = re.findall(r"([\d.]+)([smhd])", text)
            seconds = math.fsum(float(number) * _UNITS[unit] for number, unit in parts)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            raise MismatchError
        if not 0 < seconds < math.inf:
            raise MismatchError
        return seconds

    def schema(self) -> dict[str, Any]:
        """A string by a pattern, or a number."""
        text = {"type": "string", "pattern": f"^{_DURATION}$"}
        return {"anyOf": [text, {"type": "number", "exclusiveMinimum": 0}]}


def _unit_hint(text: str) -> str:
    clock = re.fullmatch(r"(\d+):(\d\d)(?::(\d\d))?", text)
    if clock:
        first, second, third = clock.groups()
        if third:
            return f"did you mean {int(first)}h{int(second)}m{int(third)}s?"
        return f"did you mean {int(first)}h{int(second)}m or {int(first)}m{int(second)}s?"
    words = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(second|sec|minute|min|hour|hr|day)s?", text)
    return f"did you mean {words[1]}{words[2][0]}?" if words else ""


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """The words."""
        return " or ".join(self.words) if len(self.words) < 3 else f"one of {', '.join(self.words)}"

    def read(self, node: Node) -> str:
        """The word."""
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str) or value not in self.words:
            found = str(value).strip().lower()
            near = [word for word in self.words if word == found or found[:3] == word[:3].lower()]
            raise MismatchError(f"did you mean {near[0]}?" if len(near) == 1 else "")
        return value

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Indices:
    """Numbers of GPUs: one, a text such as "0,1", or a list."""

    expected: str = 'numbers of GPUs such as 0, "0,1" or [0, 1]'

    def read(self, node: Node) -> tuple[int, ...]:
        """The numbers, in their order."""
        value: Any = plain(node)
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,4}(\s*,\s*\d{1,4})*\s*", value):
            value = [int(part) for part in value.split(",")]
        numbers: list[Any] = value if isinstance(value, list) else [value]
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
            raise MismatchError
        if len(set(numbers)) < len(numbers):
            raise MismatchError("a GPU is there twice")
        return tuple(numbers)

    def schema(self) -> dict[str, Any]:
        """An integer, a string, or a list of integers."""
        number = {"type": "integer", "minimum": 0}
        text = {"type": "string", "pattern": r"^\s*\d{1,4}(\s*,\s*\d{1,4})*\s*$"}
        return {"anyOf": [number, text, {"type": "array", "items": number, "uniqueItems": True}]}


@dataclass(frozen=True)
class Values:
    """Values by name, whatever they are."""

    expected: str = "an object: lines of 'name: value'"

    def read(self, node: Node) -> Object:
        """The object, with the places of what is in it."""
        if not isinstance(node, Object):
            raise MismatchError
        return node

    def schema(self) -> dict[str, Any]:
        """An object."""
        return {"type": "object"}


@dataclass(frozen=True)
class Anything:
    """Not looked at."""

    expected: str = "a value"

    def read(self, node: Node) -> Any:
        """The value as it stands."""
        return plain(node)

    def schema(self) -> dict[str, Any]:
        """Whatever it is."""
        return {}


def found(node: Node) -> str:
    """How an error calls a value that isn't what was expected."""
    match node:
        case Object():
            return "an object"
        case Array():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=str(), text=text):
            return f'"{_short(text)}"'
        case Scalar(text=text):
            return _short(text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
