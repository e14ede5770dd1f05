"""The history on disk: what goes in comes out, in order, and folds into the same trials."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_runner.errors import RunnerError
from nni_runner.history import History
from nni_runner.store import Store
from nni_runner.trial import (
    Chosen,
    Ended,
    Event,
    Noted,
    Reported,
    Started,
    Status,
    metric,
)

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-1e9, 1e9), st.text())
TIMES = st.floats(0, 2e9)


@st.composite
def lives(draw: st.DrawFn) -> list[Event]:
    """The events of some trials, each in its own order, mixed."""
    events: list[Event] = []
    for number in range(draw(st.integers(0, 4))):
        parameters = draw(st.dictionaries(st.text(), VALUES, max_size=3))
        baseline = number == 0 and draw(st.booleans())
        events.append(Chosen(number, parameters, baseline, draw(TIMES)))
        if draw(st.booleans()):
            continue
        events.append(Started(number, 1, draw(TIMES)))
        for _ in range(draw(st.integers(0, 3))):
            events.append(Reported(number, "intermediate", draw(VALUES), draw(TIMES)))
        if baseline:
            events.append(
                Noted(number, draw(st.text()), draw(VALUES), draw(st.booleans()), draw(TIMES))
            )
        if draw(st.booleans()):
            events.append(Reported(number, "final", draw(VALUES), draw(TIMES)))
        if draw(st.booleans()):
            status = draw(st.sampled_from([Status.SUCCEEDED, Status.FAILED]))
            events.append(Ended(number, status, draw(st.text()), 1.5, draw(TIMES)))
    return events


@given(lives())
def test_events_come_back_as_they_were(events: list[Event]) -> None:
    """And so does what they fold into, also after closing the file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        store = Store(path, create=True)
        store.record(events[:2])
        store.record(events[2:])
        store.close()
        again = Store(path)
        assert list(again.events()) == events
        history = History()
        for event in events:
            history.add(event)
        assert again.history() == history
        again.close()
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT number, status FROM trials ORDER BY number").fetchall()
        connection.close()
        assert rows == [(t.number, t.status.value) for t in history.trials.values()]


def test_numbers_that_json_lacks_are_kept_as_text(tmp_path: Path) -> None:
    """NaN in a report is no reason to lose it."""
    store = Store(tmp_path / "h.sqlite", create=True)
    store.record([Chosen(0, {}, False, 1.0), Reported(0, "final", {"default": float("nan")}, 2.0)])
    trial = store.history().trials[0]
    store.close()
    assert trial.final == {"default": "nan"}
    assert trial.value is None


def test_description_round_trip(tmp_path: Path) -> None:
    """Facts are kept by name."""
    store = Store(tmp_path / "h.sqlite", create=True)
    store.describe({"a": [1, None], "b": "x"})
    store.describe({"a": 2})
    assert store.description() == {"a": 2, "b": "x"}
    store.close()


def test_what_is_no_history_is_refused_by_name(tmp_path: Path) -> None:
    """A missing file, one that is something else, one of another version."""
    path = tmp_path / "h.sqlite"
    with pytest.raises(RunnerError, match="no such history"):
        Store(path)
    path.write_text("this is no database, whatever its name may say, and it is long enough")
    with pytest.raises(RunnerError, match=r"h\.sqlite: "):
        Store(path)
    path.unlink()
    Store(path, create=True).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunnerError, match="schema version 99"):
        Store(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0), (0.5, 0.5), ({"default": 2, "x": "y"}, 2.0), (True, None), ("1", None),
        (None, None), (float("nan"), None), (float("inf"), None), (10**400, None), ({}, None),
        ({"default": None}, None), ([1], None),
    ],
)  # fmt: skip
def test_only_finite_numbers_are_ranked(value: Any, expected: float | None) -> None:
    """Everything else is no result."""
    assert metric(value) == expected


@pytest.mark.parametrize(("maximize", "order"), [(True, [0, 2, 1, 3]), (False, [1, 3, 0, 2])])
def test_ranking_is_by_value_then_by_number(maximize: bool, order: list[int]) -> None:
    """In both directions; trials that did not succeed aren't in it."""
    history = History(maximize)
    for number, value in enumerate([2, 1, 2, 1, 0]):
        history.add(Chosen(number, {}, False, 0.0))
        history.add(Reported(number, "final", value, 0.0))
        status = Status.FAILED if value == 0 else Status.SUCCEEDED
        history.add(Ended(number, status, "", 0.0, 0.0))
    assert [trial.number for trial in history.ranked()] == order
    assert history.best == history.trials[order[0]]
