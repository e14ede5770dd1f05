"""The laws of the compiled code, on code that nobody wrote for this."""

from __future__ import annotations

import ast
import itertools
import random
import sysconfig
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from injection import NEWLINE, inject, is_suitable
from nni_annotate.compile import Kind, compile_module, write_module
from nni_annotate.source import read_source
from undoing import docstrings, undone, without_notes

_MOST_BYTES = 60_000  # of a file, so that the tests stay quick
_KIND = Kind("m", "m.py")


@cache
def modules() -> list[Path]:
    """The modules of the standard library and of all that is installed beside it."""
    found: set[Path] = set()
    for name in ("stdlib", "purelib", "platlib"):
        top = Path(sysconfig.get_path(name))
        for path in top.rglob("*.py"):
            is_own = name != "stdlib" or "site-packages" not in path.relative_to(top).parts
            if is_own and 200 < path.stat().st_size < _MOST_BYTES:
                found.add(path)
    return sorted(found)


def lines(content: bytes) -> list[str]:
    """The lines of a file as Python counts them, with their ends."""
    text = read_source(content).text
    ends = [0, *(match.end() for match in NEWLINE.finditer(text)), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(ends)]


@st.composite
def files(draw: st.DrawFn) -> Path:
    """One of the modules that this Python takes."""
    path = draw(st.sampled_from(modules()))
    while not is_suitable(path.read_bytes()):
        path = draw(st.sampled_from(modules()))
    return path


@given(files(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_only_annotated_statements_change(path: Path, seed: int) -> None:
    """Laws 1, 3, 4: no other line differs by a byte, and undone it is the source's tree."""
    injected = inject(path.read_bytes(), random.Random(seed))
    code = compile_module(injected.content, _KIND).code
    before, after = lines(injected.content), lines(code)
    assert len(before) == len(after)
    changed = {number for number, pair in enumerate(zip(before, after, strict=True), 1)
               if pair[0] != pair[1]}  # fmt: skip
    assert changed <= injected.changing
    tree = ast.parse(injected.content)
    assert docstrings(ast.parse(code)) == docstrings(tree)
    assert ast.dump(undone(ast.parse(code))) == ast.dump(without_notes(tree))


@given(files(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_stripping_takes_annotations_out(path: Path, seed: int) -> None:
    """What is left is the module's own tree."""
    content = path.read_bytes()
    injected = inject(content, random.Random(seed))
    stripped = write_module(injected.content, _KIND, {}, strip=True)
    assert b"@nni." not in stripped
    assert ast.dump(ast.parse(stripped)) == ast.dump(ast.parse(content))
