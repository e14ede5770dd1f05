"""Which trial has which GPUs, and why none is to be had."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from nni_annotate.cli import count
from nni_runner.experiment import Plan
from nni_runner.gpus.cards import VISIBLE
from nni_runner.gpus.locks import CardLocks
from nni_runner.gpus.lookout import Look
from nni_runner.gpus.nvidia import Card, Process

AGAIN_S = 10.0  # after which GPUs that others have are looked at again
_NAMED = 3  # processes on one GPU that a message names


class Looks(Protocol):
    """Where to see who is on the GPUs."""

    latest: Look

    def ask(self, delay: float) -> None:
        """Wants another look in so many seconds."""

    def close(self) -> None:
        """Needs no more."""


class Gpus:
    """Gives the trials of one experiment their GPUs, those first that have the fewest trials.

    As long as a trial has a GPU, whatever is on it is taken to be that trial's; a GPU without one
    is free if nobody was on it since. `tell` is told why trials have to wait, where they wait for
    others, and what can't be seen.
    """

    def __init__(
        self,
        plan: Plan,
        cards: Sequence[Card],
        looks: Looks,
        locks: CardLocks,
        tell: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._cards = cards
        self._looks = looks
        self._locks = locks
        self._tell = tell
        self._held: dict[int, tuple[Card, ...]] = {}  # by trial
        self._freed: dict[Card, float] = {}  # when its last trial was over
        self._others: dict[Card, tuple[Process, ...]] = {}
        self._look = Look()  # the one that `_others` is by
        self._is_refused = False  # and nothing has changed since
        self._told: object = None
        self._problem = ""

    def take(self, number: int) -> dict[str, str] | None:
        """What a trial's environment says of its GPUs; None where too few are free.

        It may be otherwise after the end of a trial and after another look.
        """
        needed = self._plan.gpus_per_trial
        if needed is None:
            return {}
        if needed == 0:
            return {VISIBLE: ""}
        self._take_in(self._looks.latest)
        cards = None if self._is_refused else self._pick(needed)
        self._is_refused = cards is None
        if cards is None:
            return None
        self._held[number] = cards
        self._told = None
        indices = sorted(card.index for card in cards)
        # nvidia-smi numbers by the place on the bus, CUDA only if it is told to.
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", VISIBLE: ",".join(map(str, indices))}

    def give_back(self, number: int) -> None:
        """The processes of a trial are all gone."""
        for card in self._held.pop(number, ()):
            if not self._trials_on(card):
                self._freed[card] = time.monotonic()
                self._locks.give_back(card.uuid)
        self._is_refused = False

    def close(self) -> None:
        """No trial runs any more."""
        self._looks.close()
        self._locks.close()

    def _trials_on(self, card: Card) -> int:
        return sum(card in cards for cards in self._held.values())

    def _take_in(self, look: Look) -> None:
        if look is self._look:
            return
        self._look, self._is_refused = look, False
        if look.problem:
            if look.problem != self._problem:
                self._tell(f"{look.problem}; trials get GPUs by what was seen before")
            self._problem = look.problem
            return
        for card in self._cards:
            if self._is_seen(card) and not self._trials_on(card):
                self._others[card] = look.others.get(card.uuid, ())

    def _is_seen(self, card: Card) -> bool:
        """Whether what is known of a GPU is from the time since this experiment left it."""
        return self._look.begun >= self._freed.get(card, -math.inf)

    def _pick(self, needed: int) -> tuple[Card, ...] | None:
        has_room = [c for c in self._cards if self._trials_on(c) < self._plan.trials_per_gpu]
        has_room.sort(key=self._trials_on)
        if len(has_room) < needed:  # the end of a trial makes room
            return None
        if self._plan.use_active_gpus:
            for card in has_room[:needed]:
                self._locks.take(card.uuid)  # whoever has it now: experiments to come keep off
            return tuple(has_room[:needed])
        claims: dict[Card, Sequence[Process] | None] = {}
        picked: tuple[Card, ...] = ()
        for card in has_room:
            claims[card] = self._claim(card)
            picked = tuple(card for card, others in claims.items() if others == ())
            if len(picked) == needed:
                return picked
        for card in picked:
            if not self._trials_on(card):
                self._locks.give_back(card.uuid)
        self._wait(claims, needed)
        return None

    def _claim(self, card: Card) -> Sequence[Process] | None:
        """Makes a GPU this experiment's: (). Else who has it, None where that is to be seen."""
        if self._trials_on(card):
            return ()
        if not self._is_seen(card) or time.monotonic() - self._look.ended > AGAIN_S:
            return None
        if not self._locks.take(card.uuid):
            return (self._locks.holder(card.uuid),)
        others = self._others.get(card, ())
        if others:
            self._locks.give_back(card.uuid)
        return others

    def _wait(self, claims: Mapping[Card, Sequence[Process] | None], needed: int) -> None:
        """Has the GPUs looked at again, and says who has them where only others are waited for."""
        if None in claims.values():
            self._looks.ask(0.0)
            return
        self._looks.ask(AGAIN_S)
        blocked = {card: others for card, others in claims.items() if others}
        told = {card: [process.who for process in others] for card, others in blocked.items()}
        if self._held or told == self._told:
            return
        self._told = told
        free = len(claims) - len(blocked)
        who = "; ".join(f"{card}: {_named(others)}" for card, others in blocked.items())
        self._tell(
            f"trials have to wait: each needs {count(needed, 'GPU')}, {free} of {len(claims)} are "
            f"free; {who}; looking again every {AGAIN_S:g} s (--use-active-gpus shares them)"
        )


def _named(others: Sequence[Process]) -> str:
    more = len(others) - _NAMED
    return ", ".join([*map(str, others[:_NAMED]), *([f"{more} more"] if more > 0 else [])])
