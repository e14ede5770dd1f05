"""Notebooks: what is read of them, what stays as it was, and the scripts that they become."""

from __future__ import annotations

import ast
import doctest
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate import magics, notebook
from nni_annotate.notebook import Notebook, NotebookError, read_notebook

Write = Callable[[Any], bytes]


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "source": source, **more}


def book(*cells: Any, **more: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def read(*sources: Any) -> Notebook:
    return read_notebook(json.dumps(book(*map(code, sources))).encode())


def texts(content: bytes) -> list[str]:
    cells = json.loads(content.decode("utf-8-sig"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def script(*sources: str) -> str:
    written = read(*sources).to_script({})
    ast.parse(written)
    return written.decode()


def test_what_a_notebook_holds() -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# lr = 1"]},
        code(["%matplotlib inline\n", "lr = 1"]),
        {"cell_type": "raw", "metadata": {}, "source": "lr = 2"},
        code("%%bash\nls"),
        code("%%time\r\nlr = 3\r\n"),
    ]
    read = read_notebook(json.dumps(book(*cells)).encode())
    assert [(cell.number, cell.source, cell.python) for cell in read.cells] == [
        (2, "%matplotlib inline\nlr = 1", "0                 \nlr = 1"),
        (5, "%%time\r\nlr = 3\r\n", "      \r\nlr = 3\r\n"),
    ]


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code"},
        {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": 3},
        {"cell_type": "code", "source": {"a": "b"}},
        {"cell_type": "code", "source": ["x", 1]},
        {"cell_type": "code", "source": ["x", ["y"]]},
        {"cell_type": ["code"], "source": "x"},
        {"source": "x"},
        {},
        [],
        [{"source": "x"}],
        "x",
        None,
        1,
    ],
    ids=repr,
)
def test_cells_without_a_source_are_none_but_are_counted(cell: Any) -> None:
    content = json.dumps(book(cell, code("x"))).encode()
    read = read_notebook(content)
    assert [cell.number for cell in read.cells] == [2]
    assert read.with_sources({2: "x"}) == content


@pytest.mark.parametrize(
    ("metadata", "is_python"),
    [
        ({"kernelspec": {"language": "python"}, "language_info": {"name": "python"}}, True),
        ({"kernelspec": {"language": "Python"}}, True),
        ({"kernelspec": {"name": "python3", "display_name": "R"}}, True),
        ({"language_info": {"name": "ipython"}}, True),
        ({"language_info": {"name": ""}, "kernelspec": None}, True),
        ({"language_info": ["R"], "kernelspec": "R"}, True),
        ([], True),
        (None, True),
        ({"language_info": {"name": "R"}}, False),
        ({"kernelspec": {"language": "julia"}}, False),
        ({"kernelspec": {"language": "sage"}, "language_info": {"name": "python"}}, False),
    ],
)
def test_notebooks_of_another_language_have_no_cells(metadata: Any, is_python: bool) -> None:
    content = json.dumps(book(code("x"), metadata=metadata)).encode()
    read = read_notebook(content)
    assert bool(read.cells) == is_python
    assert read.with_sources({}) == content
    assert read.to_script({}) == (b"# %%\nx\n" if is_python else b"")


DEEP = b'{"nbformat": 4, "cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "this file is no notebook: it is empty"),
        (b"\xef\xbb\xbf \n", "this file is no notebook: it is no JSON: Expecting value: line 2"),
        (b" \n", "this file is no notebook: it is empty"),
        (b"\xff\xfe{\x00}\x00", "this file is no notebook: it can't be decoded: 'utf-8' codec"),
        (b'{"cells": [}', "this file is no notebook: it is no JSON: Expecting value: line 1"),
        (b'{"cells": []} x', "this file is no notebook: it is no JSON: Extra data: line 1"),
        (b'{"a": "\n"}', "this file is no notebook: it is no JSON: Invalid control character"),
        (b'{"a": ' + b"9" * 5000 + b"}", "this file is no notebook: it is no JSON: Exceeds the"),
        (b"[]", "this file is no notebook: its JSON is no object"),
        (b"3", "this file is no notebook: its JSON is no object"),
        (b"{}", 'this file is no notebook: it has no list of "cells"'),
        (b'{"nbformat": 4}', 'this file is no notebook: it has no list of "cells"'),
        (b'{"nbformat": 4, "cells": {}}', 'this file is no notebook: it has no list of "cells"'),
        (b'{"nbformat": 3, "worksheets": []}', "this notebook has format 3, only 4 can be read;"),
        (b'{"nbformat": 5, "cells": []}', "this notebook has format 5, only 4 can be read;"),
        (b'{"nbformat": "4", "cells": []}', "this notebook has an unknown format, only 4 can be"),
        (b'{"nbformat": NaN, "cells": []}', "this notebook has an unknown format, only 4 can be"),
        (DEEP, "this notebook is nested too deeply to be read"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_no_notebook_says_why(content: bytes, message: str) -> None:
    with pytest.raises(NotebookError) as raised:
        read_notebook(content)
    assert str(raised.value).startswith(message)


def test_nesting_near_the_limit_is_read_or_refused() -> None:
    for depth in range(1, 2000, 7):
        nested = b"[" * depth + b"]" * depth
        content = b'{"nbformat": 4, "cells": [{"outputs": %b}], "a": %b}' % (nested, nested)
        try:
            assert read_notebook(content).with_sources({}) == content
        except NotebookError as error:
            assert str(error) == "this notebook is nested too deeply to be read"  # noqa: PT017


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (  # the last of two keys counts, as in json
            b'{"cells":[1],"cells":[{"cell_type":"raw","source":"x","source":["a"],'
            b'"cell_type":"code"}]}',
            b'{"cells":[1],"cells":[{"cell_type":"raw","source":"x","source":["b"],'
            b'"cell_type":"code"}]}',
        ),
        (
            b'\xef\xbb\xbf\r\n{"cells":\r\n[ {"source" :\t"a" , "cell_type":"code", "x":NaN}]}\r\n',
            b'\xef\xbb\xbf\r\n{"cells":\r\n[ {"source" :\t"b" , "cell_type":"code", "x":NaN}]}\r\n',
        ),
        (  # escapes that nobody needs, in keys too
            rb'{"c\u0065lls": [{"sourc\u0065": ["\u0061"], "cell_type": "\u0063ode"}], "\/": "\/"}',
            rb'{"c\u0065lls": [{"sourc\u0065": ["b"], "cell_type": "\u0063ode"}], "\/": "\/"}',
        ),
    ],
)
def test_nasty_files_change_in_one_place(content: bytes, expected: bytes) -> None:
    assert read_notebook(content).with_sources({1: "a"}) == content
    assert read_notebook(content).with_sources({1: "b"}) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (r'["a\n", "\u0062\n", "c"]', "a\nb\nd", r'["a\n", "\u0062\n", "d"]'),
        (r'["a\r\n", "b\r", "c\n"]', "a\r\nx\rc\n", r'["a\r\n", "x\r", "c\n"]'),
        (r'["a\n","",  "b", ""]', "a\nx", r'["a\n","",  "x", ""]'),
        (r'["a\nb\n", "c"]', "x\nb\ny", r'["x\nb\n", "y"]'),
        (r'["a\n", "b"]', "a\nb\n", r'["a\n", "b\n"]'),
        # Elements that are no whole lines: a list of lines comes instead.
        (r'["a", "b\n",  "c"]', "xb\nc", r'["xb\n", "c"]'),
        (r'["a\r",  "\nb"]', "a\r\nc", r'["a\r\n",  "c"]'),
        # More lines than before, or fewer: the list is laid out as it was.
        ('[\n    "a"\n  ]', "a\nb", '[\n    "a\\n",\n    "b"\n  ]'),
        ('[\r\n\t"a\\n",\r\n\t"b"\r\n]', "c\nd\ne", '[\r\n\t"c\\n",\r\n\t"d\\n",\r\n\t"e"\r\n]'),
        ('["a\\n","b"]', "a", '["a"]'),
        ('["a"]', "a\nb", r'["a\n", "b"]'),
        ('["a"]', "", "[]"),
        ('[\n "a\\n",\n "b"\n]', "", "[]"),
        ("[]", "a\nb", r'["a\n", "b"]'),
        ('""', "a\nb", r'"a\nb"'),
        (r'"a\nb"', "a\nc\nd", r'"a\nc\nd"'),
        # How characters beyond ASCII are written follows the old text.
        ('["a"]', "é", '["é"]'),
        (r'["\u00e9\n", "a"]', "é\nö", r'["\u00e9\n", "\u00f6"]'),
        (r'["\u00e9 é"]', "ö", '["ö"]'),
        (r'["\u001b \\u00e9"]', "ö", '["ö"]'),
        (r'["\\\u00e9"]', "\\ö😀", r'["\\\u00f6\ud83d\ude00"]'),
        (r'["é\ud800\n", "b"]', "é\ud800c\nö", r'["é\ud800c\n", "ö"]'),
    ],
)
def test_new_text_is_written_as_the_old_was(old: str, new: str, expected: str) -> None:
    content = '{"cells": [{"cell_type": "code", "source": %s}], "nbformat": 4}\n'
    written = read_notebook((content % old).encode()).with_sources({1: new})
    assert written.decode() == content % expected
    assert texts(written) == [new]


