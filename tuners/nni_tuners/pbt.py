"""Population based training: the worse go on from the checkpoints of the better, who are varied.

Jaderberg, Dalibard, Osindero, Czarnecki, Donahue, Razavi, Vinyals, Green, Dunning, Simonyan,
Fernando, Kavukcuoglu, Population Based Training of Neural Networks, arXiv:1711.09846 (2017):
algorithm 1, with the truncation selection of section 4.1.1.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nni_annotate.domains import Value, show
from nni_annotate.space import Parameters
from nni_tuners.arguments import check_count, check_number, check_share
from nni_tuners.encode import Floats
from nni_tuners.errors import TunerError
from nni_tuners.exploration import explored
from nni_tuners.start import Start
from nni_tuners.tuner import Tuner

LOAD, SAVE = "load_checkpoint_dir", "save_checkpoint_dir"


@dataclass(frozen=True, eq=False)
class _Checkpoint:
    """What a step left: its folder, and the parameters and the loss that it had."""

    folder: str
    row: Floats
    loss: float


@dataclass(eq=False)
class _Member:
    """One model of the population; its steps are trials, of which one runs at a time.

    `folder` is where the latest step saves, `has_failed` what became of it, `trial` its id while it
    runs; `last` is what the latest good one left.
    """

    number: int
    steps: int = 0
    folder: str = ""
    has_failed: bool = False
    trial: int | None = None
    last: _Checkpoint | None = None


class PBTTuner(Tuner):
    """Trains a population; a trial is one step of a member, from one checkpoint to the next.

    A trial loads `load_checkpoint_dir`, if it exists, and saves `save_checkpoint_dir`; which steps
    in between are its own business. What ran without these two teaches nothing.

    all_checkpoint_dir: the folder of all checkpoints, MEMBER/STEP; the runner has a default
    population_size: how many members there are; more of them where more trials run at once
    factor: by how much a number is perturbed, 0.2 standing for 1.2 and 0.8
    resample_probability: how often a parameter is drawn anew instead
    fraction: how many, at the bottom, go on from a checkpoint of as many at the top
    """

    extra_keys = (LOAD, SAVE)

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        all_checkpoint_dir: str | None = None,
        population_size: int = 10,
        factor: float = 0.2,
        resample_probability: float = 0.25,
        fraction: float = 0.2,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        if all_checkpoint_dir is not None:
            self.checkpoints = _folder_of(all_checkpoint_dir)
        check_count("population_size", population_size)
        check_share("factor", factor)
        check_number("resample_probability", resample_probability, most=1)
        check_share("fraction", fraction)
        self.population_size = population_size
        self.factor = factor
        self.resample_probability = resample_probability
        self.fraction = fraction
        self._numbers = itertools.count()  # of members; those of another search space keep theirs

    def prepare(self) -> None:
        """Begin with no members. Raises TunerError where the space has a key that is added."""
        for key in self.extra_keys:
            if key in self.code.space:
                raise TunerError(f"{key}: PBTTuner adds this; expected another name")
        self._start = Start(self, self.population_size)
        self._members: list[_Member] = []

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> Parameters:
        """Parameters for the next step of a member, and the folders of its two checkpoints.

        Raises TunerError where there is no folder for all of them.
        """
        parameters = super().generate_parameters(parameter_id, **kwargs)
        member, load = self._turn
        member.trial = parameter_id
        return parameters | {LOAD: load, SAVE: member.folder}

    def suggest(self) -> Floats:
        """What the next member to make a step makes it with: exploit and explore of algorithm 1."""
        member = self._next_member()
        source = self._exploit(member)
        # No step has number 0: a member that begins finds nothing to load.
        load = source.folder if source else self._folder(member, 0)
        self._turn = member, load
        member.steps += 1
        member.folder = self._folder(member, member.steps)
        if source is None:
            return self._start.suggest()
        if source is member.last and not member.has_failed:
            return source.row
        return explored(self.code, self.rng, source.row, self.factor, self.resample_probability)

    def receive_trial_result(
        self, parameter_id: int, parameters: Mapping[str, Value], value: Any, **kwargs: Any
    ) -> None:
        """Learn a final result, as other tuners do."""
        super().receive_trial_result(parameter_id, parameters, value, **kwargs)
        self._end_step(parameter_id)

    def trial_end(self, parameter_id: int, success: bool, **kwargs: Any) -> None:
        """Learn that a trial ended, as other tuners do."""
        super().trial_end(parameter_id, success, **kwargs)
        self._end_step(parameter_id)

    def _next_member(self) -> _Member:
        """The one with the fewest steps of those that wait; one more where none does."""
        waiting = [member for member in self._members if member.trial is None]
        if len(self._members) < self.population_size or not waiting:
            self._members.append(_Member(next(self._numbers)))
            return self._members[-1]
        return min(waiting, key=lambda member: member.steps)

    def _exploit(self, member: _Member) -> _Checkpoint | None:
        """What a member goes on from: its own last checkpoint, or at the bottom one of the top.

        One whose step failed is at the bottom. None where there is no checkpoint to go on from.
        """
        left = [one.last for one in self._members if one.last is not None]
        ranked = sorted(left, key=lambda checkpoint: checkpoint.loss)
        cut = min(math.ceil(self.fraction * len(ranked)), len(ranked) // 2)
        if not member.has_failed and member.last not in ranked[len(ranked) - cut :]:
            return member.last
        top = ranked[: max(cut, 1)]
        return top[self.rng.integers(len(top))] if top else None

    def _folder(self, member: _Member, step: int) -> str:
        if self.checkpoints is None:
            raise TunerError("all_checkpoint_dir: expected a folder for checkpoints, found none")
        return str(self.checkpoints / str(member.number) / str(step))

    def _end_step(self, parameter_id: int) -> None:
        """Take in what became of a member's step, the latest trial of the history."""
        for member in self._members:
            if member.trial == parameter_id:
                row, loss = self.history.rows[-1], float(self.history.losses[-1])
                member.trial, member.has_failed = None, math.isnan(loss)
                if not member.has_failed:
                    member.last = _Checkpoint(member.folder, row, loss)


def _folder_of(text: str) -> Path:
    if isinstance(text, str) and text:
        with contextlib.suppress(RuntimeError):  # the home of nobody
            return Path(text).expanduser().absolute()
    raise TunerError(f"all_checkpoint_dir: expected a folder, found {show(text)}")
