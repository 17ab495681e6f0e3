"""Which crystals to compute next: what serves the ranking most for its cost.

The first are cheap and unlike one another, and the lowest of the level below. Of any
three after them two are those whose energy says most about all that may lie near the
global minimum, and one is the most likely to be lower than the best known, all per unit
of predicted cost. Where levels build on one another, a crystal may be computed at the
lower ones alone: that says less and costs less.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from csp.arrays import Indices, Matrix, Scalars
from csp.correction.posterior import Posterior
from csp.errors import InputError
from csp.ranking import within

_CHEAP = 0.6
"""Part of the pool, the cheapest first, that the first crystals are chosen from."""
_TURNS = 3


@dataclass(frozen=True, slots=True)
class ChoiceSettings:
    """How to choose.

    Attributes:
        window: What may lie near the global minimum, kJ/mol above it.
        n_samples: Joint samples for the probabilities of that.
        n_lowest: Of the first crystals, how many are the lowest of the level below.
    """

    window: float = 7.2
    n_samples: int = 1000
    n_lowest: int = 2


def first_choice(
    features: Matrix,
    baseline: Scalars,
    costs: Scalars,
    n: int,
    settings: ChoiceSettings | None = None,
) -> Indices:
    """What to compute when nothing is known yet.

    The lowest of the level below, and crystals that are far from all chosen before,
    among the cheaper three fifths of the pool.

    Args:
        features: Φ of the pool.
        baseline: Energies at the level below, kJ/mol per formula unit.
        costs: Predicted, in any unit.
        n: How many; fewer if the pool is smaller.
        settings: How many are taken for their energy.

    Raises:
        InputError: If a cost is not positive.
    """
    _check_costs(costs)
    settings = settings or ChoiceSettings()
    n = min(n, len(costs))
    chosen = list(np.argsort(baseline, kind="stable")[: min(settings.n_lowest, n)])
    order = np.argsort(costs, kind="stable")
    cheap = order[: max(n, int(np.ceil(_CHEAP * len(order))))]
    cheap = cheap[~np.isin(cheap, chosen)]
    known = chosen or [int(cheap[0])]
    distances = np.min(
        [np.linalg.norm(features[cheap] - features[i], axis=1) for i in known], axis=0
    )
    while len(chosen) < n:
        farthest = int(np.argmax(distances))
        chosen.append(int(cheap[farthest]))
        new = np.linalg.norm(features[cheap] - features[cheap[farthest]], axis=1)
        distances = np.minimum(distances, new)
        distances[farthest] = -1.0
    return np.array(chosen, dtype=int)


@dataclass(frozen=True, eq=False, slots=True)
class Ladder:
    """Levels one above the other, and what it takes to climb them.

    Attributes:
        mean: Expected energies at the highest level, kJ/mol per formula unit.
        steps: What is known of every step up, the difference to the level below.
        costs: Of every step for every crystal, one row a step, in any unit; infinite
            for what must not be computed.
        heights: At how many levels each crystal is computed.
    """

    mean: Scalars
    steps: tuple[Posterior, ...]
    costs: Matrix
    heights: Indices

    def __post_init__(self) -> None:
        shape = (len(self.steps), len(self.mean))
        if self.costs.shape != shape or self.heights.shape != shape[1:]:
            raise InputError(
                f"a ladder of {shape[0]} levels for {shape[1]} crystals needs a cost "
                f"for each, got {self.costs.shape} and {self.heights.shape}"
            )
        for costs in self.costs:
            _check_costs(costs)

    @property
    def top(self) -> Posterior:
        """Of the energies at the highest level."""
        factor = np.hstack([step.factor for step in self.steps])
        own = np.sum([step.own_variance for step in self.steps], axis=0)
        return Posterior(self.mean, factor, own)

    def climbed(self, row: int, height: int) -> "Ladder":
        """The same once a crystal is computed up to a level, at what is expected."""
        steps = [
            step.after_computing(row) if k < height else step
            for k, step in enumerate(self.steps)
        ]
        heights = np.array(self.heights)
        heights[row] = height
        return Ladder(self.mean, tuple(steps), self.costs, heights)

    def summed(self, values: Matrix) -> Matrix:
        """What computing a crystal up to each level adds, by what each step adds.

        Steps that are computed already add nothing; to end on one of them is no
        choice, and is not a number.
        """
        levels = np.arange(len(self.steps))[:, None]
        is_done = levels < self.heights
        return np.where(is_done, np.nan, np.cumsum(np.where(is_done, 0, values), 0))


@dataclass(frozen=True, slots=True)
class Choice:
    """A crystal to compute, and up to which level.

    Attributes:
        row: The crystal's row in the pool.
        height: The number of levels at which it is computed then.
    """

    row: int
    height: int


def choose(
    ladder: Ladder,
    n: int,
    generator: np.random.Generator,
    settings: ChoiceSettings | None = None,
) -> list[Choice]:
    """What to compute next, best first.

    Within a batch every choice counts as computed, at its expected energy, for those
    after it. A crystal may be chosen at a low level now and at a higher one later.

    Args:
        ladder: What is known, and what it costs to know more.
        n: How many; fewer if no more are left.
        generator: Of the joint samples.
        settings: What counts as near the minimum.

    Raises:
        InputError: If nothing is computed.
    """
    if not ladder.heights.any():
        raise InputError("nothing is computed yet: begin with the first choice")
    settings = settings or ChoiceSettings()
    samples = ladder.top.sample(settings.n_samples, generator)
    weights = within(samples, settings.window)
    first_turn = int(np.count_nonzero(ladder.heights))
    chosen: list[Choice] = []
    while len(chosen) < n:
        is_last_turn = (first_turn + len(chosen)) % _TURNS == _TURNS - 1
        choice = _best_choice(ladder, weights, is_for_the_lowest=is_last_turn)
        if choice is None:
            break
        chosen.append(choice)
        ladder = ladder.climbed(choice.row, choice.height)
    return chosen


def _best_choice(
    ladder: Ladder, weights: Scalars, *, is_for_the_lowest: bool
) -> Choice | None:
    """The largest gain per cost; None if nothing is left."""
    costs = ladder.summed(ladder.costs)
    is_open = np.isfinite(costs)
    if not is_open.any():
        return None
    highest = len(ladder.steps)
    if is_for_the_lowest and is_open[-1].any():
        known = ladder.mean[ladder.heights == highest]
        best = float(known.min() if len(known) else ladder.mean.min())
        gain = np.zeros_like(costs)
        gain[-1] = expected_improvement(ladder.top, best)
    else:
        gain = ladder.summed(
            np.array([weighted_variance(step, weights) for step in ladder.steps])
        )
    if not np.any(gain[is_open] > 0.0):
        gain = ladder.top.variance + np.full_like(costs, np.finfo(float).tiny)
    value = np.where(is_open, gain, 0.0) / np.where(is_open, costs, 1.0)
    height, row = np.unravel_index(
        int(np.argmax(np.where(is_open, value, -1.0))), costs.shape
    )
    return Choice(int(row), int(height) + 1)


def weighted_variance(posterior: Posterior, weights: Scalars) -> Scalars:
    """By how much computing each crystal lowers the variance of those that matter.

    Σ_j w_j cov_ij² / var_i, (kJ/mol)².

    Args:
        posterior: Of the energies of the pool.
        weights: w, the probability of each crystal to lie near the global minimum.

    References:
        Of all crystals alike: Seo, Wallat, Graepel & Obermayer, Proc. IJCNN 2000, 241.
    """
    factor, own = posterior.factor, posterior.own_variance
    shared = np.sum(factor**2, axis=1)
    # Σ_j w_j (f_i · f_j)² = f_i · (Σ_j w_j f_j f_jᵀ) f_i: no matrix of all pairs
    gain = np.sum((factor @ (factor.T @ (weights[:, None] * factor))) * factor, axis=1)
    gain += weights * ((shared + own) ** 2 - shared**2)
    variance = posterior.variance
    positive = variance > 0.0
    return np.where(positive, gain / np.where(positive, variance, 1.0), 0.0)


def expected_improvement(posterior: Posterior, best: float) -> Scalars:
    """By how much each crystal is expected to lie below the best known one, kJ/mol.

    References:
        Jones, Schonlau & Welch, J. Global Optim. 13, 455 (1998).
    """
    deviation = posterior.standard_deviation
    safe = np.where(deviation > 0.0, deviation, 1.0)
    score = (best - posterior.mean) / safe
    gain = safe * (score * norm.cdf(score) + norm.pdf(score))
    return np.where(deviation > 0.0, gain, np.maximum(best - posterior.mean, 0.0))


def _check_costs(costs: Scalars) -> None:
    if not np.all(costs > 0.0):
        raise InputError("costs must be positive: leave out what costs nothing")
