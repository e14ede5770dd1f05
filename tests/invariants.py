"""What holds of every experiment that is done, whatever happened on the way.

Read from the files alone, as docs/history.md describes them: none of the project's code is used.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

STATES = {"SUCCEEDED", "FAILED", "EARLY_STOPPED", "USER_CANCELED", "SYS_CANCELED"}


class Row(NamedTuple):
    """A row of the table `events`, its data read."""

    trial: int
    attempt: int
    kind: str
    data: dict[str, Any]


def read(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """The facts and the events of the experiment in that folder."""
    connection = sqlite3.connect(folder / "history.sqlite")
    facts = {
        key: json.loads(value)
        for key, value in connection.execute("SELECT key, value FROM experiment")
    }
    rows = connection.execute("SELECT trial, attempt, kind, data FROM events ORDER BY id")
    events = [Row(trial, attempt, kind, json.loads(data)) for trial, attempt, kind, data in rows]
    connection.close()
    return facts, events


def check_invariants(folder: Path) -> None:
    """Asserts all of them of an experiment that has reached its limit of trials."""
    facts, events = read(folder)
    chosen = [row.trial for row in events if row.kind == "chosen"]
    assert chosen == list(range(facts["trials"])), "the number of trials is the limit"
    for trial in chosen:
        _check_trial(folder, trial, [row for row in events if row.trial == trial])
    told = Counter(call[1] for call in calls(folder) if call[0] == "end")
    assert told == Counter(chosen), "the tuner was told of every trial once"


def _check_trial(folder: Path, trial: int, events: list[Row]) -> None:
    assert events[0].kind == "chosen"
    marks = [(row.attempt, row.kind) for row in events if row.kind in ("started", "ended")]
    last = events[-1].attempt if events[-1].kind == "ended" else max(row[0] for row in marks)
    in_order = [(n, kind) for n in range(1, last + 1) for kind in ("started", "ended")]
    assert marks == in_order, f"trial {trial}: attempts start and end once, one after the other"
    ends = [row.data for row in events if row.kind == "ended"]
    assert [end["interrupted"] for end in ends] == [True] * (last - 1) + [False]
    if ends[-1]["status"] == "SUCCEEDED":
        assert any(row.data.get("ignored") == "" and row.data["kind"] == "final" for row in events)
    for end in ends:
        assert end["status"] in STATES
        assert (end["status"] == "SUCCEEDED") or end["cause"]
    for attempt in range(1, last + 1):
        results = [row for row in events if row.attempt == attempt and row.kind == "reported"]
        finals = [row.data for row in results if row.data["kind"] == "final"]
        accepted = [final["value"] for final in finals if not final["ignored"]]
        assert len(accepted) <= (attempt == last), f"trial {trial}: one final result counts"
        written = acknowledged(folder, trial, attempt)
        recorded = [(row.data["kind"], row.data["value"]) for row in results]
        assert recorded == (written if attempt == last else written[: len(recorded)])


def acknowledged(folder: Path, trial: int, attempt: int) -> list[tuple[str, Any]]:
    """The results that an attempt was told are on disk."""
    name = f"{trial}.jsonl" if attempt == 1 else f"{trial}.{attempt}.jsonl"
    path = folder / "results" / name
    lines = path.read_text().splitlines() if path.exists() else []
    records = [record for record in map(_record, lines) if record]
    kinds = ("intermediate", "final")
    return [(one["kind"], one["value"]) for one in records if one.get("kind") in kinds]


def _record(line: str) -> dict[str, Any] | None:
    """What a line says; None where a trial died in the middle of it."""
    try:
        record: dict[str, Any] = json.loads(line, parse_constant=lambda word: word.lower())
    except ValueError:
        return None
    return record


def calls(folder: Path) -> list[list[Any]]:
    """What a tuner is asked and told in such a history, in this order."""
    facts, events = read(folder)
    made: list[list[Any]] = []
    parameters: dict[int, Any] = {}
    finals: dict[int, Any] = {}
    lasts: dict[int, Any] = {}
    good: list[Any] = []
    own = set()
    for row in events:
        match row.kind:
            case "space":
                made.append(["space", row.data["search_space"]])
            case "imported":
                made.append(["import", row.data["results"]])
            case "chosen":
                parameters[row.trial] = row.data["parameters"]
                if row.data["is_baseline"]:
                    own.add(row.trial)
                elif row.trial - facts["baseline"] < len(facts["tried"]):
                    made.append(["expect", row.trial, row.data["parameters"]])
                else:
                    made.append(["ask", row.trial, row.data["parameters"]])
            case "reported" if row.data["kind"] == "final" and not row.data["ignored"]:
                finals[row.trial] = row.data["value"]
            case "started":
                lasts.pop(row.trial, None)
            case "reported" if row.data["kind"] == "intermediate" and not row.data["ignored"]:
                lasts[row.trial] = row.data["value"]
            case "ended" if not row.data["interrupted"]:
                if row.trial in own:
                    made.append(["expect", row.trial, parameters[row.trial]])
                succeeded = row.data["status"] == "SUCCEEDED"
                if succeeded:
                    good.append(finals[row.trial])
                is_stopped = row.data["status"] == "EARLY_STOPPED"
                if is_stopped:
                    worse = min if facts["optimize_mode"] == "maximize" else max
                    finals[row.trial] = worse([lasts[row.trial], *median_of(good)])
                if succeeded or is_stopped:
                    made.append(["receive", row.trial, parameters[row.trial], finals[row.trial]])
                made.append(["end", row.trial, succeeded])
    return made


def median_of(values: list[Any]) -> list[Any]:
    """The lower of the two in the middle; none of none."""
    return sorted(values)[(len(values) - 1) // 2 :][:1]
