"""`nnictl` as its user uses it: experiments in processes of their own, controlled from outside."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ongoing
from conftest import clean_environment, command, run
from nni_runner import entry
from nni_runner.control import Control, Sent
from nni_runner.errors import RunnerError
from nni_runner.experiment import Place
from nni_runner.launchers.launcher import Notices
from nni_runner.lock import locked, running
from nni_runner.requests import Asked, Kill
from nni_runner.store import Store
from nni_runner.trial import Chosen, Ended, Reported, Started, Status
from ongoing import Running
from waiting import wait_for

start = ongoing.start


def test_an_experiment_from_its_start_to_its_deletion(start: Callable[..., Running]) -> None:
    """Every command that looks at it, and those that end it."""
    one = start("--concurrency", "2", "--trials", "9")
    wait_for(lambda: one.is_recorded(2))
    (listed,) = json.loads(one.done("experiment", "list", "--json"))
    assert listed["id"] == one.id
    assert listed["status"] == "running"
    assert listed["trials"] == 3
    assert listed["counts"] == {"SUCCEEDED": 1, "RUNNING": 2}
    assert listed["best"]["value"] == 2
    assert one.id in one.done("experiment", "list")
    assert "2 running, 1 succeeded" in one.done("top")
    shown = json.loads(one.done("experiment", "show", one.id[:4], "--json"))
    assert {**shown, **listed} == shown
    assert shown["process"]["pid"] == one.process.pid
    assert shown["search_space"] == {"train/x/randint": {"_type": "randint", "_value": [1, 1000]}}
    assert "(process " in one.done("experiment", "show")
    trials = json.loads(one.done("trial", "ls", "--json"))
    assert [trial["status"] for trial in trials] == ["SUCCEEDED", "RUNNING", "RUNNING"]
    assert "x=2" in one.done("trial", "ls", one.folder)
    assert one.done("log", "trial", "-T", "1") == "\x1b[2Jtrial 1 é\n"
    assert one.done("log", "trial", "-T", "1", "--stderr") == "oops\n"
    assert one.done("log", "trial", "-T", f"{one.id}-1", "--stderr") == "oops\n"
    viewed = one.ctl("view", one.folder, "--port", "8080")
    assert viewed.stderr == "--port has no effect: there is no web page\n"
    refused = one.ctl("experiment", "delete", one.id, "--yes")
    assert f"process {one.process.pid} on " in refused.stderr
    assert refused.returncode == 1

    stopped = one.done("stop")
    assert stopped == f"experiment {one.id}: interrupted; 1 succeeded, 2 user_canceled\n"
    report = one.report(130)
    assert report["experiment"]["status"] == "interrupted"
    assert [trial["cause"] for trial in report["trials"]] == ["", "interrupted", "interrupted"]
    nothing = one.ctl("experiment", "list")
    assert nothing.stdout == ""
    assert "no experiment is running" in nothing.stderr
    assert "interrupted" in one.done("experiment", "list", "--all")
    assert "interrupted (interrupted)" in one.done("experiment", "show", one.id)
    again = one.ctl("stop", one.id)
    assert again.stderr == f"error: experiment {one.id} is not running\n"
    asked = one.ctl("experiment", "delete", one.id)  # nobody answers
    assert asked.returncode == 1
    assert asked.stderr.endswith("\nerror: nothing was deleted\n")
    assert one.done("experiment", "delete", one.id, "--yes") == f"experiment {one.id} deleted\n"
    assert not one.folder.exists()


def test_updates_and_a_kill(start: Callable[..., Running]) -> None:
    """They work at once, are on record, and the experiment goes on by them."""
    one = start("--trials", "2")
    assert "limit is 5 now" in one.done("update", "trialnum", "--value", "5")
    assert "concurrency is 3 now" in one.done("update", "concurrency", "--value", "3")
    assert "limit is 48:00:00 now" in one.done("update", "duration", "--value", "2d")
    wait_for(lambda: one.is_recorded(3))
    assert one.done("trial", "kill", "-T", "2") == (
        f"experiment {one.id}: trial 2: USER_CANCELED, killed by the user\n"
    )
    wait_for(lambda: one.is_recorded(4))
    for number, state in ((2, "ended: USER_CANCELED"), (9, "not started")):
        refused = one.ctl("trial", "kill", "-T", str(number))
        assert refused.returncode == 1
        assert refused.stderr == f"error: trial {number} has {state}\n"
    assert "the trial limit is 5 now" in one.done("update", "trialnum", "--value", "5")
    one.go()
    report = one.report(0)
    assert len(report["trials"]) == report["experiment"]["trial_limit"] == 5
    assert report["experiment"]["concurrency"] == 3
    shown = json.loads(one.done("experiment", "show", one.id, "--json"))
    assert (shown["status"], shown["reason"]) == ("done", "trial limit reached")
    assert (shown["trial_limit"], shown["time_limit"]) == (5, 172800.0)


def test_what_was_cut_off_has_not_started_again(start: Callable[..., Running]) -> None:
    """Until it has: then it can be killed."""
    one = start("--concurrency", "3", "--trials", "4")
    wait_for(lambda: one.is_recorded(3))
    one.done("stop")
    one.report(130)
    one.resume("--concurrency", "1")
    wait_for(lambda: one.is_recorded(1))
    refused = one.ctl("trial", "kill", "-T", "2")
    assert refused.returncode == 1
    assert refused.stderr == "error: trial 2 has not started\n"
    one.go()
    trials = one.report(0)["trials"]
    assert [trial["status"] for trial in trials] == ["SUCCEEDED"] * 4
    assert [trial["attempts"] for trial in trials] == [1, 2, 2, 2]


def test_a_time_limit_that_has_passed(start: Callable[..., Running]) -> None:
    """It ends the experiment."""
    one = start()
    one.done("update", "duration", "--value", "0.001s")
    assert one.report(0)["experiment"]["reason"] == "time limit reached"


def test_many_at_once(start: Callable[..., Running]) -> None:
    """Each has its answer, also those who wait for the end."""
    one = start("--concurrency", "3", "--trials", "99")
    wait_for(lambda: one.is_recorded(3))

    def begin(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command("nnictl", *words, "--experiments-dir", one.experiments),
            env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    following = begin("log", "trial", "-T", "2", "--follow")
    kills = [begin("trial", "kill", "-T", str(number)) for number in (1, 2, 3)]
    for process in kills:
        stdout, stderr = process.communicate(timeout=60)
        assert "killed by the user" in stdout, stderr
    assert following.communicate(timeout=60)[0].startswith("\x1b[2Jtrial 2 é\n")
    assert following.returncode == 0
    for process in [begin("stop", one.id), begin("stop", one.id)]:
        stdout, stderr = process.communicate(timeout=60)
        assert "interrupted; " in stdout or "is not running" in stderr, stderr
    one.report(130)


def test_delete_all_that_have_ended(start: Callable[..., Running]) -> None:
    """The others go on; it asks once for all of them."""
    one = start()
    ended = [one.folder.with_name(name) for name in ("older1", "older2")]
    for folder in ended:
        folder.mkdir()
        shutil.copy(one.folder / "history.sqlite", folder)
    asked = one.ctl("experiment", "delete", "--all")  # nobody answers
    assert asked.returncode == 1
    assert f"experiment {one.id} is running: it is kept\n" in asked.stderr
    assert f"Delete 2 in {one.folder.parent}: older1, older2? [y/N]: " in asked.stderr
    assert asked.stderr.endswith("\nerror: nothing was deleted\n")
    assert all(folder.exists() for folder in ended)
    said = one.done("experiment", "delete", "--all", "-y")
    assert said == "experiment older1 deleted\nexperiment older2 deleted\n"
    assert not any(folder.exists() for folder in ended)
    nothing = one.ctl("experiment", "delete", "-a", "--yes")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert f"no experiment that has ended in {one.folder.parent}\n" in nothing.stderr
    assert one.folder.exists()
    one.done("stop")
    one.report(130)


def test_a_killed_runner(start: Callable[..., Running]) -> None:
    """Nobody waits for it, and what it left can be read and deleted."""
    one = start()
    one.process.kill()
    one.process.communicate()
    assert one.ctl("stop", one.id).stderr == f"error: experiment {one.id} is not running\n"
    (listed,) = json.loads(one.done("experiment", "list", "--all", "--json"))
    assert listed["status"] == "crashed"
    assert "crashed (its process is gone)" in one.done("experiment", "show", one.id)
    assert one.done("log", "trial", one.id, "-T", "0", "--follow").endswith("going\n")
    one.done("experiment", "delete", one.id, "--yes")


FACTS = {
    "target": "src", "command": ["python", "train.py"], "optimize_mode": "minimize",
    "search_space": {"x": {"_type": "choice", "_value": [1, 2]}}, "tuner": "auto", "seed": 1,
    "tuner_arguments": {}, "concurrency": 1, "trials": 2, "seconds": None,
}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with experiments that ended."""
    for name in ("abcdefgh", "abcxyz", "zzz"):
        output = tmp_path / name / "trials" / "0"
        output.mkdir(parents=True)
        (output / "stdout").write_bytes(b"a\x1b[31mb\xc2\x9bc\r\n\xffd")
        store = Store(tmp_path / name / "history.sqlite", create=True)
        store.describe(FACTS)
        store.record([Chosen(0, {"x": 1}, False, 1.0), Started(0, 1, 1.0)])
        store.begin_session()
        store.record([Reported(0, "final", 3, 2.0)])
        store.record([Ended(0, Status.SUCCEEDED, "", 1.0, 2.0)])
        store.end_session("done", "trial limit reached")
        store.close()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["experiment", "show", "abcdefgi"], 2, "no such experiment in"),
        (["experiment", "show", "abcdefgi"], 2, "did you mean abcdefgh?"),
        (["trial", "ls", "abc"], 2, "abc: several experiments begin so: abcdefgh, abcxyz\n"),
        (["trial", "ls"], 2, "name an experiment: none is running in"),
        (["trial", "kill", "zzz", "-T", "0"], 1, "error: experiment zzz is not running\n"),
        (["trial", "kill", "zzz"], 2, "Missing option '-T'"),
        (["log", "trial", "z", "-T", "7"], 2, "-T 7: no such trial; experiment zzz has 1 trial"),
        (["update", "duration", "z", "--value", "soon"], 2, "expected a duration such as 90s"),
        (["update", "concurrency", "z", "--value", "0"], 2, "0 is not in the range"),
        (["stop", "z", "--all"], 2, "say either an ID or --all"),
        (["experiment", "delete"], 2, "say either an ID or --all"),
        (["experiment", "delete", "z", "--all"], 2, "say either an ID or --all"),
        (["view", "nope"], 2, "no such experiment in"),
        (["trial", "codegen", "z", "-T", "abc-0"], 2, "-T abc-0: is no trial of experiment z\n"),
        (["log", "trial", "z", "-T", "x"], 2, "expected a trial's number or its id, found 'x'"),
        (["log", "trial", "z", "-T", "-1"], 2, "expected a trial's number or its id, found '-1'"),
        (["trial", "ls", "z", "--head", "1", "--tail", "1"], 2, "say either --head or --tail"),
        (
            ["log", "stdout", "z"],
            1,
            "error: experiment zzz was not started in the background: it "
            "wrote to the terminal that nni-run was started in; nnictl "
            "log trial has what its trials printed\n",
        ),
        (["log", "stderr", "z", "-H", "1", "-T", "1"], 2, "say either --head or --tail"),
        (["experiment", "export", "z", "-t", "xml"], 2, "'xml' is not one of 'json', 'csv'"),
        (["experiment", "import", "z"], 2, "Missing option '-f'"),
        (["experiment", "import", "z", "-f", "/no"], 1, "error: /no: can't be read: No such file"),
        (["experiment", "load", "-p", "/no"], 1, "error: /no: can't be read: No such file"),
        (["trial", "codegen", "z", "-T", "0"], 1, "asks for its parameters, and holds none"),
    ],
)
def test_bad_input(
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    """Is refused in words."""
    monkeypatch.setattr(sys, "argv", ["nnictl", *words, "--experiments-dir", str(kept)])
    with pytest.raises(SystemExit) as ended:
        entry.control()
    assert ended.value.code == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_one_word_and_all_of_it(kept: Path) -> None:
    """How an experiment stands, and everything about it at once."""
    words = ("--experiments-dir", kept)
    assert run("nnictl", "experiment", "status", "z", *words).stdout == "done\n"
    status = json.loads(run("nnictl", "experiment", "status", "z", "--json", *words).stdout)
    assert status == {"id": "zzz", "status": "done", "reason": "trial limit reached"}
    viewed = run("nnictl", "view", "z", *words).stdout
    shown = run("nnictl", "experiment", "show", "z", *words).stdout
    listed = run("nnictl", "trial", "ls", "z", *words).stdout
    assert viewed == f"{shown}\n{listed}"
    viewed = run("nnictl", "view", "z", *words, "--json").stdout
    shown = run("nnictl", "experiment", "show", "z", *words, "--json").stdout
    listed = run("nnictl", "trial", "ls", "z", *words, "--json").stdout
    assert json.loads(viewed) == {"experiment": json.loads(shown), "trials": json.loads(listed)}


def test_the_highest_and_the_lowest(tmp_path: Path) -> None:
    """Of those that have a result."""
    store = Store(tmp_path / "history.sqlite", create=True)
    store.describe(FACTS)
    for number, value in enumerate((3, 1, 2, None)):
        store.record([Chosen(number, {"x": 1}, False, 1.0), Started(number, 1, 1.0)])
        store.record([Reported(number, "final", value, 2.0)])
    store.close()

    def listed(*words: str) -> list[int]:
        done = run("nnictl", "trial", "ls", tmp_path, "--json", *words)
        return [trial["number"] for trial in json.loads(done.stdout)]

    assert listed() == [0, 1, 2, 3]
    assert listed("--head", "2") == [0, 2]
    assert listed("--tail", "9") == [1, 2, 0]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_ids_and_commands_complete(kept: Path, shell: str) -> None:
    """Where the history is none, too."""
    (kept / "zzz" / "history.sqlite").write_text("none")

    def completed(*words: str) -> list[str]:
        count = str(len(words) - 1)
        line = {
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": words[-1] if shell == "fish" else count,
        }
        environment = {**clean_environment(), **line, "_NNICTL_COMPLETE": f"{shell}_complete"}
        done = subprocess.run(
            command("nnictl"), env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return re.findall(r"abc\w+|zzz|import|export|trial\b", done.stdout)

    of = ("--experiments-dir", str(kept))
    assert sorted(completed("nnictl", "experiment", "show", *of, "")) == [
        "abcdefgh",
        "abcxyz",
        "zzz",
    ]
    assert sorted(completed("nnictl", "resume", *of, "abc")) == ["abcdefgh", "abcxyz"]
    assert completed("nnictl", "view", "--experiments-dir", "/none", "") == []
    assert completed("nnictl", "experiment", "im") == ["import"]
    source = {**clean_environment(), "_NNICTL_COMPLETE": f"{shell}_source"}
    done = subprocess.run(command("nnictl"), env=source, capture_output=True, text=True, check=True)
    assert "_NNICTL_COMPLETE" in done.stdout


def test_histories_that_can_t_be_read(kept: Path) -> None:
    """They don't hide the others."""
    (kept / "abcxyz" / "history.sqlite").write_bytes(b"this is none" * 1000)
    connection = sqlite3.connect(kept / "zzz" / "history.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    (kept / "bare").mkdir()
    Store(kept / "bare" / "history.sqlite", create=True).close()
    done = run("nnictl", "experiment", "list", "--all", "--json", "--experiments-dir", kept)
    assert [one["id"] for one in json.loads(done.stdout)] == ["abcdefgh"]
    assert done.returncode == 0
    assert sorted(line.split("/history.sqlite: ")[1] for line in done.stderr.splitlines()) == [
        "file is not a database",
        "is no experiment's history: 'search_space'",
        "schema version 99, this nni-run reads up to 2",
    ]
    done = run("nnictl", "experiment", "show", "zzz", "--experiments-dir", kept)
    assert done.returncode == 1
    assert "schema version 99" in done.stderr


def test_looking_leaves_no_trace(kept: Path) -> None:
    """No file is made or changed."""
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    for words in (["experiment", "list", "--all"], ["trial", "ls", "z"], ["top"]):
        assert run("nnictl", *words, "--experiments-dir", kept).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*")} == before


def test_a_log_is_raw_in_a_pipe_and_harmless_on_a_terminal(kept: Path) -> None:
    """Nothing that a trial prints reaches the terminal's own language."""
    words = command("nnictl", "log", "trial", "zzz", "-T", "0", "--experiments-dir", kept)
    done = subprocess.run(words, env=clean_environment(), capture_output=True, check=True)
    assert done.stdout == b"a\x1b[31mb\xc2\x9bc\r\n\xffd"
    master, slave = pty.openpty()
    environment = {**clean_environment(), "PYTHONIOENCODING": "utf-8"}
    subprocess.run(words, env=environment, stdout=slave, check=True)
    os.close(slave)
    text = os.read(master, 1000).decode()
    os.close(master)
    assert text.replace("\r\r\n", "\r\n") == "a?[31mb?c\r\n\ufffdd"


def test_top_on_a_terminal_ends_by_ctrl_c(kept: Path) -> None:
    """It draws until then."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("nnictl", "top", "--experiments-dir", kept),
        env={**clean_environment(), "TERM": "xterm"}, stdout=slave,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    os.close(slave)
    text = b""
    while b"no experiment is running" not in text:
        text += os.read(master, 1000)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    os.close(master)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[tuple[Place, Notices]]:
    """The runner's end of the channel, without a runner behind it."""
    folder = tmp_path / ("long" * 40)  # more than a socket's path may have
    folder.mkdir()
    place, notices = Place("abc", folder), Notices()
    with locked(folder):
        opened = Control(place, notices)
        yield place, notices
        opened.close()


@pytest.mark.parametrize(
    "line",
    [
        b"", b"no JSON\n", b"[]\n", b'{"do": "fly"}\n', b'{"do": "kill", "trial": "1"}\n',
        b'{"do": "update", "limit": "trials", "value": 0}\n', b"[" * 5000 + b"\n",
        b'{"do": "update", "limit": "seconds", "value": NaN}\n', b"\xff\n",
        b'{"do": "update", "limit": "tuner", "value": 1}\n',
        b'{"do": "space", "search_space": {"x": 1}}\n',
        b'{"do": "import", "results": [{"parameter": {}, "value": NaN}], "search_space": {}}\n',
    ],
)  # fmt: skip
def test_what_is_no_request_never_reaches_the_loop(
    control: tuple[Place, Notices], line: bytes
) -> None:
    """Nor does one that says nothing keep others waiting."""
    place, notices = control
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as bad:
        silent.connect(place.control.read_text())
        bad.connect(place.control.read_text())
        bad.sendall(line)
        bad.shutdown(socket.SHUT_WR)
        assert "error" in json.loads(bad.makefile().read())
        sent = Sent(place, Kill(3))
        asked = notices.get(timeout=60)
        assert isinstance(asked, Asked)
        assert asked.request == Kill(3)
        asked.done("it is")
        assert sent.answer("") == "it is"
        assert notices.empty()


def test_only_its_owner_reaches_a_runner(control: tuple[Place, Notices]) -> None:
    """And one runner alone has an experiment."""
    place, _ = control
    folder = Path(place.control.read_text()).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert running(place.folder) is not None
    mine = f"process {os.getpid()} on .* runs this experiment"
    with pytest.raises(RunnerError, match=mine), locked(place.folder):
        pass
