"""An experiment that a file describes, run to its end or started in the background."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from nni_annotate.cli import count, show_diagnostics
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.formats import to_text
from nni_runner.cli import check_environment, told
from nni_runner.config.building import read_config
from nni_runner.config.model import Config
from nni_runner.config.overriding import overridden
from nni_runner.config.planning import plan_of, read_code, remarks, shell
from nni_runner.config.problems import ConfigError
from nni_runner.experiment import Place, Plan
from nni_runner.options import make
from nni_runner.report import Report
from nni_runner.session import run_experiment
from nni_runner.target import Target


@dataclass(frozen=True)
class Ready:
    """An experiment with all that is needed to start it."""

    config: Config
    target: Target
    plan: Plan
    experiments: Path

    def run(self, place: Place | None = None) -> Report:
        """Runs it to its end. Raises RunnerError, TunerError."""
        code, words = self.config.code_directory, shell(self.config.command)
        made = make(self.plan)
        return run_experiment(code, self.target, words, self.plan, made, self.experiments, place)


def get_ready(path: Path, options: dict[str, Any]) -> Ready:
    """Reads a file and its code, and tells what is worth a remark.

    `options` are those of `nni-run` that were given, by the names of its parameters: they count,
    not the file. Raises ConfigError, CompileError, RunnerError.
    """
    check_environment()
    config = read_config(path)
    experiments = options.get("experiments_dir") or config.experiments
    config = replace(config, experiments=Path(experiments).expanduser().absolute())
    target = read_code(config)
    show(remarks(config))
    show_diagnostics(target.warnings)
    plan = overridden(plan_of(config, target), options, target, config.experiments)
    return Ready(config, target, plan, config.experiments)


def show(diagnostics: tuple[Diagnostic, ...]) -> None:
    """Prints them on standard error, and how many are errors."""
    click.echo(to_text(diagnostics), err=True, nl=False)
    if errors := sum(diagnostic.is_error for diagnostic in diagnostics):
        click.echo(count(errors, "error"), err=True)


@contextmanager
def all_told() -> Iterator[None]:
    """Ends the program where a file or its code is wrong, and says all that is."""
    with told():
        try:
            yield
        except ConfigError as error:
            show(error.diagnostics)
            raise SystemExit(1) from None
