"""The command line `nni-run`."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from nni_annotate import __version__
from nni_annotate.cli import show_diagnostics
from nni_annotate.diagnostics import CompileError
from nni_runner.errors import RunnerError, UsageError
from nni_runner.experiment import (
    DEFAULT_FOLDER,
    DUPLICATES,
    LAUNCHERS,
    MAX_FAILURES,
    ON_TUNER_ERROR,
    Plan,
    seconds,
)
from nni_runner.given import read_arguments, read_parameters, read_sets
from nni_runner.messages import say
from nni_runner.once import run_once
from nni_runner.options import (
    check_assessor,
    check_limit,
    find_assessor,
    find_tuner,
    learn_from,
    make,
    read_indices,
)
from nni_runner.report import Report
from nni_runner.session import run_experiment
from nni_runner.target import find_command, read_target
from nni_tuners import TunerError

_OF_EXPERIMENTS = {
    "trials": "trials",
    "time": "duration",
    "trial-time": "trial_duration",
    "goal": "goal",
    "concurrency": "concurrency",
    "retries": "retries",
    "max-failures": "max_failures",
    "launcher": "launcher",
    "duplicates": "duplicates",
    "minimize": "minimize",
    "maximize": "maximize",
    "tuner": "tuner",
    "tuner-arg": "tuner_arguments",
    "tuner-time": "tuner_duration",
    "on-tuner-error": "on_tuner_error",
    "assessor": "assessor",
    "assessor-arg": "assessor_arguments",
    "seed": "seed",
    "no-baseline": "baseline",
    "try": "tried",
    "learn-from": "earlier",
    "gpus-per-trial": "gpus_per_trial",
    "trials-per-gpu": "trials_per_gpu",
    "gpu-indices": "gpu_indices",
    "use-active-gpus": "use_active_gpus",
    "experiments-dir": "experiments_dir",
    "json": "as_json",
}
_OF_GPUS = ("trials-per-gpu", "gpu-indices", "use-active-gpus")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1)
@click.option("--config", "file", metavar="FILE", type=click.Path(path_type=Path),
              help="Instead of TARGET, a file in one of NNI's formats; options win.")  # fmt: skip
@click.option("--trials", type=click.IntRange(min=1),
              help="How many to run, the baseline among them; 20 without --time.")  # fmt: skip
@click.option("--time", "duration", metavar="DURATION",
              help="Stop after this long: 90s, 30m, 1h30m.")  # fmt: skip
@click.option("--trial-time", "trial_duration", metavar="DURATION",
              help="End a trial that takes longer.")  # fmt: skip
@click.option("--goal", metavar="VALUE", type=float,
              help="Stop as soon as a trial's result is as good as this.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1), default=1, show_default=True,
              help="How many trials to run at the same time.")  # fmt: skip
@click.option("--retries", type=click.IntRange(min=0), default=0, show_default=True,
              help="How often a trial that was killed or lost is tried again.")  # fmt: skip
@click.option("--max-failures", type=click.IntRange(min=1), default=MAX_FAILURES,
              show_default=True, help="Stop after so many failed trials in a row.")  # fmt: skip
@click.option("--launcher", type=click.Choice(LAUNCHERS), default="preloaded", show_default=True,
              help="Whether trials are forks of a Python that has done their imports.")  # fmt: skip
@click.option("--duplicates", type=click.Choice(DUPLICATES), default="skip", show_default=True,
              help="What to do about parameters that have been tried.")  # fmt: skip
@click.option("--minimize", is_flag=True, help="Lower results are better.")
@click.option("--maximize", is_flag=True, help="Higher results are better.")
@click.option("--tuner", default="auto", show_default=True,
              help="Who chooses the parameters: auto, TPE, GP, Metis, Random, GridSearch, "
                   "Anneal, SMAC, Evolution, RegularizedEvolution, CMA-ES, QMC, BatchTuner, "
                   "PBTTuner, Hyperband, BOHB or optuna:SAMPLER.")  # fmt: skip
@click.option("--tuner-arg", "tuner_arguments", metavar="NAME=VALUE", multiple=True,
              help="An argument of the tuner, such as population_size=16.")  # fmt: skip
@click.option("--tuner-time", "tuner_duration", metavar="DURATION", default="60s",
              show_default=True, help="How long the tuner may take for a suggestion.")  # fmt: skip
@click.option("--on-tuner-error", type=click.Choice(ON_TUNER_ERROR), default="random",
              show_default=True,
              help="Where one takes longer or fails: do without its answer, or stop.")  # fmt: skip
@click.option("--assessor", help="Who stops hopeless trials early: Medianstop or Curvefitting.")
@click.option("--assessor-arg", "assessor_arguments", metavar="NAME=VALUE", multiple=True,
              help="An argument of the assessor, such as start_step=5.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0),
              help="Makes the tuner's choices repeatable.")  # fmt: skip
@click.option("--baseline/--no-baseline", default=True, show_default=True,
              help="Whether trial 0 runs the script's own values.")  # fmt: skip
@click.option("--try", "tried", metavar="PARAMS.json", multiple=True,
              type=click.Path(path_type=Path),
              help="Run these first, after the baseline; may be given several times.")  # fmt: skip
@click.option("--learn-from", "earlier", metavar="ID|FOLDER", multiple=True,
              help="Tell the tuner what this earlier experiment found.")  # fmt: skip
@click.option("--gpus-per-trial", metavar="N", type=click.IntRange(min=0),
              help="How many GPUs each trial gets for itself; 0 hides them all.")  # fmt: skip
@click.option("--trials-per-gpu", type=click.IntRange(min=1), default=1, show_default=True,
              help="How many trials may share a GPU.")  # fmt: skip
@click.option("--gpu-indices", metavar="0,2,...",
              help="The GPUs that may be used, as nvidia-smi counts; else all.")  # fmt: skip
@click.option("--use-active-gpus", is_flag=True,
              help="Use GPUs also where others have processes on them.")  # fmt: skip
@click.option("--script", metavar="FILE", help="The script to run, where several could be.")
@click.option("--command", metavar="COMMAND", help='What to run instead, such as "bash train.sh".')
@click.option("--with", "parameters", metavar="PARAMS.json", type=click.Path(path_type=Path),
              help="Run once, in the foreground, with these; no experiment.")  # fmt: skip
@click.option("--experiments-dir", type=click.Path(path_type=Path), default=DEFAULT_FOLDER,
              show_default=True, help="Where experiments are kept.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.version_option(__version__)
def main(
    target: Path | None,
    arguments: tuple[str, ...],
    file: Path | None,
    trials: int | None,
    duration: str | None,
    trial_duration: str | None,
    goal: float | None,
    concurrency: int,
    retries: int,
    max_failures: int,
    launcher: str,
    duplicates: str,
    minimize: bool,
    maximize: bool,
    tuner: str,
    tuner_arguments: tuple[str, ...],
    tuner_duration: str,
    on_tuner_error: str,
    assessor: str | None,
    assessor_arguments: tuple[str, ...],
    seed: int | None,
    baseline: bool,
    tried: tuple[Path, ...],
    earlier: tuple[str, ...],
    gpus_per_trial: int | None,
    trials_per_gpu: int,
    gpu_indices: str | None,
    use_active_gpus: bool,
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
    if file is not None:
        run_file(click.get_current_context(), file)
    if target is None:
        raise click.UsageError("Missing argument 'TARGET'.")
    with told():
        check_environment()
        if parameters is not None:
            _refuse_with(click.get_current_context())
        elif minimize == maximize:
            raise UsageError("say --maximize or --minimize: is a higher result better or a lower?")
        if not gpus_per_trial:
            _refuse_without_gpus(click.get_current_context())
        found, named = find_tuner(tuner), read_arguments(tuner_arguments)
        found |= find_assessor(assessor) if assessor is not None else {}
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
            **found,
            seed=secrets.randbits(31) if seed is None else seed,
            baseline=baseline and checked.is_annotated,
            tuner_arguments=named,
            tried=tuple(values for path in tried for values in read_sets(path, checked)),
            learned=tuple(result for lesson in lessons for result in lesson.results),
            trial_seconds=seconds(trial_duration) if trial_duration is not None else None,
            goal=goal,
            retries=retries,
            max_failures=max_failures,
            launcher=launcher,
            duplicates=duplicates,
            on_tuner_error=on_tuner_error,
            assessor_arguments=read_arguments(assessor_arguments, "--assessor-arg"),
            tuner_seconds=seconds(tuner_duration),
            gpus_per_trial=gpus_per_trial,
            trials_per_gpu=trials_per_gpu,
            gpu_indices=read_indices(gpu_indices) if gpu_indices is not None else None,
            use_active_gpus=use_active_gpus,
        )
        check_limit(plan)
        made = make(plan)
        check_assessor(plan)
        for lesson in lessons:
            say(lesson.to_text())
        report = run_experiment(target, checked, words, plan, made, experiments_dir)
    finish(report, as_json)


def run_file(context: click.Context, file: Path) -> NoReturn:
    """Runs the experiment of a file; what the command line says counts more."""
    from nni_runner.config.starting import all_told, get_ready

    options = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    named = {"target": "TARGET", "arguments": "ARGUMENTS", "parameters": "--with"}
    refused = [named.get(n, f"--{n}") for n in (*named, "script", "command") if options.get(n)]
    with all_told():
        if refused:
            raise UsageError(f"--config says what to run; leave out {', '.join(refused)}")
        report = get_ready(file, options).run()
    finish(report, as_json="as_json" in options)


def check_environment() -> None:
    """Refuses an environment in which Microsoft's package has taken the place of this one's."""
    for folder in sys.path:  # importlib.metadata takes long to import
        for found in Path(folder).glob("nni-*.dist-info"):
            version = found.stem.partition("-")[2]
            raise RunnerError(
                f"Microsoft's nni {version} is installed in this environment; it and nni-annotate "
                "both provide the module nni. Run pip uninstall nni, then install nni-annotate "
                "once more, with pip install --force-reinstall --no-deps, from where you "
                "installed it"
            )


def _refuse_with(context: click.Context) -> None:
    """--with runs one trial of no experiment: options of an experiment contradict it."""
    if given := _given(context, _OF_EXPERIMENTS):
        raise UsageError(f"--with makes no experiment; leave out {', '.join(given)}")


def _refuse_without_gpus(context: click.Context) -> None:
    """Options that say which GPUs mean nothing where trials get none."""
    if given := _given(context, _OF_GPUS):
        raise UsageError(
            f"{', '.join(given)}: expected --gpus-per-trial beside it, 1 or more: without that "
            "trials are given no GPUs"
        )


def _given(context: click.Context, names: Iterable[str]) -> list[str]:
    """Those of these options that the command line has."""
    return [
        f"--{name}"
        for name in names
        if context.get_parameter_source(_OF_EXPERIMENTS[name])
        is click.core.ParameterSource.COMMANDLINE
    ]


@contextmanager
def told() -> Iterator[None]:
    """Ends the program where the user did something wrong, and says what."""
    try:
        yield
    except CompileError as error:
        show_diagnostics(error.diagnostics)
        sys.exit(1)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except (RunnerError, TunerError) as error:
        say(f"error: {error}")
        sys.exit(1)


def finish(report: Report, as_json: bool) -> NoReturn:
    """Prints the result, and ends the program as it deserves."""
    _print(report, as_json)
    sys.exit(_exit_code(report))


def _print(report: Report, as_json: bool) -> None:
    text = json.dumps(report.to_json(), allow_nan=False) + "\n" if as_json else report.to_text()
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # somebody wanted the beginning only
    except OSError as error:
        message = f"error: the result can't be printed: {error.strerror}; it is in"
        say(f"{message} {report.place.folder}")
        sys.exit(1)


def _exit_code(report: Report) -> int:
    outcome = report.outcome
    if outcome.signal is not None:
        return 128 + outcome.signal
    return 0 if report.best is not None and outcome.status == "done" else 1
