"""The history on disk: one SQLite file an experiment, a row an event.

The table `events` is the truth; docs/history.md documents it and the view `trials` over it. What
must not happen twice, the file itself refuses.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

from nni_runner.errors import RunnerError, StorageError, room
from nni_runner.history import History
from nni_runner.migration import migrate
from nni_runner.schema import SCHEMA, SCHEMA_VERSION, relative
from nni_runner.trial import (
    Chosen,
    Ended,
    Event,
    Imported,
    Noted,
    Reported,
    SpaceChanged,
    Started,
    Status,
)

_KINDS: dict[str, type[Event]] = {
    "space": SpaceChanged,
    "imported": Imported,
    "chosen": Chosen,
    "started": Started,
    "reported": Reported,
    "noted": Noted,
    "ended": Ended,
}
_PATIENCE_S = 30.0  # with somebody who has the file locked
_PATIENCE_OF_RUNNER_MS = 500  # which has other things to do meanwhile, and tries again
# What SQLite says of a full or failing disk, one that can't be written, and of other processes.
_PASSING = ("full", "I/O error", "readonly", "locked", "unable to open")
_UNSYNCED_S = 0.5  # that a power cut may take: to wait for the disk each time is slow
_COLUMNS = ("number", "attempt", "time")  # those of an event's fields that aren't in its data


class Store:
    """One experiment's history file, open for writing by one process.

    What is written stays, whatever becomes of this process; a power cut leaves what was there at
    the latest `sync`, which is due at `sync_due` (of time.monotonic).
    """

    def __init__(self, path: Path, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._session: int | None = None
        self._begun = 0.0
        self.sync_due = math.inf
        if not create and not path.exists():
            raise RunnerError(f"{path}: no such history")
        with _errors_of(path):
            name = only_to_read(path) if read_only else str(path)
            self._connection = sqlite3.connect(
                name, isolation_level=None, timeout=_PATIENCE_S, uri=read_only
            )
        try:
            with _errors_of(path):
                version = self._open(create)
        except RunnerError:
            self.close()
            raise
        if version != SCHEMA_VERSION:
            self.close()
            if version == 0:
                raise RunnerError(f"{path}: is no experiment's history{what_is_left(path)}")
            raise RunnerError(
                f"{path}: schema version {version}, this nni-run reads up to {SCHEMA_VERSION}"
            )

    def _open(self, create: bool) -> int:
        """Sets the connection up, and the file if it is new or old; its schema version."""
        if not self._read_only:
            (mode,) = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
            level = "NORMAL" if mode == "wal" else "FULL"
            self._connection.execute(f"PRAGMA synchronous = {level}")
        if create:
            self._connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 1 and self._read_only:  # what must not be changed is changed in memory
            memory = sqlite3.connect(":memory:", isolation_level=None)
            self._connection.backup(memory)
            self._connection.close()
            self._connection = memory
        return migrate(self._connection, self.path) if version == 1 else int(version)

    def describe(self, facts: dict[str, Any], events: Iterable[Event] = ()) -> None:
        """Writes down facts about the experiment, each a JSON value under its name.

        Events that go with them are in the file together with them.
        """
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO experiment VALUES (?, ?)", rows)
            self._insert(events)
        self.sync_due = time.monotonic()

    def description(self) -> dict[str, Any]:
        """The facts about the experiment."""
        with _errors_of(self.path):
            rows = self._connection.execute("SELECT key, value FROM experiment")
            return {key: json.loads(value) for key, value in rows}

    def record(self, events: Iterable[Event]) -> None:
        """Appends events, all or none; they are in the file when this returns, and to be synced.

        Raises StorageError where that may be tried again.
        """
        if not self.path.exists():  # SQLite would go on writing to what has no name any more
            raise StorageError(f"{self.path}: is gone; was the experiment's folder moved?")
        with self._transaction():
            self._insert(events)
            if self._session is not None:
                self._connection.execute(
                    "UPDATE sessions SET seconds = ? WHERE id = ?",
                    (time.monotonic() - self._begun, self._session),
                )
        self.sync_due = min(self.sync_due, time.monotonic() + _UNSYNCED_S)

    def sync(self) -> None:
        """Has all that was written survive a power cut. Raises StorageError."""
        with _errors_of(self.path):
            # Not the log alone: of what could not be synced once, Linux says the next time it is.
            row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        is_busy = bool(row[0])  # somebody else is at it
        self.sync_due = time.monotonic() + _UNSYNCED_S if is_busy else math.inf

    def begin_session(self) -> None:
        """A runner takes the experiment up; from here on its time is counted."""
        self._begun = time.monotonic()
        with self._transaction():
            added = self._connection.execute(
                "INSERT INTO sessions (time, seconds) VALUES (?, 0)", (time.time(),)
            )
        self._session = added.lastrowid
        self._connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_OF_RUNNER_MS}")

    def end_session(self, status: str, reason: str) -> None:
        """The runner is done with it, for this reason."""
        with self._transaction():
            self._connection.execute(
                "UPDATE sessions SET seconds = ?, status = ?, reason = ? WHERE id = ?",
                (time.monotonic() - self._begun, status, reason, self._session),
            )
        self.sync()

    def ended(self) -> tuple[str, str] | None:
        """How the latest session ended and why; None where it runs or was killed."""
        with _errors_of(self.path):
            row = self._connection.execute(
                "SELECT status, reason FROM sessions ORDER BY id DESC LIMIT 1"
            ).fetchone()
        return None if row is None or row[0] is None else (str(row[0]), str(row[1]))

    def seconds(self) -> float:
        """How long the experiment has run, over all sessions, as far as it is written down."""
        with _errors_of(self.path):
            (total,) = self._connection.execute("SELECT total(seconds) FROM sessions").fetchone()
        return float(total)

    def events(self) -> Iterator[Event]:
        """Every event, in the order it was recorded."""
        with _errors_of(self.path):
            yield from map(
                self._event,
                self._connection.execute(
                    "SELECT trial, attempt, kind, time, data FROM events ORDER BY id"
                ),
            )

    def history(self) -> History:
        """The trials as the recorded events leave them."""
        history = History.of(self.description())
        for event in self.events():
            history.add(event)
        return history

    def results_of(self, number: int, attempt: int) -> int:
        """How many of the results that this attempt appended to its file are recorded."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM events WHERE trial = ? AND attempt = ? "
            "AND kind IN ('reported', 'noted')",
            (number, attempt),
        ).fetchone()
        return int(count)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _event(self, row: tuple[int | None, int | None, str, float, str]) -> Event:
        trial, attempt, kind, at, data = row
        values = json.loads(data)
        if kind == "ended":
            values["status"] = Status(values["status"])
        if kind == "chosen":
            values["extra"] = self._placed(values["extra"])
        if trial is not None:
            values["number"] = trial
        if attempt is not None:
            values["attempt"] = attempt
        return _KINDS[kind](time=at, **values)

    def _insert(self, events: Iterable[Event]) -> None:
        self._connection.executemany(
            "INSERT INTO events (trial, attempt, kind, time, data) VALUES (?, ?, ?, ?, ?)",
            [self._row(event) for event in events],
        )

    def _row(self, event: Event) -> tuple[int | None, int | None, str, float, str]:
        kind = next(name for name, cls in _KINDS.items() if isinstance(event, cls))
        names = (field.name for field in fields(event))
        data = {name: getattr(event, name) for name in names if name not in _COLUMNS}
        if isinstance(event, Chosen):
            data["extra"] = relative(event.extra, self.path.parent)
        number, attempt = getattr(event, "number", None), getattr(event, "attempt", None)
        return number, attempt, kind, event.time, json.dumps(finite(data))

    def _placed(self, extra: dict[str, Any]) -> dict[str, Any]:
        """The folders that are recorded as `relative` gives them, where they are today."""
        return {
            key: str(self.path.parent / value) if isinstance(value, str) else value
            for key, value in extra.items()
        }

    def _transaction(self) -> AbstractContextManager[None]:
        return _Transaction(self._connection, self.path)