def test_a_compact_list_stays_compact() -> None:
    content = b'{"cells":[{"cell_type":"code","source":["a"]}]}'
    expected = rb'{"cells":[{"cell_type":"code","source":["a\n","b"]}]}'
    assert read_notebook(content).with_sources({1: "a\nb"}) == expected


def test_the_order_of_new_sources_does_not_matter() -> None:
    notebook = read("a", "b", "c")
    written = notebook.with_sources({3: "z", 1: "x"})
    assert (texts(written), notebook.with_sources({1: "x", 3: "z"})) == (["x", "b", "z"], written)


def test_only_cells_in_python_take_a_new_text() -> None:
    for number in (0, 2, 3):
        with pytest.raises(KeyError):
            read("x", "%%bash").with_sources({number: "y"})


LAYOUTS: list[dict[str, Any]] = [
    {"indent": 1},
    {"indent": 2, "sort_keys": True},
    {"indent": "\t", "separators": (",", ":")},
    {"indent": None},
    {"separators": (",", ":")},
]


@st.composite
def writers(draw: st.DrawFn) -> Write:
    """Ways to write JSON to a file."""
    layout = draw(st.sampled_from(LAYOUTS))
    ensure_ascii = draw(st.booleans())
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    before, after = draw(st.sampled_from([("", ""), ("", "\n"), ("\ufeff", "\r\n"), (" \n", " ")]))

    def write(value: Any) -> bytes:
        text = json.dumps(value, ensure_ascii=ensure_ascii, **layout)
        return (before + text.replace("\n", line_end) + after).encode()

    return write


