"""`nni-run` as its user runs it: real scripts, real processes, what is printed and what is left."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from conftest import clean_environment, command, run
from invariants import check_invariants
from lab import TRAIN, Lab, hear_signals


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A fresh lab."""
    return Lab(tmp_path)


def test_finds_better_parameters_than_the_baseline(lab: Lab) -> None:
    """And leaves everything where it says."""
    before = sorted(lab.source.rglob("*"))
    report = lab.json("--minimize", "--trials", "12", "--concurrency", "3", "--seed", "1")
    assert report["schema_version"] == 1
    assert report["experiment"]["status"] == "done"
    assert report["experiment"]["reason"] == "trial limit reached"
    assert [trial["number"] for trial in report["trials"]] == list(range(12))
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    baseline = report["baseline"]
    assert baseline["number"] == 0
    assert baseline["value"] == 0.25
    assert baseline["parameters"] == {"train/x/uniform": 0.5, "train/kind/choice": "a"}
    best = report["best"]
    assert best["value"] == min(trial["value"] for trial in report["trials"])
    assert report["gain"] == pytest.approx(0.25 - best["value"])
    output = Path(best["output"])
    assert json.loads((output / "parameters.json").read_text()) == best["parameters"]
    assert f"x is {best['parameters']['train/x/uniform']}" in (output / "stdout").read_text()
    assert sorted(lab.source.rglob("*")) == before
    connection = sqlite3.connect(lab.experiment() / "history.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    rows = connection.execute("SELECT number, final_result FROM trials").fetchall()
    connection.close()
    assert rows == [(trial["number"], trial["value"]) for trial in report["trials"]]


def test_the_same_seed_gives_the_same_run(lab: Lab) -> None:
    """One trial at a time, the order of results is fixed."""
    runs = [lab.json("--maximize", "--trials", "15", "--seed", "5") for _ in range(2)]
    first, second = ([trial["parameters"] for trial in run["trials"]] for run in runs)
    assert first == second


def test_the_text_names_parameters_as_the_user_does(lab: Lab) -> None:
    """Standard output has the result, standard error the progress."""
    done = lab.run("--minimize", "--trials", "12", "--seed", "1", "--", "--epochs", "2")
    assert done.returncode == 0
    assert "Best trials" in done.stdout
    assert "baseline 0.25" in done.stdout
    assert "  parameter  best" in done.stdout
    assert str(lab.experiment()) in done.stdout
    assert "trial 0 (baseline) SUCCEEDED 0.25" in done.stderr
    stdout = (lab.experiment() / "trials" / "1" / "stdout").read_text()
    assert stdout.endswith("['--epochs', '2']\n")


def test_a_compiled_folder_runs_where_it_lies(lab: Lab, tmp_path: Path) -> None:
    """Two steps do the same as one."""
    build = tmp_path / "build"
    assert run("nni-annotate", lab.source, "-o", build).returncode == 0
    for target in (build, build / "train.py"):
        done = lab.run("--minimize", "--trials", "2", "--json", target=target)
        assert json.loads(done.stdout)["baseline"]["parameters"]["train/x/uniform"] == 0.5
        assert not list(lab.experiments.glob("*/code"))


def test_a_lone_script_finds_its_modules_and_its_data(lab: Lab) -> None:
    """A file that the trial writes doesn't reach the source."""
    lab.write("helper.py", "VALUE = 3\n")
    lab.write("data/rows.csv", "7\n")
    script = lab.write(
        "lone.py",
        '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\n'
        "import helper, pathlib\n"
        'rows = int(open("data/rows.csv").read())\n'
        'beside = (pathlib.Path(__file__).parent / "data" / "rows.csv").exists()\n'
        'open("written.txt", "w").write("x")\n'
        '"""@nni.report_final_result(helper.VALUE + rows + beside)"""\n',
    )
    done = lab.run("--maximize", "--trials", "1", "--json", target=script)
    assert json.loads(done.stdout)["best"]["value"] == 11
    assert not (lab.source / "written.txt").exists()


def test_the_baseline_tells_what_only_running_can_tell(lab: Lab) -> None:
    """`x = args.x` has no value in the text; the tuner is told it all the same."""
    lab.write(
        "train.py",
        'import sys\n"""@nni.variable(nni.choice(1, 2, 3), name=x)"""\nx = int(sys.argv[1])\n'
        '"""@nni.report_final_result(x)"""\n',
    )
    report = lab.json("--maximize", "--tuner", "GridSearch", "--trials", "9", "--", "2")
    assert report["baseline"]["parameters"] == {"train/x/choice": 2}
    assert report["experiment"]["reason"] == "search space exhausted"
    assert report["trials"][0]["value"] == 2
    assert sorted(trial["value"] for trial in report["trials"]) == [1, 2, 3]


@pytest.mark.parametrize("own", ["3", 'int("3")'])
def test_the_tuner_knows_that_the_baseline_failed(lab: Lab, own: str) -> None:
    """It doesn't try the same again, also where only running told the value."""
    lab.write(
        "train.py",
        f'"""@nni.variable(nni.choice(1, 2, 3), name=x)"""\nx = {own}\n'
        "if x == 3: raise SystemExit(1)\n"
        '"""@nni.report_final_result(x)"""\n',
    )
    report = lab.json("--maximize", "--tuner", "GridSearch")
    found = [(trial["status"], trial["parameters"]["train/x/choice"]) for trial in report["trials"]]
    assert found[0] == ("FAILED", 3)
    assert sorted(found[1:]) == [("SUCCEEDED", 1), ("SUCCEEDED", 2)]


def test_no_baseline(lab: Lab) -> None:
    """Every trial is the tuner's."""
    report = lab.json("--minimize", "--trials", "2", "--no-baseline")
    assert report["baseline"] is None
    assert report["gain"] is None
    assert not any(trial["is_baseline"] for trial in report["trials"])


@pytest.mark.parametrize(
    ("tuner", "name"),
    [("TPE", "TPE"), ("tpe", "TPE"), ("grid", "GridSearch"), ("cma_es", "CMA-ES")],
)
def test_tuners_by_name(lab: Lab, tuner: str, name: str) -> None:
    """As NNI spells them, or nearly so; the record has the name as it is documented."""
    report = lab.json("--minimize", "--trials", "3", "--tuner", tuner, "--concurrency", "2")
    assert report["experiment"]["tuner"] == name
    assert lab.facts()["tuner"] == name
    assert len(report["trials"]) == 3


def test_a_sampler_of_optuna_s(lab: Lab) -> None:
    """By the name that Optuna gives it; it goes by no other in the record."""
    pytest.importorskip("optuna")
    words = ("--minimize", "--trials", "12", "--tuner", "optuna:tpe", "--concurrency", "2")
    done = lab.run(*words, "--tuner-arg", "n_startup_trials=4", "--json")
    report = json.loads(done.stdout)
    assert report["experiment"]["tuner"] == lab.facts()["tuner"] == "optuna:TPESampler"
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert len(done.stderr.splitlines()) == 13
    done = lab.run("--minimize", "--tuner", "optuna:TPESample")
    assert done.returncode == 2
    assert "did you mean optuna:TPESampler?" in done.stderr


def test_arguments_of_the_tuner(lab: Lab) -> None:
    """They reach it, and are on record."""
    words = ("--tuner", "GridSearch", "--tuner-arg", "points=2", "--tuner-arg", "max_values=1")
    report = lab.json("--minimize", "--no-baseline", "--trials", "4", *words)
    assert [trial["parameters"]["train/x/uniform"] for trial in report["trials"]] == [
        -1, -1, 1, 1
    ]  # fmt: skip
    expected = {"points": 2, "max_values": 1}
    assert report["experiment"]["tuner_arguments"] == expected
    assert lab.facts()["tuner_arguments"] == expected


def test_failing_trials_don_t_end_an_experiment_that_works(lab: Lab) -> None:
    """Each failure has its cause; the others go on."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.choice("ok", "exit", "raise", "nan", "silent", "after"))"""\n'
        'x = "ok"\nimport os, sys\n'
        'if x == "exit": sys.exit(3)\n'
        'if x == "raise": raise ValueError("no")\n'
        'if x == "silent": sys.exit(0)\n'
        '"""@nni.report_final_result(float("nan") if x == "nan" else 1)"""\n'
        'if x == "after": os.kill(os.getpid(), 9)\n',
    )
    report = lab.json("--maximize", "--tuner", "GridSearch", "--trials", "10")
    causes = {
        trial["parameters"]["train/x/choice"]: (trial["status"], trial["cause"])
        for trial in report["trials"]
    }
    assert causes == {
        "ok": ("SUCCEEDED", ""),
        "exit": ("FAILED", "exit code 3"),
        "raise": ("FAILED", "exit code 1"),
        "nan": ("FAILED", "the final result is no finite number: NaN (line train.py:7)"),
        "silent": ("FAILED", "no final result"),
        "after": ("SUCCEEDED", "killed by signal SIGKILL, after its final result"),
    }


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('raise ValueError("the end \\x1b[31m")', "ValueError: the end ?[31m"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("pass", "no final result"),
    ],
)
def test_a_script_that_never_works_is_given_up(lab: Lab, script: str, expected: str) -> None:
    """After a few failures, with the trial's own last words."""
    report = '"""@nni.report_final_result(x)"""' if script != "pass" else ""
    lab.write(
        "train.py",
        f'"""@nni.variable(nni.randint(1, 1000), name=x)"""\nx = 1\n{script}\n{report}\n',
    )
    done = lab.run("--maximize", "--trials", "50")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "the first 3 trials all failed" in done.stdout
    assert "Traceback" not in done.stderr.replace("    Traceback", "")


