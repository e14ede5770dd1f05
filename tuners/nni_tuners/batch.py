"""Batch: parameter sets that somebody wrote down, each run once."""

from __future__ import annotations

from nni_annotate.domains import Choice
from nni_annotate.space import Parameters
from nni_tuners.encode import Floats
from nni_tuners.errors import NoMoreTrialError, TunerError
from nni_tuners.novelty import novelty
from nni_tuners.tuner import Tuner


class BatchTuner(Tuner):
    """Runs the options of a single choice in their order, NNI's `combine_params`, and stops.

    A trial gets the option alone where that is a set of parameters, as from NNI. What has been
    tried otherwise is not tried again.
    """

    def given(self, parameters: Parameters, extra: Parameters) -> Parameters:
        """The option, if it is a set of parameters."""
        options = list(parameters.values())
        if len(options) == 1 and isinstance(options[0], dict):
            return dict(options[0])
        return super().given(parameters, extra)

    def prepare(self) -> None:
        """Raises TunerError unless the search space is one choice whose options are values."""
        domains = list(self.code.space.values())
        if len(domains) != 1:
            raise TunerError(f"{_EXPECTED}; found {len(domains)} parameters")
        [(key, domain)] = self.code.space.items()
        if not isinstance(domain, Choice):
            raise TunerError(f"{key}: {_EXPECTED}; found {domain.type}")
        if len(self.code.columns) > 1:
            raise TunerError(f"{key}: {_EXPECTED}; found an option with a search space of its own")

    def suggest(self) -> Floats:
        """The first option that is untried.

        Raises NoMoreTrialError where there is none.
        """
        is_untried = novelty(self)
        [(key, domain)] = self.code.space.items()
        assert isinstance(domain, Choice)
        for option in domain.labels:
            row = self.code.encode({key: option})
            if is_untried(row):
                return row
        raise NoMoreTrialError("every option has been tried")


_EXPECTED = "BatchTuner takes one choice, whose options are sets of parameters"
