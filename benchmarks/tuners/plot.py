"""An SVG of normalised regret against the number of results: a line a tuner, with a band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from scores import WORST, Floats, Interval, intervals

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 50, 210, 20, 45  # margins; the right one has the names
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
RESAMPLES = 300  # for each number of results; a band needs no more digits
LINE_HEIGHT = 18


def draw(tuners: Sequence[str], regrets: Floats) -> str:
    """The picture of regrets by tuner, problem, seed and number of results."""
    trials = regrets.shape[-1]
    columns = [intervals(regrets[..., i], resamples=RESAMPLES) for i in range(trials)]
    lines = [[column[i] for column in columns] for i in range(len(tuners))]
    shown = [i for i, line in enumerate(lines) if np.isfinite(line[-1].mean)]
    top = max([1.0, *(point.high for i in shown for point in lines[i][min(4, trials - 1) :])])
    scale = _Scale(trials, min(np.ceil(top * 5) / 5, WORST))
    body = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *scale.axes(),
        *(scale.band(lines[i], _colour(i)) for i in shown),
        *(scale.line(lines[i], _colour(i)) for i in shown),
        *_legend(
            [tuners[i] for i in shown], [lines[i] for i in shown], [_colour(i) for i in shown]
        ),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12" fill="#333333">'
    )
    return "\n".join([head, *body, "</svg>", ""])


class _Scale:
    """Where a number of results and a regret are in the picture."""

    def __init__(self, trials: int, top: float) -> None:
        self._trials, self._top = trials, top

    def x(self, count: float) -> float:
        share = (count - 1) / max(self._trials - 1, 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, regret: float) -> float:
        share = min(regret, self._top) / self._top
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def axes(self) -> Iterator[str]:
        """Lines and numbers, and at 1 a stronger line: that is random search."""
        right = WIDTH - RIGHT
        for tick in np.arange(0, self._top + 1e-9, 0.2 if self._top <= 2 else 0.5):
            y = self.y(tick)
            colour = "#888888" if np.isclose(tick, 1) else "#dddddd"
            yield f'<path d="M{LEFT} {y}H{right}" stroke="{colour}"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:.1f}</text>'
        step = max(round(self._trials / 5), 1)
        for count in range(step, self._trials + 1, step):
            x = self.x(count)
            yield f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{count}</text>'
        middle = (LEFT + right) / 2
        yield f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">trials</text>'
        y = (TOP + HEIGHT - BOTTOM) / 2
        yield (
            f'<text transform="translate(14 {y}) rotate(-90)" text-anchor="middle">'
            "normalised regret (random search: 1)</text>"
        )

    def line(self, points: Sequence[Interval], colour: str) -> str:
        path = self._path(range(1, len(points) + 1), [point.mean for point in points])
        return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def band(self, points: Sequence[Interval], colour: str) -> str:
        counts = range(1, len(points) + 1)
        upper = self._path(counts, [point.high for point in points])
        lower = self._path(reversed(counts), [point.low for point in reversed(points)])
        return f'<path d="M{upper}L{lower}Z" fill="{colour}" fill-opacity="0.12"/>'

    def _path(self, counts: Iterator[int] | range, regrets: Sequence[float]) -> str:
        points = zip(counts, regrets, strict=True)
        return "L".join(f"{self.x(count)} {self.y(regret)}" for count, regret in points)


def _colour(position: int) -> str:
    return COLOURS[position % len(COLOURS)]


def _legend(
    names: Sequence[str], lines: Sequence[Sequence[Interval]], colours: Sequence[str]
) -> Iterator[str]:
    """The names in the order of the lines' ends, the worst at the top as the lines are."""
    order = sorted(range(len(names)), key=lambda i: -lines[i][-1].mean)
    for row, i in enumerate(order):
        y = TOP + 12 + row * LINE_HEIGHT
        x = WIDTH - RIGHT + 16
        yield f'<path d="M{x} {y - 4}h18" stroke="{colours[i]}" stroke-width="2"/>'
        yield f'<text x="{x + 24}" y="{y}">{escape(names[i])} {lines[i][-1].mean:.2f}</text>'