CHARACTERS = st.characters(exclude_categories=["Cs"])
ANY_TEXT = st.text(st.sampled_from("a\n\r\x0c\u2028é\"'\\%!?#=()\t ") | CHARACTERS)
PLAIN_LINES = st.lists(st.text(st.sampled_from("ab =\"'\\(#é\t"), min_size=1), min_size=1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def books(draw: st.DrawFn, source: st.SearchStrategy[str]) -> dict[str, Any]:
    """Notebooks with anything in their outputs; a source is a list of lines, or one string."""
    written = source.flatmap(lambda text: st.sampled_from([text, text.splitlines(keepends=True)]))
    cell = st.fixed_dictionaries(
        {
            "cell_type": st.sampled_from(["code", "code", "code", "markdown", "raw"]),
            "metadata": VALUES,
            "source": written,
            "outputs": VALUES,
        }
    )
    return book(*draw(st.lists(cell, max_size=4)), metadata=draw(VALUES))


def replaced_line(lines: list[str], at: int, new: str) -> str:
    return "\n".join([*lines[:at], new, *lines[at + 1 :]])


@given(books(ANY_TEXT), writers())
def test_a_notebook_stays_as_it_is(value: dict[str, Any], write: Write) -> None:
    content = write(value)
    read = read_notebook(content)
    assert read.with_sources({}) == content
    assert read.with_sources({cell.number: cell.source for cell in read.cells}) == content


@given(books(ANY_TEXT), writers(), st.lists(ANY_TEXT, min_size=4, max_size=4))
def test_new_sources_change_nothing_else(
    value: dict[str, Any], write: Write, new: list[str]
) -> None:
    read = read_notebook(write(value))
    sources = {cell.number: new[cell.number - 1] for cell in read.cells}
    written = read.with_sources(sources)
    found = json.loads(written.decode("utf-8-sig"))
    for number, source in sources.items():
        is_list = isinstance(value["cells"][number - 1]["source"], list)
        assert isinstance(found["cells"][number - 1]["source"], list) == is_list
        assert "".join(found["cells"][number - 1]["source"]) == source
        found["cells"][number - 1]["source"] = value["cells"][number - 1]["source"]
    assert write(found) == write(value)  # as text: NaN is not equal to itself
    assert read_notebook(written).with_sources({cell.number: cell.source for cell in read.cells})


@given(books(PLAIN_LINES.map("\n".join)), writers(), st.data())
def test_the_other_bytes_of_a_changed_notebook_stay(
    value: dict[str, Any], write: Write, data: st.DataObject
) -> None:
    read = read_notebook(write(value))
    sources = {}
    for cell in read.cells:
        lines = cell.source.split("\n")
        at = data.draw(st.integers(0, len(lines) - 1))
        new = data.draw(st.sampled_from(["lr = 0.1", "\\\t\"'", "a\nb\n", "a\r\nb"]))
        sources[cell.number] = replaced_line(lines, at, new)
        # Without one the old text does not tell how é is to be written.
        if "é" in sources[cell.number] and "é" not in cell.source:
            del sources[cell.number]
    content = read.with_sources(sources)
    for number, source in sources.items():
        is_list = isinstance(value["cells"][number - 1]["source"], list)
        lines = source.splitlines(keepends=True)
        value["cells"][number - 1]["source"] = lines if is_list else source
    assert content == write(value)


@given(st.binary() | books(ANY_TEXT).map(lambda value: json.dumps(value).encode()), st.data())
def test_broken_files_are_refused(content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content)))
    broken = content[:at] + data.draw(st.binary(max_size=2)) + content[at + 1 :]
    try:
        read = read_notebook(broken)
    except NotebookError:
        return
    assert read.with_sources({}) == broken
    read.to_script({})


