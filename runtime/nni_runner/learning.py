"""What an earlier experiment found, as far as it holds in today's search space.

What is new since is taken to have had the script's own value, and what is gone to have kept it:
results of trials in which it had another are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nni_annotate.domains import identity, show
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace, short_names
from nni_runner.earlier import Earlier
from nni_runner.matching import matches
from nni_runner.trial import Trial


@dataclass(frozen=True)
class Lesson:
    """What one experiment teaches: entries of `Tuner.import_data`, best first.

    `left_out` counts the other results by the reason why; `assumed` are the values, by short name,
    that parameters are taken to have had which are new since.
    """

    earlier: Earlier
    results: tuple[dict[str, Any], ...]
    left_out: Mapping[str, int]
    assumed: Parameters

    def to_text(self) -> str:
        """What a person is told of it, lines without a newline at the end."""
        learned = len(self.results)
        best = f", the best {show(self.results[0]['value'])}" if learned else ""
        total = len(self.earlier.trials)
        lines = [f"learned {learned} of {total} results of {self.earlier.name}{best}"]
        lines += [f"    {count} left out: {reason}" for reason, count in self.left_out.items()]
        if learned:
            lines += [
                f"    {name} is new, and taken to have been the script's own {show(value)}"
                for name, value in self.assumed.items()
            ]
        return "\n".join(lines)


def learn(earlier: Earlier, space: SearchSpace, own: Parameters) -> Lesson:
    """What it teaches for this search space of a script with these values of its own."""
    translation = _Translation(earlier, space, own)
    results: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for trial in earlier.trials:
        try:
            parameters = translation.parameters(trial)
        except _UnusableError as error:
            left_out[str(error)] += 1
        else:
            source = {"experiment": earlier.name, "trial": trial.number}
            results.append({**source, "parameter": parameters, "value": trial.value})
    return Lesson(earlier, tuple(results), left_out, translation.assumed)


class _UnusableError(Exception):
    """Why a result doesn't hold today."""


class _Translation:
    """Parameters of an earlier experiment -> parameters of today's search space."""

    def __init__(self, earlier: Earlier, space: SearchSpace, own: Parameters) -> None:
        self._earlier, self._space, self._own = earlier, space, own
        self._same = matches(space, earlier.space)
        self._gone = [key for key in earlier.space if key not in self._same.values()]
        self._names = short_names(space)
        self._earlier_names = short_names(earlier.space)

    @property
    def assumed(self) -> Parameters:
        """What parameters that are new are taken to have been, by short name."""
        new = (key for key in self._own if key in self._space and key not in self._same)
        return {self._names[key]: self._own[key] for key in new}

    def parameters(self, trial: Trial) -> Parameters:
        """Those of a trial. Raises _UnusableError."""
        if self._space.is_own:
            return dict(trial.parameters)
        for key in self._gone:
            if not self._was_own(key, trial):
                name = self._earlier_names[key]
                raise _UnusableError(f"{name}, which is gone, was not the script's own")
        found: Parameters = {}
        for key in self._space:
            found |= self._value(key, trial)
        return found

    def _value(self, key: str, trial: Trial) -> Parameters:
        if key in self._same:
            what, known, source = self._names[key], trial.parameters, self._same[key]
        else:
            what = f"{self._names[key]} is new, and the script's own value"
            known, source = self._own, key
        if source not in known:
            raise _UnusableError(f"{what} is not known")
        try:
            return self._space.canonical({key: known[source]})
        except SpaceError:
            raise _UnusableError(f"{what} is outside the search space") from None

    def _was_own(self, key: str, trial: Trial) -> bool:
        """Whether a parameter had the value that the script held."""
        if trial.is_baseline:
            return True
        if key not in self._earlier.own:
            return False
        try:
            own = self._earlier.space[key].canonical(self._earlier.own[key])
        except SpaceError:
            return False
        return identity(own) == identity(trial.parameters.get(key))
