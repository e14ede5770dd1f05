"""What compiled code calls, and what `nni` re-exports: parameters in, results out.

The runner hands a trial a file: its first line has the parameters, results are appended to it. A
result is on disk when a report returns, whatever happens to the runner; its number, written into
the runner's bell, a named pipe, only makes it look sooner. Without a runner every call is without
effect.
"""

from __future__ import annotations

import os

from nni_trial.brief_json import dumps, loads

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

# The runner sets these; see nni_runner.launchers.
PARAMETERS_FILE = "NNI_PARAMETERS_FILE"
RESULTS_FILE = "NNI_RESULTS_FILE"
BELL = "NNI_BELL"

_LARGEST = 1.7976931348623157e308  # of the numbers that can be ranked
_STANDALONE = "STANDALONE"  # NNI's own word for a trial without an experiment


class _Trial:
    """What this process was given, read when first needed, and the way back."""

    def __init__(self) -> None:
        self._parameters: dict[str, Any] | None = None
        self._noted: dict[str, Any] = {}

    @property
    def parameters(self) -> dict[str, Any]:
        """What the tuner chose, {} without an experiment."""
        if self._parameters is None:
            self._parameters = _read_parameters()
        return self._parameters

    def note_original(self, key: str, value: Any) -> None:
        """Tells the runner what value the script itself holds, and if it holds several."""
        if not in_experiment() or self._noted.get(key, self) is _SEVERAL:
            return
        plain = _scalar(value) if _is_plain(value) else value
        if key not in self._noted:
            self._noted[key] = plain
            if isinstance(plain, (bool, int, float, str)) or plain is None:
                _send({"kind": "original", "key": key, "value": plain})
        elif type(plain) is not type(self._noted[key]) or plain != self._noted[key]:
            self._noted[key] = _SEVERAL
            _send({"kind": "varies", "key": key, "value": None})


_SEVERAL = object()
_LIBRARIES = frozenset({"numpy", "torch", "tensorflow", "jax", "jaxlib", "decimal", "fractions"})


def _send(record: dict[str, Any]) -> None:
    """Appends one line to the results; it is on disk when this returns.

    The file is opened anew each time: a script may close descriptors or fork as it likes.
    """
    import time

    path = os.environ.get(RESULTS_FILE)
    if path is None:
        return
    record["time"] = time.time()
    line = dumps(record, _json_fallback).encode() + b"\n"
    _append(path, line)
    _ring()


_PAUSE_S = 0.5


def _append(path: str, data: bytes) -> None:
    """Waits where the disk is full or fails, or somebody has moved the experiment's folder."""
    is_told = False
    while data:
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                data = data[os.write(file, data) :]
            finally:
                os.close(file)
        except OSError as error:
            import errno
            import sys
            import time

            names = ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "ESTALE", "ENOENT")
            if error.errno not in [getattr(errno, name) for name in names]:
                raise
            if not is_told:
                message = f"nni: {path}: {error.strerror}; waiting until it can be written"
                print(message, file=sys.stderr, flush=True)
                is_told = True
            time.sleep(_PAUSE_S)


