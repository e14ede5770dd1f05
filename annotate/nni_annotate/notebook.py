"""A Jupyter notebook: its Python cells, and new text for them with every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from nni_annotate.errors import NniAnnotateError
from nni_annotate.magics import as_script, find_masks, masked

_BOM = "\ufeff"
_PYTHON = frozenset({"python", "python3", "ipython"})
_SPACE = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*")
# Line breaks as Python sees them; str.splitlines knows some more.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# An escape in JSON that only an encoder of all that is not ASCII writes.
_NON_ASCII_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CELL = "# %%\n"
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+")  # PEP 263

_Parser = Callable[[str, int], tuple[Any, int]]


class NotebookError(NniAnnotateError):
    """A file that is no notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A cell that holds Python.

    `number` counts all cells of the notebook, from 1. `python` is the source, character for
    character in its place, with what only IPython understands masked.
    """

    number: int
    source: str
    python: str


@dataclass(frozen=True)
class _Element:
    """A JSON string: the text that it stands for, and where it stands in the file."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Source:
    """A cell's source as the file holds it: a list of strings, or one string."""

    start: int
    end: int
    is_list: bool
    elements: tuple[_Element, ...]

    @property
    def text(self) -> str:
        return "".join(element.text for element in self.elements)


@dataclass(frozen=True)
class Notebook:
    """A notebook; `cells` are those that hold Python."""

    cells: tuple[Cell, ...]
    _file: str = field(repr=False)
    _sources: Mapping[int, _Source] = field(repr=False)

    def with_sources(self, sources: Mapping[int, str]) -> bytes:
        """The file with new text in some of `cells`, by their numbers.

        Only what stands for changed lines is written anew, and a cell's source as a whole where
        the text has more lines than before, or fewer.
        """
        parts, at = [], 0
        for number in sorted(sources):
            for start, end, new in _edits(self._file, self._sources[number], sources[number]):
                parts += [self._file[at:start], new]
                at = end
        return "".join([*parts, self._file[at:]]).encode()

    def to_script(self, sources: Mapping[int, str]) -> bytes:
        """A script of all `cells`, with new text in some of them, by their numbers."""
        script = "\n".join(self._parts(sources))
        if _CODING.match(script.removeprefix(_CELL)):
            script = f"# coding: utf-8\n{script}"  # the cell's own would count in the second line
        return script.encode(errors="backslashreplace")

    def cell_of_line(self, line: int, sources: Mapping[int, str]) -> tuple[int, int]:
        """The cell that a line of the script comes from, and the line in it; both from 1."""
        parts = self._parts(sources)
        if not self.to_script(sources).startswith(_CELL.encode()):
            line -= 1  # the coding comment
        for cell, part in zip(self.cells, parts, strict=True):
            count = part.count("\n") + 1
            if line <= count:
                return cell.number, max(line - 1, 1)
            line -= count
        return self.cells[-1].number, 1

    def _parts(self, sources: Mapping[int, str]) -> list[str]:
        texts = [as_script(sources.get(cell.number, cell.source)) for cell in self.cells]
        bodies = [text.rstrip("\n") for text in texts]
        return [f"{_CELL}{body}\n" if body else _CELL for body in bodies]


def read_notebook(content: bytes) -> Notebook:
    """Reads a notebook of format 4. Raises NotebookError."""
    try:
        file = _decoded(content)
        start = _skip(_SPACE, file, len(_BOM) if file.startswith(_BOM) else 0)
        notebook, _ = _object(file, start, {"cells": _cells})
    except RecursionError:
        raise NotebookError("this notebook is nested too deeply to be read") from None
    _check_format(notebook)
    sources = dict(_code(notebook["cells"])) if _is_python(notebook.get("metadata")) else {}
    found = (_cell(number, source.text) for number, source in sources.items())
    cells = tuple(cell for cell in found if cell is not None)
    return Notebook(cells, file, {cell.number: sources[cell.number] for cell in cells})


def _code(cells: Sequence[Any]) -> Iterator[tuple[int, _Source]]:
    """The sources of the code cells that have one, with their numbers."""
    for number, cell in enumerate(cells, 1):
        match cell:
            case {"cell_type": "code", "source": _Source() as source}:
                yield number, source


def _cell(number: int, text: str) -> Cell | None:
    masks = find_masks(text)
    return Cell(number, text, masked(text, masks)) if masks is not None else None


def _decoded(content: bytes) -> str:
    """The text of a file that holds one JSON object."""
    try:
        file = content.decode()
        # All of it is checked once, so that the walk below meets no mistake.
        value = json.loads(file.removeprefix(_BOM))
    except UnicodeDecodeError as error:
        raise NotebookError(f"this file is no notebook: it can't be decoded: {error}") from None
    except ValueError as error:
        why = "it is no JSON: " + str(error) if content.strip() else "it is empty"
        raise NotebookError(f"this file is no notebook: {why}") from None
    if not isinstance(value, dict):
        raise NotebookError("this file is no notebook: its JSON is no object")
    return file


