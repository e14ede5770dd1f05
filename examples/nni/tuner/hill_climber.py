"""A tuner of one's own: it changes one parameter of the best trial so far."""

import random

from nni.tuner import Tuner


class HillClimber(Tuner):
    """Knows spaces of choices only; `optimize_mode` and `seed` come from the config file."""

    def __init__(self, optimize_mode="maximize", seed=0):
        self.sign = 1 if optimize_mode == "maximize" else -1
        self.random = random.Random(seed)
        self.space = {}
        self.best = None
        self.best_value = None

    def update_search_space(self, search_space):
        """Takes the search space, as its file has it."""
        self.space = {name: entry["_value"] for name, entry in search_space.items()}

    def generate_parameters(self, parameter_id, **kwargs):
        """A neighbour of the best, anything at the beginning."""
        drawn = {name: self.random.choice(options) for name, options in self.space.items()}
        if self.best is None:
            return drawn
        name = self.random.choice(list(self.space))
        return {**self.best, name: drawn[name]}

    def receive_trial_result(self, parameter_id, parameters, value, **kwargs):
        """Remembers the best."""
        if self.best is None or self.sign * value > self.sign * self.best_value:
            self.best, self.best_value = parameters, value