def test_failures_in_a_row_end_an_experiment(lab: Lab) -> None:
    """Also after others have succeeded; a resume gives it another chance."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 1\nimport os, sys\n'
        'number = int(os.environ["NNI_TRIAL_SEQ_ID"])\n'
        "if number == 1 or number > 3:\n    sys.exit(1)\n"
        '"""@nni.report_final_result(x)"""\n',
    )
    words = ("--maximize", "--trials", "50", "--max-failures", "4", "--json")
    done = lab.run(*words)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["experiment"]["reason"] == "4 trials in a row failed"
    assert len(report["trials"]) == 8
    again = json.loads(run("nnictl", "resume", lab.experiment(), "--json").stdout)
    assert again["experiment"]["reason"] == "4 trials in a row failed"
    assert len(again["trials"]) == 12


def test_the_time_limit_ends_trials_that_hang(lab: Lab) -> None:
    """What was found before is the result."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\nimport time\n'
        '"""@nni.report_final_result(x)"""\n"""@nni.variable(nni.choice(0, 99), name=s)"""\ns = 0\n'
        "time.sleep(s)\n",
    )
    report = lab.json("--maximize", "--time", "4s", "--trials", "9", "--tuner", "Random")
    assert report["experiment"]["reason"] in ("time limit reached", "trial limit reached")
    assert report["best"] is not None
    for trial in report["trials"]:
        hung = trial["parameters"]["train/s/choice"] == 99
        assert trial["status"] == "SUCCEEDED"
        assert ("time limit" in trial["cause"]) == hung


