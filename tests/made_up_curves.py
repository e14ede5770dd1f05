"""Learning curves as trials report them, made up."""

from __future__ import annotations

import numpy as np

STEPS = 30
NOISE = {"clean": 0.0, "noisy": 0.02, "alike": 0.01}


def curves(kind: str, seed: int, trials: int) -> list[list[float]]:
    """Accuracies of so many trials, each of STEPS steps: exponential, hyperbolic or a power.

    kind: "clean", "noisy", or "alike" for trials that all end nearly as well
    """
    rng = np.random.default_rng(seed)
    return [_curve(rng, kind) for _ in range(trials)]


def _curve(rng: np.random.Generator, kind: str) -> list[float]:
    t = np.arange(1, STEPS + 1)
    end = rng.normal(0.8, 0.03) if kind == "alike" else rng.beta(3, 2)
    start, tau = rng.uniform(0, 0.2), STEPS * np.exp(rng.uniform(np.log(0.03), np.log(0.5)))
    way = (np.exp(-t / tau), 1 / (1 + (t / tau) ** 1.5), t ** -rng.uniform(0.3, 1.5))
    values = end - (end - start) * way[rng.integers(3)] + NOISE[kind] * rng.normal(size=STEPS)
    return [float(value) for value in values]
