"""Every case in fixtures/config: what a file resolves to, or all that is wrong, to the letter.

A case is a folder with a file `config.*` and what belongs to it. `expected_stderr.txt` is what
`nnictl config validate` says; `expected.json` what `nnictl config show --json` prints, in a case
without errors. CASE stands for the case's folder, HOME for the user's.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from conftest import FIXTURES, cases
from nni_runner.config.documents import read_document
from nni_runner.config.formats import ONE, TWO, Format
from nni_runner.config.json_schema import json_schema
from nni_runner.config.nodes import plain
from nni_runner.nnictl import main

CASES = cases("config")
FINE = [case for case in CASES if (case / "expected.json").exists()]


def file_of(case: Path) -> str:
    """The name of the case's file."""
    (file,) = case.glob("config.*")
    return file.name


def ran(*words: str) -> Result:
    """What a command did, in this process; an exception is a failure."""
    result = CliRunner().invoke(main, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def placed(text: str, case: Path) -> str:
    """The text without what is of this machine."""
    above, home = str(FIXTURES / "config"), str(Path.home())
    return text.replace(str(case), "CASE").replace(above, "CASES").replace(home, "HOME")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_validate_says_everything_in_one_go(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 where nothing is wrong but what warnings are about, else 1."""
    monkeypatch.chdir(case)
    before = sorted(case.rglob("*"))
    done = ran("config", "validate", file_of(case))
    assert placed(done.stderr, case) == (case / "expected_stderr.txt").read_text(encoding="utf-8")
    assert done.stdout == ""
    assert done.exit_code == (0 if case in FINE else 1)
    assert sorted(case.rglob("*")) == before


@pytest.mark.parametrize("case", FINE, ids=lambda case: case.name)
def test_show_resolves_everything(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths, defaults and the search space."""
    monkeypatch.chdir(case)
    done = ran("config", "show", file_of(case), "--json")
    assert placed(done.stdout, case) == (case / "expected.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", FINE, ids=lambda case: case.name)
def test_what_is_shown_is_such_a_file_itself(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it lies, and as YAML too; it says the same once more."""
    monkeypatch.chdir(case)
    first = ran("config", "show", file_of(case), "--json").stdout
    (tmp_path / "as.yml").write_text(ran("config", "show", file_of(case)).stdout, encoding="utf-8")
    (tmp_path / "as.json").write_text(first, encoding="utf-8")
    for name in ("as.yml", "as.json"):
        assert ran("config", "show", str(tmp_path / name), "--json").stdout == first


@pytest.mark.parametrize("case", FINE, ids=lambda case: case.name)
def test_the_schema_accepts_what_is_fine(case: Path) -> None:
    """So editors mark nothing in it."""
    jsonschema.validate(plain(read_document(case / file_of(case)).root), json_schema())


@pytest.mark.parametrize(
    "name",
    [
        "json_wrong", "wrong_missing_everything", "wrong_missing_in_the_first", "wrong_multi_phase",
        "wrong_names", "wrong_names_of_the_second", "wrong_nas", "wrong_null_where_needed",
        "wrong_platform", "wrong_sections", "wrong_values", "wrong_first_names_in_the_second",
        "wrong_second_names_in_the_first",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_is_wrong(name: str) -> None:
    """As far as names and kinds of values go."""
    case = FIXTURES / "config" / name
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(read_document(case / file_of(case)).root), json_schema())


@pytest.mark.parametrize("format_", [ONE, TWO], ids=lambda format_: format_.title)
def test_the_docs_have_every_field(format_: Format) -> None:
    """Those of other platforms apart."""
    page = (FIXTURES.parent / "docs" / "config.md").read_text(encoding="utf-8")
    for field in format_.fields:
        leaf = field.name.rpartition(".")[2]
        written = (f"`{field.name}`", f"`{leaf}`", f"`.{leaf}`")
        assert field.is_foreign or field.is_section or any(name in page for name in written), leaf


def test_the_schema_file_is_up_to_date() -> None:
    """docs/config.schema.json is what the command prints."""
    printed = ran("config", "schema").stdout
    jsonschema.Draft7Validator.check_schema(json.loads(printed))
    kept = FIXTURES.parent / "docs" / "config.schema.json"
    assert kept.read_text(encoding="utf-8") == printed
