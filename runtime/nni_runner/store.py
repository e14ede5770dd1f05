"""The history on disk: one SQLite file an experiment, a row an event.

The table `events` is the truth; docs/history.md documents it and the view `trials` over it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from nni_runner.errors import RunnerError
from nni_runner.trial import Ended, Event, History, Noted, Reported, Started, Status

SCHEMA_VERSION = 1
_KINDS: dict[str, type[Event]] = {
    "started": Started,
    "reported": Reported,
    "noted": Noted,
    "ended": Ended,
}
_SCHEMA = """
CREATE TABLE experiment (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL,
    kind TEXT NOT NULL,
    time REAL NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX events_of_trial ON events (trial, kind);
CREATE VIEW trials AS
SELECT
    started.trial AS number,
    json_extract(started.data, '$.parameters') AS parameters,
    json_extract(started.data, '$.is_baseline') AS is_baseline,
    coalesce(json_extract(ended.data, '$.status'), 'RUNNING') AS status,
    json_extract(ended.data, '$.cause') AS cause,
    (
        SELECT json_extract(final.data, '$.value') FROM events AS final
        WHERE final.trial = started.trial AND final.kind = 'reported'
        AND json_extract(final.data, '$.kind') = 'final'
    ) AS final_result,
    json_extract(ended.data, '$.seconds') AS seconds
FROM events AS started
LEFT JOIN events AS ended ON ended.trial = started.trial AND ended.kind = 'ended'
WHERE started.kind = 'started';
"""


class Store:
    """One experiment's history file, open for writing by one process."""

    def __init__(self, path: Path, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        if not create and not path.exists():
            raise RunnerError(f"{path}: no such history")
        try:
            name = _only_to_read(path) if read_only else str(path)
            self._connection = sqlite3.connect(
                name, isolation_level=None, timeout=30, uri=read_only
            )
        except sqlite3.Error as error:
            raise RunnerError(f"{path}: {error}") from None
        try:
            version = self._open(create)
        except sqlite3.Error as error:
            self.close()
            raise RunnerError(f"{path}: {error}") from None
        if version != SCHEMA_VERSION:
            self.close()
            raise RunnerError(
                f"{path}: schema version {version}, this nni-run reads {SCHEMA_VERSION}"
            )

    def _open(self, create: bool) -> int:
        """Sets the connection up, and the file if it is new; its schema version."""
        if not self._read_only:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        if create:
            self._connection.executescript(_SCHEMA)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    def describe(self, facts: dict[str, Any]) -> None:
        """Writes down facts about the experiment, each a JSON value under its name."""
        rows = [(key, json.dumps(value)) for key, value in facts.items()]
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO experiment VALUES (?, ?)", rows)

    def description(self) -> dict[str, Any]:
        """The facts about the experiment."""
        rows = self._connection.execute("SELECT key, value FROM experiment")
        return {key: json.loads(value) for key, value in rows}

    def record(self, events: Iterable[Event]) -> None:
        """Appends events, all or none; they are in the file when this returns."""
        rows = [_row(event) for event in events]
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO events (trial, kind, time, data) VALUES (?, ?, ?, ?)", rows
            )

    def events(self) -> Iterator[Event]:
        """Every event, in the order it was recorded."""
        rows = self._connection.execute("SELECT trial, kind, time, data FROM events ORDER BY id")
        for trial, kind, time, data in rows:
            values = json.loads(data)
            if kind == "ended":
                values["status"] = Status(values["status"])
            yield _KINDS[kind](number=trial, time=time, **values)

    def history(self) -> History:
        """The trials as the recorded events leave them."""
        history = History()
        for event in self.events():
            history.add(event)
        return history

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection, self.path)


class _Transaction:
    """BEGIN and COMMIT around a block, with errors that name the file."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def __enter__(self) -> None:
        self._execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._execute("COMMIT" if kind is None else "ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise RunnerError(f"{self._path}: {error}") from None

    def _execute(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except sqlite3.Error as error:
            raise RunnerError(f"{self._path}: {error}") from None


def _only_to_read(path: Path) -> str:
    """A name by which SQLite neither writes to the file nor makes others beside it.

    Without a -wal nobody writes to it; with one, it takes part in the writer's locking.
    """
    has_wal = path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?{'mode=ro' if has_wal else 'immutable=1'}"


def _row(event: Event) -> tuple[int, str, float, str]:
    kind = next(name for name, cls in _KINDS.items() if isinstance(event, cls))
    data = {
        field.name: getattr(event, field.name)
        for field in fields(event)
        if field.name not in ("number", "time")
    }
    return event.number, kind, event.time, json.dumps(finite(data))


def finite(value: Any) -> Any:
    """The value with NaN and infinities as strings: JSON knows neither."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value