MASKED = [
    ("%matplotlib inline", "0                 "),
    ("!pip install 'x", "0              "),
    ("!!ls", "0   "),
    ("?print", "0     "),
    ("??print", "0      "),
    ("print?", "0     "),
    ("a.b[0]??", "0       "),
    ("a*.b?  ", "0      "),
    ("%time?", "0     "),
    ("%%time?\nx", "0      \nx"),
    (",f a", "0   "),
    (";f a", "0   "),
    ("/f a", "0   "),
    ("x = !ls", "x = 0  "),
    ("x=%pwd", "x=0   "),
    ("x: int = %time f(\n", "x: int = 0       \n"),
    ("a, b['='] = !ls", "a, b['='] = 0  "),
    ("x = (\n1), !ls", None),
    ("x = \\\n  !ls", "x = \\\n  0  "),
    ("if x: y = !ls", "if x: y = 0  "),
    ("x = y = !ls", None),
    ("x += !ls", None),
    ("x == !ls", None),
    ("x = != 3", None),
    ("x = %(3)", None),
    ("x = %3", None),
    ("%a\n)\n%b", "0 \n)\n0 "),
    ("%a\ns = '''\\'''\n%b'''", "0 \ns = '''\\'''\n%b'''"),
    ("f(a=!ls)", None),
    ("if x:\n\t%cd\n\tx?\nelse:\n  !ls", "if x:\n\t0  \n\t0 \nelse:\n  0  "),
    ("!pip install \\\n  a \\\r\n  b\nx = 1", "0             \n     \r\n   \nx = 1"),
    ("%run a.py \\\n", "0          \n"),
    ("x = !ls \\\n -l", "x = 0    \n   "),
    ("%a\rx = 1\r\n%b", "0 \rx = 1\r\n0 "),
    # Python's own % ! ? and the like, beside a magic so that the cell is looked at.
    ("%a\nx = (5\n%3)", "0 \nx = (5\n%3)"),
    ("%a\nx = 5 \\\n%3", "0 \nx = 5 \\\n%3"),
    ("%a\ns = '''\n%b\n!c\n'''", "0 \ns = '''\n%b\n!c\n'''"),
    ("%a\ns = 'it\\\n%b'", "0 \ns = 'it\\\n%b'"),
    ("%a\ns = '\\'('\n%b", "0 \ns = '\\'('\n0 "),
    ("%a\n# (\n%b\n# c?\n'd?'", "0 \n# (\n0 \n# c?\n'd?'"),
    ("%a\nx = [!b]", "0 \nx = [!b]"),
    ("%a\n!= 3\n%= 3\n/= 3\n// 3", "0 \n!= 3\n%= 3\n/= 3\n// 3"),
    ("%a\nf(x\nb?", "0 \nf(x\nb?"),
    ("%a\nf(x)?", "0 \nf(x)?"),
    ("%a\n1 ?", "0 \n1 ?"),
    ("!echo '''\nx = 1\n%b", "0        \nx = 1\n0 "),
    ("!echo (\n%b", "0      \n0 "),
    ("x = '''\n!a", None),
    # Python as it stands is left alone.
    ("await x\nasync with y: pass", None),
    ("5\\\n%x", None),
    ("s = '\\d'", None),
    ("", None),
    ("print 'two'", None),
    ("x = '\ud800'\n%a", "x = '\ud800'\n0 "),
    ("\x00\n%a", "\x00\n0 "),
    # Without its % a magic counts where it is all that there is.
    ("pip install x\n", "0            \n"),
    ("pip install x\npip install y", None),
    ("cd", None),
    # Cell magics that hold Python.
    ("%%time\nx = 1", "      \nx = 1"),
    ("\n %%timeit -n 1 x=1\n%a", "\n                  \n0 "),
    ("%%capture out\n\n%%time\n!ls", "             \n\n      \n0  "),
    ("%%prun", "      "),
    ("%%debug\nfrom __future__ import annotations", "       \nfrom __future__ import annotations"),
    ("x = 1\n%%time", "x = 1\n0     "),
]


