"""Options that are drawn for a suggestion, so that a model decides about the rest only.

The best may lie behind an option that looked bad in its first trials, the more so where each option
has parameters of its own; a model that follows the best trials stays with theirs. So once there are
some results, options of many suggestions are drawn, all of them as likely. Nguyen, Gupta, Rana,
Shilton, Venkatesh, Bayesian Optimization for Categorical and Category-Specific Continuous Inputs,
AAAI 2020, draw options too, there by what each has brought.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nni_tuners.encode import Floats
from nni_tuners.tuner import Tuner

# Chosen on problems that are not held out, and on made up ones whose branches mislead. Drawing from
# the first trials on found worse parameters by the 25th one, and no better ones by the 200th.
# A share of 1/3 gained less by the 200th and one of 1/4 a third as much, a start at 70 nothing by
# the 100th; by then they too had made more runs slightly worse than better.
FIRST = 40  # trials that go without
SHARE = 0.5  # of the suggestions after these


def drawn_options(tuner: Tuner) -> dict[int, float]:
    """The options that the next suggestion is to have, by column; none where a model decides.

    They say which branch it is in; in a space without branches they are one option of one choice.
    """
    code, rng = tuner.code, tuner.rng
    choices = np.flatnonzero(code.options > 1)
    count = len(tuner.history) + len(tuner.pending)
    if count < FIRST or not len(choices) or rng.random() >= SHARE:
        return {}
    branching = np.flatnonzero(code.branching)
    row = code.draw(rng, 1)[0]
    columns = branching if len(branching) else [rng.choice(choices)]
    return {int(column): float(row[column]) for column in columns}


def with_options(rows: Floats, options: Mapping[int, float]) -> Floats:
    """These rows, each with these options."""
    found = rows.copy()
    found[:, list(options)] = list(options.values())
    return found
