"""One run of a target with given parameters, in the foreground; no experiment is made."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import FrameType

import click

import nni_trial
from nni_annotate.space import Parameters
from nni_runner.errors import RunnerError
from nni_runner.launchers.local import trial_environment
from nni_runner.results import ResultsFile
from nni_runner.target import Target
from nni_runner.trial import Reported


def run_once(
    target: Target, words: tuple[str, ...], parameters: Parameters, is_script: bool
) -> int:
    """Runs a command with the parameters and returns its exit code.

    A script (`python FILE ...`) runs in the target's own folder, so that what it writes stays
    where it would without this tool; any other command in the folder of the compiled code, since
    it names the files to run itself.
    """
    work = Path(tempfile.mkdtemp(prefix="nni-"))
    code = target.put(work / "code", leave_out=work)
    before = _listing(code)
    channel = work / "results.jsonl"
    results = ResultsFile(0, channel, given=parameters)
    names = (nni_trial.PARAMETERS_FILE, nni_trial.RESULTS_FILE)
    environment = trial_environment(dict.fromkeys(names, str(channel)))
    folder = code
    if is_script:
        python, script, *arguments = words
        words, folder = (python, str(code / script), *arguments), target.folder
    try:
        exit_code = _run(words, folder, environment)
    except OSError as error:
        results.close()
        shutil.rmtree(work, ignore_errors=True)
        raise RunnerError(f"{error.filename}: can't be started: {error.strerror}") from None
    finals = [e for e in results.read() if isinstance(e, Reported) and e.kind == "final"]
    results.close()
    if finals:
        click.echo(f"final result: {json.dumps(finals[0].value)}", err=True)
    if target.tree is not None and _listing(code) != before:
        click.echo(f"what was written beside the compiled code is kept in {code}", err=True)
    else:
        shutil.rmtree(work, ignore_errors=True)
    return exit_code


def _run(command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> int:
    """The command's exit code, as a shell gives it.

    Ctrl-C reaches the command from the terminal; what is sent to this process is passed on.
    """
    process = subprocess.Popen(command, cwd=folder, env=environment)

    def pass_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if number != signal.SIGINT:
            process.send_signal(number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, pass_on) for number in signals}
    try:
        code = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _listing(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}
