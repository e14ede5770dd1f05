"""The formats that diagnostics are printed in: for people, for programs, for GitHub, as SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_from_bytes

from nni_annotate import __version__
from nni_annotate.codes import TITLES
from nni_annotate.diagnostics import Diagnostic

# What GitHub's runner decodes again; of a property's value it decodes more than of a message.
GITHUB_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
GITHUB_PROPERTY = {**GITHUB_MESSAGE, **str.maketrans({":": "%3A", ",": "%2C"})}

# SARIF 2.1.0, 3.11.5: a single brace opens a placeholder.
SARIF_MESSAGE = str.maketrans({"{": "{{", "}": "}}"})


def to_text(diagnostics: Sequence[Diagnostic]) -> str:
    """Each diagnostic with the line it is about."""
    return "".join(f"{_writable(str(diagnostic))}\n" for diagnostic in diagnostics)


def to_json(diagnostics: Sequence[Diagnostic]) -> str:
    """An array with one object a line; `end_column` is the column after the last character."""
    lines = [json.dumps(_json_object(diagnostic)) for diagnostic in diagnostics]
    return "[\n " + ",\n ".join(lines) + "\n]\n" if lines else "[]\n"


def to_github(diagnostics: Sequence[Diagnostic]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    return "".join(f"{_github_command(diagnostic)}\n" for diagnostic in diagnostics)


def to_sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """A SARIF 2.1.0 log of one run."""
    severities = {diagnostic.code: _severity(diagnostic) for diagnostic in diagnostics}
    codes = sorted(severities)
    driver = {
        "name": "nni-annotate",
        "version": __version__,
        "rules": [_sarif_rule(code, severities[code]) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(each, codes.index(each.code)) for each in diagnostics],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=1) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Diagnostic]], str]] = {
    "text": to_text,
    "json": to_json,
    "github": to_github,
    "sarif": to_sarif,
}


def _severity(diagnostic: Diagnostic) -> str:
    return "error" if diagnostic.is_error else "warning"


def _end_column(diagnostic: Diagnostic) -> int:
    """The column after the last character, on the same line; that of the start where none is."""
    end = diagnostic.column + diagnostic.width
    line = diagnostic.source_line.rstrip("\r\n")
    # A width counts on over the lines of a longer annotation, a column of this line can't.
    return max(min(end, len(line) + 1), diagnostic.column) if line else end


def _help(code: str) -> str:
    return f"docs/diagnostics.md#{code.lower()}"


def _message(diagnostic: Diagnostic) -> str:
    """The message, after its place where that is a notebook's cell: these formats have no cells."""
    if not diagnostic.cell:
        return diagnostic.message
    line = f", line {diagnostic.line}" if diagnostic.line else ""
    return f"cell {diagnostic.cell}{line}: {diagnostic.message}"


def _writable(text: str) -> str:
    """The text with lone surrogates, a path's undecodable bytes, in a form any stream takes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _json_object(diagnostic: Diagnostic) -> dict[str, object]:
    has_line = diagnostic.line > 0
    return {
        "path": diagnostic.path,
        **({"cell": diagnostic.cell} if diagnostic.cell else {}),
        "line": diagnostic.line,
        "column": diagnostic.column,
        "end_column": _end_column(diagnostic) if has_line else 0,
        "code": diagnostic.code,
        "severity": _severity(diagnostic),
        "message": diagnostic.message,
        "help": _help(diagnostic.code),
    }


def _github_command(diagnostic: Diagnostic) -> str:
    properties: dict[str, object] = {"file": diagnostic.path}
    if diagnostic.line and not diagnostic.cell:
        properties["line"] = diagnostic.line
        properties["col"] = diagnostic.column
        properties["endColumn"] = _end_column(diagnostic)
    properties["title"] = diagnostic.code
    shown = ",".join(
        f"{name}={_writable(str(value)).translate(GITHUB_PROPERTY)}"
        for name, value in properties.items()
    )
    message = _writable(_message(diagnostic)).translate(GITHUB_MESSAGE)
    return f"::{_severity(diagnostic)} {shown}::{message}"


def _sarif_rule(code: str, severity: str) -> dict[str, object]:
    return {
        "id": code,
        "shortDescription": {"text": TITLES.get(code, code)},
        # Not helpUri, which the schema wants absolute.
        "help": {"text": f"See {_help(code)}"},
        "defaultConfiguration": {"level": severity},
    }


def _sarif_result(diagnostic: Diagnostic, rule: int) -> dict[str, object]:
    location: dict[str, object] = {"artifactLocation": {"uri": _uri(diagnostic.path)}}
    if diagnostic.line and not diagnostic.cell:
        location["region"] = _sarif_region(diagnostic)
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _severity(diagnostic),
        "message": {"text": _writable(_message(diagnostic)).translate(SARIF_MESSAGE)},
        "locations": [{"physicalLocation": location}],
    }


def _sarif_region(diagnostic: Diagnostic) -> dict[str, object]:
    """The place in its line; a snippet is the region's own text, not the whole line."""
    start, end = diagnostic.column, _end_column(diagnostic)
    snippet = diagnostic.source_line[start - 1 : end - 1]
    return {
        "startLine": diagnostic.line,
        "startColumn": start,
        "endColumn": end,
        **({"snippet": {"text": _writable(snippet)}} if snippet else {}),
    }


def _uri(path: str) -> str:
    """A relative reference or a file:// URI.

    >>> _uri("a b/c:d.py"), _uri("/tmp/é.py")
    ('a%20b/c%3Ad.py', 'file:///tmp/%C3%A9.py')
    """
    try:
        name = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no such file, but a name
        name = path.encode("utf-8", "surrogatepass")
    return ("file://" if path.startswith("/") else "") + quote_from_bytes(name)
