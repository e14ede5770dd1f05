"""GPUs for trials: who gets which, and what is said where there is none; by a stand-in for them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphics import Graphics
from nni_runner.errors import RunnerError
from nni_runner.experiment import Plan
from nni_runner.gpus import nvidia
from nni_runner.gpus.cards import find_cards, visible
from nni_runner.gpus.gpus import Gpus
from nni_runner.gpus.locks import CardLocks
from nni_runner.gpus.lookout import Look, Lookout
from nni_runner.gpus.nvidia import Card, Others, Process, read_cards, read_processes
from waiting import wait_for

PLAN = Plan(True, 20, None, 1, "Random", 0, baseline=True, gpus_per_trial=1)
ADVICE = (
    "; --gpus-per-trial goes by what nvidia-smi says, which comes with NVIDIA's driver: see that "
    "it works, or leave that option out"
)


@pytest.fixture
def graphics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graphics:
    """Two GPUs, which nobody uses."""
    graphics = Graphics(tmp_path / "graphics")
    monkeypatch.setenv("PATH", graphics.path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the locks
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    return graphics


# What nvidia-smi says


def test_reads_what_nvidia_smi_says(graphics: Graphics) -> None:
    """Names with commas in them, memory that is not known, warnings, names in any encoding."""
    first, second = graphics.uuids
    assert read_cards() == [Card(0, first, "Card, Ti"), Card(1, second, "Card, Ti")]
    lines = [
        "WARNING: infoROM is corrupted at gpu 0000:01:00.0",
        f"{first}, 17, 20310, /usr/bin/python, with a comma",
        f"{first}, 18, [N/A], [Not Found]",
        f"{second}, [N/A], [Insufficient Permissions], a\x1b[31m",
        "the second line of that name",
    ]
    graphics.show("processes", lines)
    with (graphics.folder / "processes").open("ab") as file:
        file.write(f"{second}, 9, 1, ".encode() + b"\xff\xe9\n")
    found = read_processes()
    assert found == {
        first: (Process("17", "python, with a comma", "20310 MiB"), Process("18", "[Not Found]")),
        second: (Process("[N/A]", "a?[31m"), Process("9", "\ufffd\ufffd", "1 MiB")),
    }
    assert str(found[first][0]) == "process 17 (python, with a comma, 20310 MiB)"
    for quiet in ([], lines[:1]):
        graphics.show("processes", quiet)
        assert read_processes() == {}


def test_a_card_that_fails_is_left_out(graphics: Graphics) -> None:
    """The others are there."""
    lines = [f"0, {graphics.uuids[0]}, Card", "1, [GPU is lost], [GPU is lost]"]
    graphics.show("cards", lines)
    assert [card.index for card in read_cards()] == [0]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo 'NVIDIA-SMI has failed because\n  it could not'; exit 9",
            "nvidia-smi: exit code 9: NVIDIA-SMI has failed because it could not",
        ),
        ("echo 'no driver' >&2; exit 1", "nvidia-smi: exit code 1: no driver"),
        ("exit 3", "nvidia-smi: exit code 3: it said nothing"),
        ("kill -9 $$", "nvidia-smi: exit code -9: it said nothing"),
        ("exit 0", "nvidia-smi: expected GPUs, found none"),
        (
            "echo 'No devices were found'; exit",
            "nvidia-smi: expected lines of index,uuid,name, found 'No devices were found'",
        ),
        (
            r"printf '\377\033[2J\n'; exit",
            "nvidia-smi: expected lines of index,uuid,name, found '\ufffd?[2J'",
        ),
        ("exec sleep 99", "nvidia-smi: no answer in 0.5 s"),
        ("sleep 99 & wait", "nvidia-smi: no answer in 0.5 s"),
    ],
)
def test_an_nvidia_smi_that_does_not_work(
    graphics: Graphics, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    """The error says what it said, and what to do."""
    monkeypatch.setattr(nvidia, "PATIENCE_S", 0.5 if "sleep" in script else 20.0)
    graphics.break_down(script)
    with pytest.raises(RunnerError) as caught:
        find_cards(PLAN)
    assert str(caught.value) == message + ADVICE


def test_processes_that_can_t_be_told(graphics: Graphics) -> None:
    """The first answer is not enough."""
    graphics.show("processes", ["garbage"])
    with pytest.raises(RunnerError, match=r"expected lines of gpu_uuid,pid,.* found 'garbage'; "):
        find_cards(PLAN)
    assert len(find_cards(replace(PLAN, use_active_gpus=True)).cards) == 2


# Which GPUs may be used

LISTED = [Card(0, "GPU-ab1", "A"), Card(1, "GPU-ab2", "B"), Card(2, "GPU-c", "C")]


@pytest.mark.parametrize(
    ("allowed", "indices"),
    [
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 2", [1, 2]),
        ("GPU-ab2", [1]),
        ("GPU-c,1", [2, 1]),
        ("GPU-ab", []),
        ("GPU-d,1", []),
        ("ab1", []),
        ("1,-1,2", [1]),
        ("1,7,2", [1]),
        ("1,1", [1]),
        ("-1", []),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_cuda_visible_devices_limits_them(allowed: str, indices: list[int]) -> None:
    """By number or by the beginning of a UUID, up to the first that isn't there, as CUDA does."""
    assert [card.index for card in visible(LISTED, allowed)] == indices