def _ring() -> None:
    """Wakes the runner; if it is gone or busy, the result is in the file all the same."""
    try:
        bell = os.open(os.environ[BELL], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(bell, f"{get_sequence_id()}\n".encode())
        finally:
            os.close(bell)
    except (OSError, KeyError, ValueError):
        pass


def _read_parameters() -> dict[str, Any]:
    path = os.environ.get(PARAMETERS_FILE)
    if path is None:
        return {}
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
        parameters: dict[str, Any] = loads(file.readline())["given"]
    return parameters


_trial = _Trial()


def in_experiment() -> bool:
    """Whether this process is a trial that somebody waits for."""
    return RESULTS_FILE in os.environ


def is_tuned(key: str) -> bool:
    """Whether the tuner chose a value for this key of the search space."""
    return key in _trial.parameters


def parameter(key: str, original: Any = None) -> Any:
    """The tuner's value for a key of the search space, or the script's own."""
    return _trial.parameters.get(key, original)


def chose(key: str, *options: Any) -> bool:
    """Whether the tuner chose this option, by type and value.

    Of a nested choice, an object with the option's `_name`, the options are those on the way in.
    """
    value = _trial.parameters.get(key, _trial)
    for option in options:
        name, inside = value, None
        if isinstance(value, dict) and "_name" in value:
            name, inside = value["_name"], value.get(option)
        if type(name) is not type(option) or repr(name) != repr(option):  # 0.0 is not -0.0
            return False
        value = inside
    return True


def nested(key: str, *options: str) -> Any:
    """The tuner's value inside these options of a nested choice."""
    value = _trial.parameters[key]
    for option in options:
        value = value[option]
    return value


def chose_layer(key: str, layer: str, call: str) -> bool:
    """Whether the tuner chose this call for a mutable layer."""
    chosen = _trial.parameters.get(key)
    return chosen is not None and bool(chosen[layer]["chosen_layer"] == call)


def takes_input(key: str, layer: str, name: str, original: bool) -> bool:
    """Whether a mutable layer takes this optional input; `original` without an experiment."""
    chosen = _trial.parameters.get(key)
    return original if chosen is None else name in chosen[layer]["chosen_inputs"]


def layer(function: Any, /, *arguments: Any, **keywords: Any) -> Any:
    """A layer that only lacks its inputs, which become the first argument."""
    return lambda inputs: function(inputs, *arguments, **keywords)


def original(key: str, value: Any) -> Any:
    """`value` itself, the script's own, after telling the runner what it is."""
    _trial.note_original(key, value)
    return value


def get_next_parameter() -> dict[str, Any]:
    """The parameters of this trial by key, {} without an experiment."""
    return dict(_trial.parameters)


def get_current_parameter(tag: str | None = None) -> Any:
    """The parameters of this trial, or the one called `tag`; None where there is none."""
    return get_next_parameter() if tag is None else _trial.parameters.get(tag)


def report_intermediate_result(metric: Any) -> None:
    """Reports how the trial is doing: a number, or a dict with a number under `default`.

    A numpy or torch scalar counts as a number. Raises TypeError for anything else.
    """
    _report("intermediate", metric)


def report_final_result(metric: Any) -> None:
    """Reports what the tuner is told: a number, or a dict with a number under `default`.

    A numpy or torch scalar counts as a number. Raises TypeError for anything else.
    """
    _report("final", metric)


def get_experiment_id() -> str:
    """The experiment's id, "STANDALONE" without one."""
    return os.environ.get("NNI_EXP_ID", _STANDALONE)


def get_trial_id() -> str:
    """The trial's id, "STANDALONE" without an experiment."""
    return os.environ.get("NNI_TRIAL_JOB_ID", _STANDALONE)


def get_sequence_id() -> int:
    """The trial's number in its experiment, counted from 0; 0 without an experiment."""
    return int(os.environ.get("NNI_TRIAL_SEQ_ID", "0"))


def _report(kind: str, metric: Any) -> None:
    value = _metric(f"report_{kind}_result", metric)
    if not in_experiment():
        _show(f"nni: {kind} result {value}")
        return
    record = {"kind": kind, "value": value}
    number = value["default"] if isinstance(value, dict) else value
    if not abs(number) <= _LARGEST:  # NaN too: whoever reads of it wants to know where to look
        record["line"] = _line_of_caller(3)
    _send(record)


def _show(text: str) -> None:
    """On standard output, as NNI does where nobody waits for a result."""
    try:  # noqa: SIM105 - contextlib takes its time
        print(text, flush=True)
    except (OSError, ValueError):  # it is closed, and nothing depends on it
        pass


def _line_of_caller(depth: int) -> str:
    """FILE:LINE of the code so many calls above, the file relative to the trial's code."""
    import sys

    frame = sys._getframe(depth)
    path, folder = frame.f_code.co_filename, os.environ.get("NNI_CODE_DIR", "")
    if folder and os.path.isabs(path) and path.startswith(os.path.join(folder, "")):  # noqa: PTH117, PTH118
        path = os.path.relpath(path, folder)
    return f"{path}:{frame.f_lineno}"


def _metric(caller: str, metric: Any) -> Any:
    if isinstance(metric, dict) and "default" in metric:
        return {str(key): value for key, value in metric.items()} | {
            "default": _number(caller, metric["default"])
        }
    return _number(caller, metric)


def _number(caller: str, value: Any) -> int | float:
    plain = _scalar(value)
    if isinstance(plain, (int, float)) and not isinstance(plain, bool):
        return plain
    shown = repr(value)
    raise TypeError(
        f"nni.{caller} expected a number, or a dict with a number under 'default', found "
        f"{type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
    )


def _is_plain(value: Any) -> bool:
    """Whether this is a plain value, or a number of a library: nothing else is to be touched."""
    if isinstance(value, (bool, int, float, str)) or value is None:
        return True
    return type(value).__module__.partition(".")[0] in _LIBRARIES


def _scalar(value: Any) -> Any:
    """A plain Python value for a numpy, torch, tensorflow or jax scalar; else the value."""
    if isinstance(value, (bool, int, float, str)) or value is None:
        for plain in (bool, int, float, str):  # numpy.float64 and IntEnum are subclasses
            if isinstance(value, plain):
                return plain(value)
        return value
    kind = type(value)  # a value of the user's own may do anything when it is asked for names
    if hasattr(kind, "numpy") and not hasattr(kind, "item"):  # a tensorflow tensor
        value = value.numpy()
        kind = type(value)
    if hasattr(kind, "item"):
        try:
            return value.item()
        except (TypeError, ValueError, RuntimeError):
            return value
    if hasattr(kind, "__float__"):  # Decimal, Fraction
        return float(value)
    return value


def _json_fallback(value: Any) -> Any:
    """What stands in a record for a value that JSON doesn't know."""
    plain = _scalar(value)
    if plain is not value:
        return plain
    return value.tolist() if hasattr(value, "tolist") else str(value)
