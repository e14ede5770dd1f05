"""What a runner that died left undone, from its files alone."""

from __future__ import annotations

from pathlib import Path

from nni_runner.experiment import Place
from nni_runner.recovery import recover
from nni_runner.results import ResultsFile
from nni_runner.store import Store
from nni_runner.trial import Chosen, Ended, Reported, Started, Status

FINAL = '{"kind":"final","value":%d,"time":1}\n'


def test_unheard_results_count_and_late_ones_do_not(tmp_path: Path) -> None:
    """Each is recorded once, however often the history is taken up."""
    place = Place("x", tmp_path)
    (tmp_path / "results").mkdir()
    store = Store(place.history, create=True)
    for number in range(3):
        store.record([Chosen(number, {}, False, 0.0), Started(number, 1, 0.0)])
    cut_off = (Status.SYS_CANCELED, "the runner died", 0.0, 0.0)
    store.record([Ended(2, *cut_off, 1, True), Started(2, 2, 0.0)])
    place.results(0).write_text(FINAL % 7 + FINAL % 8)
    place.results(1).write_text('{"kind":"final","val')
    place.results(2).write_text(FINAL % 9)
    for _ in range(2):
        for file in recover(store, store.history(), place).values():
            file.close()
    trials = store.history().trials
    results = [event for event in store.events() if isinstance(event, Reported)]
    store.close()
    assert [(result.value, result.ignored) for result in results] == [
        (7, ""), (8, "a second final result"), (9, "came after the end of its attempt")
    ]  # fmt: skip
    assert [(trial.status, trial.value, trial.is_over) for trial in trials.values()] == [
        (Status.SUCCEEDED, 7, True),
        (Status.SYS_CANCELED, None, False),
        (Status.SYS_CANCELED, None, False),
    ]
    assert trials[0].cause == "the runner died, after its final result"


def test_however_much_a_trial_reported(tmp_path: Path) -> None:
    """More than is read at a look."""
    place = Place("x", tmp_path)
    (tmp_path / "results").mkdir()
    store = Store(place.history, create=True)
    store.record([Chosen(0, {}, False, 0.0), Started(0, 1, 0.0)])
    line = '{"kind":"intermediate","value":1,"time":1,"text":"%s"}\n' % ("x" * 10**6)
    place.results(0).write_text(line * 9 + FINAL % 7)
    recover(store, store.history(), place)
    (trial,) = store.history().trials.values()
    store.close()
    assert (trial.status, trial.reports, trial.value) == (Status.SUCCEEDED, 9, 7)


def test_a_final_result_that_is_no_number(tmp_path: Path) -> None:
    """Another attempt would have a second one: it counts as it is."""
    place = Place("x", tmp_path)
    (tmp_path / "results").mkdir()
    store = Store(place.history, create=True)
    store.record([Chosen(0, {}, False, 0.0), Started(0, 1, 0.0)])
    place.results(0).write_text('{"kind":"final","value":NaN,"time":1}\n')
    recover(store, store.history(), place)
    (trial,) = store.history().trials.values()
    store.close()
    assert trial.is_over
    assert trial.cause == "the final result is no finite number: NaN"


def test_results_are_read_bit_by_bit(tmp_path: Path) -> None:
    """Whoever asks the runner for something doesn't wait until all of them are read."""
    path = tmp_path / "0.jsonl"
    path.write_text('{"kind":"intermediate","value":1,"time":1}\n' * 20_000)
    file = ResultsFile(0, path)
    assert file.is_far_behind
    first = file.read()
    assert 0 < len(first) < 10_000
    assert file.has_more
    assert len(first) + len(file.read_all()) == 20_000
    assert not file.is_far_behind
    file.close()
