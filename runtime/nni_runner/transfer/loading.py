"""An experiment out of the one file that it was saved to."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from nni_runner.errors import RunnerError, can_not_write
from nni_runner.existing import read
from nni_runner.experiment import HISTORY, Place
from nni_runner.store import Store
from nni_runner.transfer.package import CODE, DESCRIPTION, EXPERIMENT, Package, read_package
from nni_runner.transfer.unpacking import DAMAGED, check, unpack

_LONGEST = 1 << 16  # bytes of a description


@dataclass(frozen=True)
class Loaded:
    """An experiment, and its code: None where there is none but that in its folder."""

    place: Place
    code: Path | None

    def to_json(self) -> dict[str, Any]:
        """The documented object (docs/nnictl.md)."""
        code = str(self.code) if self.code else None
        return {"id": self.place.id, "path": str(self.place.folder), "code": code}


def load(path: Path, experiments: Path, code: Path | None) -> Loaded:
    """Unpacks the experiment, all of it or nothing; what is there already stays.

    The code goes into the folder `code`, or is that if the file has none. Raises RunnerError.
    """
    try:
        experiments.mkdir(parents=True, exist_ok=True)
        with ZipFile(path) as archive, _prefixed(path):
            check(archive, experiments)
            package = _package(archive)
            return _load(archive, package, experiments.absolute(), code and code.absolute())
    except BadZipFile as error:
        message = f"{path}: is no file that nnictl experiment save wrote: {error}"
        raise RunnerError(message) from None
    except OSError as error:
        if error.filename in (str(path), path):
            raise RunnerError(f"{path}: can't be read: {error.strerror}") from None
        raise can_not_write(error.filename or experiments, error) from None


def _load(archive: ZipFile, package: Package, experiments: Path, code: Path | None) -> Loaded:
    place = Place(package.id, experiments / package.id)
    if os.path.lexists(place.folder):
        raise RunnerError(f"{place.folder}: is there already; experiment {place.id} stays as it is")
    _check_code(package, code)
    with _beside(place.folder) as work:
        unpack(archive, EXPERIMENT, work / "new")
        lies_at = _settle(Place(package.id, work / "new"), package, code)
        if code is None or not package.has_code:
            (work / "new").rename(place.folder)
            return Loaded(place, lies_at)
        code.parent.mkdir(parents=True, exist_ok=True)
        with _beside(code) as work_of_code:
            unpack(archive, CODE, work_of_code / "new")
            (work_of_code / "new").rename(code)  # an empty folder gives way
        try:
            (work / "new").rename(place.folder)
        except OSError:
            shutil.rmtree(code, ignore_errors=True)
            raise
    return Loaded(place, lies_at)


def _check_code(package: Package, code: Path | None) -> None:
    if code is None:
        return
    if not package.has_code and not (code / package.target).exists():
        raise RunnerError(
            f"--codeDir {code}: the experiment was saved without its code: expected "
            f"{code / package.target} to be there"
        )
    is_empty = code.is_dir() and not any(code.iterdir())
    if package.has_code and os.path.lexists(code) and not is_empty:
        raise RunnerError(f"--codeDir {code}: is there already; name a new or empty folder")


def _settle(place: Place, package: Package, code: Path | None) -> Path | None:
    """Lets the history say where things are here; where the code is, if not in the folder."""
    if not place.history.is_file():
        raise RunnerError(f"{EXPERIMENT}/{HISTORY}: is missing")
    for part in ("trials", "results"):
        (place.folder / part).mkdir(exist_ok=True)
    try:
        facts = read(place).facts
    except RunnerError as error:
        raise RunnerError(str(error).replace(str(place.folder), EXPERIMENT)) from None
    has_own = not Path(facts["code"]).is_absolute()
    known: dict[str, Any] = {"id": package.id}
    if code is not None:
        target = code / package.target
        known |= {"target": str(target), "code": facts["code"] if has_own else str(code)}
        known["source"] = None if facts.get("source") is None else str(target)
    elif has_own:
        known["source"] = None  # a folder of that name may be anything here
    store = Store(place.history)
    try:
        store.describe(known)
    finally:
        store.close()
    return code or (None if has_own else Path(facts["code"]))


def _package(archive: ZipFile) -> Package:
    try:
        with archive.open(DESCRIPTION) as file:
            return read_package(file.read(_LONGEST))
    except KeyError:
        message = f"{DESCRIPTION}: is missing; did nnictl experiment save write it?"
        raise RunnerError(message) from None
    except DAMAGED as error:
        raise RunnerError(f"{DESCRIPTION}: is damaged: {error}") from None


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder in the same place, for what is on its way there."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _prefixed(path: Path) -> Iterator[None]:
    """Errors that name the file."""
    try:
        yield
    except RunnerError as error:
        raise RunnerError(f"{path}: {error}; nothing was loaded") from None
