"""What `.nniignore` files leave out: the rules of `.gitignore`, folder by folder.

Patterns mean what they mean to git (its wildmatch.c), but that `?` and `[...]` take a character,
not a byte. One that git can't make sense of matches nothing here, either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

IGNORE_FILE = ".nniignore"

_LITERAL = re.compile(r"[^*?\[\\]*")
_STARS = re.compile(r"\*+")
_STAR, _SLASH, _ANY, _FOLDERS = "*", "/", ".*", "(?:.*/)?"
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \t",
    "cntrl": "\0-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": "\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class _Senseless(Exception):  # noqa: N818 - an answer, caught in this module
    """A pattern that matches nothing at all."""


@dataclass(frozen=True)
class _Pattern:
    """One line of a file; without a slash it is about a name anywhere below, else about a path."""

    regex: re.Pattern[str]
    keeps: bool
    only_folders: bool
    is_path: bool


@dataclass(frozen=True)
class Rules:
    """The rules of a folder and those around it, the innermost first, each with its own path."""

    files: tuple[tuple[str, tuple[_Pattern, ...]], ...] = ()

    def leave_out(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path, relative to the source's root, is left out."""
        name = path[path.rfind("/") + 1 :]
        for prefix, patterns in self.files:
            inside = path[len(prefix) :]
            for pattern in patterns:
                if (is_folder or not pattern.only_folders) and pattern.regex.fullmatch(
                    inside if pattern.is_path else name
                ):
                    return not pattern.keeps
        return False


NO_RULES = Rules()


def add_rules(rules: Rules, content: bytes, prefix: str) -> Rules:
    """The rules inside a folder whose file of rules holds this; `prefix` is its relative path.

    Raises UnicodeDecodeError.

    >>> add_rules(NO_RULES, b"*.log\\n!keep.log\\n", "").leave_out("a/b.log", is_folder=False)
    True
    """
    lines = content.decode("utf-8-sig").split("\n")
    patterns = [pattern for line in lines if (pattern := _pattern(line.removesuffix("\r")))]
    return Rules(((prefix, tuple(reversed(patterns))), *rules.files))


def _pattern(line: str) -> _Pattern | None:
    if line.startswith("#"):
        return None
    text = _without_trailing_spaces(line)
    keeps = text.startswith("!")
    text = text[keeps:]
    only_folders = text.endswith("/")
    text = text[: len(text) - only_folders]
    is_path = "/" in text
    text = text.removeprefix("/")
    try:
        return _Pattern(_regex(text), keeps, only_folders, is_path) if text else None
    except _Senseless:
        return None


def _without_trailing_spaces(line: str) -> str:
    """The line without the spaces at its end, but for those after a backslash."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return line[: len(kept) + 1] if backslashes % 2 else kept


def _regex(text: str) -> re.Pattern[str]:
    """The regular expression of a pattern that is to match as a whole. Raises _Senseless."""
    literal = _LITERAL.match(text)
    assert literal is not None
    # What follows the literal beginning is a pattern on its own to git: `a**/b` matches `ab`.
    begin = literal.end()
    return re.compile(re.escape(text[:begin]) + _joined(list(_pieces(text[begin:]))), re.DOTALL)


def _pieces(text: str) -> Iterator[str]:
    """The regular expressions of a pattern's parts, or what stands for a star."""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "*":
            piece, at = _stars(text, at)
        elif char == "[":
            piece, at = _set(text, at)
        elif char == "?":
            piece, at = "[^/]", at + 1
        elif char == "\\":
            if at + 1 == len(text):
                raise _Senseless
            piece, at = re.escape(text[at + 1]), at + 2
        else:
            piece, at = re.escape(char), at + 1
        yield piece


def _stars(text: str, at: int) -> tuple[str, int]:
    run = _STARS.match(text, at)
    assert run is not None
    end = run.end()
    rest = text[end : end + 2]
    if (
        end - at == 1
        or (at > 0 and text[at - 1] != "/")
        or not (rest[:1] in ("", "/") or rest == r"\/")
    ):
        return _STAR, end
    return (_FOLDERS, end + 1) if rest[:1] == "/" else (_ANY, end)


def _joined(pieces: Sequence[str]) -> str:
    """One regular expression; it never tries more than one way to match a star inside a name."""
    found: list[str] = []
    stars = 0
    open_star = -1  # where in `found` the last star of this name begins
    for piece in pieces:
        if piece == _STAR:
            if open_star >= 0:
                fixed = "".join(found[open_star:])
                del found[open_star:]
                found.append(f"(?=(?P<s{stars}>[^/]*?{fixed}))(?P=s{stars})")
                stars += 1
            open_star = len(found)
            continue
        if piece in (_SLASH, _ANY, _FOLDERS) and open_star >= 0:
            found.insert(open_star, "[^/]*")
            open_star = -1
        found.append(piece)
    if open_star >= 0:
        found.insert(open_star, "[^/]*")
    return "".join(found)


def _set(text: str, at: int) -> tuple[str, int]:
    """The regular expression of `[...]`, and where it ends. Raises _Senseless."""
    at += 1
    is_negated = text[at : at + 1] in ("!", "^")
    at += is_negated
    members: list[str] = []
    previous = ""  # what a range may begin with
    is_first = True
    while is_first or text[at : at + 1] != "]":
        is_first = False
        char = text[at : at + 1]
        if char == "-" and previous and text[at + 1 : at + 2] not in ("", "]"):
            last, at = _member(text, at + 1)
            if previous <= last:
                members.append(f"{re.escape(previous)}-{re.escape(last)}")
            previous = ""
        elif text.startswith("[:", at) and (end := text.find("]", at + 2)) != at + 2:
            if end < 0:
                raise _Senseless
            if text[end - 1] != ":" or end - 1 < at + 2:
                previous, at = "[", at + 1
                members.append(r"\[")
                continue
            if text[at + 2 : end - 1] not in _CLASSES:
                raise _Senseless
            members.append(_CLASSES[text[at + 2 : end - 1]])
            previous, at = "", end + 1
        else:
            previous, at = _member(text, at)
            members.append(re.escape(previous))
    inside = "".join(members)
    if is_negated:
        return f"[^/{inside}]", at + 1
    return f"(?!/)[{inside}]" if inside else "(?!)", at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    """A character of a set, and where the next begins. Raises _Senseless where none is left."""
    if text[at : at + 1] == "\\":
        at += 1
    if at >= len(text):
        raise _Senseless
    return text[at], at + 1
