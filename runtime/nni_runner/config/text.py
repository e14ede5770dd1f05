"""The bytes of a file -> its text, with what shows a place in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic, Where
from nni_runner.config.problems import ConfigError

LARGEST = 1 << 20  # bytes; the largest that were seen have some thousand
_WIDEST = 240  # characters of a line that is shown
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML 1.1 counts lines
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Text:
    """The text of a file; `path` is as the user calls it."""

    path: Path
    content: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _BREAK.finditer(self.content))]

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return _BREAK.split(self.content)

    def at(self, line: int, column: int, width: int = 1) -> Where:
        """A place by line and column, both counted from 1; past the end it is the end's."""
        line = min(line, len(self.lines))
        shown = self.lines[line - 1]
        column = min(column, len(shown) + 1)
        if len(shown) > _WIDEST:  # a line that nobody can read is shown in part, or not at all
            shown = shown[:_WIDEST] if column <= _WIDEST // 2 else ""
        return Where(line, column, max(min(width, len(shown) - column + 1), 1), shown)

    def span(self, start: int, end: int) -> Where:
        """The place of a stretch of the text, as far as it is on its first line."""
        line = bisect_right(self._starts, start)
        return self.at(line, start - self._starts[line - 1] + 1, end - start)

    def problem(self, where: Where, message: str) -> Diagnostic:
        """An error at that place."""
        return self._diagnostic(where, message, is_error=True)

    def remark(self, where: Where, message: str) -> Diagnostic:
        """A warning at that place."""
        return self._diagnostic(where, message, is_error=False)

    def _diagnostic(self, where: Where, message: str, *, is_error: bool) -> Diagnostic:
        shown = "".join(char if char.isprintable() else "?" for char in message)
        return where.diagnostic(str(self.path), "", shown, is_error=is_error)


def read_text(path: Path) -> Text:
    """The text of a UTF-8 file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError.of_file(path, f"can't be read: {error.strerror}") from None
    except ValueError:  # a NUL in its name
        raise ConfigError.of_file(path, "there can be no such file") from None
    if len(content) > LARGEST:
        raise ConfigError.of_file(path, "expected at most 1 MiB; it is larger")
    return decode(path, content)


def decode(path: Path, content: bytes) -> Text:
    """The text of these bytes. Raises ConfigError."""
    if content.startswith(_UTF_16) or content.count(0) > len(content) // 4:
        raise ConfigError.of_file(path, "is UTF-16; save it as UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = Text(path, content.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = Text(path, content.decode("utf-8", "replace"))
        where = before.span(at := len(content[: error.start].decode("utf-8")), at + 1)
        message = f"byte 0x{content[error.start]:02x} is no UTF-8; save the file as UTF-8"
        raise ConfigError([before.problem(where, message)]) from None
    if found := _UNREADABLE.search(text.content):
        where = text.span(*found.span())
        name = "a NUL byte" if found[0] == "\0" else f"the control character {ord(found[0]):#04x}"
        raise ConfigError([text.problem(where, f"{name} can't stand in such a file")])
    return text
