"""Results and whole experiments leave, and come in elsewhere."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from conftest import run
from lab import Lab
from nni_annotate.space import SearchSpace
from nni_runner.errors import RunnerError
from nni_runner.existing import find
from nni_runner.history import History
from nni_runner.lock import locked
from nni_runner.store import Store
from nni_runner.transfer import importing, unpacking
from nni_runner.transfer.exporting import to_csv, to_json
from nni_runner.transfer.importing import Read, read_results
from nni_runner.trial import Chosen, Ended, Event, Reported, Started, Status

CONV = {"_name": "conv", "size": 3, "pads": [1, 2]}
FACTS = {
    "id": "abc", "target": "src", "command": ["sh"], "optimize_mode": "minimize", "tuner": "auto",
    "search_space": {"x": {"_type": "uniform", "_value": [0, 1]}}, "seed": 1, "code": "code",
    "tuner_arguments": {}, "concurrency": 1, "trials": 4, "seconds": None, "source": None,
}  # fmt: skip
EVENTS: list[Event] = [
    Chosen(0, {"x": 0.5, "status": "on"}, True, 1.0), Started(0, 1, 1.0),
    Reported(0, "intermediate", 9, 1.1),
    Ended(0, Status.SYS_CANCELED, "the runner died", 1.0, 2.0, 1, interrupted=True),
    Started(0, 2, 3.0), Reported(0, "intermediate", 0.25, 3.0, 2),
    Reported(0, "final", {"default": 0.5, "loss": 2, "all": {"a": 1}}, 4.0, 2),
    Ended(0, Status.SUCCEEDED, "", 1.5, 4.0, 2),
    Chosen(1, {"x": 0.25, "layer": CONV, "flag": True, "none": None}, False, 5.0),
    Started(1, 1, 5.0), Reported(1, "intermediate", float("nan"), 5.1),
    Reported(1, "intermediate", 7, 5.2, ignored="late"),
    Reported(1, "final", float("inf"), 6.0),
    Ended(1, Status.FAILED, 'no "finite" result,\nnone', 0.1239, 6.0),
    Chosen(2, {"x": 0.125, "layer": {"_name": "fc"}}, False, 7.0), Started(2, 1, 7.0),
]  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {
        "parameter": {"x": 0.5, "status": "on"},
        "value": {"default": 0.5, "loss": 2, "all": {"a": 1}},
        "trialJobId": "abc-0", "number": 0, "status": "SUCCEEDED", "is_baseline": True,
        "attempts": 2, "seconds": 1.5, "cause": "", "intermediate": [0.25],
    },
    {
        "parameter": {"x": 0.25, "layer": CONV, "flag": True, "none": None}, "value": "inf",
        "trialJobId": "abc-1", "number": 1, "status": "FAILED", "is_baseline": False,
        "attempts": 1, "seconds": 0.124, "cause": 'no "finite" result,\nnone',
        "intermediate": ["nan"],
    },
    {
        "parameter": {"x": 0.125, "layer": {"_name": "fc"}}, "value": None,
        "trialJobId": "abc-2", "number": 2, "status": "RUNNING", "is_baseline": False,
        "attempts": 1, "seconds": 0.0, "cause": "", "intermediate": [],
    },
]  # fmt: skip
CSV = """\
number,trialJobId,status,reward,reward/loss,reward/all/a,x,parameter/status,layer/_name,\
layer/size,layer/pads,flag,none,is_baseline,attempts,seconds,cause,intermediate
0,abc-0,SUCCEEDED,0.5,2,1,0.5,on,,,,,,true,2,1.5,,[0.25]
1,abc-1,FAILED,inf,,,0.25,,conv,3,"[1, 2]",true,,false,1,0.124,"no ""finite"" result,
none","[""nan""]"
2,abc-2,RUNNING,,,,0.125,,fc,,,,,false,1,0.0,,[]
"""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of an experiment that ended."""
    folder = tmp_path / "kept" / "abc"
    (folder / "trials").mkdir(parents=True)
    (folder / "results").mkdir()
    store = Store(folder / "history.sqlite", create=True)
    store.describe(FACTS)
    store.begin_session()
    store.record(EVENTS)
    store.end_session("interrupted", "interrupted")
    store.close()
    return folder


