"""How new rows come from good ones: changed in one parameter, or crossed."""

from __future__ import annotations

import numpy as np

from nni_tuners.encode import Code, Floats

STEP = 0.2  # standard deviation of a number's change, in prior quantiles
CROSS_STEP = 0.15  # the same where all numbers change
DRAWN = 0.15  # the share of options that a cross draws
TRY_NEXT = 3 / 4  # the probability of going on to the next parent, rather than taking this


def mutants(code: Code, rng: np.random.Generator, row: Floats, count: int) -> Floats:
    """Rows that differ from this one in one of its active parameters, shape (count, columns).

    A choice takes another option, a number makes a normal step. Parameters of a branch that comes
    in are drawn from the prior. Where no parameter has a second value the rows are that row.
    """
    found = np.tile(code.without_inactive(row[None]), (count, 1))
    several = np.array([size != 1 for size in code.sizes], dtype=bool)
    changeable = np.flatnonzero(several & ~np.isnan(found[0]))
    found = np.where(np.isnan(found), code.draw(rng, count), found)
    if not len(changeable):
        return found
    for child, column in zip(found, rng.choice(changeable, count).tolist(), strict=True):
        if options := code.options[column]:
            child[column] = (child[column] + rng.integers(1, options)) % options
        else:
            child[column] = _step(rng, child[column], code.edges(column))
    return code.snap(found)


def crosses(code: Code, rng: np.random.Generator, rows: Floats, count: int) -> Floats:
    """Rows that have each parameter from one of these, shape (count, columns).

    The first ones give most; some options are drawn, and numbers make normal steps. Parameters that
    no row has are drawn.
    """
    rows = code.without_inactive(rows)
    found = code.draw(rng, count)
    for column, options in enumerate(code.options.tolist()):
        known = rows[~np.isnan(rows[:, column]), column]
        if not len(known):
            continue
        ranks = rng.geometric(1 - TRY_NEXT, count) - 1
        parents = known[np.minimum(ranks, len(known) - 1)]
        if options:
            found[:, column] = np.where(rng.random(count) < DRAWN, found[:, column], parents)
        else:
            moved = np.abs(parents + rng.normal(0, CROSS_STEP, count))
            found[:, column] = np.clip(1 - np.abs(1 - moved), 0, 1)  # reflected at the ends
    return code.snap(found)


def _step(rng: np.random.Generator, number: float, edges: Floats | None) -> float:
    """A number between 0 and 1 not far from that one; between other edges where there are any."""
    width = float(rng.normal(0, STEP))
    inside = [moved for moved in (number + width, number - width) if 0 <= moved <= 1]
    moved = inside[0] if inside else float(rng.random())
    if edges is None:
        return moved
    cell, last = int(np.searchsorted(edges, number, side="right")), len(edges)
    if np.searchsorted(edges, moved, side="right") != cell:
        return moved
    is_up = cell < last if width > 0 else cell == 0
    return float(edges[cell] if is_up else np.nextafter(edges[cell - 1], 0))