@pytest.mark.parametrize(
    ("plan", "allowed", "message"),
    [
        (
            replace(PLAN, gpus_per_trial=3),
            None,
            "--gpus-per-trial 3: expected 2 at most, the GPUs that may be used: "
            "GPU 0 (Card, Ti), GPU 1 (Card, Ti)",
        ),
        (
            PLAN,
            "-1",
            "--gpus-per-trial 1: expected 0 at most, the GPUs that may be used: none; "
            "CUDA_VISIBLE_DEVICES=-1 limits them",
        ),
        (
            replace(PLAN, gpus_per_trial=2, gpu_indices=(1,)),
            None,
            "--gpus-per-trial 2: expected 1 at most, the GPUs that may be used: "
            "GPU 1 (Card, Ti); --gpu-indices limits them",
        ),
        (
            replace(PLAN, gpu_indices=(0, 7)),
            None,
            "--gpu-indices 7: no such GPU; nvidia-smi lists GPU 0 (Card, Ti), GPU 1 (Card, Ti)",
        ),
        (
            replace(PLAN, gpu_indices=(0,)),
            "1",
            "--gpu-indices 0: CUDA_VISIBLE_DEVICES=1 leaves it out; it allows GPU 1 (Card, Ti)",
        ),
        (
            PLAN,
            "MIG-6a1f",
            "CUDA_VISIBLE_DEVICES=MIG-6a1f: expected GPUs, found a MIG instance, which "
            "--gpus-per-trial can't give to trials; leave that option out, and every trial finds "
            "CUDA_VISIBLE_DEVICES as it is",
        ),
    ],
)
def test_fewer_than_a_trial_needs(
    graphics: Graphics,
    monkeypatch: pytest.MonkeyPatch,
    plan: Plan,
    allowed: str | None,
    message: str,
) -> None:
    """Says how many there are, and what limits them."""
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    with pytest.raises(RunnerError) as caught:
        find_cards(plan)
    assert str(caught.value) == message
    assert len(graphics.calls()) == 2


# Which trial gets which


class Window:
    """Shows at once who is on the GPUs now."""

    def __init__(self) -> None:
        self.others: Others = {}
        self.latest = Look()

    def ask(self, delay: float) -> None:
        """Looks, unless it is for later."""
        if not delay:
            self.latest = Look(time.monotonic(), time.monotonic(), dict(self.others))

    def close(self) -> None:
        """Nothing is open."""


class Hall:
    """Some GPUs and who is on them: trials of an experiment, other experiments, and others."""

    def __init__(self, plan: Plan, count: int, folder: Path) -> None:
        self.plan = plan
        self.cards = [Card(n, f"GPU-{n}", "Card") for n in range(count)]
        self.window = Window()
        self.gpus = Gpus(plan, self.cards, self.window, CardLocks("mine", folder), print)
        self.locks = CardLocks("other", folder)
        self.running: dict[int, list[int]] = {}
        self.busy: set[int] = set()
        self.locked: set[int] = set()
        self.started = 0

    def trials_on(self, card: int) -> int:
        """How many trials have it."""
        return sum(card in cards for cards in self.running.values())

    def start(self) -> None:
        """A trial starts if it can, which it can if and only if enough GPUs are there for it."""
        self._see()
        most, takes_all = self.plan.trials_per_gpu, self.plan.use_active_gpus
        before = {card.index: self.trials_on(card.index) for card in self.cards}
        taken_by_others = set() if takes_all else self.busy | self.locked
        free = {n for n, trials in before.items() if trials < most}
        free -= {n for n in taken_by_others if not before[n]}
        taken = self.gpus.take(self.started) or self.gpus.take(self.started)  # it may look first
        assert self.plan.gpus_per_trial is not None
        assert (taken is not None) == (len(free) >= self.plan.gpus_per_trial)
        if taken is not None:
            cards = [int(word) for word in taken["CUDA_VISIBLE_DEVICES"].split(",")]
            assert len(set(cards)) == len(cards) == self.plan.gpus_per_trial
            assert set(cards) <= free
            assert not any(self.locks.take(self.cards[n].uuid) for n in cards)
            assert all(before[n] <= before[other] for n in cards for other in free - set(cards))
            self.running[self.started] = cards
            self.started += 1

    def end(self, which: int) -> None:
        """A trial ends, if one runs; whoever else has joined it stays."""
        if self.running:
            number = sorted(self.running)[which % len(self.running)]
            del self.running[number]
            self.gpus.give_back(number)

    def toggle(self, which: int) -> None:
        """Somebody else comes or goes."""
        self.busy ^= {which % len(self.cards)}

    def lock(self, which: int) -> None:
        """Another experiment leaves a GPU, or takes one that this one hasn't and only such."""
        card = self.cards[which % len(self.cards)]
        if card.index in self.locked:
            self.locks.give_back(card.uuid)
            self.locked.remove(card.index)
        elif self.locks.take(card.uuid):
            assert self.plan.use_active_gpus or not self.trials_on(card.index)
            self.locked.add(card.index)
        else:
            assert self.trials_on(card.index)

    def leave(self) -> None:
        """All others are gone."""
        self.busy.clear()
        for number in list(self.locked):
            self.lock(number)

    def _see(self) -> None:
        """The lookout has been there, and saw the trials themselves as well."""
        on = self.busy | {card for cards in self.running.values() for card in cards}
        self.window.others = {self.cards[n].uuid: (Process(str(n), "x"),) for n in on}
        self.window.ask(0)


