"""The trials that run, by number, and how they are brought to their ends."""

from __future__ import annotations

from nni_runner.history import History
from nni_runner.launchers.launcher import Launcher
from nni_runner.requests import Asked
from nni_runner.slot import Slot
from nni_runner.trial import Status


class Slots(dict[int, Slot]):
    """By number. What ends one is said in the slot, for when its process is gone."""

    def __init__(self, launcher: Launcher, history: History) -> None:
        super().__init__()
        self._launcher = launcher
        self._history = history

    def kill(self, number: int, asked: Asked) -> None:
        """Ends a trial that somebody wants to end; it answers when it has."""
        if number not in self:
            asked.refuse(f"trial {number} {self._why_not(number)}")
            return
        self[number].cancel(Status.USER_CANCELED, "killed by the user")
        self[number].asked.append(asked)
        self._launcher.terminate(number)

    def stop_early(self, number: int, attempt: int, cause: str) -> None:
        """Ends a trial that the assessor finds hopeless, if that attempt still runs."""
        slot = self.get(number)
        if slot is not None and slot.stop_early(self._history.trials[number], attempt, cause):
            self._launcher.terminate(number)

    def end_stuck(self, number: int) -> None:
        """Ends a fork that waits for itself before it has reported anything: it is run anew."""
        slot = self.get(number)
        if slot is not None and not self._history.trials[number].reports:
            slot.is_stuck = True
            self._launcher.kill(number)

    def end_all(self, status: Status, cause: str) -> None:
        """Ends all of them, which is no end of the trials themselves."""
        for number, slot in self.items():
            slot.cancel(status, cause, is_cut_off=True)
            self._launcher.terminate(number)

    def kill_all(self) -> None:
        """Ends all of them at once."""
        for number in self:
            self._launcher.kill(number)

    def _why_not(self, number: int) -> str:
        """Why a trial that doesn't run doesn't, as the end of a sentence."""
        trial = self._history.trials.get(number)
        if trial is not None and trial.is_over:  # one that was cut off waits to run again
            return f"has ended: {trial.status.value}"
        return "has not started"