class _Transaction:
    """BEGIN and COMMIT around a block, with errors that name the file."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise _told(error, self._path) from None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
                return
        except sqlite3.Error as problem:
            error = problem
        if self._connection.in_transaction:  # SQLite itself has rolled back what the disk refused
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise _told(error, self._path) from None


@contextlib.contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _told(error, path) from None


def _told(error: sqlite3.Error, path: Path) -> RunnerError:
    """What may be gone later is told from a program's error, or a file that is broken."""
    message = f"{path}: {error}"
    if any(words in str(error) for words in _PASSING):
        return StorageError(message + (room(path) if "full" in str(error) else ""))
    return RunnerError(message + what_is_left(path))


def what_is_left(path: Path) -> str:
    """Where the results of an experiment are whose history can't be read."""
    results = path.parent / "results"
    if not any(results.glob("*.jsonl")):
        return ""
    return (
        f"; what its trials reported is in {results}, their parameters in "
        f"{path.parent / 'trials'}/NUMBER/parameters.json"
    )


def only_to_read(path: Path) -> str:
    """A name by which SQLite neither writes to the file nor makes others beside it.

    Without a -wal nobody writes to it; with one, it takes part in the writer's locking.
    """
    has_wal = path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?{'mode=ro' if has_wal else 'immutable=1'}"


def finite(value: Any) -> Any:
    """The value with NaN and infinities as strings: JSON knows neither."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value
