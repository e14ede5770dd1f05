"""What this package raises."""

from __future__ import annotations

from nni_annotate.errors import NniAnnotateError


class TunerError(NniAnnotateError, ValueError):
    """Base of every error that this package raises for what a user or a caller did."""


class NoMoreTrialError(TunerError):
    """The tuner has nothing further to try."""
