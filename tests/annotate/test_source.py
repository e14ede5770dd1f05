"""Places in a text: lines and columns of characters, and of bytes as CPython counts them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.source import Edit, SourceText, newlines, spliced

TEXTS = st.text(st.sampled_from("ab\u00e9\u20ac\U0001f600\n\r\t \f\u2028"), max_size=40)


@given(TEXTS, st.data())
def test_places_and_offsets_are_inverse(text: str, data: st.DataObject) -> None:
    """A line ends at \\n, \\r or \\r\\n, and nowhere else."""
    source = SourceText(text)
    place = data.draw(st.integers(0, len(text)))
    if text[place - 1 : place + 1] == "\r\n":
        return  # inside of a line's end
    before = re.split(r"\r\n|\r|\n", text[:place])
    assert source.place(place) == (len(before), len(before[-1]) + 1)
    assert source.offset(len(before), len(before[-1].encode())) == place
    assert source.line_start(place) == place - len(before[-1])
    assert source.line(len(before)) == re.split(r"\r\n|\r|\n", text)[len(before) - 1]


@given(TEXTS)
def test_lines_are_counted_as_python_does(text: str) -> None:
    """Line breaks of Unicode and form feeds are none."""
    assert newlines(text) == len(re.findall(r"\r\n|\r|\n", text))


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_edits_inside_edits_are_made_first(start: int, width: int, rank: int) -> None:
    """Of two on one stretch the lower rank first."""
    text = "0123456789"
    inner = Edit(start + 1, start + 1 + width, lambda old: f"({old})", rank)
    outer = Edit(start, start + 1 + width, lambda old: f"[{old}]", 1)
    other = Edit(9, 10, lambda old: f"<{old}>")
    end = start + 1 + width
    expected = f"{text[:start]}[{text[start]}({text[start + 1 : end]})]{text[end:9]}<9>"
    if width:
        for edits in ([inner, outer, other], [other, outer, inner]):
            assert spliced(text, edits) == expected
    twin = Edit(start, end, lambda old: f"{{{old}}}", rank)
    if rank != 1:
        first, last = ("{", "[") if rank < 1 else ("[", "{")
        closing = {"{": "}", "[": "]"}
        assert spliced(text, [outer, twin])[start : start + 2] == last + first
        assert spliced(text, [twin, outer])[start : start + 2] == last + first
        assert closing[first] + closing[last] in spliced(text, [outer, twin])
