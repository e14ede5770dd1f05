"""A running trial, as the loop sees it: what it reports, and the end that it comes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nni_runner.launchers.launcher import End, Exited, Preload
from nni_runner.recovery import judged, late
from nni_runner.requests import Asked
from nni_runner.results import Result, ResultsFile
from nni_runner.trial import Ended, Reported, Status, Trial, after
from nni_runner.verdict import is_crash, is_worth_a_retry, verdict


@dataclass
class Slot:
    """An attempt at a trial. `older` are results of one before it, which may still come in.

    `canceled` says why it is to end, `is_cut_off` that this is no end of the trial itself,
    `is_stuck` that it hung and was ended for that, `preload` what it is a fork of; `asked` are
    those who wait for it.
    """

    number: int
    results: ResultsFile
    older: ResultsFile | None
    tell: Callable[[str], None]
    begun: float = field(default_factory=time.monotonic)
    canceled: tuple[Status, str] | None = None
    is_cut_off: bool = False
    is_stuck: bool = False
    preload: Preload | None = None
    asked: list[Asked] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    def cancel(self, status: Status, cause: str, is_cut_off: bool = False) -> None:
        """It is to end, for this reason; the first one counts."""
        if self.canceled is None:
            self.canceled, self.is_cut_off = (status, cause), is_cut_off

    def stop_early(self, trial: Trial, attempt: int, cause: str) -> bool:
        """It is to end for being hopeless; whether there is a reason to end it.

        There is none in an attempt that was judged before it, nor where the final result is there.
        The baseline is never stopped: the others are compared with it.
        """
        if self.canceled or trial.attempt != attempt or trial.has_final or trial.is_baseline:
            return False
        self.cancel(Status.EARLY_STOPPED, cause)
        return True

    def heard(self, trial: Trial) -> list[Result]:
        """What it has reported since the last time; what can't be used is told, once."""
        return self._judged(self.results.read(), trial)

    def end(self, trial: Trial, exited: Exited, retries: int) -> list[Result | Ended]:
        """Its last events. It may be tried again so many times, and as long as there is no room."""
        results = self._judged(self.results.read_all(), trial)
        for result in results:
            trial = after(trial, result)
        if exited.left:
            self.tell(f"trial {self.number} left processes behind, now ended: {exited.left}")
        status, cause = verdict(trial, exited, self.canceled)
        is_open = self.is_cut_off
        if self.canceled is None:
            cause = "hung: all of its threads waited for locks" if self.is_stuck else cause
            is_again = trial.failures < retries and is_worth_a_retry(exited)
            is_open = is_again or exited.end is End.NO_ROOM
            if self.is_doubtful(exited) and not trial.reports:
                status, is_open = Status.SYS_CANCELED, True  # perhaps for being a fork
        is_open = is_open and not trial.has_final  # one final result counts, over all attempts
        return [*results, *self._late(), self._ended(trial, status, cause, is_open, exited.at)]

    def is_doubtful(self, exited: Exited) -> bool:
        """Whether it may have crashed, or hung until its time was over, for being a fork."""
        if self.preload is None:
            return False
        is_late = exited.end is End.TIME_LIMIT and not self.preload.is_proven
        return is_late or self.is_stuck or is_crash(exited)

    def close(self) -> None:
        """Closes its files."""
        if self.results.close():
            self.tell(f"trial {self.number} ended in the middle of a report, which is lost")
        if self.older is not None:
            self.older.close()

    def answer(self, trial: Trial) -> None:
        """Tells those who wait for it what became of it."""
        cause = f", {trial.cause}" if trial.cause else ""
        for asked in self.asked:
            asked.done(f"trial {trial.number}: {trial.status.value}{cause}")

    def _ended(self, trial: Trial, status: Status, cause: str, is_open: bool, at: float) -> Ended:
        when = time.time() - (time.monotonic() - at)
        return Ended(trial.number, status, cause, at - self.begun, when, trial.attempt, is_open)

    def _late(self) -> list[Result]:
        return late(self.older.read_all()) if self.older is not None else []

    def _judged(self, results: list[Result], trial: Trial) -> list[Result]:
        found = judged(results, trial)
        for result in found:
            if isinstance(result, Reported) and result.ignored:
                self._once(f"trial {self.number} reported a second final result; the first counts")
            elif isinstance(result, Reported) and result.line and result.kind != "final":
                self._once(
                    f"trial {self.number} reported {result.value} as {result.kind} result "
                    f"(line {result.line}): no finite number"
                )
        if self.results.unread:
            line = self.results.unread[:60].decode("utf-8", "replace")
            self._once(f"trial {self.number}: what it reported can't be read: {line!r}")
        return found

    def _once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.tell(message)
