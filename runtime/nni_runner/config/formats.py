"""NNI's two formats of the file, and which one a file is in."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from nni_runner.config.fields import Field
from nni_runner.config.first_format import FIRST
from nni_runner.config.nodes import Object
from nni_runner.config.second_format import SECOND


@dataclass(frozen=True)
class Format:
    """The fields of a format; where it `folds`, `trial_command` is `trialCommand`, as in NNI."""

    title: str
    fields: tuple[Field, ...]
    folds: bool

    def find(self, section: str, name: str) -> Field | None:
        """The field of that name in a section, "" for the file itself."""
        path = self._plain(f"{section}.{name}" if section else name)
        return next((field for field in self.fields if self._plain(field.name) == path), None)

    def inside(self, section: str) -> list[Field]:
        """The fields that stand in a section."""
        return [field for field in self.fields if _section(field) == section]

    def by_leaf(self, name: str) -> list[Field]:
        """The fields whose last name is that one, wherever they stand."""
        return [field for field in self.fields if fold(_leaf(field)) == fold(name)]

    def called(self, to: str) -> str:
        """What the field is called that gives a value; "" where there is none."""
        return next((field.name for field in self.fields if to and field.to == to), "")

    def counterparts(self, field: Field, other: Format) -> list[str]:
        """What a field of the other format is called here; of a section, what is inside it."""
        fields = other.inside(field.name) if field.is_section else [field]
        fields = [each for each in fields if other.called(each.to) in ("", each.name)]
        names = (self.called(each.to) for each in fields)
        return list(dict.fromkeys(name for name in names if name))

    def _plain(self, name: str) -> str:
        return fold(name) if self.folds else name


def fold(name: str) -> str:
    """A name without case and underscores."""
    return name.lower().replace("_", "")


def _section(field: Field) -> str:
    return field.name.rpartition(".")[0]


def _leaf(field: Field) -> str:
    return field.name.rpartition(".")[2]


ONE = Format("NNI's first format", FIRST, folds=False)
TWO = Format("NNI's second format", SECOND, folds=True)


def other_than(format_: Format) -> Format:
    """The other one of the two."""
    return TWO if format_ is ONE else ONE


def detect(root: Object) -> Format:
    """The format that more of the names belong to alone."""
    return ONE if _score(root, ONE) > _score(root, TWO) else TWO


def _score(root: Object, format_: Format) -> int:
    other = other_than(format_)
    paths = [("", entry.name) for entry in root.entries]
    for entry in root.entries:
        if isinstance(entry.value, Object):
            paths += [(entry.name, inner.name) for inner in entry.value.entries]
    return sum(bool(format_.find(*path)) and not other.find(*path) for path in paths)


def unknown(format_: Format, section: str, name: str) -> str:
    """What an error says of a name that isn't known in a section."""
    other = other_than(format_)
    theirs = other.find(section, name) or next(iter(other.by_leaf(name)), None)
    ours = format_.by_leaf(name)
    if ours and _section(ours[0]) == section:
        return f"no such field in {format_.title}; did you mean {ours[0].name}?"
    if ours and not (theirs and theirs.name == name):
        places = " or ".join(each.name for each in _with_effect(ours))
        return f"stands in the wrong place: in {format_.title} it is {places}"
    if theirs:
        names = format_.counterparts(theirs, other)
        instead = f"write {', '.join(names)} instead" if names else "leave it out"
        return f"belongs to {other.title}, but this file is in {_ordinal(format_)}: {instead}"
    near = [field for field in format_.inside(section) if not field.is_foreign]
    known = {fold(_leaf(field)): field for field in ([] if section else format_.fields)}
    known |= {fold(_leaf(field)): field for field in near}
    if close := difflib.get_close_matches(fold(name), known, n=1, cutoff=0.7):
        return f"no such field in {format_.title}; did you mean {known[close[0]].name}?"
    if not section:
        return f"no such field in {format_.title}; docs/config.md has all that there are"
    expected = ", ".join(map(_leaf, near))
    if "classArgs" in map(_leaf, near):
        expected += f"; arguments of the {section} stand in classArgs"
    return f"no such field in {format_.title}; expected one of {expected}"


def _with_effect(fields: list[Field]) -> list[Field]:
    """Those that do something; all of them where none does."""
    return [field for field in fields if not field.note and not field.is_foreign] or fields


def _ordinal(format_: Format) -> str:
    return "the first" if format_ is ONE else "the second"
