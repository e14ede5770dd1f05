"""The names of the kinds of annotation, for what must not import the rules, and so libcst."""

from __future__ import annotations

import difflib

ABOUT_NEXT = ("variable", "function_choice")  # the statement after them
ALONE = (
    "report_intermediate_result",
    "report_final_result",
    "get_next_parameter",
    "mutable_layers",
    "training_update",
)
_NEAR = 0.81  # how alike two words are to be


def is_kind(word: str) -> bool:
    """Whether this is the name of a kind, or nearly.

    >>> is_kind("Varible"), is_kind("trace")
    (True, False)
    """
    known = (*ABOUT_NEXT, *ALONE)
    return bool(difflib.get_close_matches(word.lower(), known, n=1, cutoff=_NEAR))
