"""The tables of a history, and the laws that the file itself keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 2
SCHEMA = f"""
CREATE TABLE experiment (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    seconds REAL NOT NULL,
    status TEXT,
    reason TEXT
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    trial INTEGER,
    attempt INTEGER,
    kind TEXT NOT NULL,
    time REAL NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX events_of_trial ON events (trial, kind);
CREATE UNIQUE INDEX chosen_once ON events (trial) WHERE kind = 'chosen';
CREATE UNIQUE INDEX started_once ON events (trial, attempt) WHERE kind = 'started';
CREATE UNIQUE INDEX ended_once ON events (trial, attempt) WHERE kind = 'ended';
CREATE UNIQUE INDEX over_once ON events (trial)
WHERE kind = 'ended' AND NOT json_extract(data, '$.interrupted');
CREATE UNIQUE INDEX final_once ON events (trial, attempt)
WHERE kind = 'reported' AND json_extract(data, '$.kind') = 'final'
AND json_extract(data, '$.ignored') = '';
CREATE VIEW trials AS
SELECT
    chosen.trial AS number,
    json_extract(chosen.data, '$.parameters') AS parameters,
    json_extract(chosen.data, '$.is_baseline') AS is_baseline,
    coalesce(started.attempt, 0) AS attempts,
    CASE WHEN started.id IS NULL THEN 'WAITING'
    ELSE coalesce(json_extract(ended.data, '$.status'), 'RUNNING') END AS status,
    json_extract(ended.data, '$.cause') AS cause,
    (
        SELECT json_extract(final.data, '$.value') FROM events AS final
        WHERE final.trial = chosen.trial AND final.attempt = started.attempt
        AND final.kind = 'reported' AND json_extract(final.data, '$.kind') = 'final'
        AND json_extract(final.data, '$.ignored') = ''
    ) AS final_result,
    json_extract(ended.data, '$.seconds') AS seconds
FROM events AS chosen
LEFT JOIN events AS started ON started.kind = 'started' AND started.trial = chosen.trial
AND started.attempt = (
    SELECT max(attempt) FROM events WHERE kind = 'started' AND trial = chosen.trial
)
LEFT JOIN events AS ended ON ended.kind = 'ended' AND ended.trial = chosen.trial
AND ended.attempt = started.attempt
WHERE chosen.kind = 'chosen';
PRAGMA user_version = {SCHEMA_VERSION};
"""


def relative(extra: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Folders inside the experiment's as they are recorded, so that it may be moved."""
    return {
        key: str(Path(value).relative_to(folder))
        if isinstance(value, str) and Path(value).is_relative_to(folder)
        else value
        for key, value in extra.items()
    }
