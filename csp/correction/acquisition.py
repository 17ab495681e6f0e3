"""Which crystals to compute next: what serves the ranking most for its cost.

The first are cheap and unlike one another, and the lowest of the level below. Of any
three after them two are those whose energy says most about all that may lie near the
global minimum, and one is the most likely to be lower than the best known, all per unit
of predicted cost.
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
_NEGLIGIBLE = 1e-3
"""Crystals with a smaller probability to lie in the window do not count."""
_TURNS = 3
_CHUNK = 2000


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


def choose(
    posterior: Posterior,
    costs: Scalars,
    computed: Indices,
    n: int,
    generator: np.random.Generator,
    settings: ChoiceSettings | None = None,
) -> Indices:
    """The next crystals to compute, best first.

    Within a batch every choice counts as computed, at its expected energy, for those
    after it.

    Args:
        posterior: Of the energies of the pool.
        costs: Predicted, in any unit; infinite for what must not be computed.
        computed: Rows that are known already; at least one.
        n: How many; fewer if no more are left.
        generator: Of the joint samples.
        settings: What counts as near the minimum.

    Raises:
        InputError: If a cost is not positive, or nothing is computed.
    """
    _check_costs(costs)
    if len(computed) == 0:
        raise InputError("nothing is computed yet: begin with the first choice")
    settings = settings or ChoiceSettings()
    is_open = np.isfinite(costs)
    is_open[computed] = False
    weights = within(posterior.sample(settings.n_samples, generator), settings.window)
    best = float(posterior.mean[computed].min())
    chosen: list[int] = []
    while len(chosen) < n and is_open.any():
        is_last_turn = (len(computed) + len(chosen)) % _TURNS == _TURNS - 1
        gain = (
            expected_improvement(posterior, best)
            if is_last_turn
            else weighted_variance(posterior, weights)
        )
        if not np.any(gain[is_open] > 0.0):
            gain = posterior.variance + np.finfo(float).tiny
        row = int(np.argmax(np.where(is_open, gain / costs, -1.0)))
        chosen.append(row)
        is_open[row] = False
        best = min(best, float(posterior.mean[row]))
        posterior = posterior.after_computing(row)
    return np.array(chosen, dtype=int)


def weighted_variance(posterior: Posterior, weights: Scalars) -> Scalars:
    """By how much computing each crystal lowers the variance of those that matter.

    Σ_j w_j cov_ij² / var_i, (kJ/mol)².

    Args:
        posterior: Of the energies of the pool.
        weights: w, the probability of each crystal to lie near the global minimum.
    """
    variance = posterior.variance
    matters = np.flatnonzero(weights > _NEGLIGIBLE)
    gain = np.zeros(len(variance))
    for first in range(0, len(matters), _CHUNK):
        part = matters[first : first + _CHUNK]
        covariance = posterior.factor @ posterior.factor[part].T
        covariance[part, np.arange(len(part))] += posterior.own_variance[part]
        gain += covariance**2 @ weights[part]
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
