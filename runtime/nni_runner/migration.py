"""A history of schema version 1 -> the present one, with a copy of the old file beside it.

In version 1 a trial was chosen and started at once, and had one attempt.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nni_runner.schema import SCHEMA, SCHEMA_VERSION, relative

_INTERRUPTED = ("interrupted", "time limit", "the runner failed")


def migrate(connection: sqlite3.Connection, path: Path) -> int:
    """Rewrites the tables in one transaction; the schema version that they have then."""
    if connection.execute("PRAGMA database_list").fetchone()[2]:  # it is no copy in memory
        _keep(connection, path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 1:
            _rewrite(connection, path)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return SCHEMA_VERSION


def _keep(connection: sqlite3.Connection, path: Path) -> None:
    backup = sqlite3.connect(path.with_name(f"{path.stem}.version1{path.suffix}"))
    connection.backup(backup)
    backup.close()


def _rewrite(connection: sqlite3.Connection, path: Path) -> None:
    facts = connection.execute("SELECT key, value FROM experiment").fetchall()
    old = connection.execute("SELECT trial, kind, time, data FROM events ORDER BY id").fetchall()
    connection.execute("DROP VIEW trials")
    connection.execute("DROP TABLE events")
    connection.execute("DROP TABLE experiment")
    for statement in SCHEMA.split(";\n"):
        connection.execute(statement)
    connection.executemany("INSERT INTO experiment VALUES (?, ?)", facts)
    connection.executemany(
        "INSERT INTO events (trial, attempt, kind, time, data) VALUES (?, ?, ?, ?, ?)",
        _events(old, dict(facts), path.parent),
    )
    if old:
        times = [time for _, _, time, _ in old]
        connection.execute(
            "INSERT INTO sessions (time, seconds) VALUES (?, ?)",
            (times[0], max(times[-1] - times[0], 0.0)),
        )


def _events(
    old: list[tuple[int, str, float, str]], facts: dict[str, str], folder: Path
) -> Iterator[tuple[int | None, int | None, str, float, str]]:
    if "search_space" in facts:
        space = json.dumps({"search_space": json.loads(facts["search_space"])})
        yield None, None, "space", old[0][2] if old else 0.0, space
    for trial, kind, time, text in old:
        data: dict[str, Any] = json.loads(text)
        match kind:
            case "started":
                data["extra"] = relative(data.get("extra", {}), folder)
                yield trial, None, "chosen", time, json.dumps(data)
                data = {}
            case "reported" | "noted":
                data["ignored"] = ""
            case "ended":
                data["interrupted"] = data["cause"] in _INTERRUPTED
        yield trial, 1, kind, time, json.dumps(data)
