"""Programs in pieces: text that nobody may touch, holes that the tuner fills, and annotations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Hole:
    """A place that a parameter fills: its own code, and the code of each of the values.

    `default` is what it means without a value, where its own code does not say so; `is_written`
    says that a value may be written in its place.
    """

    source: str
    key: str
    codes: tuple[str, ...]
    default: str | None = None
    is_written: bool = True


@dataclass(frozen=True)
class Note:
    """An annotation; `meaning` is the statement that it is in an experiment, if it is one."""

    source: str
    meaning: str = ""
    is_docstring: bool = False


Piece = str | Hole | Note


@dataclass
class Program:
    """The pieces of a program, and the values that its parameters may have, by key."""

    pieces: list[Piece] = field(default_factory=list)
    parameters: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    newlines: tuple[str, ...] = ("\n",)
    bom: bytes = b""
    encoding: str = "utf-8"
    has_calls: bool = False

    @property
    def content(self) -> bytes:
        """The file."""
        return self._bytes(p if isinstance(p, str) else p.source for p in self.pieces)

    def meaning(self, chosen: Mapping[str, int] | None) -> bytes:
        """The program with these values, by their numbers; None: without an experiment."""
        return self._bytes(map(_meaning(chosen), self.pieces))

    def written(self, chosen: Mapping[str, int]) -> bytes:
        """The program with values in its own code, by hand, and all its annotations."""
        meaning = _meaning(chosen)
        return self._bytes(
            meaning(piece) if isinstance(piece, Hole) and piece.is_written else source_of(piece)
            for piece in self.pieces
        )

    def holes(self) -> re.Pattern[str]:
        """What the text with any values in its holes is to match."""
        parts = (
            ".*?" if isinstance(p, Hole) and p.is_written else re.escape(source_of(p))
            for p in self.pieces
        )
        return re.compile("".join(parts).replace("\\\n", "(?:\r\n|\r|\n)"), re.DOTALL)

    def patterns(self) -> list[str]:
        """What every line of the compiled text is to match: all that is no hole stays."""
        lines = [""]
        for piece in self.pieces:
            for number, part in enumerate(source_of(piece).split("\n")):
                lines += [""] if number else []
                lines[-1] += _pattern(piece, re.escape(part))
        return lines

    def _bytes(self, texts: Iterable[str]) -> bytes:
        lines = "".join(texts).split("\n")
        ends = [self.newlines[n % len(self.newlines)] for n in range(len(lines) - 1)]
        text = "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))
        return self.bom + text.encode(self.encoding)


def source_of(piece: Piece) -> str:
    """The code of a piece as it stands in the file."""
    return piece if isinstance(piece, str) else piece.source


def _pattern(piece: Piece, part: str) -> str:
    match piece:
        case Note(meaning=meaning, is_docstring=is_docstring) if meaning:
            return f"{part}.*" if is_docstring else ".*"
        case Hole(default=None):
            return f".*{part}.*"
        case Hole():
            return ".*"
        case _:
            return part


def _meaning(chosen: Mapping[str, int] | None) -> Callable[[Piece], str]:
    def text(piece: Piece) -> str:
        match piece:
            case Note(source, meaning, is_docstring):
                if chosen is None or not meaning:
                    return source
                return f"{source}; {meaning}" if is_docstring else meaning
            case Hole(source, key, codes, default):
                if chosen is not None and key in chosen:
                    code = codes[chosen[key]]
                    return f"({code})" if default is None else code
                return source if default is None else default
            case str():
                return piece

    return text
