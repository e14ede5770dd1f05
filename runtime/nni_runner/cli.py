"""The command line `nni-run`."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import sys
import time
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import click

from nni_annotate import __version__
from nni_annotate.cli import show_diagnostics
from nni_annotate.diagnostics import CompileError
from nni_runner.control import Control
from nni_runner.errors import RunnerError, UsageError
from nni_runner.experiment import DEFAULT_FOLDER, Place, Plan, make_place, seconds
from nni_runner.failure import explain_failure
from nni_runner.given import read_arguments, read_parameters, read_sets
from nni_runner.launchers.launcher import Interrupted, Notices
from nni_runner.launchers.local import LocalLauncher
from nni_runner.loop import Loop
from nni_runner.once import run_once
from nni_runner.options import check_limit, find_name, learn_from, make
from nni_runner.progress import make_progress
from nni_runner.report import Report
from nni_runner.running import Lock
from nni_runner.store import Store
from nni_runner.target import Target, find_command, read_target
from nni_tuners import Tuner, TunerError

_OF_EXPERIMENTS = {
    "trials": "trials",
    "time": "duration",
    "concurrency": "concurrency",
    "minimize": "minimize",
    "maximize": "maximize",
    "tuner": "tuner",
    "tuner-arg": "tuner_arguments",
    "seed": "seed",
    "no-baseline": "baseline",
    "try": "tried",
    "learn-from": "earlier",
    "experiments-dir": "experiments_dir",
    "json": "as_json",
}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1)
@click.option("--trials", type=click.IntRange(min=1),
              help="How many to run, the baseline among them; 20 without --time.")  # fmt: skip
@click.option("--time", "duration", metavar="DURATION",
              help="Stop after this long: 90s, 30m, 1h30m.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1), default=1, show_default=True,
              help="How many trials to run at the same time.")  # fmt: skip
@click.option("--minimize", is_flag=True, help="Lower results are better.")
@click.option("--maximize", is_flag=True, help="Higher results are better.")
@click.option("--tuner", default="auto", show_default=True,
              help="Who chooses the parameters: auto, TPE, GP, Metis, Random, GridSearch, "
                   "Anneal, SMAC, Evolution, RegularizedEvolution, CMA-ES, QMC, BatchTuner, "
                   "PBTTuner or optuna:SAMPLER.")  # fmt: skip
@click.option("--tuner-arg", "tuner_arguments", metavar="NAME=VALUE", multiple=True,
              help="An argument of the tuner, such as population_size=16.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0),
              help="Makes the tuner's choices repeatable.")  # fmt: skip
@click.option("--baseline/--no-baseline", default=True, show_default=True,
              help="Whether trial 0 runs the script's own values.")  # fmt: skip
@click.option("--try", "tried", metavar="PARAMS.json", multiple=True,
              type=click.Path(path_type=Path),
              help="Run these first, after the baseline; may be given several times.")  # fmt: skip
@click.option("--learn-from", "earlier", metavar="ID|FOLDER", multiple=True,
              help="Tell the tuner what this earlier experiment found.")  # fmt: skip
@click.option("--script", metavar="FILE", help="The script to run, where several could be.")
@click.option("--command", metavar="COMMAND", help='What to run instead, such as "bash train.sh".')
@click.option("--with", "parameters", metavar="PARAMS.json", type=click.Path(path_type=Path),
              help="Run once, in the foreground, with these; no experiment.")  # fmt: skip
@click.option("--experiments-dir", type=click.Path(path_type=Path), default=DEFAULT_FOLDER,
              show_default=True, help="Where experiments are kept.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.version_option(__version__)
def main(
    target: Path,
    arguments: tuple[str, ...],
    trials: int | None,
    duration: str | None,
    concurrency: int,
    minimize: bool,
    maximize: bool,
    tuner: str,
    tuner_arguments: tuple[str, ...],
    seed: int | None,
    baseline: bool,
    tried: tuple[Path, ...],
    earlier: tuple[str, ...],
    script: str | None,
    command: str | None,
    parameters: Path | None,
    experiments_dir: Path,
    as_json: bool,
) -> None:
    """Run TARGET as trials, each with parameters that a tuner chose; print the best ones.

    TARGET is an annotated script or folder, or what nni-annotate made of it. ARGUMENTS after --
    go to the script.

    \b
    Exit codes: 0 done; 1 errors in the source, or no trial succeeded; 2 wrong usage;
    130 interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP); with --with the script's own.
    """
    try:
        check_environment()
        if parameters is not None:
            _refuse_with(click.get_current_context())
        elif minimize == maximize:
            raise UsageError("say --maximize or --minimize: is a higher result better or a lower?")
        tuner, named = find_name(tuner), read_arguments(tuner_arguments)
        time_limit = seconds(duration) if duration is not None else None
        checked = read_target(target, experiments_dir.expanduser())
        show_diagnostics(checked.warnings)
        words = find_command(checked, script, command, arguments)
        if parameters is not None:
            given = read_parameters(parameters, checked)
            sys.exit(run_once(checked, words, given, is_script=command is None))
        lessons = learn_from(earlier, experiments_dir.expanduser(), checked, maximize)
        plan = Plan(
            maximize=maximize,
            trials=20 if trials is None and time_limit is None else trials,
            seconds=time_limit,
            concurrency=concurrency,
            tuner=tuner,
            seed=secrets.randbits(31) if seed is None else seed,
            baseline=baseline and checked.is_annotated,
            tuner_arguments=named,
            tried=tuple(values for path in tried for values in read_sets(path, checked)),
            learned=tuple(result for lesson in lessons for result in lesson.results),
        )
        check_limit(plan)
        made = make(plan)
        for lesson in lessons:
            click.echo(lesson.to_text(), err=True)
        report = run_experiment(target, checked, words, plan, made, experiments_dir)
    except CompileError as error:
        show_diagnostics(error.diagnostics)
        sys.exit(1)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except (RunnerError, TunerError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    _print(report, as_json)
    sys.exit(_exit_code(report))


def run_experiment(
    path: Path,
    target: Target,
    command: tuple[str, ...],
    plan: Plan,
    tuner: Tuner,
    experiments: Path,
) -> Report:
    """Runs a new experiment to its end. Raises RunnerError, TunerError."""
    if not target.space:
        raise RunnerError(f"{path}: nothing to tune: the search space is empty")
    tuner.update_search_space(target.space.to_json())
    # The best come last: a tuner that forgets some forgets the earliest.
    results = sorted(plan.learned, key=lambda known: known["value"], reverse=not plan.maximize)
    tuner.import_data(results)
    place = make_place(experiments)
    lock = Lock(place)
    tuner.checkpoints = tuner.checkpoints or place.checkpoints
    code = target.put(place.code, leave_out=place.folder.parent)
    store = Store(place.history, create=True)
    store.describe(
        {
            "id": place.id,
            "target": str(path),
            "command": command,
            "search_space": target.space.to_json(),
            "defaults": target.defaults,
            "optimize_mode": plan.optimize_mode,
            "tuner": plan.tuner,
            "tuner_arguments": plan.tuner_arguments,
            "seed": plan.seed,
            "trials": plan.trials,
            "seconds": plan.seconds,
            "concurrency": plan.concurrency,
            "baseline": plan.baseline,
            "tried": plan.tried,
            "learned": plan.learned,
        }
    )
    notices = Notices()
    # One that is ignored stays so: that is how nohup and scripts keep a program running.
    heard = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    handlers = {number: _notify(notices, number) for number in heard}
    begun = time.monotonic()
    progress = make_progress(plan, place.id)
    control = _open_to_others(place, notices)
    try:
        loop = Loop(
            plan, place, code, command, target.space, target.defaults or {}, tuner, store,
            LocalLauncher(notices), notices, progress.show, progress.tell,
        )  # fmt: skip
        outcome = loop.run()
        with contextlib.suppress(RunnerError):  # a full disk, say
            store.describe({"status": outcome.status, "reason": outcome.reason})
    finally:
        progress.close()
        store.close()
        lock.release()
        if control is not None:
            control.close()  # whoever waits for the end may count on all of the above
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if outcome.status == "failed" and loop.history.best(plan.maximize) is not None:
        click.echo(f"error: {outcome.reason}", err=True)
    report = Report(
        loop.plan, place, str(path), target.space, loop.history, outcome, time.monotonic() - begun
    )
    explain_failure(report.history, place)
    return report


def _open_to_others(place: Place, notices: Notices) -> Control | None:
    """Lets nnictl ask for things; without that an experiment runs all the same."""
    try:
        return Control(place, notices)
    except OSError as error:
        click.echo(f"nnictl can't control this experiment: {error}", err=True)
        return None


def check_environment() -> None:
    """Refuses an environment in which Microsoft's package has taken the place of this one's."""
    try:
        version = metadata.version("nni")
    except metadata.PackageNotFoundError:
        return
    raise RunnerError(
        f"Microsoft's nni {version} is installed in this environment; it and nni-annotate both "
        "provide the module nni. Run pip uninstall nni, then install nni-annotate once more, with "
        "pip install --force-reinstall --no-deps, from where you installed it"
    )


def _notify(notices: Notices, number: int) -> Any:
    """Turns a signal into a notice; returns the handler that was there before."""

    def handler(received: int, frame: FrameType | None) -> None:  # noqa: ARG001
        notices.put(Interrupted(received))

    return signal.signal(number, handler)


def _refuse_with(context: click.Context) -> None:
    """--with runs one trial of no experiment: options of an experiment contradict it."""
    given = [
        f"--{name}"
        for name, option in _OF_EXPERIMENTS.items()
        if context.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(f"--with makes no experiment; leave out {', '.join(given)}")


def _print(report: Report, as_json: bool) -> None:
    text = json.dumps(report.to_json(), allow_nan=False) + "\n" if as_json else report.to_text()
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # somebody wanted the beginning only
    except OSError as error:
        message = f"error: the result can't be printed: {error.strerror}; it is in"
        click.echo(f"{message} {report.place.folder}", err=True)
        sys.exit(1)


def _exit_code(report: Report) -> int:
    outcome = report.outcome
    if outcome.signal is not None:
        return 128 + outcome.signal
    return 0 if report.best is not None and outcome.status == "done" else 1
