"""A field of a format: its name, what it takes, and what it means here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nni_runner.config.kinds import Anything, Kind


@dataclass(frozen=True)
class Field:
    """One name in a file, and all that there is to say of it.

    `name` is dotted where it stands inside of another, which is a field too, without a kind. `to`
    is the value that it gives, the same in both formats, "" where it gives none. `note` says why a
    field is without effect, `advice` what to do instead of one that isn't supported; either says
    nothing of a value that is null or false. `is_foreign` are those that belong to platforms
    that aren't offered.
    """

    name: str
    kind: Kind | None
    about: str
    to: str = ""
    required: bool = False
    note: str = ""
    advice: str = ""
    is_foreign: bool = False

    @property
    def is_section(self) -> bool:
        """Whether other fields stand inside of it."""
        return self.kind is None

    def inside(self, section: str) -> Field:
        """The same field in a section."""
        to = f"{section}.{self.to}" if self.to else ""
        return replace(self, name=f"{section}.{self.name}", to=to)


def foreign(*names: str) -> tuple[Field, ...]:
    """Fields that only other platforms have."""
    about = "Of platforms that aren't offered here."
    return tuple(Field(name, Anything(), about, is_foreign=True) for name in names)
