"""What this package raises."""

from __future__ import annotations


class NniAnnotateError(Exception):
    """Base of every error that this package raises for what a user did."""


class SpaceError(NniAnnotateError):
    """A search space, a domain or a value that does not hold.

    `argument` is the position of the domain's argument at fault, None where it is no single one.
    """

    def __init__(self, message: str, argument: int | None = None) -> None:
        super().__init__(message)
        self.argument = argument
