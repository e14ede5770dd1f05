"""What only IPython understands in a cell: finds it, hides it from Python, makes it comments.

The rules are those of IPython's own `inputtransformer2`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

# Cell magics that run the rest of their cell as Python, in the notebook's own namespace.
PYTHON_CELL_MAGICS = frozenset({"time", "timeit", "capture", "prun", "debug"})

# `%%time?` asks for help, which is a matter of that line alone.
_CELL_MAGIC = re.compile(r"\s*(%%(?!\w+\?)(\S*)[^\r\n]*)")
_BLANKS = re.compile(r"[ \t\f]*")
# The rest of a line, and of those that a backslash at the end of it joins to it.
_REST = r"[^\r\n]*(?:(?<=\\)(?:\r\n|\r|\n)[^\r\n]*)*"
# No Python statement begins with one of these, and none of them with != or %=.
_ESCAPED = re.compile(rf"(?:[%!](?!=)|[?,;]|/(?=[^\s/=])){_REST}")
_VALUE = re.compile(rf"(?:[ \t\f]|\\(?:\r\n|\r|\n))*((?:!(?!=)|%[ \t]*(?!\d)\w){_REST})")
_HELP = re.compile(r"%{0,2}(?!\d)[\w*]+(?:\.(?!\d)[\w*]+|\[-?[0-9]+\])*\?\??\Z")
# IPython takes these without % where they are all that a cell holds; those that need an argument.
_AUTOMAGIC = re.compile(
    r"\s*((?:pip|conda|mamba|uv|cd|ls|ll|cat|cp|mv|rm|mkdir|man|run|env|time|timeit|prun"
    r"|load_ext|reload_ext|autoreload|matplotlib)[ \t][^\r\n]*?)\s*"
)
_TOKEN = re.compile(
    r"""
    (?P<string>(?P<quotes>\"{3}|'{3})(?:\\.|(?!(?P=quotes))[^\\])*(?P=quotes)?
        |"(?:\\(?:\r\n|.)|[^"\\\r\n])*"?
        |'(?:\\(?:\r\n|.)|[^'\\\r\n])*'?)
    |(?P<comment>\#[^\r\n]*)
    |(?P<blank>(?:[ \t\f]|\\(?:\r\n|\r|\n))+)
    |(?P<end>\r\n|\r|\n)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<assign>(?<![=!<>:+\-*/%&|^@])=(?!=))
    |(?P<other>\w+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE_END = re.compile(r"\r\n?|\n")
_MARGIN = re.compile(r"(?:[ \t\f]*\n)*([ \t]+)")


class Kind(Enum):
    """What a masked part of a cell is."""

    CELL_MAGIC = "the line before the body"
    LINE = "a statement"
    VALUE = "the right side of an assignment"


@dataclass(frozen=True)
class Mask:
    """A part of a cell's text that is no Python."""

    start: int
    end: int
    kind: Kind


def find_masks(text: str) -> tuple[Mask, ...] | None:
    """What only IPython understands in a cell, in order; None where the cell holds no Python.

    Text that is neither, such as a slip of the keyboard, is not masked.

    >>> find_masks("x = !ls")
    (Mask(start=4, end=7, kind=<Kind.VALUE: 'the right side of an assignment'>),)
    """
    masks: list[Mask] = []
    at = 0
    while (magic := _CELL_MAGIC.match(text, at)) is not None:
        if magic[2] not in PYTHON_CELL_MAGICS:
            return None
        masks.append(Mask(*magic.span(1), Kind.CELL_MAGIC))
        at = magic.end()
    if not is_python(text[at:]):
        masks.extend(_automagic(text) or _scan(text, at))
    return tuple(masks)


def is_python(text: str) -> bool:
    """Whether a cell's text is Python as it stands, top-level await included."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own, of escapes in the user's strings
            compile(text, "cell", "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def masked(text: str, masks: Sequence[Mask]) -> str:
    """The text as Python, character for character in its place.

    >>> masked("%time f()", find_masks("%time f()")), masked("x = !ls", find_masks("x = !ls"))
    ('0        ', 'x = 0  ')
    """
    return _replaced(text, masks, [_hidden(text[mask.start : mask.end], mask) for mask in masks])


def as_script(text: str) -> str:
    """A cell's text as it stands in a script; it has the same lines, ended as in Unix.

    >>> as_script("if x:\\r\\n    !ls"), as_script("x = !ls"), as_script("%cd data")
    ('if x:\\n    pass  # !ls', 'x = None  # !ls', '# %cd data')
    """
    text = _without_margin(_LINE_END.sub("\n", text))
    masks = find_masks(text) or ()
    commented = _commented(text, masks, "# ")
    # Only a block that a comment would leave empty makes a difference here.
    return commented if is_python(commented) else _commented(text, masks, "pass  # ")


def _without_margin(text: str) -> str:
    """The text moved to the left, as IPython does it, where its first line is indented."""
    margin = _MARGIN.match(text)
    if margin is None:
        return text
    return "\n".join(line.removeprefix(margin[1]) for line in text.split("\n"))


def _automagic(text: str) -> list[Mask]:
    only = _AUTOMAGIC.fullmatch(text)
    return [Mask(*only.span(1), Kind.LINE)] if only is not None else []


def _scan(text: str, at: int) -> Iterator[Mask]:
    """The masks from a place on that is outside of every statement."""
    while at < len(text):
        blanks = _BLANKS.match(text, at)
        start = blanks.end() if blanks is not None else at
        escaped = _ESCAPED.match(text, start)
        if escaped is not None:
            mask: Mask | None = Mask(start, escaped.end(), Kind.LINE)
            at = escaped.end()
        else:
            mask, at = _logical_line(text, start)
        if mask is not None:
            yield mask


def _logical_line(text: str, start: int) -> tuple[Mask | None, int]:
    """What is to be masked of the logical line that begins at `start`, and where to go on."""
    depth, is_assigned, end = 0, False, start
    last = ""
    for token in _TOKEN.finditer(text, start):
        end = token.end()
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth = max(depth - 1, 0)
            case "end" if depth == 0:
                break
            case "assign" if depth == 0 and not is_assigned:
                is_assigned = True  # IPython, too, looks behind the first one only
                value = _VALUE.match(text, end)
                if value is not None:
                    return Mask(*value.span(1), Kind.VALUE), value.end()
        if token.lastgroup not in ("blank", "end"):
            last = token[0]
    whole = text[start:end].rstrip()
    if (
        last == "?" and depth == 0 and _HELP.search(whole[-500:]) is not None
    ):  # a longer name would take long
        return Mask(start, start + len(whole), Kind.LINE), end
    return None, end


def _replaced(text: str, masks: Sequence[Mask], replacements: Sequence[str]) -> str:
    parts, at = [], 0
    for mask, replacement in zip(masks, replacements, strict=True):
        parts += [text[at : mask.start], replacement]
        at = mask.end
    return "".join([*parts, text[at:]])


def _hidden(piece: str, mask: Mask) -> str:
    blank = re.sub(r"[^\r\n]", " ", piece)
    # A cell magic is no statement of its cell: a __future__ import may follow it.
    return blank if mask.kind is Kind.CELL_MAGIC else "0" + blank[1:]


def _commented(text: str, masks: Sequence[Mask], in_block: str) -> str:
    """The text with its masked parts as comments; `in_block` begins those of indented lines."""
    comments = []
    for mask in masks:
        indent = text[text.rfind("\n", 0, mask.start) + 1 : mask.start]
        begin = "None  # " if mask.kind is Kind.VALUE else in_block if indent else "# "
        margin = indent if indent.isspace() else ""
        first, *others = text[mask.start : mask.end].split("\n")
        rest = (f"{margin}# {line.removeprefix(margin)}".rstrip() for line in others)
        comments.append("\n".join([f"{begin}{first}", *rest]))
    return _replaced(text, masks, comments)
