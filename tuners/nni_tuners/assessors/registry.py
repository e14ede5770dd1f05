"""The assessors by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from nni_tuners.arguments import check_names
from nni_tuners.classes import Classes
from nni_tuners.errors import TunerError

if TYPE_CHECKING:
    from nni_tuners.assessor import Assessor

ASSESSORS: Mapping[str, type[Assessor]] = Classes(
    {"Medianstop": "Medianstop", "Curvefitting": "Curvefitting"}
)


def assessor_name(name: str) -> str:
    """How that assessor's name is written. Raises TunerError where there is none."""
    known = {official.lower(): official for official in ASSESSORS}
    plain = "".join(letter for letter in name.lower() if letter not in "_- ")
    plain = plain.removesuffix("assessor")
    if plain in known:
        return known[plain]
    message = f"expected an assessor out of {', '.join(ASSESSORS)}; found {name}"
    if close := get_close_matches(plain, known, n=1):
        message += f"; did you mean {known[close[0]]}?"
    raise TunerError(message)


def make_assessor(name: str, arguments: Mapping[str, Any]) -> Assessor:
    """An assessor by its name, and its arguments by theirs: NNI's `classArgs`.

    Raises TunerError naming the arguments that there are.
    """
    kind = ASSESSORS[assessor_name(name)]
    check_names(arguments, kind.arguments())
    return kind(**arguments)
