"""Reading files of experiments: whatever they hold, there is an answer, and soon."""

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from conftest import FIXTURES
from nni_runner.config.building import read_config
from nni_runner.config.documents import Document, parse
from nni_runner.config.nodes import plain
from nni_runner.config.problems import ConfigError
from nni_runner.config.scalars import resolve
from nni_runner.config.showing import to_json, to_yaml
from nni_runner.config.text import LARGEST, Text, decode

SEEDS = [FIXTURES / "config" / name / "config.yml" for name in ("first_gpus", "second_flow")]
WORDS = ["", "~", "true", "on", "1e-5", "1:30", "0", "-1", "[]", "{}", "&a", "*a", "!!python/x",
         "\t", "'", '"', "\0", "- x", "? y", "x: y", "a b", "0x1f", ".nan", "9" * 30]  # fmt: skip


def read(content: bytes, folder: Path) -> dict[str, Any] | str:
    """What a file of that content resolves to, or the errors in it."""
    path = folder / "config.yml"
    path.write_bytes(content)
    try:
        return to_json(read_config(path))
    except ConfigError as error:
        said = str(error)
    assert str(path) in said
    return said


def mutated(text: str, draw: random.Random) -> str:
    """A valid file after a few slips of the pen."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        name, colon, _ = lines[at].partition(":")
        match draw.randrange(6):
            case 0:
                del lines[at : at + 1]
                lines = lines or [""]
            case 1:
                lines[at] = f"{name}{colon} {draw.choice(WORDS)}"
            case 2:
                lines.insert(at, lines[draw.randrange(len(lines))])
            case 3:
                lines[at] = f"{' ' * draw.randint(0, 3)}{lines[at]}"
            case 4:
                where = draw.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:where] + draw.choice(WORDS) + lines[at][where:]
            case _:
                lines[at] = lines[at].swapcase()
    return "\n".join(lines)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.parent.name)
def test_no_slip_of_the_pen_gives_a_traceback(
    seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Errors have places; what is accepted can be shown."""
    folder = tmp_path_factory.mktemp("mutated")
    for name in ("search_space.json", "train.py"):
        (folder / name).write_bytes((seed.parent / name).read_bytes())
    draw = random.Random(6)
    outcomes = {type(read(mutated(seed.read_text(), draw).encode(), folder)) for _ in range(300)}
    assert outcomes == {dict, str}


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"a: \xed\xa0\x80")
def test_bytes_are_an_object_or_an_error(content: bytes) -> None:
    """Nothing else, and never another exception."""
    outcome: Document | ConfigError
    try:
        outcome = parse(decode(Path("any"), content))
    except ConfigError as error:
        outcome = error
    assert isinstance(outcome, Document) or outcome.diagnostics


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
@example("\ud83d")
@example({"on": "1e-5"})
def test_json_is_read_as_json(value: Any) -> None:
    """Whatever it is, with and without tabs, its numbers' types kept."""
    if "NaN" in (text := json.dumps({"it": value})) or "Infinity" in text:
        return
    if "\\ud" in text:
        return
    for indent in (None, "\t"):
        document = parse(Text(Path("any.json"), json.dumps({"it": value}, indent=indent)))
        assert repr(plain(document.root)) == repr({"it": value})


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
@example("1e-5")
@example("0o17")
@example("on")
@example("<<")
def test_what_is_shown_as_yaml_is_read_as_it_was(text: str) -> None:
    """Above all the words that YAML 1.1 and 1.2 take for different things."""
    from nni_runner.config.showing import _Dumper

    written = yaml.dump({"it": text}, Dumper=_Dumper, allow_unicode=True, width=1_000_000)
    assert plain(parse(decode(Path("any"), written.encode())).root) == {"it": text}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-5", 1e-5), ("1E5", 1e5), ("1.", 1.0), (".5", 0.5), ("-0", 0), ("+3", 3), ("010", 10),
        ("0x1F", 31), ("0o17", 15), (".inf", math.inf), ("on", "on"), ("No", "No"), ("y", "y"),
        ("1:30", "1:30"), ("1_000", "1_000"), ("2020-01-01", "2020-01-01"), ("TRUE", True),
        ("~", None), ("Null", None), ("", None), ("1e", "1e"), (".", "."), ("0b1", "0b1"),
        ("१", "१"),
    ],
)  # fmt: skip
def test_plain_words_are_those_of_yaml_1_2(word: str, value: Any) -> None:
    """Numbers by its core schema, no clocks, no dates, no yes and no."""
    assert repr(resolve(word)) == repr(value)


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    """Without being read."""
    path = tmp_path / "config.yml"
    with path.open("wb") as file:
        file.truncate(100 * LARGEST)
    begin = time.monotonic()
    with pytest.raises(
        ConfigError, match=r"config.yml: error: expected at most 1 MiB; it is larger"
    ):
        read_config(path)
    assert time.monotonic() - begin < 1


def test_the_largest_file_is_read_in_some_seconds(tmp_path: Path) -> None:
    """Also where it is all values."""
    lines = "".join(f"k{n}: [1, 2, 3]\n" for n in range(15_000))
    begin = time.monotonic()
    outcome = read(lines.encode(), tmp_path)
    assert "no such field" in outcome
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("name", ["missing.yml", "folder"])
def test_what_can_t_be_read_is_said(name: str, tmp_path: Path) -> None:
    """No file, a folder."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=r"can't be read: (No such file|Is a directory)"):
        read_config(tmp_path / name)


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    """A file that is shown, either way, resolves to what it was shown of."""
    config = read_config(SEEDS[1])
    assert read(to_yaml(config).encode(), tmp_path) == to_json(config)
    assert read(json.dumps(to_json(config)).encode(), tmp_path) == to_json(config)
