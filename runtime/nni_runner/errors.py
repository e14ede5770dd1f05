"""What this package raises."""

from __future__ import annotations


class RunnerError(Exception):
    """Base of every error that this package raises for what a user did; the message says it all."""


class UsageError(RunnerError):
    """Options that don't fit together or that something is missing from."""