STEPS = st.lists(
    st.tuples(st.sampled_from(["start", "start", "end", "toggle", "lock"]), st.integers(0, 7)),
    max_size=40,
)


@settings(max_examples=400)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.booleans(), STEPS)
def test_no_gpu_is_given_away_twice(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    most: int,
    needed: int,
    takes_all: bool,
    steps: list[tuple[str, int]],
) -> None:
    """A trial starts if and only if enough GPUs are free; in the end all that was taken is."""
    needed = min(needed, count)
    plan = replace(PLAN, gpus_per_trial=needed, trials_per_gpu=most, use_active_gpus=takes_all)
    hall = Hall(plan, count, tmp_path_factory.mktemp("hall"))
    for kind, which in steps:
        match kind:
            case "start":
                hall.start()
            case "end":
                hall.end(which)
            case "toggle":
                hall.toggle(which)
            case _:
                hall.lock(which)
    while hall.running:
        hall.end(0)
    hall.leave()
    for _ in range(count * most // needed):
        hall.start()
    hall.gpus.close()
    for n in range(count):
        assert hall.locks.take(hall.cards[n].uuid)
    hall.locks.close()


def test_own_processes_are_not_those_of_others(tmp_path: Path) -> None:
    """Not even those that a look before their end still shows after it."""
    window = Window()
    card = Card(0, "GPU-0", "Card")
    told: list[str] = []
    gpus = Gpus(PLAN, [card], window, CardLocks("mine", tmp_path), told.append)
    window.ask(0)
    assert gpus.take(0) is not None
    window.others = {card.uuid: (Process("1", "trial 0"),)}
    window.ask(0)
    gpus.give_back(0)
    assert gpus.take(1) is None  # it is not known yet: it looks
    assert gpus.take(1) is None
    assert told == [
        "trials have to wait: each needs 1 GPU, 0 of 1 are free; GPU 0 (Card): process 1 (trial "
        "0); looking again every 10 s (--use-active-gpus shares them)"
    ]
    window.others = {}
    window.ask(0)
    assert gpus.take(1) is not None


def test_says_who_once_for_each_change(tmp_path: Path) -> None:
    """Not for memory that goes up and down; three processes of a GPU are named."""
    window = Window()
    card = Card(0, "GPU-0", "Card")
    told: list[str] = []
    gpus = Gpus(PLAN, [card], window, CardLocks("mine", tmp_path), told.append)
    for number, memory in [(4, ""), (4, "7 MiB"), (1, "7 MiB"), (1, "7 MiB")]:
        window.others = {card.uuid: tuple(Process(str(n), "x", memory) for n in range(number))}
        window.ask(0)
        assert gpus.take(0) is None
    first, second = told
    assert "GPU 0 (Card): process 0 (x), process 1 (x), process 2 (x), 1 more; " in first
    assert "GPU 0 (Card): process 0 (x, 7 MiB); " in second


def test_says_nothing_while_trials_run(tmp_path: Path) -> None:
    """What they wait for then is each other, too; after them it is said again."""
    window = Window()
    cards = [Card(n, f"GPU-{n}", "Card") for n in range(2)]
    told: list[str] = []
    gpus = Gpus(PLAN, cards, window, CardLocks("mine", tmp_path), told.append)

    def see(*indices: int) -> None:
        window.others = {f"GPU-{n}": (Process(str(n), "x"),) for n in indices}
        window.ask(0)

    see(0, 1)
    assert gpus.take(0) is None
    see(1)
    assert gpus.take(0) is not None
    assert gpus.take(1) is None
    assert len(told) == 1
    gpus.give_back(0)
    see(0, 1)
    assert gpus.take(1) is None
    assert told[0] == told[1]


def test_looks_again_where_it_looked_long_ago(tmp_path: Path) -> None:
    """Before it gives a GPU away."""
    window = Window()
    window.others = {"GPU-0": (Process("1", "x"),)}
    window.latest = Look(time.monotonic() - 60, time.monotonic() - 60)
    gpus = Gpus(PLAN, [Card(0, "GPU-0", "Card")], window, CardLocks("mine", tmp_path), print)
    assert gpus.take(0) is None
    assert window.latest.others == window.others
    assert gpus.take(0) is None


@pytest.mark.parametrize("is_late", [True, False])
def test_a_failed_look_makes_no_trial_one_of_others(tmp_path: Path, is_late: bool) -> None:
    """What was seen before its end, whether it comes before or after that, is its own."""
    window = Window()
    card = Card(0, "GPU-0", "Card")
    plan = replace(PLAN, trials_per_gpu=2)
    gpus = Gpus(plan, [card], window, CardLocks("mine", tmp_path), print)
    window.ask(0)
    assert gpus.take(0) is not None
    window.others = {card.uuid: (Process("1", "trial 0"),)}
    window.ask(0)
    seen = window.latest
    if not is_late:
        assert gpus.take(1) is not None
        gpus.give_back(1)
    gpus.give_back(0)
    window.latest = seen if is_late else Look()
    assert gpus.take(2) is None
    window.latest = Look(time.monotonic(), time.monotonic(), problem="nvidia-smi: no")
    assert gpus.take(2) is not None


def test_what_can_t_be_seen_is_told_once(tmp_path: Path) -> None:
    """And what was seen before holds."""
    window = Window()
    cards = [Card(n, uuid, "Card") for n, uuid in enumerate(("GPU-0", "GPU-1"))]
    told: list[str] = []
    gpus = Gpus(PLAN, cards, window, CardLocks("mine", tmp_path), told.append)
    window.others = {cards[1].uuid: (Process("1", "x"),)}
    window.ask(0)
    for number in range(3):
        assert gpus.take(number) == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "0"}
        gpus.give_back(number)
        assert gpus.take(number) is None
        window.latest = Look(time.monotonic(), time.monotonic(), problem="nvidia-smi: no")
    assert told == ["nvidia-smi: no; trials get GPUs by what was seen before"]