def test_the_time_limit_of_each_trial(lab: Lab) -> None:
    """It fails, unless it has reported its final result; the others go on."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.choice("ok", "hang", "late"), name=x)"""\nx = "ok"\nimport time\n'
        'if x == "hang": time.sleep(99)\n"""@nni.report_final_result(1)"""\n'
        'if x == "late": time.sleep(99)\n',
    )
    report = lab.json("--maximize", "--tuner", "GridSearch", "--trial-time", "2s")
    assert {
        trial["parameters"]["train/x/choice"]: (trial["status"], trial["cause"])
        for trial in report["trials"]
    } == {
        "ok": ("SUCCEEDED", ""),
        "hang": ("FAILED", "time limit"),
        "late": ("SUCCEEDED", "time limit, after its final result"),
    }
    assert lab.facts()["trial_seconds"] == 2


@pytest.mark.parametrize(("words", "value"), [("--maximize", 2), ("--minimize", 1)])
def test_the_goal(lab: Lab, words: str, value: int) -> None:
    """The experiment is done, and what still runs is ended."""
    lab.write(
        "train.py",
        f'"""@nni.variable(nni.choice({value}, 0), name=x)"""\nx = {3 - value}\nimport os, time\n'
        'if os.environ["NNI_TRIAL_SEQ_ID"] == "2": time.sleep(99)\n'
        'time.sleep(0.5 * int(os.environ["NNI_TRIAL_SEQ_ID"]))\n'
        '"""@nni.report_final_result(x)"""\n',
    )
    (lab.source.parent / "good.json").write_text(f'{{"x": {value}}}')
    good = ("--try", str(lab.source.parent / "good.json"))
    report = lab.json(words, "--goal", str(value), "--concurrency", "3", *good)
    assert report["experiment"]["status"] == "done"
    assert report["experiment"]["reason"] == "goal reached"
    assert report["trials"][2]["cause"] == "goal reached"
    assert report["best"]["value"] == value
    assert lab.facts()["goal"] == value


