"""The trial API, as NNI's users know it: ask for parameters, report results."""

from __future__ import annotations

from nni.smartparam import (
    choice,
    function_choice,
    lognormal,
    loguniform,
    normal,
    qlognormal,
    qloguniform,
    qnormal,
    quniform,
    randint,
    uniform,
)
from nni_trial import (
    get_current_parameter,
    get_experiment_id,
    get_sequence_id,
    get_trial_id,
    in_experiment,
    report_final_result,
    report_intermediate_result,
)
from nni_trial import get_next_parameter as _get_next_parameter

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ClassArgsValidator",
    "NoMoreTrialError",
    "choice",
    "function_choice",
    "get_current_parameter",
    "get_experiment_id",
    "get_next_parameter",
    "get_next_parameters",
    "get_parameters",
    "get_sequence_id",
    "get_trial_id",
    "lognormal",
    "loguniform",
    "normal",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "report_final_result",
    "report_intermediate_result",
    "uniform",
]


class NoMoreTrialError(Exception):
    """A tuner of the user's own has nothing further to try."""


class ClassArgsValidator:
    """What NNI has arguments checked by; here the class itself says what is wrong with them."""

    def validate_class_args(self, **kwargs: Any) -> None:
        """Never called."""


def get_next_parameter() -> dict[str, Any]:
    """The parameters that the tuner chose for this trial, by key of the search space.

    Without an experiment {} and a warning, as in NNI.
    """
    if not in_experiment():
        import warnings

        message = "nni.get_next_parameter() outside an experiment: no tuner, so no parameters: {}"
        warnings.warn(message, stacklevel=2)
    return _get_next_parameter()


get_next_parameters = get_next_parameter
get_parameters = get_next_parameter
