"""GPUs for trials: who gets which, and what is said where there is none; by a stand-in for them."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import clean_environment, command, run
from graphics import Graphics
from lab import Lab
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
    "; --gpus-per-trial (trialGpuNumber, gpuNum) goes by what nvidia-smi says, which comes with "
    "NVIDIA's driver: see that it works, or ask for no GPUs"
)
# A trial says what it has, and fails where another has the same.
TRAIN = '''
import os, sys
"""@nni.variable(nni.uniform(0, 1), name=x)"""
x = 0.5
cards = os.environ.get("CUDA_VISIBLE_DEVICES")
print(cards, os.environ.get("CUDA_DEVICE_ORDER"), flush=True)
for card in cards.split(",") if cards else ():
    os.mkdir(f"{sys.argv[1]}/{card}")
"""@nni.report_final_result(x)"""
for card in cards.split(",") if cards else ():
    os.rmdir(f"{sys.argv[1]}/{card}")
'''
HANG = '''
import os, time
"""@nni.variable(nni.uniform(0, 1), name=x)"""
x = 0.5
"""@nni.report_final_result(x)"""
time.sleep(99)
'''
QUICK = HANG.replace("99", "0")


@pytest.fixture
def graphics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graphics:
    """Two GPUs, which nobody uses."""
    graphics = Graphics(tmp_path / "graphics")
    monkeypatch.setenv("PATH", graphics.path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the locks
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    return graphics


@pytest.fixture
def lab(tmp_path: Path, graphics: Graphics) -> Lab:  # noqa: ARG001 - makes them
    """A lab with the GPUs whose trials say what they have."""
    lab = Lab(tmp_path)
    lab.write("train.py", TRAIN)
    return lab


def gpu_words(*words: str, trials: int = 4) -> list[str]:
    """Options of an experiment with trials that get GPUs."""
    return ["--maximize", "--trials", str(trials), "--gpus-per-trial", *words]


def printed(lab: Lab, trial: int) -> str:
    """What a trial has."""
    return (lab.experiment() / "trials" / str(trial) / "stdout").read_text().strip()


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
            "--gpus-per-trial (trialGpuNumber, gpuNum): expected 2 at most, found 3; "
            "the GPUs that may be used: GPU 0 (Card, Ti), GPU 1 (Card, Ti)",
        ),
        (
            PLAN,
            "-1",
            "--gpus-per-trial (trialGpuNumber, gpuNum): expected 0 at most, found 1; "
            "the GPUs that may be used: none; CUDA_VISIBLE_DEVICES=-1 limits them",
        ),
        (
            replace(PLAN, gpus_per_trial=2, gpu_indices=(1,)),
            None,
            "--gpus-per-trial (trialGpuNumber, gpuNum): expected 1 at most, found 2; "
            "the GPUs that may be used: GPU 1 (Card, Ti); --gpu-indices limits them",
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
            "--gpus-per-trial (trialGpuNumber, gpuNum) can't give to trials; leave that out, and "
            "every trial finds CUDA_VISIBLE_DEVICES as it is",
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


# The command line


def test_each_trial_has_its_own(lab: Lab, tmp_path: Path) -> None:
    """As many at a time as there are GPUs for, whatever the concurrency."""
    held = tmp_path / "held"
    held.mkdir()
    report = lab.json(*gpu_words("1", trials=8), "--concurrency", "4", "--", str(held))
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert {printed(lab, n) for n in range(8)} == {"0 PCI_BUS_ID", "1 PCI_BUS_ID"}


def test_several_gpus_for_a_trial(lab: Lab, tmp_path: Path) -> None:
    """All it needs or none."""
    held = tmp_path / "held"
    held.mkdir()
    words = gpu_words("2")
    report = lab.json(*words, "--gpu-indices", "1,0", "--concurrency", "2", "--", str(held))
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert {printed(lab, n) for n in range(4)} == {"0,1 PCI_BUS_ID"}


def test_trials_share_a_gpu(lab: Lab) -> None:
    """As many as may run on it at once, two of them here, whose processes are not those of others.

    Each waits for the other one, so it fails unless they share the only GPU.
    """
    script = (
        "import os, time\n"
        '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 0.5\n'
        'assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"\n'
        'number = int(os.environ["NNI_TRIAL_SEQ_ID"])\n'
        'open(f"{number}", "w").close()\nend = time.monotonic() + 30\n'
        'while not os.path.exists(f"{number ^ 1}"):\n'
        "    assert time.monotonic() < end\n    time.sleep(0.02)\n"
        '"""@nni.report_final_result(x)"""\n'
    )
    lab.write("train.py", script)
    words = ("--trials-per-gpu", "2", "--gpu-indices", "1", "--concurrency", "2")
    report = lab.json(*gpu_words("1"), *words)
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}


def test_without_the_option_nothing_is_done(
    lab: Lab, graphics: Graphics, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Trials find the environment as it is; with 0 they see no GPU. Nobody asks nvidia-smi."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1")
    assert lab.run("--maximize", "--trials", "1", "--", str(tmp_path)).returncode == 0
    assert printed(lab, 0) == "MIG-1 None"
    lab.experiments = tmp_path / "second"
    assert lab.run(*gpu_words("0", trials=1), "--", str(tmp_path)).returncode == 0
    assert printed(lab, 0) == "None"
    assert not graphics.calls()


def test_busy_gpus_are_left_alone(lab: Lab, graphics: Graphics, tmp_path: Path) -> None:
    """Unless they are not to be."""
    held = tmp_path / "held"
    held.mkdir()
    graphics.occupy(0)
    report = lab.json(*gpu_words("1", trials=3), "--concurrency", "2", "--", str(held))
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert {printed(lab, n) for n in range(3)} == {"1 PCI_BUS_ID"}
    lab.experiments = tmp_path / "second"
    calls = len(graphics.calls())
    words = gpu_words("1", "--use-active-gpus", trials=1)
    assert lab.run(*words, "--", str(held)).returncode == 0
    assert printed(lab, 0) == "0 PCI_BUS_ID"
    assert len(graphics.calls()) == calls + 1


@contextmanager
def started(lab: Lab, *words: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], str]]]:
    """An experiment in the background, and what it has said on standard error so far."""
    log = lab.source.parent / f"{len(list(lab.source.parent.glob('*.log')))}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command("nni-run", *lab.words("--json", *words)),
            env=clean_environment(), stdout=subprocess.PIPE, stderr=file, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    with process:
        try:
            yield process, log.read_text
        finally:
            process.kill()


WAITS = (
    "trials have to wait: each needs 1 GPU, 0 of 2 are free; "
    "GPU 0 (Card, Ti): process 4711 (a, b, 300 MiB); "
    "GPU 1 (Card, Ti): process 4712 (a, b, 300 MiB); "
    "looking again every 10 s (--use-active-gpus shares them)\n"
)


def test_says_who_has_them_all_and_waits(lab: Lab, graphics: Graphics) -> None:
    """Until one is free, however often it looks in vain."""
    graphics.occupy(0, 1)
    lab.write("train.py", QUICK)
    with started(lab, *gpu_words("1", trials=2)) as (process, said):
        wait_for(lambda: "have to wait" in said())
        graphics.show("processes", [])
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert said().count(WAITS) == said().count("have to wait") == 1
    assert [trial["status"] for trial in json.loads(stdout)["trials"]] == ["SUCCEEDED"] * 2


def test_the_end_comes_also_while_trials_wait(lab: Lab, graphics: Graphics) -> None:
    """By Ctrl-C, by nnictl and by the time limit."""
    graphics.occupy(0, 1)
    with started(lab, *gpu_words("1")) as (process, said):
        wait_for(lambda: WAITS in said())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    with started(lab, *gpu_words("1")) as (process, said):
        wait_for(lambda: WAITS in said())
        assert run("nnictl", "stop", "--experiments-dir", lab.experiments).returncode == 0
        assert process.wait(timeout=60) == 130
    done = lab.run(*gpu_words("1"), "--time", "1s", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["experiment"]["reason"] == "time limit reached"


def test_another_experiment_has_them(lab: Lab, tmp_path: Path) -> None:
    """Though nothing computes there yet; the name of it is told, and its end frees them."""
    lab.write("train.py", HANG)
    with started(lab, *gpu_words("2")) as (process, _):
        wait_for(lambda: any(lab.experiments.glob("*/results/0.jsonl")))
        name = lab.experiment().name
        lab.experiments = tmp_path / "second"
        with started(lab, *gpu_words("1"), "--time", "5m") as (second, said):
            wait_for(lambda: "have to wait" in said())
            who = f"process {process.pid} (nni-run, experiment {name})"
            assert f"; GPU 0 (Card, Ti): {who}; GPU 1 (Card, Ti): {who}; " in said()
            process.kill()
            wait_for(lambda: any(lab.experiments.glob("*/results/0.jsonl")))
            second.send_signal(signal.SIGINT)
            assert second.wait(timeout=60) == 130


def test_nvidia_smi_fails_at_the_start(lab: Lab, graphics: Graphics) -> None:
    """No experiment is made."""
    graphics.break_down("echo no driver; exit 9")
    done = lab.run(*gpu_words("1"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: nvidia-smi: exit code 9: no driver{ADVICE}\n"
    assert not lab.experiments.exists()


def test_without_nvidia_smi(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what it is and where it comes from."""
    monkeypatch.setenv("PATH", "/nowhere")
    done = lab.run(*gpu_words("1"))
    assert done.returncode == 1
    assert done.stderr == f"error: nvidia-smi: not found on PATH{ADVICE}\n"