@pytest.mark.parametrize(("source", "python"), MASKED)
def test_what_only_ipython_understands_is_masked(source: str, python: str | None) -> None:
    (cell,) = read(source).cells
    assert (cell.source, cell.python) == (source, source if python is None else python)


@pytest.mark.parametrize(
    "source",
    [
        "%%bash",
        "%%writefile a.py\nx = 1",
        "%%html\n<p>",
        "\n\n%%sql\nx = 1",
        "%%time\n%%bash\nls",
        "%%timeit2\nx",
        "%%",
        "%% time\nx",
        "  %%javascript\nx",
    ],
)
def test_other_cell_magics_hold_no_python(source: str) -> None:
    notebook = read(source, "x = 1")
    assert [cell.number for cell in notebook.cells] == [2]
    assert notebook.to_script({}) == b"# %%\nx = 1\n"


PIECES = [
    "%a",
    "!b",
    "x?",
    "x = !c",
    "if x:\n",
    "    ",
    "\n",
    "\r\n",
    "\r",
    "'''",
    "(",
    ")",
    "\\\n",
]
PIECES += ["# ", "x = 1\n", "%%time", "%%sql", '"', "'", "=", "é", "\x0c", "\ud800", "f'{", "}"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | ANY_TEXT)
def test_masking_moves_nothing(text: str) -> None:
    masks = magics.find_masks(text)
    if masks is None:
        return
    python = magics.masked(text, masks)
    hidden = [at for mask in masks for at in range(mask.start, mask.end)]
    assert len(python) == len(text)
    for at, (before, after) in enumerate(zip(text, python, strict=True)):
        assert after == before or (at in hidden and before not in "\r\n" and after in " 0")
    if magics.is_python(text):
        assert all(mask.kind is magics.Kind.CELL_MAGIC for mask in masks)
    if magics.is_python(python):
        assert magics.find_masks(python) == ()
        written = magics.as_script(text).encode(errors="backslashreplace").decode()
        assert magics.is_python(written) or "\0" in text