def test_the_lookout_looks_when_it_is_asked(graphics: Graphics) -> None:
    """At once, though it was asked for later before; what goes wrong is seen too."""
    looked: list[Look] = []
    lookout = Lookout(Look(), lambda: looked.append(lookout.latest))
    lookout.ask(1000)
    graphics.occupy(1)
    lookout.ask(0)
    wait_for(lambda: len(looked) == 1)
    assert looked[0].others == {graphics.uuids[1]: (Process("4712", "a, b", "300 MiB"),)}
    graphics.program.unlink()
    lookout.ask(0)
    wait_for(lambda: len(looked) == 2)
    assert looked[1].problem
    lookout.ask(0.1)
    lookout.ask(1000)  # comes later, and so is none of its business
    wait_for(lambda: len(looked) == 3)
    lookout.ask(1000)
    lookout.close()
    wait_for(lambda: not any(isinstance(one, threading.Timer) for one in threading.enumerate()))


def test_locks(tmp_path: Path) -> None:
    """A GPU is one experiment's at a time; a folder that can't be used is done without."""
    mine, other = (CardLocks(name, tmp_path / "locks") for name in ("mine", "other"))
    assert mine.take("GPU-1")
    assert not other.take("GPU-1")
    assert other.holder("GPU-1").name == "nni-run, experiment mine"
    assert other.take("GPU-2")
    mine.give_back("GPU-1")
    assert other.take("GPU-1")
    other.close()
    assert mine.holder("GPU-1") == Process("?", "nni-run, another experiment")
    assert mine.take("GPU-1")
    mine.close()
    (tmp_path / "locks" / "GPU-1").write_text("x" * 999)  # of one that was killed
    assert mine.take("GPU-1")
    assert other.holder("GPU-1").name == "nni-run, experiment mine"
    mine.close()
    nowhere = CardLocks("other", Path("/proc/nowhere"))
    assert nowhere.take("GPU-1")
    nowhere.close()


def test_an_older_history_knows_nothing_of_gpus() -> None:
    """It says nothing of them, and nothing is done."""
    facts = PLAN.to_facts()
    for name in ("gpus_per_trial", "trials_per_gpu", "gpu_indices", "use_active_gpus"):
        del facts[name]
    assert Plan.from_facts(facts) == replace(PLAN, gpus_per_trial=None)
