"""BOHB: Hyperband whose first rounds are chosen by a Parzen estimator.

Falkner, Klein, Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML 2018:
algorithm 2, with the Parzen estimator of `tpe`.
"""

from __future__ import annotations

from nni_annotate.domains import show
from nni_tuners.arguments import check_count, check_number
from nni_tuners.encode import Floats
from nni_tuners.errors import TunerError
from nni_tuners.history import History
from nni_tuners.hyperband import Halving
from nni_tuners.novelty import novelty
from nni_tuners.tpe import TPETuner


class BOHBTuner(Halving):
    """Draws some trials at random and chooses the others like the good ones of the largest budget.

    min_budget, max_budget: the smallest and the largest budget of a trial
    eta: one of so many trials is promoted
    min_points_in_model: how many results of a budget have to be there before they are learned from;
        None stands for one more than there are parameters
    top_n_percent: how many of the results are good ones
    num_samples: candidates a suggestion
    random_fraction: how many of the trials are drawn at random
    bandwidth_factor, min_bandwidth, config_space: taken, and without effect
    """

    def __init__(
        self,
        *,
        optimize_mode: str = "minimize",
        seed: int | None = None,
        min_budget: int = 1,
        max_budget: int = 3,
        eta: int = 3,
        min_points_in_model: int | None = None,
        top_n_percent: int = 15,
        num_samples: int = 64,
        random_fraction: float = 0.33,
        bandwidth_factor: float = 3,
        min_bandwidth: float = 0.001,
        config_space: str | None = None,
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        check_count("min_budget", min_budget)
        check_count("max_budget", max_budget, least=min_budget)
        check_count("eta", eta, least=2)
        if min_points_in_model is not None:
            check_count("min_points_in_model", min_points_in_model)
        if not isinstance(top_n_percent, int) or not 0 < top_n_percent < 100:
            found = show(top_n_percent)
            raise TunerError(f"top_n_percent: expected an int from 1 to 99, found {found}")
        check_count("num_samples", num_samples)
        check_number("random_fraction", random_fraction, most=1)
        check_number("bandwidth_factor", bandwidth_factor)
        check_number("min_bandwidth", min_bandwidth)
        if not isinstance(config_space, str | None):
            raise TunerError(f"config_space: expected a path, found {show(config_space)}")
        self.least, self.most, self.eta = float(min_budget), float(max_budget), eta
        self.min_points_in_model = min_points_in_model
        self.random_fraction = random_fraction
        self._model = TPETuner(
            n_startup_jobs=1, n_ei_candidates=num_samples, gamma=top_n_percent / 100
        )

    def prepare(self) -> None:
        """Begin with no results."""
        super().prepare()
        self._by_budget: dict[int, History] = {}
        self._fewest = self.min_points_in_model or len(self.code.columns) + 1

    def propose(self) -> Floats:
        """By the largest budget of which enough is known."""
        is_random = self.rng.random() < self.random_fraction
        known = [b for b, history in self._by_budget.items() if len(history) >= self._fewest]
        if is_random or not known:
            return super().propose()
        self._model.follow(self, self._by_budget[max(known)])
        row = self._model.suggest()
        return row if novelty(self)(self.code.canonical(row)) else super().propose()

    def learn(self, row: Floats, loss: float, budget: int) -> None:
        """Kept by budgets."""
        history = self._by_budget.setdefault(budget, History(len(self.code.columns)))
        history.add(row, loss)
