"""Compares tuners on the benchmark problems and prints how good they are.

python benchmarks/tuners/run.py --quick
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from comparison import Comparison
from nni_tuners import TUNERS, TunerError
from peers import PEERS, missing, official
from plot import draw
from problem import Problem
from runs import FITTED, PROBLEMS, Outcome, Runs, Task

# BatchTuner takes no space but its own, PBTTuner needs trials that go on from others, and Hyperband
# and BOHB such as know budgets.
OWN = [name for name in TUNERS if name not in ("BatchTuner", "PBTTuner", "Hyperband", "BOHB")]
QUICK = ["bbob/f17/5", "mixed/f17/6", "conditional/models", "noise/f1/4"]
GROUPS = ("all", "tune", "held-out")


def problems_of(words: str) -> list[Problem]:
    """The problems of these groups, families and names, separated by commas."""
    found: dict[str, Problem] = {}
    for word in words.split(","):
        chosen = [problem for problem in PROBLEMS.values() if _is_meant(word, problem)]
        if not chosen:
            families = sorted({problem.family for problem in PROBLEMS.values()})
            known = ", ".join([*GROUPS, *families])
            names = ", ".join(PROBLEMS)
            raise click.UsageError(f"--problems: expected {known} or {names}; found {word}")
        found |= {problem.name: problem for problem in chosen}
    return list(found.values())


def _is_meant(word: str, problem: Problem) -> bool:
    if word in GROUPS:
        return word == "all" or problem.held_out == (word == "held-out")
    return word in (problem.family, problem.name)


@click.command()
@click.option("--tuners", help=f"Names, separated by commas; others' are {', '.join(PEERS)}.")
@click.option("--problems", help="all, tune, held-out, families or names.")
@click.option("--trials", type=click.IntRange(1), help="Results a run.  [default: 100]")
@click.option("--pending", type=click.IntRange(1), default=1, help="Trials that run at a time.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True)
@click.option("--quick", is_flag=True, help="Four problems, 50 trials: seconds, not hours.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of runs, of which none is repeated: a new one where a tuner changed.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw an SVG here.")
def main(
    tuners: str | None,
    problems: str | None,
    trials: int | None,
    pending: int,
    seeds: int,
    quick: bool,
    jobs: int,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Compare tuners, this project's own unless told otherwise.

    Regret is normalised: 0 is the best that is known of a problem, 1 what random search finds in
    as many trials (see normalised in scores.py). In brackets are 95 % intervals. ms is the median
    CPU time of a suggestion. Runs that are in the file of --out are not repeated.
    """
    if not FITTED:
        click.echo("fitted: left out, not installed: scikit-learn", err=True)
    comparison = Comparison(
        tuners=installed(tuners.split(",") if tuners else OWN),
        problems=problems_of(problems or (",".join(QUICK) if quick else "all")),
        trials=trials or (50 if quick else 100),
        pending=pending,
        seeds=seeds,
    )
    runs = Runs(out)
    tasks = runs.missing(comparison.tasks())
    with click.progressbar(length=len(tasks), label="runs", file=sys.stderr) as bar:
        for task, outcome in outcomes(tasks, jobs):
            runs.add(task, outcome)
            bar.update(1)
    for line in comparison.refusals(runs.done):
        click.echo(line, err=True)
    click.echo(comparison.report(runs.done))
    if plot is not None:
        plot.write_text(draw(comparison.tuners, comparison.regrets(runs.done)), encoding="utf-8")


def installed(names: Sequence[str]) -> list[str]:
    """The names without those of tuners that are not installed."""
    try:
        known = [official(name.strip()) for name in names]
    except TunerError as error:
        raise click.UsageError(f"--tuners: {error}; or {', '.join(PEERS)}") from None
    found = []
    for name in dict.fromkeys(known):
        if lacking := missing(name):
            click.echo(f"{name}: left out, not installed: {', '.join(lacking)}", err=True)
        else:
            found.append(name)
    if not found:
        raise click.UsageError("none of the tuners is installed")
    return found


def outcomes(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Outcome]]:
    """What comes of the tasks, as they get done."""
    if jobs == 1:
        yield from map(do, tasks)
    else:
        # Forked: the problems are there already, and could not be sent.
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield from pool.imap_unordered(do, tasks)


def do(task: Task) -> tuple[Task, Outcome]:
    """The task with what comes of it."""
    return task, task.do()


if __name__ == "__main__":
    main()
