"""The GPUs that an experiment may use, found before it begins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from nni_runner.errors import RunnerError
from nni_runner.experiment import Plan
from nni_runner.gpus.lookout import Look, look
from nni_runner.gpus.nvidia import Card, read_cards

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ASKED = "--gpus-per-trial (trialGpuNumber, gpuNum)"  # as the command line and files call it


@dataclass(frozen=True)
class Found:
    """GPUs, and who was on them when they were found."""

    cards: tuple[Card, ...] = ()
    look: Look = field(default_factory=Look)


def find_cards(plan: Plan) -> Found:
    """What there is for trials to use. Raises RunnerError where it is less than one trial needs."""
    if not plan.gpus_per_trial:
        return Found()
    try:
        listed = read_cards()
        seen = Look() if plan.use_active_gpus else look()
    except RunnerError as error:
        raise RunnerError(
            f"{error}; {_ASKED} goes by what nvidia-smi says, which comes with NVIDIA's driver: "
            "see that it works, or ask for no GPUs"
        ) from None
    allowed = os.environ.get(VISIBLE)
    cards = listed if allowed is None else visible(listed, allowed)
    if plan.gpu_indices is not None:
        cards = [_named(index, listed, cards) for index in plan.gpu_indices]
    if len(cards) < plan.gpus_per_trial:
        limit = "" if allowed is None else f"; {VISIBLE}={allowed} limits them"
        limit = limit if plan.gpu_indices is None else "; --gpu-indices limits them"
        raise RunnerError(
            f"{_ASKED}: expected {len(cards)} at most, found {plan.gpus_per_trial}; the GPUs that "
            f"may be used: {_listed(cards)}{limit}"
        )
    return Found(tuple(cards), seen)


def visible(listed: Iterable[Card], allowed: str) -> list[Card]:
    """Those that CUDA_VISIBLE_DEVICES leaves, in its order. Raises RunnerError for parts of one.

    The first word that stands for no GPU ends the list, as it does for CUDA.
    """
    found: dict[Card, None] = {}
    for word in map(str.strip, allowed.split(",")):
        if word.startswith("MIG-"):
            raise RunnerError(
                f"{VISIBLE}={allowed}: expected GPUs, found a MIG instance, which "
                f"{_ASKED} can't give to trials; leave that out, and every trial finds {VISIBLE} "
                "as it is"
            )
        meant = [card for card in listed if _is_meant(word, card)]
        if len(meant) != 1:
            break
        found[meant[0]] = None
    return list(found)


def _is_meant(word: str, card: Card) -> bool:
    return word == str(card.index) or (word.startswith("GPU-") and card.uuid.startswith(word))


def _named(index: int, listed: list[Card], cards: list[Card]) -> Card:
    """The GPU of that number, if it may be used. Raises RunnerError."""
    for card in cards:
        if card.index == index:
            return card
    for card in listed:
        if card.index == index:
            raise RunnerError(
                f"--gpu-indices {index}: {VISIBLE}={os.environ[VISIBLE]} leaves it out; "
                f"it allows {_listed(cards)}"
            )
    raise RunnerError(f"--gpu-indices {index}: no such GPU; nvidia-smi lists {_listed(listed)}")


def _listed(cards: list[Card]) -> str:
    return ", ".join(map(str, cards)) or "none"
