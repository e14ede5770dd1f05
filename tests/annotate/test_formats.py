"""The formats of diagnostics: their whole text, and that no path or message can break them."""

from __future__ import annotations

import doctest
import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate import __version__
from nni_annotate import formats as formats_module
from nni_annotate.codes import TITLES
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.formats import FORMATS, to_github, to_json, to_sarif, to_text

PLAIN = Diagnostic(
    path="src/train.py",
    line=12,
    column=5,
    code="NNI107",
    message="uniform needs low < high, found 3 and 1",
    width=13,
    source_line="    uniform(3, 1)\n",
)
NASTY = Diagnostic(
    path="my models/50%, a:b/é\udcff.py",
    line=3,
    column=2,
    code="NNI109",
    message="50%: no {'a': 1}, naïve\r\nsee 100%0A \ud800",
    width=99,
    source_line="é🙂 = 1\r\n",
)
WHOLE_FILE = Diagnostic(
    path="/tmp/a b.py", code="NNI511", message="No annotations found", is_error=False
)
CELL = Diagnostic(
    path="note.ipynb",
    cell=3,
    line=2,
    column=1,
    code="NNI109",
    message="100% wrong",
    width=4,
    source_line="call",
)
WHOLE_CELL = Diagnostic(path="note.ipynb", cell=4, code="NNI502", message="odd", is_error=False)
ALL = (PLAIN, NASTY, WHOLE_FILE, CELL, WHOLE_CELL)

TEXT = """\
src/train.py:12:5: error[NNI107]: uniform needs low < high, found 3 and 1
        uniform(3, 1)
        ^^^^^^^^^^^^^
my models/50%, a:b/é\\udcff.py:3:2: error[NNI109]: 50%: no {'a': 1}, naïve\r
see 100%0A \\ud800
    é🙂 = 1
     ^^^^^^
/tmp/a b.py: warning[NNI511]: No annotations found
note.ipynb:cell 3:2:1: error[NNI109]: 100% wrong
    call
    ^^^^
note.ipynb:cell 4: warning[NNI502]: odd
"""

GITHUB = """\
::error file=src/train.py,line=12,col=5,endColumn=18,title=NNI107::\
uniform needs low < high, found 3 and 1
::error file=my models/50%25%2C a%3Ab/é\\udcff.py,line=3,col=2,endColumn=7,title=NNI109::\
50%25: no {'a': 1}, naïve%0D%0Asee 100%250A \\ud800
::warning file=/tmp/a b.py,title=NNI511::No annotations found
::error file=note.ipynb,title=NNI109::cell 3, line 2: 100%25 wrong
::warning file=note.ipynb,title=NNI502::cell 4: odd
"""

JSON = """\
[
 {"path": "src/train.py", "line": 12, "column": 5, "end_column": 18, "code": "NNI107", \
"severity": "error", "message": "uniform needs low < high, found 3 and 1", \
"help": "docs/diagnostics.md#nni107"},
 {"path": "my models/50%, a:b/\\u00e9\\udcff.py", "line": 3, "column": 2, "end_column": 7, \
"code": "NNI109", "severity": "error", \
"message": "50%: no {'a': 1}, na\\u00efve\\r\\nsee 100%0A \\ud800", \
"help": "docs/diagnostics.md#nni109"},
 {"path": "/tmp/a b.py", "line": 0, "column": 0, "end_column": 0, "code": "NNI511", \
"severity": "warning", "message": "No annotations found", \
"help": "docs/diagnostics.md#nni511"},
 {"path": "note.ipynb", "cell": 3, "line": 2, "column": 1, "end_column": 5, \
"code": "NNI109", "severity": "error", "message": "100% wrong", \
"help": "docs/diagnostics.md#nni109"},
 {"path": "note.ipynb", "cell": 4, "line": 0, "column": 0, "end_column": 0, \
"code": "NNI502", "severity": "warning", "message": "odd", \
"help": "docs/diagnostics.md#nni502"}
]
"""


def _rule(code: str, level: str) -> dict[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": TITLES[code]},
        "help": {"text": f"See docs/diagnostics.md#{code.lower()}"},
        "defaultConfiguration": {"level": level},
    }


def _result(
    rule: tuple[int, str, str], text: str, uri: str, region: dict[str, Any] | None = None
) -> dict[str, Any]:
    index, code, level = rule
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if region is not None:
        place["region"] = region
    return {
        "ruleId": code,
        "ruleIndex": index,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


SARIF = {
    "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "nni-annotate",
                    "version": __version__,
                    "rules": [
                        _rule("NNI107", "error"),
                        _rule("NNI109", "error"),
                        _rule("NNI502", "warning"),
                        _rule("NNI511", "warning"),
                    ],
                }
            },
            "columnKind": "unicodeCodePoints",
            "results": [
                _result(
                    (0, "NNI107", "error"),
                    "uniform needs low < high, found 3 and 1",
                    "src/train.py",
                    {
                        "startLine": 12,
                        "startColumn": 5,
                        "endColumn": 18,
                        "snippet": {"text": "uniform(3, 1)"},
                    },
                ),
                _result(
                    (1, "NNI109", "error"),
                    "50%: no {{'a': 1}}, naïve\r\nsee 100%0A \\ud800",
                    "my%20models/50%25%2C%20a%3Ab/%C3%A9%FF.py",
                    {
                        "startLine": 3,
                        "startColumn": 2,
                        "endColumn": 7,
                        "snippet": {"text": "🙂 = 1"},
                    },
                ),
                _result((3, "NNI511", "warning"), "No annotations found", "file:///tmp/a%20b.py"),
                _result((1, "NNI109", "error"), "cell 3, line 2: 100% wrong", "note.ipynb"),
                _result((2, "NNI502", "warning"), "cell 4: odd", "note.ipynb"),
            ],
        }
    ],
}