def test_export(kept: Path, tmp_path: Path) -> None:
    """To standard output or to a file, in the format that is named, or that its name tells."""
    words = ("nnictl", "experiment", "export", kept)
    done = run(*words, "--intermediate")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == ROWS
    assert run(*words, "-i", "-t", "csv").stdout == CSV
    bare = [{key: row[key] for key in row if key != "intermediate"} for row in ROWS]
    file = tmp_path / "out.csv"
    for options in ((), ("--type", "json")):
        done = run(*words, "--filename", file, *options)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"{file}: 3 trials\n"
        assert file.read_text() == (to_json(bare) if options else to_csv(bare))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out.csv"]
    refused = run(*words, "-f", tmp_path / "no" / "such.json")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: {tmp_path}/no/such.json: can't be written: No such file or directory\n"
    )


def test_nothing_to_export() -> None:
    """Is no trial."""
    assert to_json([]) == "[]\n"
    head = "number,trialJobId,status,reward,is_baseline,attempts,seconds,cause\n"
    assert to_csv([]) == head


SPACE = SearchSpace.from_json(
    {
        "m/x/uniform": {"_type": "uniform", "_value": [0, 1]},
        "m/k/choice": {"_type": "choice", "_value": ["a", 1]},
    }
)


def read_text(folder: Path, text: str) -> Read:
    """The results in a file with that text."""
    (folder / "r.json").write_text(text)
    return read_results(folder / "r.json", SPACE)