HANG = (
    '"""@nni.variable(nni.randint(1, 1000), name=x)"""\nx = 1\nimport os, time\n'
    'open(os.environ["NNI_OUTPUT_DIR"] + "/pid", "w").write(str(os.getpid()))\n'
    # The first takes so long that a tuner is quick beside it, which is then not asked ahead.
    'time.sleep(0.5 if os.environ["NNI_TRIAL_SEQ_ID"] == "0" else 99)\n'
    '"""@nni.report_final_result(x)"""\n'
)


def start_hanging(lab: Lab) -> tuple[subprocess.Popen[str], list[int]]:
    """An experiment whose first trial is done and whose next two hang, and the pids of those."""
    lab.write("train.py", HANG)
    words = lab.words("--maximize", "--concurrency", "2", "--json")
    process = subprocess.Popen(
        command("nni-run", *words),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_signals,
    )
    pids: list[int] = []
    end = time.monotonic() + 30
    while len(pids) < 2:
        assert time.monotonic() < end, "the trials didn't start"
        time.sleep(0.02)
        files = [path for path in lab.experiments.glob("*/trials/*/pid") if path.parent.name != "0"]
        pids = [int(text) for path in files if (text := path.read_text())]
    return process, pids


def is_gone(pid: int) -> bool:
    """Whether a process ends within two seconds."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted(lab: Lab, number: signal.Signals, code: int) -> None:
    """Running trials end, everything so far is kept and shown."""
    process, pids = start_hanging(lab)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    report = json.loads(stdout)
    assert report["experiment"]["status"] == "interrupted"
    assert report["best"]["number"] == 0
    assert f"to go on: nnictl resume {lab.experiment()}\n" in stderr
    assert [trial["status"] for trial in report["trials"]] == [
        "SUCCEEDED", "USER_CANCELED", "USER_CANCELED"
    ]  # fmt: skip
    assert all(is_gone(pid) for pid in pids)


def test_a_killed_runner_leaves_no_trial_behind(lab: Lab) -> None:
    """Not even kill -9; what it ran runs again."""
    process, pids = start_hanging(lab)
    process.kill()
    process.communicate(timeout=30)
    assert all(is_gone(pid) for pid in pids)
    lab.write("train.py", HANG.replace("99", "0"))
    done = run("nnictl", "resume", lab.experiment(), "--json")
    assert done.returncode == 0, done.stderr
    assert [trial["attempts"] for trial in json.loads(done.stdout)["trials"][:4]] == [1, 2, 2, 1]
    check_invariants(lab.experiment())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "say --maximize or --minimize"),
        (["--maximize", "--trials", "0"], 2, "0 is not in the range"),
        (["--maximize", "--time", "soon"], 2, "expected a duration such as 90s, 30m or 1h30m"),
        (["--maximize", "--minimize"], 2, "say --maximize or --minimize"),
        (["--maximize", "--tuner", "TPEE"], 2, "did you mean TPE?"),
        (["--maximize", "--tuner-arg", "gamma"], 2, "--tuner-arg gamma: expected NAME=VALUE"),
        (
            ["--maximize", "--tuner-arg", "gamma=0.2", "--tuner-arg", "gamma=0.3"],
            2,
            "--tuner-arg gamma=0.3: gamma is given twice",
        ),
        (
            ["--maximize", "--tuner-arg", "gamma=0.2"],
            2,
            "--tuner auto: gamma: no such argument; expected none",
        ),
        (
            ["--maximize", "--tuner", "tpe", "--tuner-arg", "gama=0.2"],
            2,
            "--tuner TPE: gama: no such argument; expected one of multivariate, n_startup_jobs, "
            "n_ei_candidates, gamma; did you mean gamma?",
        ),
        (
            ["--maximize", "--tuner", "qmc", "--tuner-arg", "seed=1"],
            2,
            "--tuner QMC: seed: no such argument; expected none",
        ),
        (
            ["--maximize", "--tuner", "TPE", "--tuner-arg", "gamma=2"],
            2,
            "--tuner TPE: gamma: expected a number between 0 and 1, found 2",
        ),
        (
            ["--maximize", "--tuner", "TPE", "--tuner-arg", "multivariate=no"],
            2,
            'multivariate: expected true or false, found "no"',
        ),
        (["--maximize", "--time", "9" * 20 + "d"], 2, "below ten years"),
        (["--maximize", "--script", "other.py"], 2, "--script other.py: no such file"),
        (["--maximize", "--script", "train.py", "--command", "x"], 2, "either --script or"),
        (["--maximize", "--command", "'unclosed"], 2, "No closing quotation"),
        (["--maximize", "--experiments-dir", "/proc/nothing"], 1, "can't be made"),
    ],
)
def test_wrong_usage(lab: Lab, arguments: list[str], code: int, message: str) -> None:
    """Says what is wrong; makes no experiment."""
    done = lab.run(*arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not lab.experiments.exists()


def test_errors_in_the_source_come_before_an_experiment(lab: Lab) -> None:
    """As nni-annotate prints them."""
    lab.write("train.py", TRAIN.replace("nni.uniform(-1, 1)", "nni.uniform(1, -1)"))
    done = lab.run("--maximize")
    assert done.returncode == 1
    assert "train.py:5:37: error[NNI107]: uniform needs low <= high" in done.stderr
    assert not lab.experiments.exists()


def test_several_scripts_need_a_choice(lab: Lab) -> None:
    """By the rule: the one with a main guard, or the only annotated one, or --script."""
    lab.write("model.py", '"""@nni.variable(nni.choice(1, 2), name=y)"""\ny = 1\n')
    assert lab.run("--minimize", "--trials", "1").returncode == 0
    lab.write("other.py", TRAIN)
    done = lab.run("--minimize")
    assert done.returncode == 2
    assert "several scripts could be run (other.py, train.py)" in done.stderr
    assert lab.run("--minimize", "--trials", "1", "--script", "other.py").returncode == 0


def test_a_command_instead_of_a_script(lab: Lab) -> None:
    """Split into words as a shell would, but run without one."""
    lab.write("train.sh", "python3 -c 'print(1)'; exec python3 train.py $1\n")
    report = lab.json("--minimize", "--trials", "2", "--command", "bash train.sh --a", "--", "b c")
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert "['--a']" in Path(report["best"]["output"], "stdout").read_text()


def test_a_hand_written_search_space(lab: Lab) -> None:
    """The other way in: the API, and a search space file beside the script."""
    lab.write(
        "train.py",
        "import nni\nparams = nni.get_next_parameter()\nfor i in range(3):\n"
        "    nni.report_intermediate_result(i)\nnni.report_final_result(params['x'])\n",
    )
    lab.write("search_space.json", '{"x": {"_type": "randint", "_value": [1, 4]}}')
    report = lab.json(
        "--maximize", "--tuner", "GridSearch", "--script", "train.py", "--trials", "9"
    )
    assert sorted(trial["value"] for trial in report["trials"]) == [1, 2, 3]
    assert report["baseline"] is None
    assert report["best"]["intermediate_results"] == 3


def test_a_hand_written_search_space_by_its_script(lab: Lab) -> None:
    """The script is enough of a target, and found where it is the only one."""
    script = lab.write(
        "train.py", "import nni\nnni.report_final_result(nni.get_parameters()['x'])\n"
    )
    lab.write("search_space.json", '{"x": {"_type": "randint", "_value": [1, 4]}}')
    for target in (script, lab.source):
        done = lab.run("--maximize", "--trials", "2", target=target)
        assert done.returncode == 0, done.stderr


def test_nothing_to_tune(lab: Lab) -> None:
    """Neither annotations nor a search space."""
    lab.write("train.py", "print(1)\n")
    done = lab.run("--maximize")
    assert done.returncode == 1
    assert "nothing to tune" in done.stderr


def test_a_trial_finds_nni_s_environment(lab: Lab) -> None:
    """The variables that NNI gave its trials, and the ids of the API."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\nimport json, os, nni\n'
        'names = [n for n in os.environ if n.startswith("NNI_")]\n'
        "print(json.dumps({n: os.environ[n] for n in names}))\n"
        "print(nni.get_experiment_id(), nni.get_trial_id(), nni.get_sequence_id(), os.getcwd())\n"
        'open(os.environ["NNI_OUTPUT_DIR"] + "/model", "w").write("saved")\n'
        '"""@nni.report_final_result(x)"""\n',
    )
    report = lab.json("--maximize", "--trials", "2", "--no-baseline")
    trial = report["trials"][1]
    environment, ids = Path(trial["output"], "stdout").read_text().splitlines()
    found = json.loads(environment)
    name = report["experiment"]["id"]
    assert ids == f"{name} {name}-1 1 {lab.experiment() / 'code'}"
    assert found["NNI_PLATFORM"] == "local"
    assert found["NNI_EXP_ID"] == name
    assert found["NNI_TRIAL_JOB_ID"] == f"{name}-1"
    assert found["NNI_TRIAL_SEQ_ID"] == "1"
    assert found["NNI_OUTPUT_DIR"] == trial["output"]
    assert found["NNI_SYS_DIR"] == trial["output"]
    assert found["NNI_CODE_DIR"] == str(lab.experiment() / "code")
    assert Path(trial["output"], "model").read_text() == "saved"