SCRIPTS = [
    (["x = 1", "y = 2\n"], "# %%\nx = 1\n\n# %%\ny = 2\n"),
    (["", "x"], "# %%\n\n# %%\nx\n"),
    (["%matplotlib inline\nx = 1"], "# %%\n# %matplotlib inline\nx = 1\n"),
    (["x?\n?y\npip = !pip list"], "# %%\n# x?\n# ?y\npip = None  # !pip list\n"),
    (["%a\nif x:\n    %cd a\ny"], "# %%\n# %a\nif x:\n    pass  # %cd a\ny\n"),
    (["if x:\n    %cd a\n    y"], "# %%\nif x:\n    # %cd a\n    y\n"),
    (["if x: y = %pwd"], "# %%\nif x: y = None  # %pwd\n"),
    (["!pip \\\n  a \\\n\nx"], "# %%\n# !pip \\\n#   a \\\n#\nx\n"),
    (["if x:\n  !a \\\n    b"], "# %%\nif x:\n  pass  # !a \\\n  #   b\n"),
    (["x = !a \\\n  b"], "# %%\nx = None  # !a \\\n#   b\n"),
    (["x = \\\n  !a"], "# %%\nx = \\\n  None  # !a\n"),
    (
        ["%%time\nx = 1", "%%capture\n%%time"],
        "# %%\n# %%time\nx = 1\n\n# %%\n# %%capture\n# %%time\n",
    ),
    (["x = 1\r\n%a\ry"], "# %%\nx = 1\n# %a\ny\n"),
    (["pip install x"], "# %%\n# pip install x\n"),
    (["\n  x = 1\n  if x:\n    %a"], "# %%\n\nx = 1\nif x:\n  pass  # %a\n"),
    (["x = '\ud800'"], "# %%\nx = '\\ud800'\n"),
    # In a script's second line this would say how to decode it.
    (["# coding: latin-1\nx = 'é'"], "# coding: utf-8\n# %%\n# coding: latin-1\nx = 'é'\n"),
]


@pytest.mark.parametrize(("sources", "expected"), SCRIPTS)
def test_cells_become_a_script(sources: list[str], expected: str) -> None:
    assert script(*sources) == expected


def test_a_future_import_stays_first_in_a_script() -> None:
    written = script("%%time\n%matplotlib inline\nfrom __future__ import annotations", "x: y = 1")
    compile(written, "script", "exec")


def test_a_script_takes_new_texts() -> None:
    notebook = read("lr = 0.1\n!ls", "lr")
    assert notebook.to_script({1: "lr = nni.choice(1)\n!ls"}) == (
        b"# %%\nlr = nni.choice(1)\n# !ls\n\n# %%\nlr\n"
    )


def test_the_doctests_hold() -> None:
    assert doctest.testmod(magics).failed == 0
    assert doctest.testmod(notebook).failed == 0