def _check_format(notebook: Mapping[str, Any]) -> None:
    # A file without its format is taken by the shape that only format 4 has.
    version = notebook.get("nbformat", 4)
    if version != 4:
        shown = f"format {version}" if isinstance(version, int) else "an unknown format"
        raise NotebookError(
            f"this notebook has {shown}, only 4 can be read; open it in Jupyter and save it again"
        )
    if not isinstance(notebook.get("cells"), list):
        raise NotebookError('this file is no notebook: it has no list of "cells"')


def _is_python(metadata: Any) -> bool:
    """Whether nothing in a notebook's metadata names another language."""
    names = _at(metadata, "kernelspec", "language"), _at(metadata, "language_info", "name")
    return all(name.lower() in _PYTHON for name in names if isinstance(name, str) and name)


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# The walk: each function takes the place where a value of valid JSON begins, and returns the value
# and the place behind it. Of keys that are there twice the last one counts, as in `json`.

_value: _Parser = json.JSONDecoder().raw_decode


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at


def _object(text: str, at: int, parsers: Mapping[str, _Parser]) -> tuple[dict[str, Any], int]:
    """An object, some of whose members have a parser of their own."""
    members: dict[str, Any] = {}
    at = _skip(_SPACE, text, at + 1)
    while text[at] != "}":
        key, at = _value(text, at)
        at = _skip(_SPACE, text, _skip(_SPACE, text, at) + 1)  # behind the colon
        members[key], at = parsers.get(key, _value)(text, at)
        at = _skip(_COMMA, text, at)
    return members, at + 1


def _array(text: str, at: int, parser: _Parser) -> tuple[list[Any], int]:
    items = []
    at = _skip(_SPACE, text, at + 1)
    while text[at] != "]":
        item, at = parser(text, at)
        items.append(item)
        at = _skip(_COMMA, text, at)
    return items, at + 1


def _cells(text: str, at: int) -> tuple[Any, int]:
    return _array(text, at, _one_cell) if text[at] == "[" else _value(text, at)


def _one_cell(text: str, at: int) -> tuple[Any, int]:
    return _object(text, at, {"source": _source}) if text[at] == "{" else _value(text, at)


def _source(text: str, at: int) -> tuple[_Source | None, int]:
    """A cell's source; None where it is neither a string nor a list of such."""
    if text[at] == "[":
        elements, end = _array(text, at, _element)
    else:
        element, end = _element(text, at)
        elements = [element]
    strings = tuple(element for element in elements if element is not None)
    is_text = len(strings) == len(elements)
    return _Source(at, end, text[at] == "[", strings) if is_text else None, end


def _element(text: str, at: int) -> tuple[_Element | None, int]:
    value, end = _value(text, at)
    return _Element(value, at, end) if isinstance(value, str) else None, end


# The edits: what to write, and from where to where in the file it stands.


def _edits(file: str, source: _Source, new: str) -> Iterator[tuple[int, int, str]]:
    if new == source.text:
        return
    raw = file[source.start : source.end]
    is_ascii = raw.isascii() and _NON_ASCII_ESCAPE.search(raw) is not None
    pieces = _cut([element.text for element in source.elements], new) if source.is_list else [new]
    if pieces is None:
        yield source.start, source.end, _list(file, source, new, is_ascii)
        return
    for element, piece in zip(source.elements, pieces, strict=True):
        if piece != element.text:
            yield element.start, element.end, _encoded(piece, is_ascii)


def _cut(old: Sequence[str], new: str) -> list[str] | None:
    """The new text in pieces that hold the same lines as the old ones; None where it has no such.

    >>> _cut(["a\\n", "b\\nc"], "a\\nbb\\nc"), _cut(["a", "b"], "ac"), _cut(["a"], "a\\nb")
    (['a\\n', 'bb\\nc'], None, None)
    """
    before, after = (
        list(accumulate(map(len, _LINE.findall(text)), initial=0)) for text in ("".join(old), new)
    )
    moved = dict(zip(before, after, strict=False))
    cuts = list(accumulate(map(len, old), initial=0))
    if len(before) != len(after) or not moved.keys() >= set(cuts):
        return None
    return [new[moved[start] : moved[end]] for start, end in pairwise(cuts)]


def _list(file: str, source: _Source, new: str, is_ascii: bool) -> str:
    """The list for a text, a line an element, laid out as the one that it replaces."""
    lines = [_encoded(line, is_ascii) for line in new.splitlines(keepends=True)]
    opening, separator, closing = _layout(file, source)
    return f"[{opening}{separator.join(lines)}{closing}]" if lines else "[]"


def _layout(file: str, source: _Source) -> tuple[str, str, str]:
    """What stands before, between and behind the elements of a list."""
    if not source.elements:
        return "", ", ", ""
    first, last = source.elements[0], source.elements[-1]
    opening = file[source.start + 1 : first.start]
    closing = file[last.end : source.end - 1]
    if first is not last:
        return opening, file[first.end : source.elements[1].start], closing
    blank = "" if file[source.start - 1] == ":" else " "  # compact JSON has none behind colons
    return opening, f",{opening or blank}", closing


def _encoded(text: str, is_ascii: bool) -> str:
    """The JSON of a string; half a surrogate pair, which UTF-8 can't hold, is always escaped."""
    encoded = json.dumps(text, ensure_ascii=is_ascii)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", encoded)