def test_nvidia_smi_fails_on_the_way(lab: Lab, graphics: Graphics) -> None:
    """A message, and the experiment goes on."""
    broken = graphics.folder / "instead"
    lab.write("train.py", f'{QUICK}open("{broken}", "w").write("echo no driver; exit 9")\n')
    done = lab.run(*gpu_words("1"), "--json")
    assert done.returncode == 0
    assert [trial["status"] for trial in json.loads(done.stdout)["trials"]] == ["SUCCEEDED"] * 4
    message = "nvidia-smi: exit code 9: no driver; trials get GPUs by what was seen before\n"
    assert done.stderr.count(message) == done.stderr.count("no driver") == 1


def test_nvidia_smi_hangs_on_the_way(lab: Lab, graphics: Graphics) -> None:
    """That stops nobody from ending the experiment."""
    broken, hangs = graphics.folder / "instead", graphics.folder / "hangs"
    script = f"touch {hangs}; exec sleep 30"
    lab.write("train.py", f'{QUICK}open("{broken}", "w").write("{script}")\n')
    with started(lab, *gpu_words("1"), "--gpu-indices", "0") as (process, _):
        wait_for(hangs.exists)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 130
    assert [trial["status"] for trial in json.loads(stdout)["trials"]] == ["SUCCEEDED"]