def test_odd_names_everywhere(tmp_path: Path) -> None:
    """Blanks, quotes, dollars, non-ASCII in folders and arguments."""
    folder = tmp_path / "it's a $(folder) ünd; more"
    folder.mkdir()
    lab = Lab(folder)
    lab.source.joinpath("train.py").rename(lab.source / "-my train.py")
    report = lab.json("--minimize", "--trials", "2", "--", "$HOME", "a b")
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert "['$HOME', 'a b']" in Path(report["best"]["output"], "stdout").read_text()


def test_second_final_results_and_torn_reports_are_told(lab: Lab) -> None:
    """The first final result counts; nothing is dropped without a word."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.randint(1, 1000), name=x)"""\nx = 1\nimport os\n'
        '"""@nni.report_final_result(x)"""\n"""@nni.report_final_result(x + 10)"""\n'
        'open(os.environ["NNI_RESULTS_FILE"], "a").write(\'{"kind": "final", "va\')\n',
    )
    done = lab.run("--maximize", "--trials", "1", "--json")
    assert json.loads(done.stdout)["best"]["value"] == 1
    assert "second final result; the first counts" in done.stderr
    assert "in the middle of a report" in done.stderr


def test_much_output_and_many_reports(lab: Lab) -> None:
    """A chatty trial is read as it comes, and loses nothing."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.randint(1, 1000), name=x)"""\nx = 1\nimport sys\n'
        "for i in range(3000):\n"
        '    print("y" * 1000, flush=False)\n    """@nni.report_intermediate_result(i)"""\n'
        'sys.stdout.buffer.write(b"\\xff\\x00\\x1b[2J")\n"""@nni.report_final_result(x)"""\n',
    )
    report = lab.json("--maximize", "--trials", "2", "--concurrency", "2")
    assert [trial["intermediate_results"] for trial in report["trials"]] == [3000, 3000]


