"""Everything that is wrong in a file, told in one go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic
from nni_runner.errors import RunnerError


class ConfigError(RunnerError):
    """A file that no experiment can be run by, with all that is wrong in it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics)))
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))

    @classmethod
    def of_file(cls, path: Path, message: str) -> ConfigError:
        """What is wrong with a file as a whole."""
        return cls([Diagnostic(str(path), message=message)])