def test_what_can_be_imported(tmp_path: Path) -> None:
    """NNI's own format, with keys or short names, and what export writes."""
    found = read_text(
        tmp_path,
        """[{"parameter": {"x": 1, "k": 1}, "value": 0.5},
        {"parameter": {"m/k/choice": "a", "m/x/uniform": 0.5}, "value": {"default": 2, "q": "z"}},
        {"parameter": {"x": 0, "k": "a"}, "value": "0.25", "trialJobId": "XyZ"},
        {"parameter": {"x": 9}, "value": 1, "is_baseline": true},
        {"parameter": {"x": 9}, "value": null, "status": "RUNNING"}]""",
    )
    assert found == Read(
        [
            {"parameter": {"m/x/uniform": 1.0, "m/k/choice": 1}, "value": 0.5},
            {"parameter": {"m/x/uniform": 0.5, "m/k/choice": "a"}, "value": 2.0},
            {"parameter": {"m/x/uniform": 0.0, "m/k/choice": "a"}, "value": 0.25},
        ],
        {"a baseline outside the search space": 1, "has not succeeded": 1},
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3", "expected an object with a parameter and a value, found 3"),
        ("{}", "expected a parameter, found nothing"),
        ('{"parameter": {}}', "expected a value, found parameter"),
        ('{"parameter": [], "value": 1}', "parameter: expected an object, found []"),
        ('{"parameter": {"x": 1}, "value": 1}', "parameter: expected m/k/choice too"),
        ('{"parameter": {"x": 2, "k": 1}, "value": 1}',
         "m/x/uniform: expected a number from 0 to 1, found 2"),
        ('{"parameter": {"x": 1, "k": 1, "y": 1}, "value": 1}',
         "y: no such parameter in the search space; known are x, k"),
        ('{"parameter": {"x": 1, "k": 1, "m/x/uniform": 1}, "value": 1}',
         "m/x/uniform: is given twice"),
        *(('{"parameter": {"x": 1, "k": 1}, "value": ' + value + "}",
           f"value: expected a finite number, or an object with one as default; found {value}")
          for value in ("NaN", "Infinity", "null", "true", '"good"', "[1]", '{"q": 1}')),
    ],
)  # fmt: skip
def test_rows_that_are_wrong(tmp_path: Path, row: str, message: str) -> None:
    """Are named by their position; nothing is imported then."""
    with pytest.raises(RunnerError) as error:
        read_text(tmp_path, f'[{{"parameter": {{"x": 1, "k": 1}}, "value": 1}}, {row}]')
    assert str(error.value) == (
        f"nothing was imported: 1 of 2 rows are wrong\n{tmp_path}/r.json: [1]: {message}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"x": 1}', 'expected a list of objects such as {"parameter": {"x": 0.5}, "value": 0.03}, '
                     'found {"x": 1}'),
        ("[1, ]", "is no JSON: "),
        ("[" * 100_000, "is no JSON: "),
        ('[{"value": 1, "value": 2}]', "is no JSON: value is given twice in one object"),
        ("\xff", "is no JSON: "),
        (f"[{'0,' * 1_000_000}0]", "expected 10000 rows at most, found 1000001"),
        (" " * (1 << 24) + "[]", "expected at most 16 MiB; it is larger"),
    ],
    ids=["object", "comma", "deep", "twins", "bytes", "rows", "large"],
)  # fmt: skip
def test_files_that_hold_no_results(tmp_path: Path, text: str, message: str) -> None:
    """Are refused as a whole."""
    (tmp_path / "r.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunnerError) as error:
        read_results(tmp_path / "r.json", SPACE)
    assert str(error.value).startswith(f"{tmp_path}/r.json: {message}")


def test_of_many_wrong_rows_some_are_shown(tmp_path: Path) -> None:
    """And all are counted."""
    with pytest.raises(RunnerError) as error:
        read_text(tmp_path, json.dumps([3] * 400))
    head, *shown = str(error.value).splitlines()
    assert head == "nothing was imported: 400 of 400 rows are wrong"
    assert len(shown) == 11
    assert shown[-1] == "and 390 more rows"
    assert importing.MOST_ROWS == 10_000


def ctl(*words: str | Path) -> dict[str, Any]:
    """What a command that succeeds says as JSON."""
    done = run("nnictl", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def trials(folder: Path) -> History:
    """Those of the experiment in that folder."""
    store = Store(folder / "history.sqlite", read_only=True)
    found = store.history()
    store.close()
    return found


def test_saved_and_loaded(tmp_path: Path) -> None:
    """It is all there and goes on, with its own copy of the code or with that which came too."""
    lab = Lab(tmp_path)
    lab.write("pkg/data.txt", "data")
    (lab.source / "link").symlink_to("pkg/data.txt")
    (lab.source / "away").symlink_to("/etc/hostname")
    lab.json("--minimize", "--trials", "2", "--seed", "1")
    folder = lab.experiment()
    file = tmp_path / "e.zip"
    saved = ctl("experiment", "save", folder, "-p", file, "--saveCodeDir")
    assert saved["path"] == str(file)
    assert saved["left_out"] == [
        f"{folder}/code/away -> /etc/hostname", f"{lab.source}/away -> /etc/hostname"
    ]  # fmt: skip
    again = run("nnictl", "experiment", "save", folder, "-p", file)
    assert again.stderr == f"error: {file}: is there already; name another file\n"
    assert again.returncode == 1

    bare = ctl("experiment", "load", "-p", file, "--experiments-dir", tmp_path / "bare")
    assert bare == {"id": folder.name, "path": str(tmp_path / "bare" / folder.name), "code": None}
    loaded = Path(bare["path"])
    assert trials(loaded) == trials(folder)
    assert (loaded / "trials" / "1" / "stdout").read_text().startswith("x is")
    assert (loaded / "code" / "link").readlink() == Path("pkg/data.txt")
    (lab.source / "train.py").write_text("what lies there is nothing to this one")
    resumed = run("nnictl", "resume", loaded, "--trials", "3")
    assert resumed.returncode == 0, resumed.stderr

    with_code = ctl(
        "experiment", "load", "-p", file, "-c", tmp_path / "code", "--experiments-dir",
        tmp_path / "both",
    )  # fmt: skip
    assert with_code["code"] == str(tmp_path / "code")
    assert (tmp_path / "code" / "link").read_text() == "data"
    resumed = run("nnictl", "resume", with_code["path"], "--trials", "3")
    assert resumed.returncode == 0, resumed.stderr
    assert "changed" not in resumed.stderr
    third = trials(Path(with_code["path"])).trials[2]
    assert third.parameters == trials(loaded).trials[2].parameters
    for experiments, code in ((tmp_path / "bare", "new"), (tmp_path / "other", "code")):
        options = ("--experiments-dir", experiments, "-c", tmp_path / code)
        refused = run("nnictl", "experiment", "load", "-p", file, *options)
        assert refused.returncode == 1
        assert "is there already; " in refused.stderr
    assert not list(tmp_path.rglob(f".{folder.name}*"))


def test_code_that_is_run_where_it_lies(tmp_path: Path) -> None:
    """Comes along if it is saved, else it has to be there."""
    lab = Lab(tmp_path)
    lab.write("train.py", "import nni\nnni.report_final_result(nni.get_next_parameter()['x'])\n")
    lab.write("search_space.json", '{"x": {"_type": "uniform", "_value": [0, 1]}}')
    done = lab.run("--minimize", "--trials", "1", "--json", target=lab.source / "train.py")
    assert done.returncode == 0, done.stderr
    folder = lab.experiment()
    for name, words in (("with.zip", ["-s"]), ("without.zip", [])):
        ctl("experiment", "save", folder, "-p", tmp_path / name, *words)
    lab.source.rename(tmp_path / "moved")
    missing = run("nnictl", "experiment", "save", folder, "-s", "-p", tmp_path / "no.zip")
    assert missing.stderr == f"error: {lab.source}/train.py: is gone, so it can't be saved\n"
    assert not (tmp_path / "no.zip").exists()
    load = ("experiment", "load", "-p")
    for name, code in (("with", "fresh"), ("without", "moved")):
        options = ("-c", tmp_path / code, "--experiments-dir", tmp_path / name)
        found = ctl(*load, tmp_path / f"{name}.zip", *options)
        resumed = run("nnictl", "resume", found["path"], "--trials", "2")
        assert resumed.returncode == 0, resumed.stderr
    bare = run("nnictl", *load, tmp_path / "with.zip", "--experiments-dir", tmp_path / "bare")
    assert bare.returncode == 0
    said = f"{lab.source}: the code of the experiment is not there; load it with --codeDir"
    assert bare.stderr == f"warning: {said}\n"
    options = ("-c", tmp_path / "nowhere", "--experiments-dir", tmp_path / "other")
    refused = run("nnictl", *load, tmp_path / "without.zip", *options)
    assert refused.returncode == 1
    assert f"expected {tmp_path}/nowhere/train.py to be there" in refused.stderr


def test_one_that_runs_is_not_saved(kept: Path, tmp_path: Path) -> None:
    """It may change meanwhile."""
    with locked(kept):
        done = run("nnictl", "experiment", "save", kept, "-p", tmp_path)
    assert done.returncode == 1
    assert "runs this experiment; end that first" in done.stderr
    assert run("nnictl", "experiment", "save", kept, "-p", tmp_path).returncode == 0
    assert (tmp_path / "nni_experiment_abc.zip").exists()


GOOD = {"nni-experiment.json": '{"format": 1, "id": "abc", "target": ".", "has_code": true}'}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "nni-experiment.json: is missing; did nnictl experiment save write it?"),
        ({"nni-experiment.json": "{}"},
         "nni-experiment.json: says nothing that makes sense of an experiment"),
        ({"nni-experiment.json": GOOD["nni-experiment.json"].replace("abc", "../x")},
         "nni-experiment.json: says nothing that makes sense of an experiment"),
        ({"nni-experiment.json": '{"format": 2}'},
         "nni-experiment.json: format 2, this nnictl reads up to 1"),
        ({**GOOD, "experiment/../../x": ""},
         "'experiment/../../x': such a name leads out of the folder"),
        ({**GOOD, "/etc/x": ""}, "'/etc/x': such a name leads out of the folder"),
        ({**GOOD, "experiment/a->": "/etc", "experiment/a/b": ""},
         "'experiment/a/b': is below a link"),
        ({**GOOD, "experiment/a->": "/etc/passwd"},
         "'experiment/a': a link that leads out of the folder, to '/etc/passwd'"),
        ({**GOOD, "experiment/d/a->": "../../x"},
         "'experiment/d/a': a link that leads out of the folder, to '../../x'"),
        ({**GOOD, "experiment/d/e/f/a->": "../../../d", "experiment/b->": "d/e/f/a/../.."},
         "'experiment/b': a link that leads out of the folder, to 'd/e/f/a/../..'"),
        ({**GOOD, "experiment/p|": ""},
         "'experiment/p': is neither a file nor a folder nor a link"),
        ({**GOOD, "experiment/x": ""}, "experiment/history.sqlite: is missing"),
        ({**GOOD, "experiment/history.sqlite": "none" * 99},
         "experiment/history.sqlite: file is not a database"),
        ({**GOOD, "experiment/zeros": "\0" * (1 << 22)},
         "would unpack 0 bytes to 0: that is no experiment"),
    ],
)  # fmt: skip
def test_archives_that_mean_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], message: str
) -> None:
    """Leave nothing anywhere. A name ends in -> for a link and in | for a pipe."""
    monkeypatch.setattr(unpacking, "_FREE", 1 << 21)
    file = tmp_path / "e.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            kind = stat.S_IFLNK if name.endswith("->") else stat.S_IFREG
            info = zipfile.ZipInfo(name.rstrip("->|"))
            info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFIFO if name.endswith("|") else kind) << 16 | 0o777 << 16
            archive.writestr(info, content)
        packed = sum(info.compress_size for info in archive.infolist())
        size = sum(info.file_size for info in archive.infolist())
    message = message.replace("unpack 0 bytes to 0", f"unpack {packed} bytes to {size}")
    from nni_runner.transfer.loading import load

    with pytest.raises(RunnerError) as error:
        load(file, tmp_path / "experiments", tmp_path / "code")
    assert str(error.value) == f"{file}: {message}; nothing was loaded"
    assert list((tmp_path / "experiments").iterdir()) == []
    assert not (tmp_path / "code").exists()


@pytest.mark.parametrize("content", [b"", b"PK no zip", None])
def test_files_that_are_no_archive(tmp_path: Path, content: bytes | None) -> None:
    """Cut ones too."""
    file = tmp_path / "e.zip"
    if content is not None:
        file.write_bytes(content)
    done = run("nnictl", "experiment", "load", "-p", file, "--experiments-dir", tmp_path / "e")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file}: ")
    assert "Traceback" not in done.stderr


def test_a_damaged_archive(kept: Path, tmp_path: Path) -> None:
    """Is not loaded in part."""
    file = tmp_path / "e.zip"
    assert run("nnictl", "experiment", "save", kept, "-p", file).returncode == 0
    content = bytearray(file.read_bytes())
    at = content.index(b"experiment/history.sqlite") + 400
    content[at : at + 50] = b"\xff" * 50
    file.write_bytes(content)
    done = run("nnictl", "experiment", "load", "-p", file, "--experiments-dir", tmp_path / "e")
    assert done.returncode == 1
    assert f"{file}: 'experiment/history.sqlite': is damaged: " in done.stderr
    assert list((tmp_path / "e").iterdir()) == []
    assert find("abc", kept.parent).id == "abc"