def test_text() -> None:
    assert to_text(ALL) == TEXT


def test_json() -> None:
    assert to_json(ALL) == JSON


def test_github() -> None:
    assert to_github(ALL) == GITHUB


def test_sarif() -> None:
    assert json.loads(to_sarif(ALL)) == SARIF


def test_the_layout_of_sarif() -> None:
    assert to_sarif(ALL) == json.dumps(SARIF, indent=1) + "\n"


@pytest.mark.parametrize(("name", "text"), [("text", ""), ("json", "[]\n"), ("github", "")])
def test_no_diagnostics(name: str, text: str) -> None:
    assert FORMATS[name]([]) == text


def test_no_diagnostics_in_sarif() -> None:
    (run,) = json.loads(FORMATS["sarif"](()))["runs"]
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


def test_a_code_without_a_title_is_its_own() -> None:
    (run,) = json.loads(to_sarif([Diagnostic("a.py", code="NNI999", message="new")]))["runs"]
    assert run["tool"]["driver"]["rules"][0]["shortDescription"] == {"text": "NNI999"}


@pytest.mark.parametrize(
    ("source_line", "column", "width", "end_column"),
    [
        ("x = 1", 1, 1, 2),
        ("x = 1", 5, 9, 6),  # past the end
        ("x = 1\r\n", 5, 9, 6),  # the end of the line is no column
        ("x = 1  ", 6, 2, 8),  # spaces at its end are
        ("x = 1", 6, 1, 6),  # at the end
        ("x = 1", 8, 1, 8),  # behind it
        ("", 4, 3, 7),  # a line that isn't known
    ],
)
def test_the_end_column(source_line: str, column: int, width: int, end_column: int) -> None:
    diagnostic = Diagnostic("a.py", 0, 1, column, "NNI101", "no", width, source_line)
    region = _only_place(to_sarif([diagnostic]))["region"]
    assert json.loads(to_json([diagnostic]))[0]["end_column"] == end_column
    assert f",endColumn={end_column}," in to_github([diagnostic])
    assert region["endColumn"] == end_column
    snippet = source_line[column - 1 : end_column - 1]
    assert region.get("snippet", {"text": ""}) == {"text": snippet}


ANY_TEXT = st.text(st.characters(), max_size=12)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
DIAGNOSTICS = st.builds(
    Diagnostic,
    path=ANY_TEXT,
    cell=st.integers(0, 2),
    line=st.integers(0, 3),
    column=st.integers(1, 20),
    code=st.sampled_from(sorted(TITLES)),
    message=ANY_TEXT,
    width=st.integers(0, 20),
    source_line=ANY_TEXT,
    is_error=st.booleans(),
)


@given(st.lists(DIAGNOSTICS, max_size=4))
def test_every_format_can_be_written(diagnostics: Sequence[Diagnostic]) -> None:
    for write in FORMATS.values():
        text = write(diagnostics)
        assert not text or text.endswith("\n")
        text.encode("utf-8")
    to_json(diagnostics).encode("ascii")
    to_sarif(diagnostics).encode("ascii")


@given(st.lists(DIAGNOSTICS, max_size=4))
def test_json_says_what_the_diagnostics_say(diagnostics: Sequence[Diagnostic]) -> None:
    written = [
        (each["path"], each.get("cell", 0), each["line"], each["code"], each["message"])
        for each in json.loads(to_json(diagnostics))
    ]
    # Two halves of a character that stand side by side are read back as the character.
    assert [_joined(row) for row in written] == [
        _joined((each.path, each.cell, each.line, each.code, each.message)) for each in diagnostics
    ]
    assert len(to_json(diagnostics).splitlines()) == (len(diagnostics) + 2 if diagnostics else 1)


@given(NAMES, st.text())
def test_github_reads_what_was_meant(path: str, message: str) -> None:
    diagnostic = Diagnostic(path, 0, 7, 3, "NNI101", message, width=2)
    command = to_github([diagnostic]).removesuffix("\n")
    assert not set(command) & {"\r", "\n"}
    head, _, data = command.removeprefix("::error ").partition("::")
    properties = dict(part.split("=", 1) for part in head.split(","))
    assert {name: _decoded(value) for name, value in properties.items()} == {
        "file": path,
        "line": "7",
        "col": "3",
        "endColumn": "5",
        "title": "NNI101",
    }
    assert _decoded(data) == message


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_a_uri_leads_back_to_the_file(name: bytes) -> None:
    path = name.decode("utf-8", "surrogateescape")
    uri = _only_place(to_sarif([Diagnostic(path, code="NNI101")]))["artifactLocation"]["uri"]
    assert uri.startswith("file://") == PurePosixPath(path).is_absolute()
    assert unquote_to_bytes(uri.removeprefix("file://")) == name
    assert ":" not in uri.removeprefix("file://")


def test_doctests() -> None:
    assert doctest.testmod(formats_module).failed == 0


def _only_place(sarif: str) -> dict[str, Any]:
    (result,) = json.loads(sarif)["runs"][0]["results"]
    place: dict[str, Any] = result["locations"][0]["physicalLocation"]
    return place


def _joined(row: Sequence[object]) -> list[str]:
    return [str(each).encode("utf-16", "surrogatepass").hex() for each in row]


def _decoded(value: str) -> str:
    """What GitHub's runner makes of a value: the percent sign last."""
    for code, char in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
        value = value.replace(code, char)
    return value
