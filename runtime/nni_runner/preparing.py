"""What a trial finds when it starts: its folders, the files in them and its environment."""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path

import nni_trial
from nni_annotate.space import Parameters, SearchSpace
from nni_runner.errors import RunnerError, can_not_write
from nni_runner.experiment import Place
from nni_runner.results import ResultsFile
from nni_runner.trial import Trial
from nni_tuners import Tuner


class NoRoomError(RunnerError):
    """The machine has no room for another trial now."""


def prepare(
    place: Place, code: Path, trial: Trial, attempt: int, tuner: Tuner
) -> tuple[ResultsFile, dict[str, str]]:
    """Makes an attempt's files; the one that it reports to, and its environment.

    The tuner says what the trial is given. What an attempt before it printed is kept beside.
    Raises StorageError where they can't be written, NoRoomError where no more files can be open.
    """
    number = trial.number
    output, results = place.output(number), place.results(number, attempt)
    try:
        output.mkdir(exist_ok=True)
        for name in ("stdout", "stderr") if attempt > 1 else ():
            with contextlib.suppress(FileNotFoundError):
                (output / name).rename(output / f"{name}.{attempt - 1}")
        # The baseline gets no values: the code's own hold, also those nobody could read off.
        given = {} if trial.is_baseline else tuner.given(trial.parameters, trial.extra)
        _write_parameters(place, number, trial.parameters)
        if trial.checkpoint:
            Path(trial.checkpoint).mkdir(parents=True, exist_ok=True)
        file = ResultsFile(number, results, attempt, given)
    except OSError as error:
        problem = can_not_write(error.filename or output, error)
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise NoRoomError(str(problem)) from None
        raise problem from None
    return file, {
        "NNI_PLATFORM": "local",
        "NNI_EXP_ID": place.id,
        "NNI_TRIAL_JOB_ID": f"{place.id}-{number}",
        "NNI_TRIAL_SEQ_ID": str(number),
        "NNI_OUTPUT_DIR": str(output),
        "NNI_SYS_DIR": str(output),
        "NNI_CODE_DIR": str(code),
        nni_trial.PARAMETERS_FILE: str(results),
        nni_trial.RESULTS_FILE: str(results),
    }


def write_rerunnable(
    place: Place, baseline: Trial, defaults: Parameters, space: SearchSpace
) -> None:
    """Writes the file for the user anew, with the script's own values as far as they are known.

    Those are left out that could not be given to it: they hold. A value that its text tells is
    known for its own; one that running it told has to lie in the space.
    """
    own = {
        key: value
        for key, value in baseline.parameters.items()
        if key in defaults
        or (key in space and SearchSpace({key: space[key]}).contains({key: value}))
    }
    with contextlib.suppress(OSError):
        _write_parameters(place, baseline.number, own)


def _write_parameters(place: Place, number: int, parameters: Parameters) -> None:
    """The file for the user, from which the trial can be run again. Raises OSError."""
    text = json.dumps(parameters, indent=4) + "\n"
    (place.output(number) / "parameters.json").write_text(text, encoding="utf-8")
