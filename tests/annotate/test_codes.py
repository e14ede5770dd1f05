"""The codes of diagnostics: each is explained, and each is seen."""

from __future__ import annotations

import re

import nni
from conftest import FIXTURES, ROOT
from nni_annotate.api_calls import API
from nni_annotate.codes import TITLES
from nni_annotate.kinds import ABOUT_NEXT, ALONE
from nni_annotate.rules import RULES

# These need a tree, or what no repository holds: a socket, a file that nobody may read.
IN_OTHER_TESTS = {
    "NNI403",
    "NNI405",
    "NNI408",
    "NNI409",
    "NNI512",
    "NNI513",
    "NNI514",
}


def test_the_kinds_are_those_of_the_rules() -> None:
    """Which names them where libcst isn't loaded."""
    assert {*ABOUT_NEXT, *ALONE} == set(RULES)


def test_the_api_is_that_of_the_trials() -> None:
    """Which the compiler names without importing it."""
    functions = [name for name in nni.__all__ if not isinstance(getattr(nni, name), type)]
    assert sorted(API) == sorted(functions)


def test_every_code_is_explained() -> None:
    """docs/diagnostics.md has a heading for each, in order, and for nothing else."""
    text = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (NNI\d{3})$", text, re.MULTILINE) == list(TITLES)
    assert all(len(part.strip()) > 20 for part in re.split(r"^### NNI\d{3}$", text, flags=re.M)[1:])


def test_every_code_has_a_case() -> None:
    """In fixtures/errors, or a test that names it where a lone script can't show it."""
    shown = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((FIXTURES / "errors").glob("*/expected_stderr.txt"))
    )
    missing = {code for code in TITLES if f"[{code}]" not in shown}
    assert missing == IN_OTHER_TESTS
    tests = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path.name != "test_codes.py"
    )
    assert {code for code in IN_OTHER_TESTS if code not in tests} == set()


def test_every_code_in_the_source_is_known() -> None:
    """And every known one is used."""
    package = ROOT / "annotate" / "nni_annotate"
    used = {
        code
        for path in sorted(package.rglob("*.py"))
        if path.name != "codes.py"
        for code in re.findall(r"NNI\d{3}", path.read_text(encoding="utf-8"))
    }
    assert used == set(TITLES)
