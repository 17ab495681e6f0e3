"""Learning curves: how good the corrections are, against how many were computed."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Indices, Matrix, Scalars
from csp.correction.fidelity import Correction, LevelData
from csp.correction.hyperparameters import Priors
from csp.correction.pool import Pool, without_composition
from csp.correction.validation import LEVELS, Quality, quality_of, rank_correlation
from csp.errors import InputError
from csp.randomness import generator_of
from csp.records import Progress

_FEWEST_LEFT_OUT = 4
_LEAST_PART_LEFT_OUT = 0.05
_SMALLEST_SIZE = 2


@dataclass(frozen=True, slots=True)
class CurveSettings:
    """What a learning curve is made of.

    Attributes:
        sizes: Numbers of training crystals.
        repeats: Random splits that are averaged.
        seed: Of the splits.
    """

    sizes: tuple[int, ...] = (10, 20, 40, 80)
    repeats: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < _SMALLEST_SIZE:
            raise InputError(
                f"--sizes must be whole numbers of at least {_SMALLEST_SIZE}, got "
                f"{','.join(map(str, self.sizes)) or 'none'}"
            )
        if self.repeats < 1:
            raise InputError(f"--repeats must be at least 1, got {self.repeats}")


@dataclass(frozen=True, slots=True)
class Point:
    """Errors on the crystals left out, several splits averaged.

    Attributes:
        n_train: Crystals in training.
        n_test: Crystals left out, all splits together.
        quality: Of the corrected energies.
        mae_error: Standard error of the mean absolute error over the splits, kJ/mol.
        mae_constant: Mean absolute error of a constant correction, kJ/mol.
        mae_density: Of one that is linear in the density, kJ/mol.
        spearman: Rank correlation of corrected energies and targets.
        spearman_baseline: The same of the baseline; None without one.
        seconds: Of learning and prediction.
    """

    n_train: int
    n_test: int
    quality: Quality
    mae_error: float
    mae_constant: float
    mae_density: float
    spearman: float | None
    spearman_baseline: float | None
    seconds: float


def possible_sizes(
    wanted: Sequence[int], n_distinct: int
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sizes that leave some crystals for the test, and what was changed."""
    left_out = max(_FEWEST_LEFT_OUT, math.ceil(_LEAST_PART_LEFT_OUT * n_distinct))
    largest = max(_SMALLEST_SIZE, n_distinct - left_out)
    sizes = tuple(sorted({min(size, largest) for size in wanted}))
    too_large = sorted({size for size in wanted if size > largest})
    if not too_large:
        return sizes, ()
    listed = ", ".join(map(str, too_large))
    return sizes, (
        f"{listed} training structures are more than {n_distinct} distinct ones allow: "
        f"{largest} taken, {left_out} left out for the test",
    )


def learning_curve(
    pool: Pool,
    features: Matrix,
    groups: Indices,
    settings: CurveSettings,
    progress: Progress,
) -> tuple[Point, ...]:
    """Errors against the number of training crystals.

    Near-duplicates are never in training and test at once.

    Args:
        pool: The crystals and their energies.
        features: Φ, from a kernel.
        groups: Number of the group of near-duplicates that each crystal belongs to.
        settings: Sizes and splits; sizes that the pool allows.
        progress: Told of every fit.
    """
    orders = [_order(groups, settings.seed, k) for k in range(settings.repeats)]
    total = len(settings.sizes) * settings.repeats
    points: list[Point] = []
    for size in settings.sizes:
        trials = []
        for order in orders:
            trials.append(_trial(pool, features, groups, order[:size]))
            progress("learning", len(points) * len(orders) + len(trials), total)
        points.append(_averaged(size, trials))
    return tuple(points)


def _order(groups: Indices, seed: int, repeat: int) -> Indices:
    """One crystal of each group in random order, then the others."""
    generator = generator_of(seed, "split", repeat)
    mixed = generator.permutation(len(groups))
    _, first = np.unique(groups[mixed], return_index=True)
    is_other = np.ones(len(groups), dtype=bool)
    is_other[first] = False
    return mixed[np.argsort(is_other, kind="stable")]


@dataclass(frozen=True, eq=False, slots=True)
class _Trial:
    """Predictions of one split."""

    truth: Scalars
    means: Scalars
    deviations: Scalars
    baselines: Scalars
    constant: Scalars
    by_density: Scalars
    seconds: float


def _trial(pool: Pool, features: Matrix, groups: Indices, train: Indices) -> _Trial:
    start = time.perf_counter()
    everyone = np.arange(len(groups))
    composition = pool.composition
    known = np.zeros(len(groups), dtype=bool)
    known[train] = True
    differences = pool.targets - pool.baselines
    rest = without_composition(differences, composition, everyone[known])
    baselines = pool.targets - rest
    fitted = corrected(pool, features, baselines, train)
    seconds = time.perf_counter() - start
    test = everyone[~np.isin(groups, groups[train])]
    by_density = _by_density(rest, pool.densities, train)
    return _Trial(
        pool.targets[test],
        fitted.posterior.mean[test],
        fitted.posterior.standard_deviation[test],
        pool.baselines[test],
        baselines[test],
        (baselines + by_density)[test],
        seconds,
    )


def corrected(
    pool: Pool, features: Matrix, baselines: Scalars, train: Indices
) -> Correction:
    """The energies of a pool from those of some of its crystals.

    They are linear in the level below, where there is one, and in the density.
    """
    data = LevelData(train, pool.targets[train], np.zeros(len(train)))
    return Correction.fit(
        features,
        baselines,
        {"target": data},
        linear=pool.densities[:, None],
        flat=pool.composition,
        priors=Priors(),
    )


def _by_density(values: Scalars, densities: Scalars, train: Indices) -> Scalars:
    """A straight line through the training crystals."""
    if np.ptp(densities[train]) == 0.0:
        return np.full(len(values), values[train].mean())
    slope, start = np.polyfit(densities[train], values[train], 1)
    return np.asarray(start + slope * densities)


def _averaged(size: int, trials: list[_Trial]) -> Point:
    """The mean of all splits; intervals and densities of all test crystals together."""
    scored = [t for t in trials if len(t.truth)]
    if not scored:
        raise InputError(
            f"no crystal is left that is unlike all {size} training ones: give smaller "
            "--sizes"
        )
    each = [quality_of(t.truth, t.means, t.deviations) for t in scored]
    pooled = quality_of(
        *(
            np.concatenate([getattr(t, name) for t in scored])
            for name in ("truth", "means", "deviations")
        )
    )
    maes = np.array([quality.mae for quality in each])
    return Point(
        n_train=size,
        n_test=sum(len(t.truth) for t in scored),
        quality=Quality(
            mae=float(maes.mean()),
            rmse=pooled.rmse,
            spearman=None,
            coverage={level: pooled.coverage[level] for level in LEVELS},
            nll=pooled.nll,
        ),
        mae_error=float(maes.std() / math.sqrt(len(maes))),
        mae_constant=_mean_error(scored, "constant"),
        mae_density=_mean_error(scored, "by_density"),
        spearman=_mean([quality.spearman for quality in each]),
        spearman_baseline=_mean(
            [rank_correlation(t.truth, t.baselines) for t in scored]
        ),
        seconds=float(np.mean([t.seconds for t in scored])),
    )


def _mean_error(trials: list[_Trial], name: str) -> float:
    errors = [np.abs(getattr(t, name) - t.truth).mean() for t in trials]
    return float(np.mean(errors))


def _mean(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