def test_a_trial_that_leaves_processes_keeps_its_gpu(lab: Lab) -> None:
    """Until they are gone: the next one finds none of them."""
    lab.write(
        "train.py",
        QUICK + "import subprocess, sys, pathlib\n"
        'alive = pathlib.Path("child")\n'
        "if alive.exists():\n"
        '    state = pathlib.Path(f"/proc/{alive.read_text()}/stat")\n'
        "    assert not state.exists()\n"
        'words = ["sh", "-c", "trap : TERM; sleep 99; sleep 99"]\n'
        "alive.write_text(str(subprocess.Popen(words).pid))\n",
    )
    words = ("--concurrency", "2", "--gpu-indices", "0")
    report = lab.json(*gpu_words("1", trials=2), *words)
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}


def test_resume_keeps_them(lab: Lab, tmp_path: Path) -> None:
    """All that was said of GPUs."""
    held = tmp_path / "held"
    held.mkdir()
    words = ("--trials-per-gpu", "2", "--gpu-indices", "1", "--use-active-gpus")
    assert lab.run(*gpu_words("1", trials=1), *words, "--", str(held)).returncode == 0
    facts = lab.facts()
    expected = {
        "gpus_per_trial": 1,
        "trials_per_gpu": 2,
        "gpu_indices": [1],
        "use_active_gpus": True,
    }
    assert {name: facts[name] for name in expected} == expected
    assert Plan.from_facts(facts).gpu_indices == (1,)
    done = run("nnictl", "resume", lab.experiment(), "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert printed(lab, 1) == "1 PCI_BUS_ID"
    assert lab.facts() == {**facts, "trials": 2}


def test_an_older_history_knows_nothing_of_gpus() -> None:
    """It says nothing of them, and nothing is done."""
    facts = PLAN.to_facts()
    for name in ("gpus_per_trial", "trials_per_gpu", "gpu_indices", "use_active_gpus"):
        del facts[name]
    assert Plan.from_facts(facts) == replace(PLAN, gpus_per_trial=None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--trials-per-gpu", "1"],
            "--trials-per-gpu: expected --gpus-per-trial beside it, 1 or more: without that "
            "trials are given no GPUs",
        ),
        (
            ["--gpus-per-trial", "0", "--gpu-indices", "0", "--use-active-gpus"],
            "--gpu-indices, --use-active-gpus: expected --gpus-per-trial beside it, 1 or more",
        ),
        (
            ["--gpus-per-trial", "1", "--gpu-indices", "0-2"],
            "--gpu-indices: expected numbers such as 0,2, found '0-2'",
        ),
        (["--gpus-per-trial", "1", "--gpu-indices", ""], "expected numbers such as 0,2, found ''"),
        (["--gpus-per-trial", "1", "--trials-per-gpu", "0"], "0 is not in the range"),
        (["--gpus-per-trial", "-1"], "-1 is not in the range"),
    ],
)
def test_wrong_usage(lab: Lab, graphics: Graphics, words: list[str], message: str) -> None:
    """Says what is wrong; makes no experiment and asks nobody."""
    done = lab.run("--maximize", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not lab.experiments.exists()
    assert not graphics.calls()


def test_one_run_with_given_parameters_gets_none(lab: Lab, tmp_path: Path) -> None:
    """It runs as it would without this tool."""
    (tmp_path / "with.json").write_text("{}")
    done = run("nni-run", lab.source, "--with", tmp_path / "with.json", "--gpus-per-trial", "1")
    assert done.returncode == 2
    assert "--with makes no experiment; leave out --gpus-per-trial" in done.stderr
