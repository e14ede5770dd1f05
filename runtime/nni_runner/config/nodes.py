"""What a file of values holds, in JSON's words, each value with its place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from nni_annotate.diagnostics import Where

Plain: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True)
class Scalar:
    """A value without parts; `text` is how the file has it."""

    where: Where
    text: str
    value: Plain


@dataclass(frozen=True)
class Entry:
    """A name and its value."""

    key: Scalar
    value: Node

    @property
    def name(self) -> str:
        """The name, as it is written."""
        return self.key.text


@dataclass(frozen=True)
class Object:
    """Values by name, each name once."""

    where: Where
    entries: tuple[Entry, ...]

    def get(self, name: str) -> Node | None:
        """The value of that name."""
        return next((entry.value for entry in self.entries if entry.name == name), None)


@dataclass(frozen=True)
class Array:
    """A list of values."""

    where: Where
    items: tuple[Node, ...]


Node: TypeAlias = Scalar | Object | Array


def plain(node: Node) -> Any:
    """The value without its places."""
    match node:
        case Scalar():
            return node.value
        case Object():
            return {entry.name: plain(entry.value) for entry in node.entries}
        case Array():
            return [plain(item) for item in node.items]