def test_several_own_values_are_none(lab: Lab) -> None:
    """A baseline whose loop gives a target three values has no one value to tell the tuner."""
    lab.write(
        "train.py",
        "for i in range(3):\n"
        '    """@nni.variable(nni.uniform(0, 1), name=lr)"""\n    lr = 0.1 * i\n'
        '"""@nni.report_final_result(lr)"""\n',
    )
    report = lab.json("--maximize", "--trials", "2")
    assert report["baseline"]["parameters"] == {}
    assert "lr         " in lab.run("--maximize", "--trials", "1").stdout


def test_json_holds_no_number_that_json_lacks(lab: Lab) -> None:
    """An own value may be infinite."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = float("inf")\n'
        '"""@nni.report_final_result(1)"""\n',
    )
    done = lab.run("--maximize", "--trials", "2", "--json")
    report = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(name))
    assert report["baseline"]["parameters"] == {"train/x/uniform": "inf"}


def test_nohup_keeps_an_experiment_running(lab: Lab) -> None:
    """A signal that is ignored when the runner starts stays ignored."""
    words = command("nni-run", *lab.words("--minimize", "--trials", "30", "--json"))
    process = subprocess.Popen(
        ["nohup", *words],
        env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 30
    while not list(lab.experiments.glob("*/trials/1")):
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    stdout, _ = process.communicate(timeout=60)
    assert len(json.loads(stdout)["trials"]) == 30


def test_messages_that_can_t_be_shown_cost_nothing(lab: Lab) -> None:
    """A full disk under standard error is no reason to end an experiment."""
    words = command("nni-run", *lab.words("--minimize", "--trials", "3", "--json"))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, env=clean_environment(), stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["trials"]) == 3
    lab.write("train.py", TRAIN.replace("print(", "sys.exit(3); print("))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, env=clean_environment(), stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.returncode == 1
    assert json.loads(done.stdout)["experiment"]["status"] == "failed"


def test_a_result_that_can_t_be_printed_is_told(lab: Lab) -> None:
    """It is in the experiment's folder all the same."""
    words = command("nni-run", *lab.words("--minimize", "--trials", "2"))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, env=clean_environment(), stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"it is in {lab.experiment()}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_experiment_that_can_t_go_on_shows_what_it_found(lab: Lab) -> None:
    """A folder of its own has become something else, say."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.randint(1, 1000), name=x)"""\nx = 1\nimport os, shutil\n'
        '"""@nni.report_final_result(x)"""\n'
        'if os.environ["NNI_TRIAL_SEQ_ID"] == "1":\n'
        '    trials = os.path.dirname(os.environ["NNI_OUTPUT_DIR"])\n'
        '    shutil.rmtree(trials); open(trials, "w").close()\n',
    )
    done = lab.run("--maximize", "--trials", "9", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["experiment"]["status"] == "failed"
    assert "can't be written" in report["experiment"]["reason"]
    assert report["best"] is not None


def test_only_a_time_limit_is_no_trial_limit(lab: Lab) -> None:
    """`--time` alone runs until the time is up."""
    report = lab.json("--minimize", "--time", "3s")
    assert report["experiment"]["reason"] == "time limit reached"
    assert report["experiment"]["trial_limit"] is None


def test_microsoft_s_package_in_the_same_environment_is_refused(lab: Lab, tmp_path: Path) -> None:
    """Both provide the module nni; which of the two a trial would get is anybody's guess."""
    folder = tmp_path / "packages" / "nni-2.10.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: nni\nVersion: 2.10\n")
    environment = clean_environment()
    environment["PYTHONPATH"] += f":{tmp_path / 'packages'}"
    done = subprocess.run(
        command("nni-run", *lab.words("--minimize")),
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Microsoft's nni 2.10 is installed" in done.stderr


def test_the_parameters_of_a_baseline_run_again(lab: Lab) -> None:
    """What lies outside the space is left out of them, and so keeps the script's own value."""
    lab.write(
        "train.py",
        '"""@nni.variable(nni.choice(16, 32), name=b)"""\nb = int("100")\n'
        '"""@nni.variable(nni.uniform(0, 1), name=c)"""\nc = float("inf")\n'
        '"""@nni.variable(nni.uniform(0, 1), name=d)"""\nd = float("0.5")\n'
        '"""@nni.report_final_result(b)"""\nprint(b, c, d)\n',
    )
    report = lab.json("--maximize", "--trials", "2")
    assert report["best"]["number"] == 0
    file = Path(report["best"]["output"], "parameters.json")
    assert json.loads(file.read_text()) == {"train/d/uniform": 0.5}
    assert run("nni-run", lab.source, "--with", file).stdout == "100 inf 0.5\n"


def test_a_string_is_not_the_option_that_it_spells(lab: Lab) -> None:
    """`act = "relu"` is no choice of relu: the grid is to try it all the same."""
    lab.write(
        "train.py",
        "def relu(): return 1\ndef tanh(): return 2\n"
        '"""@nni.variable(nni.choice(relu, tanh), name=act)"""\nact = "relu"\n'
        '"""@nni.report_final_result(5 if act == "relu" else act())"""\n',
    )
    report = lab.json("--maximize", "--tuner", "GridSearch")
    assert sorted(trial["value"] for trial in report["trials"]) == [1, 2, 5]
    assert report["baseline"]["parameters"] == {}


def test_a_lone_script_s_annotated_modules_are_warned_of(lab: Lab) -> None:
    """Whatever way it imports them."""
    annotated = '"""@nni.variable(nni.choice(3, 4), name=h)"""\nh = 3\n'
    lab.write("lib/__init__.py", "")
    lab.write("lib/net.py", annotated)
    lab.write("net2.py", annotated)
    script = lab.write("lone.py", f"from lib.net import h\nimport net2\n{TRAIN}")
    done = lab.run("--minimize", "--trials", "1", target=script)
    for name in ("lib/net.py", "net2.py"):
        assert f"{name}: warning[NNI501]: its annotations have no effect here" in done.stderr
