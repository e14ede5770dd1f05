"""What a tuner of the user's own is a subclass of, as in NNI."""

from __future__ import annotations

from nni import NoMoreTrialError

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Tuner"]


class Tuner:
    """Proposes parameters and learns from results.

    `update_search_space` and `receive_trial_result` have to be there, and `generate_parameters` or
    `generate_multiple_parameters`. Ids of parameters are the trials' numbers.
    """

    def update_search_space(self, search_space: dict[str, Any]) -> None:
        """Take the search space: `_type` and `_value` by key."""
        raise NotImplementedError(f"{type(self).__name__} has no update_search_space")

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Any:
        """A trial's parameters, a dict by key. Raises nni.NoMoreTrialError where there are none."""
        raise NotImplementedError(f"{type(self).__name__} has no generate_parameters")

    def generate_multiple_parameters(
        self, parameter_id_list: list[int], **kwargs: Any
    ) -> list[Any]:
        """Those of as many of these trials as there are, from the first on."""
        many: list[Any] = []
        for parameter_id in parameter_id_list:
            try:
                many.append(self.generate_parameters(parameter_id, **kwargs))
            except NoMoreTrialError:
                break
        return many

    def receive_trial_result(
        self, parameter_id: int, parameters: Any, value: Any, **kwargs: Any
    ) -> None:
        """Learn a final result, as the trial reported it: `nni.utils.extract_scalar_reward`."""
        raise NotImplementedError(f"{type(self).__name__} has no receive_trial_result")

    def extract_scalar_reward(self, value: Any, scalar_key: str = "default") -> float:
        """What `nni.utils.extract_scalar_reward` does, in NNI's 0.x a tuner's own."""
        from nni.utils import extract_scalar_reward

        return extract_scalar_reward(value, scalar_key)

    def trial_end(self, parameter_id: int, success: bool, **kwargs: Any) -> None:
        """Learn that a trial is over."""

    def import_data(self, data: list[dict[str, Any]]) -> None:
        """Learn results of parameters that others chose, each a `parameter` and its `value`."""

    def load_checkpoint(self) -> None:
        """Never called: a tuner lives through the history once more instead."""

    def save_checkpoint(self) -> None:
        """Never called."""

    def _accept_customized_trials(self, accept: bool = True) -> None:
        """Whether results of parameters that others chose come to `receive_trial_result` too."""
        self._accept_customized = accept
